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
	// keep are the columns that "fields" names, nil for whole rows; drop are those
	// that "fields -" takes from whole rows.
	keep []string
	drop map[string]bool
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
}

// plan takes the pipes into the scan as long as they can go there.
func (q *query) plan(ctx context.Context) (*plan, error) {
	if !q.tail {
		if err := q.answerInner(ctx); err != nil {
			return nil, err
		}
	}
	p := &plan{}
	c := q.compiler()
	pulled := pulled{from: q.req.From, to: q.req.To}
	filter, err := c.filter(q.req.Query.Filter)
	if err != nil {
		return nil, err
	}
	pulled.pull(filter)
	if q.datasets != nil {
		pulled.restrict(q.datasets)
	}
	ownLimit := false
	pipes := expand(q.req.Query.Pipes)
	for ; len(pipes) > 0; pipes = pipes[1:] {
		taken := false
		switch pipe := pipes[0].(type) {
		case *lang.Where:
			if taken = p.sort == nil && p.limit == 0 && p.keep == nil && p.drop == nil; taken {
				x, err := c.filter(pipe.Filter)
				if err != nil {
					return nil, err
				}
				if p.early(x) {
					pulled.pull(x)
				} else {
					p.steps = append(p.steps, &whereStep{filter: x})
				}
			}
		case *lang.Dedup:
			if taken = p.sort == nil && p.limit == 0 && p.has(pipe.Names); taken {
				p.steps, p.ordered = append(p.steps, &dedupStep{names: pipe.Names, budget: &q.budget}), true
			}
		case *lang.Extract, *lang.Eval:
			if taken = p.sort == nil && p.limit == 0 && p.keep == nil && p.drop == nil; taken {
				s, err := q.step(pipe)
				if err != nil {
					return nil, err
				}
				p.steps = append(p.steps, s)
			}
		case *lang.Fields:
			taken = p.fields(pipe)
		case *lang.Sort:
			if taken = p.sort == nil && p.limit == 0 && !p.ordered && p.has(sortFields(pipe.By)); taken {
				p.sort = pipe.By
			}
		case *lang.Limit:
			taken, ownLimit = true, true
			if p.limit == 0 || pipe.N < p.limit {
				p.limit = pipe.N
			}
		case *lang.Stats:
			if taken = p.sort == nil && p.limit == 0 && p.keep == nil && p.drop == nil && !p.ordered; taken {
				p.stats, ownLimit = pipe, true
			}
		case *lang.Facets, *lang.Patterns, *lang.Comparison:
			if taken = p.sort == nil && p.limit == 0 && p.keep == nil && p.drop == nil && !p.ordered; taken {
				p.special, ownLimit = pipe, true
			}
		case *lang.Timechart:
			if taken = p.sort == nil && p.limit == 0 && p.keep == nil && p.drop == nil && !p.ordered; taken {
				p.stats, p.chart, ownLimit = &lang.Stats{Pos: pipe.Pos, Aggs: pipe.Aggs, By: pipe.By}, pipe, true
			}
		}
		if p.stats != nil || p.special != nil {
			pipes = pipes[1:]
			break
		}
		if !taken {
			break
		}
	}
	p.rest = append(p.rest, pipes...)
	if err := q.contextPlan(p, &ownLimit); err != nil {
		return nil, err
	}
	for _, pipe := range p.rest {
		switch pipe := pipe.(type) {
		case *lang.Comparison:
			return nil, q.req.Query.ErrorAt(pipe.Offset(), "compare asks for records of two times, behind filters, extract and eval only", "put it before the other pipes")
		case *lang.Limit, *lang.Stats, *lang.Timechart, *lang.Facets, *lang.Patterns:
			ownLimit = true
		}
	}
	if !ownLimit && p.rest == nil {
		p.limit = q.req.Limit
	}
	if !ownLimit && p.rest != nil && q.req.Limit > 0 {
		p.rest = append(p.rest, &lang.Limit{N: q.req.Limit})
	}
	p.from, p.to, p.datasets, p.filter = pulled.from, pulled.to, pulled.datasets, pulled.expr()
	q.from, q.to = p.from, p.to
	p.never = pulled.never || !q.tail && p.from >= p.to
	return p, nil
}

// early tells whether a filter gives the same before the steps as behind them.
func (p *plan) early(e scan.Expr) bool {
	var names []string
	whole := fieldsOf(e, func(n string) { names = append(names, n) })
	return len(p.steps) == 0 || !p.ordered && !whole && !p.sets(names)
}

// fields notes a projection of the rows and says whether it could.
func (p *plan) fields(f *lang.Fields) bool {
	switch {
	case !f.Drop:
		if p.drop != nil || !p.has(f.Names) {
			return false
		}
		p.keep = distinct(f.Names)
	case p.keep != nil:
		return false
	default:
		if p.drop == nil {
			p.drop = map[string]bool{}
		}
		for _, n := range f.Names {
			p.drop[n] = true
		}
	}
	return true
}

// has tells whether the rows still have all these fields.
func (p *plan) has(names []string) bool {
	for _, n := range names {
		if p.keep != nil && !contains(p.keep, n) || p.drop[n] {
			return false
		}
	}
	return true
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
	case p.sort[0].Field != record.FieldTime:
		return scan.Any, false
	case p.sort[0].Down:
		return scan.NewestFirst, true
	}
	return scan.OldestFirst, true
}
