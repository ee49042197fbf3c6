package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"journalist/internal/record"
)

const (
	maxBuckets = 1000
	maxSample  = 100_000
	maxTop     = 100
)

// histogram counts the rows that match over time.
func (s *Server) histogram(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	buckets, err := number(v, "buckets", 60, maxBuckets)
	if err != nil {
		return err
	}
	req, done, err := s.begin(r, questionOf(v))
	if err != nil {
		return err
	}
	defer done()
	start := time.Now()
	list, span, stats, err := s.o.Querier.Histogram(r.Context(), req, buckets, v.Get("by"))
	if err != nil {
		return err
	}
	from, to := req.From, req.To
	if len(list) > 0 { // the query's own time may be narrower, or the request's unbounded
		if from == beginning {
			from = list[0].Start
		}
		if to == end {
			to = list[len(list)-1].Start + int64(span)
		}
	}
	out := appendTime([]byte(`{"from":`), from)
	out = appendTime(append(out, `,"to":`...), to)
	out = append(out, `,"span_ms":`...)
	out = strconv.AppendInt(out, span.Milliseconds(), 10)
	out = append(out, `,"buckets":[`...)
	for i, b := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendTime(append(out, `{"time":`...), b.Start)
		out = append(out, `,"count":`...)
		out = strconv.AppendInt(out, b.Count, 10)
		if b.By != nil {
			out = appendCounts(append(out, `,"by":`...), b.By)
		}
		out = append(out, '}')
	}
	out = append(out, `],"stats":`...)
	writeJSON(w, http.StatusOK, append(appendStats(out, stats, time.Since(start)), '}', '\n'))
	return nil
}

func appendTime(dst []byte, ns int64) []byte {
	return append(record.AppendTime(append(dst, '"'), ns), '"')
}

func appendCounts(dst []byte, counts map[string]int64) []byte {
	names := make([]string, 0, len(counts))
	for n := range counts {
		names = append(names, n)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, n := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = record.AppendJSONString(dst, n)
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, counts[n], 10)
	}
	return append(dst, '}')
}

// fields describes the fields of a sample of the rows that match.
func (s *Server) fields(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	sample, err := number(v, "sample", 1000, maxSample)
	if err != nil {
		return err
	}
	top, err := number(v, "top", 5, maxTop)
	if err != nil {
		return err
	}
	req, done, err := s.begin(r, questionOf(v))
	if err != nil {
		return err
	}
	defer done()
	start := time.Now()
	list, sampled, stats, err := s.o.Querier.Fields(r.Context(), req, sample, top)
	if err != nil {
		return err
	}
	out := strconv.AppendInt([]byte(`{"sampled":`), sampled, 10)
	out = append(out, `,"fields":[`...)
	for i, f := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = record.AppendJSONString(append(out, `{"name":`...), f.Name)
		out = record.AppendJSONString(append(out, `,"kind":`...), f.Kind)
		out = strconv.AppendInt(append(out, `,"count":`...), f.Count, 10)
		out = strconv.AppendInt(append(out, `,"distinct":`...), f.Distinct, 10)
		out = append(out, `,"top":[`...)
		for j, t := range f.Top {
			if j > 0 {
				out = append(out, ',')
			}
			out = record.AppendJSONString(append(out, `{"value":`...), t.Value)
			out = strconv.AppendInt(append(out, `,"count":`...), t.Count, 10)
			out = append(out, '}')
		}
		out = append(out, ']', '}')
	}
	out = append(out, `],"stats":`...)
	writeJSON(w, http.StatusOK, append(appendStats(out, stats, time.Since(start)), '}', '\n'))
	return nil
}
