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
	return s.answerLines(w, r, func(out *stream) (func(dst []byte) []byte, error) {
		ctx, reported := report(r.Context(), out, q.Progress)
		start := time.Now()
		e, stats, err := x.Explain(ctx, req, o)
		elapsed := time.Since(start)
		reported()
		if err != nil {
			return nil, err
		}
		if principalOf(r).Datasets != nil {
			for _, sc := range e.Scans {
				sc.Others = 0 // how much others have is not theirs to know
			}
		}
		line, err := json.Marshal(e)
		return func(dst []byte) []byte {
			dst = append(append(append(dst, `{"explain":`...), line...), '}', '\n')
			return appendStatsLine(dst, stats, elapsed)
		}, err
	})
}
