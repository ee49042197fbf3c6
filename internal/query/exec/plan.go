package exec

import (
	"context"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// plan is what a query asks of its source and what remains to be done with the
// answer.
type plan struct {
	// from, to, datasets and filter are the scan's. never: no row can match.
	from, to int64
	datasets []string
	filter   scan.Expr
	never    bool

	// steps change the rows as they come.
	steps []step
	// ordered: a step wants the rows newest first.
	ordered bool
	// choice is what is left of the rows in the answer; they are whole where it keeps
	// nil.
	choice
	// sort is nil for newest first; limit 0 for all.
	sort  []lang.SortKey
	limit int
	// stats groups the rows of the scan; as chart says, where that is set.
	stats *lang.Stats
	chart *lang.Timechart
	// special, where not nil, describes the rows of the scan instead: one of
	// *lang.Facets, *lang.Patterns, *lang.Comparison.
	special lang.Pipe
	// rest works on what came of all that.
	rest []lang.Pipe
	// told is what became of the pipes that the scan took, for people.
	told []string
}

// plan takes the pipes into the scan as long as they can go there.
func (q *query) plan(ctx context.Context) (*plan, error) {
	if !q.tail {
		if err := q.answerInner(ctx); err != nil {
			return nil, err
		}
	}
	s := &planner{q: q, p: &plan{}, c: q.compiler(), pulled: pulled{from: q.req.From, to: q.req.To}}
	filter, err := s.c.filter(q.req.Query.Filter)
	if err != nil {
		return nil, err
	}
	s.pulled.pull(filter)
	if q.datasets != nil {
		s.pulled.restrict(q.datasets)
	}
	pipes, err := s.takeAll(expand(q.req.Query.Pipes))
	if err != nil {
		return nil, err
	}
	p := s.p
	p.rest = append(p.rest, pipes...)
	if err := q.contextPlan(p, &s.ownLimit); err != nil {
		return nil, err
	}
	if err := s.limitRest(); err != nil {
		return nil, err
	}
	p.from, p.to, p.datasets, p.filter = s.pulled.from, s.pulled.to, s.pulled.datasets, s.pulled.expr()
	q.from, q.to = p.from, p.to
	p.never = s.pulled.never || !q.tail && p.from >= p.to
	return p, nil
}

// limitRest lets the request's limit count where the query has none of its own.
func (s *planner) limitRest() error {
	for _, pipe := range s.p.rest {
		switch pipe := pipe.(type) {
		case *lang.Comparison:
			return s.q.req.Query.ErrorAt(pipe.Offset(), "compare asks for records of two times, behind filters, extract and eval only", "put it before the other pipes")
		case *lang.Limit, *lang.Stats, *lang.Timechart, *lang.Facets, *lang.Patterns:
			s.ownLimit = true
		}
	}
	switch {
	case s.ownLimit:
	case s.p.rest == nil:
		s.p.limit = s.q.req.Limit
	case s.q.req.Limit > 0:
		s.p.rest = append(s.p.rest, &lang.Limit{N: s.q.req.Limit})
	}
	return nil
}

func sortFields(keys []lang.SortKey) []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.Field)
	}
	return names
}

func distinct(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if !contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// request is the scan that the plan begins with, nil when nothing can match.
func (p *plan) request(q *query) *scan.Request {
	if p.never {
		return nil
	}
	return &scan.Request{From: p.from, To: p.to, Datasets: p.datasets, Filter: p.filter, MaxBytes: q.req.MaxBytes}
}

// arrange lets one worker see the rows in their order where a step wants that.
func (p *plan) arrange(r *scan.Request) {
	if !p.ordered {
		return
	}
	r.Parallel, r.Order = 1, scan.NewestFirst
	if first, ok := p.steps[0].(*limitStep); ok {
		r.Limit = first.n
	}
}

// columns are the names to ask the source for: without the time, which always
// comes.
func columns(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if n != record.FieldTime && !contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func (p *plan) inTimeOrder() bool { _, ok := p.timeOrder(); return ok }

// timeOrder tells whether the rows are wanted by time alone, and how.
func (p *plan) timeOrder() (scan.Order, bool) {
	switch {
	case p.sort == nil:
		return scan.NewestFirst, true
	case len(p.sort) > 1 || p.sort[0].Field != record.FieldTime:
		return scan.Any, false
	case p.sort[0].Down:
		return scan.NewestFirst, true
	}
	return scan.OldestFirst, true
}
