package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// Explainer is a Querier that tells how it answers. The explanation is the caller's.
type Explainer interface {
	Explain(ctx context.Context, req lang.Request, o scan.ExplainOptions) (*scan.Explanation, scan.Stats, error)
}

// explaining is what a question wants to be explained: nothing, the plan, also what was
// done with each part, or with each row group.
type explaining string

// The explanations, from less to more.
const (
	explainNothing explaining = ""
	explainPlan    explaining = "plan"
	explainParts   explaining = "parts"
	explainAll     explaining = "all"
)

// UnmarshalJSON takes true and false too.
func (e *explaining) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true", `"parts"`:
		*e = explainParts
	case "false", "null", `""`:
		*e = explainNothing
	case `"plan"`:
		*e = explainPlan
	case `"all"`:
		*e = explainAll
	default:
		return fmt.Errorf(`explain is %s: true, false, "plan", "parts" or "all" is expected`, data)
	}
	return nil
}

// explainQuery answers with a line {"explain":…} in the place of the rows.
func (s *Server) explainQuery(w http.ResponseWriter, r *http.Request, req lang.Request, q question) error {
	x, ok := s.o.Querier.(Explainer)
	if !ok {
		return badRequest("queries cannot be explained here", "")
	}
	o := scan.ExplainOptions{Run: q.Explain != explainPlan}
	if q.Explain == explainAll {
		o.Groups = scan.TraceGroups
	}
	out := newStream(w, func(h http.Header) {
		h.Set("Content-Type", "application/x-ndjson")
		h.Set("Cache-Control", "no-store")
	})
	defer out.close()
	ctx, reported := r.Context(), func() {}
	if q.Progress {
		ctx, reported = report(ctx, out)
	}
	start := time.Now()
	e, stats, err := x.Explain(ctx, req, o)
	elapsed := time.Since(start)
	reported()
	var line []byte
	if err == nil {
		if principalOf(r).Datasets != nil {
			for _, sc := range e.Scans {
				sc.Others = 0 // how much others have is not theirs to know
			}
		}
		line, err = json.Marshal(e)
	}
	if err != nil && !out.begun() {
		return err
	}
	_ = out.write(func(dst []byte) []byte { // the client is gone: nobody to tell
		if err != nil {
			problem := explain(err)
			s.logInternal(r, problem, err)
			return append(problem.append(dst), '\n')
		}
		dst = append(append(append(dst, `{"explain":`...), line...), '}', '\n')
		return append(appendStats(append(dst, `{"stats":`...), stats, elapsed), '}', '\n')
	})
	_ = out.flush() // as above
	return nil
}
