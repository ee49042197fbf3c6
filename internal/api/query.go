package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// query answers a query with a stream of rows: NDJSON with a last line that is
// {"stats":…} or {"error":…}, or CSV.
func (s *Server) query(w http.ResponseWriter, r *http.Request) error {
	var q question
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	req, done, err := s.begin(r, q)
	if err != nil {
		return err
	}
	defer done()
	if q.Explain != explainNothing {
		return s.explainQuery(w, r, req, q)
	}
	return s.answer(w, r, req, q, nil)
}

// answer runs a request and streams the answer in the form that the client wants.
// see, where not nil, changes its blocks.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, req lang.Request, q question, see func(*scan.Block) *scan.Block) error {
	run := func(ctx context.Context, yield func(*scan.Block) error) (scan.Stats, time.Duration, error) {
		start := time.Now()
		stats, err := s.o.Querier.Run(ctx, req, func(b *scan.Block) error {
			if see != nil {
				b = see(b)
			}
			return yield(b)
		})
		return stats, time.Since(start), err
	}
	if wantsCSV(r.Header.Get("Accept")) {
		return s.answerCSV(w, r, run)
	}
	return s.answerJSON(w, r, run, q)
}

// runner asks the executor and measures.
type runner func(ctx context.Context, yield func(*scan.Block) error) (scan.Stats, time.Duration, error)

// begin makes a request of a question and waits for its turn; done ends that.
func (s *Server) begin(r *http.Request, q question) (req lang.Request, done func(), err error) {
	if req, err = s.request(q, principalOf(r)); err != nil {
		return req, nil, err
	}
	done, err = s.turn(r.Context())
	return req, done, err
}

// wantsCSV tells whether CSV is the first type that the client accepts and we have.
func wantsCSV(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch kind {
		case "text/csv":
			return true
		case "application/x-ndjson", "application/json", "*/*":
			return false
		}
	}
	return false
}

func (s *Server) answerJSON(w http.ResponseWriter, r *http.Request, run runner, q question) error {
	return s.answerLines(w, r, func(out *stream) (func(dst []byte) []byte, error) {
		ctx, reported := report(r.Context(), out, q.Progress)
		rows := rowWriter{source: q.Source}
		stats, elapsed, err := run(ctx, func(b *scan.Block) error {
			if b.Len() == 0 {
				return nil
			}
			return out.write(func(dst []byte) []byte {
				rows.begin(b)
				for i := range b.Len() {
					dst = out.overflow(rows.append(dst, b, i))
				}
				return dst
			})
		})
		reported()
		return func(dst []byte) []byte { return appendStatsLine(dst, stats, elapsed) }, err
	})
}

func appendStatsLine(dst []byte, st scan.Stats, elapsed time.Duration) []byte {
	return append(appendStats(append(dst, `{"stats":`...), st, elapsed), '}')
}

func appendStats(dst []byte, st scan.Stats, elapsed time.Duration) []byte {
	dst = append(dst, `{"rows_matched":`...)
	dst = strconv.AppendInt(dst, st.RowsMatched, 10)
	dst = append(dst, `,"rows_scanned":`...)
	dst = strconv.AppendInt(dst, st.RowsScanned, 10)
	dst = append(dst, `,"bytes_read":`...)
	dst = strconv.AppendInt(dst, st.BytesRead, 10)
	dst = append(dst, `,"groups_read":`...)
	dst = strconv.AppendInt(dst, st.GroupsRead, 10)
	dst = append(dst, `,"groups_skipped":`...)
	dst = strconv.AppendInt(dst, st.GroupsSkipped, 10)
	dst = append(dst, `,"elapsed_ms":`...)
	dst = strconv.AppendFloat(dst, float64(elapsed.Microseconds())/1000, 'f', -1, 64)
	dst = append(dst, `,"partial":`...)
	dst = appendList(dst, st.Partial)
	if len(st.Notes) > 0 {
		dst = append(dst, `,"notes":`...)
		dst = appendList(dst, st.Notes)
	}
	return append(dst, '}')
}

func appendList(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = record.AppendJSONString(dst, s)
	}
	return append(dst, ']')
}
