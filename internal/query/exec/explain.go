package exec

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// explainTerms is how many names a term of a request lists.
const explainTerms = 20

// Explain tells how a query is understood and planned, and with o.Run runs it, without
// its rows, to tell what the source did with each part and row group. The plan of a
// query that is not run says nothing of what the queries inside of it give.
func (e *Engine) Explain(ctx context.Context, req lang.Request, o scan.ExplainOptions) (*scan.Explanation, scan.Stats, error) {
	ctx, q, err := e.start(ctx, req)
	if err != nil {
		return nil, scan.Stats{}, err
	}
	defer q.budget.end()
	x := &scan.Explanation{Query: req.Query.String()}
	for _, l := range lang.Outline(req.Query) {
		x.Tree = append(x.Tree, scan.Branch(l))
	}
	for _, w := range req.Query.Warnings {
		x.Warnings = append(x.Warnings, w.Message)
	}
	q.dry = !o.Run
	if o.Run {
		q.trace = scan.NewTrace(o.Groups)
	}
	p, err := q.plan(ctx)
	if err != nil {
		st, err := q.finish(ctx, err)
		return nil, st, err
	}
	x.Plan = q.describePlan(p)
	if o.Run {
		err = q.run(ctx, p, func(b *scan.Block) error {
			x.Rows += int64(b.Len())
			return nil
		})
		if err == nil {
			q.explainEmpty(ctx, p)
		}
		x.Scans, x.MoreScans = q.trace.Scans()
	}
	st, err := q.finish(ctx, err)
	return x, st, err
}

// scanRows is what a scan is for that brings the rows of the answer.
const scanRows = "rows"

// tracing makes the trace of a request where somebody asks; what says what it is for.
func (q *query) tracing(r *scan.Request, what string) *scan.ScanTrace {
	if q.trace == nil {
		return nil
	}
	if q.inner != "" {
		what = q.inner + ": " + what
	}
	return q.trace.Begin(what, terms(r))
}

// terms tells what a request asks for, a term each.
func terms(r *scan.Request) []string {
	list := []string{"time " + timeTerm(r.From, r.To)}
	if r.Datasets != nil {
		list = append(list, "datasets "+listTerm(r.Datasets))
	}
	list = append(list, "filter "+scan.Describe(r.Filter))
	switch {
	case r.Whole:
		list = append(list, "columns all")
	case len(r.Columns) == 0:
		list = append(list, "columns none but the time")
	default:
		list = append(list, "columns "+listTerm(r.Columns))
	}
	order := [...]string{"any order", "newest first", "oldest first"}[r.Order]
	if r.Limit > 0 {
		order += fmt.Sprintf(", the first %d", r.Limit)
	}
	return append(list, "order "+order)
}

func listTerm(names []string) string {
	if len(names) > explainTerms {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:explainTerms], ", "), len(names)-explainTerms)
	}
	return strings.Join(names, ", ")
}

func timeTerm(from, to int64) string {
	text := func(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339Nano) }
	switch {
	case from == math.MinInt64 && to == math.MaxInt64:
		return "all"
	case from == math.MinInt64:
		return "before " + text(to)
	case to == math.MaxInt64:
		return "from " + text(from)
	}
	return "from " + text(from) + " to " + text(to)
}

// describePlan tells what a plan asks for and what remains.
func (q *query) describePlan(p *plan) scan.Plan {
	out := scan.Plan{Never: p.never, Stream: p.told}
	r := &scan.Request{From: p.from, To: p.to, Datasets: p.datasets, Filter: p.filter}
	switch {
	case p.stats != nil:
		out.Whole = q.describeAggregation(p, r)
	case p.special != nil:
		r.Whole = true
		if x, ok := p.special.(*lang.Patterns); ok {
			r.Columns, r.Whole = p.source([]string{x.Field}, false)
		}
	default:
		r.Columns, r.Whole = p.source(slices.Concat(p.keep, sortFields(p.sort)), p.keep == nil)
		r.Order, _ = p.timeOrder()
		if r.Order != scan.Any && !p.cuts() {
			r.Limit = p.limit
		}
	}
	p.arrange(r)
	out.Source = terms(r)
	for _, pipe := range p.rest {
		out.Memory = append(out.Memory, pipe.String())
	}
	return out
}

// describeAggregation tells whether the source is asked for a whole aggregation.
func (q *query) describeAggregation(p *plan, r *scan.Request) string {
	s := p.stats
	if p.chart != nil {
		key := lang.Key{Field: record.FieldTime, Span: p.chart.Span, Months: p.chart.Months}
		if !key.Timed() {
			key.Span = time.Hour
		}
		s = &lang.Stats{Aggs: s.Aggs, By: append([]lang.Key{key}, s.By...)}
	}
	ifs, err := q.conditions(s, q.compiler())
	if err != nil {
		return ""
	}
	r.Columns, r.Whole = p.source(neededBy(s, ifs))
	with := *p
	with.stats = s
	if _, ok := q.aggregation(&with, r, ifs); ok {
		return "the source is asked for the whole aggregation; where it cannot, the executor groups blocks of rows"
	}
	if len(p.steps) > 0 {
		return "the executor groups blocks of rows: steps come before the aggregation"
	}
	return "the executor groups blocks of rows: no source knows these functions, or these buckets of time"
}

// tell notes what becomes of a pipe that the plan took, for Explain.
func (s *planner) tell(pipe lang.Pipe, steps int) {
	text := pipe.String()
	switch pipe.(type) {
	case *lang.Where:
		if len(s.p.steps) == steps {
			text += ": part of the source's filter"
		} else {
			text += ": row by row"
		}
	case *lang.Extract, *lang.Eval:
		text += ": row by row"
	case *lang.Dedup:
		text += ": row by row, newest first; keeps a key of each row that it lets through"
	case *lang.Fields:
		text += ": chooses the columns"
	case *lang.Sort:
		if _, ok := s.p.timeOrder(); ok {
			text += ": the source's order"
		} else {
			text += ": keeps the rows, or as many as the limit says, in memory"
		}
	case *lang.Limit:
		text += ": ends the scan, or the sort"
	case *lang.Stats, *lang.Timechart:
		text += ": keeps groups, no rows"
	default:
		text += ": of the source's rows"
	}
	s.p.told = append(s.p.told, text)
}
