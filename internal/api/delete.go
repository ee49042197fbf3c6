package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// deletionQuestion is the body of a deletion.
type deletionQuestion struct {
	Query   string   `json:"query"`
	From    timeText `json:"from"`
	To      timeText `json:"to"`
	Zone    string   `json:"zone"`
	Dataset string   `json:"dataset"`
	DryRun  bool     `json:"dry_run"`
}

// delete deletes what a filter matches. The answer is NDJSON: lines with the progress
// and a last one that is {"deleted":…} or {"error":…}. Who asked for what, and what
// became of it, is told to the log.
func (s *Server) delete(w http.ResponseWriter, r *http.Request) error {
	var q deletionQuestion
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if s.o.Deleter == nil {
		return &Error{Status: http.StatusNotFound, Kind: "unsupported", Message: "this server cannot delete by query"}
	}
	req, err := s.deletionRequest(q, r)
	if err != nil {
		return err
	}
	by := principalOf(r).Name
	log := s.log.With("by", by, "from_address", r.RemoteAddr, "query", q.Query, "from", string(q.From), "to", string(q.To), "dataset", q.Dataset)
	if !q.DryRun {
		log.Info("deletion begins")
	}
	return s.answerLines(w, r, func(out *stream) (func(dst []byte) []byte, error) {
		start := time.Now()
		got, err := s.o.Deleter.Delete(r.Context(), req, q.DryRun, func(p scan.DeletionProgress) {
			_ = out.write(func(dst []byte) []byte { // a client that is gone ends the context
				return fmt.Appendf(dst, "{\"progress\":{\"groups\":%d,\"groups_done\":%d,\"rows\":%d}}\n", p.Groups, p.GroupsDone, p.Rows)
			})
		})
		switch {
		case err != nil:
			log.Error("deletion failed: the records may still be there", "dry_run", q.DryRun, "err", err)
		case !q.DryRun:
			log.Info("deleted records", "records", got.Rows, "parts", got.Parts, "damaged", len(got.Partial), "elapsed", time.Since(start))
		}
		return func(dst []byte) []byte { return appendDeleted(dst, got, q.DryRun) }, err
	})
}

// deletionRequest reads the question. Without times it is about all records there
// are: what is to be forgotten shall not stay because it is old. So an empty query,
// which matches everything, must be written as *.
func (s *Server) deletionRequest(q deletionQuestion, r *http.Request) (req lang.Request, err error) {
	if len(q.Query) == 0 {
		return req, badRequest("a deletion needs a query", "* means every record")
	}
	p := *principalOf(r)
	if q.Dataset != "" {
		if p.Datasets != nil && !slices.Contains(p.Datasets, q.Dataset) {
			return req, &Error{Status: http.StatusForbidden, Kind: "auth", Message: "these credentials may not use the dataset " + q.Dataset}
		}
		p.Datasets = []string{q.Dataset}
	}
	// The limits of all questions, and the binding to datasets.
	if req, err = s.request(question{Query: q.Query, From: "0", Zone: q.Zone}, &p); err != nil {
		return req, err
	}
	if len(req.Query.Pipes) > 0 {
		pipe := req.Query.Pipes[0]
		return req, &Error{
			Status: http.StatusBadRequest, Kind: "query", Message: "a deletion takes a filter alone", Hint: "leave out what follows the first |",
			Position: pipe.Offset(), HasPlace: true,
		}
	}
	req.From, req.To, req.Limit = beginning, end, 0
	for _, bound := range []struct {
		name string
		text timeText
		at   *int64
	}{{"from", q.From, &req.From}, {"to", q.To, &req.To}} {
		if bound.text == "" {
			continue
		}
		t, err := lang.ParseTime(string(bound.text), s.o.Clock().In(req.Zone))
		if err != nil {
			return req, badRequest(bound.name+": "+err.Error(), "")
		}
		*bound.at = t.UnixNano()
	}
	if req.From >= req.To {
		return req, badRequest("the time is empty", "from must be before to")
	}
	return req, nil
}

func appendDeleted(dst []byte, d scan.Deleted, dryRun bool) []byte {
	dst = append(dst, `{"deleted":{"rows":`...)
	dst = strconv.AppendInt(dst, d.Rows, 10)
	dst = fmt.Appendf(dst, `,"parts":%d,"dry_run":%v,"set_aside":%d`, d.Parts, dryRun, d.SetAside)
	if d.Parts > 0 {
		const form = time.RFC3339Nano
		dst = fmt.Appendf(dst, `,"first":%q,"last":%q`, time.Unix(0, d.First).UTC().Format(form), time.Unix(0, d.Last).UTC().Format(form))
	}
	dst = append(dst, `,"partial":[`...)
	for i, p := range d.Partial {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = record.AppendJSONString(dst, p)
	}
	return append(dst, "]}}"...)
}
