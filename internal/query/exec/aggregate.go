package exec

import (
	"context"
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// group answers the stats or the timechart of a plan.
func (q *query) group(ctx context.Context, p *plan) (*table, error) {
	period := usesPeriod(p.stats) && p.chart == nil
	if (p.chart != nil && !q.e.o.Complete || period) && !p.never {
		if err := q.bound(ctx, p); err != nil {
			return nil, err
		}
		p.never = p.from >= p.to
		q.from, q.to = p.from, p.to
	}
	if period && !p.never {
		if err := q.setPeriod(p.stats, p.from, p.to); err != nil {
			return nil, err
		}
	}
	if p.chart == nil {
		return q.aggregate(ctx, p)
	}
	from, to := p.from, p.to
	if p.never {
		from, to = 0, 0
	}
	return q.chart(p.chart, from, to, func(s *lang.Stats) (*table, error) {
		p.stats = s
		return q.aggregate(ctx, p)
	})
}

// aggregate answers a stats over the scan: by the source whole where it can, else
// from blocks, several at once.
func (q *query) aggregate(ctx context.Context, p *plan) (*table, error) {
	ifs, err := q.conditions(p.stats)
	if err != nil {
		return nil, err
	}
	r := p.request(q)
	if r == nil {
		return q.result(p.stats, newGrouper(q, p.stats, ifs)), nil
	}
	if a, ok := q.aggregation(p, r, ifs); ok {
		a.Request.Trace = q.tracing(&a.Request, "groups")
		groups, st, ok, err := q.e.o.Source.Aggregate(ctx, a)
		a.Request.Trace.Answered(answered(ok))
		if err != nil {
			q.stats.Add(st)
			return nil, err
		}
		if ok {
			q.stats.Add(st)
			return q.fromGroups(p.stats, groups)
		}
	}
	r.Columns, r.Whole = p.source(neededBy(p.stats, ifs))
	r.Parallel = q.e.o.Parallel
	p.arrange(r)
	workers, chains := make([]*grouper, r.Parallel), make([]chain, r.Parallel)
	for i := range workers {
		workers[i], chains[i] = newGrouper(q, p.stats, ifs), p.chain()
	}
	q.doing = "rows to group"
	err = q.scan(ctx, r, func(b *scan.Block) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		w := b.Worker
		b, err := chains[w].apply(b)
		if err != nil {
			return err
		}
		return workers[w].add(b)
	})
	if err != nil {
		return nil, err
	}
	for _, w := range workers[1:] {
		if err := workers[0].merge(w); err != nil {
			return nil, err
		}
	}
	return q.result(p.stats, workers[0]), nil
}

func answered(whole bool) string {
	if whole {
		return "whole, by the source"
	}
	return "left to the executor"
}

// aggregateTable answers a stats over rows at hand.
func (q *query) aggregateTable(t *table, s *lang.Stats) (*table, error) {
	ifs, err := q.conditions(s)
	if err != nil {
		return nil, err
	}
	if usesPeriod(s) {
		if err := q.setPeriod(s, q.from, q.to); err != nil {
			return nil, err
		}
	}
	g := newGrouper(q, s, ifs)
	if err := t.emit(g.add); err != nil {
		return nil, err
	}
	return q.result(s, g), nil
}

func (q *query) conditions(s *lang.Stats) ([]scan.Expr, error) {
	ifs := make([]scan.Expr, len(s.Aggs))
	for i, a := range s.Aggs {
		if a.If == nil {
			continue
		}
		e, err := q.compiler().filter(a.If)
		if err != nil {
			return nil, err
		}
		ifs[i] = e
	}
	return ifs, nil
}

// neededBy are the columns that a stats reads.
func neededBy(s *lang.Stats, ifs []scan.Expr) (names []string, whole bool) {
	names, whole = usedBy(s, ifs)
	if whole {
		return nil, true
	}
	return columns(names), false
}

// plain tells whether a function is one of those that a source may know.
func plain(function string) bool {
	switch function {
	case "count", "count_uniq", "sum", "avg", "min", "max":
		return true
	}
	return false
}

// aggregation is the whole of it for the source; ok is false where the source's
// terms cannot say it.
func (q *query) aggregation(p *plan, r *scan.Request, ifs []scan.Expr) (*scan.Aggregation, bool) {
	if p.steps != nil || slices.ContainsFunc(p.stats.Aggs, func(a lang.Agg) bool { return !plain(a.Func) }) {
		return nil, false
	}
	a := &scan.Aggregation{Request: *r}
	a.Request.Parallel = q.e.o.Parallel
	for _, k := range p.stats.By {
		key := scan.Key{Field: k.Field, Span: k.Bucket}
		if k.Timed() {
			offset, ok := newBucketer(k, q.req.Zone).constant(r.From, r.To)
			if !ok {
				return nil, false
			}
			key.Span, key.Offset = int64(k.Span), offset
		}
		a.By = append(a.By, key)
	}
	for i, agg := range p.stats.Aggs {
		a.Aggs = append(a.Aggs, scan.Agg{Func: agg.Func, Field: agg.Field, If: ifs[i]})
	}
	return a, true
}

// resultTable is an empty answer of a stats: its keys, then its aggregates.
func resultTable(s *lang.Stats) *table {
	t := &table{}
	for _, k := range s.By {
		t.cols = append(t.cols, tableColumn{name: k.Name(), time: k.Field == record.FieldTime})
	}
	for _, a := range s.Aggs {
		isTime := a.Field == record.FieldTime && (a.Func == "min" || a.Func == "max" || a.Func == "first" || a.Func == "last")
		t.cols = append(t.cols, tableColumn{name: a.Name(), time: isTime})
	}
	return t
}

func (q *query) result(s *lang.Stats, g *grouper) *table {
	t := resultTable(s)
	n := g.groups()
	t.rows = make([]tableRow, n)
	rates := newBucketRates(q, s)
	for i := range n {
		values := g.tuple(uint32(i))
		for _, acc := range g.accs {
			values = append(values, rates.value(acc, i, values))
		}
		t.rows[i].values = values
	}
	for i, acc := range g.accs {
		if a, ok := acc.(noter); ok {
			if note := a.note(); note != "" {
				q.stats.Notes = append(q.stats.Notes, s.Aggs[i].Name()+" "+note)
			}
		}
	}
	t.orderByKeys(len(s.By))
	return t
}

func (q *query) fromGroups(s *lang.Stats, groups []scan.Group) (*table, error) {
	t := resultTable(s)
	if len(groups) > q.e.o.MaxGroups {
		return nil, &scan.BudgetError{Need: int64(len(groups)), Have: int64(q.e.o.MaxGroups), What: "groups", Count: true}
	}
	if len(groups) == 0 && len(s.By) == 0 {
		// One row always, also over nothing.
		return q.result(s, newGrouper(q, s, make([]scan.Expr, len(s.Aggs)))), nil
	}
	for _, g := range groups {
		var bytes int64
		values := slices.Concat(g.Keys, g.Values)
		for _, v := range values {
			bytes += size(v)
		}
		if err := q.budget.take(bytes, "groups"); err != nil {
			return nil, err
		}
		t.rows = append(t.rows, tableRow{values: values})
	}
	t.orderByKeys(len(s.By))
	return t, nil
}

func (t *table) orderByKeys(keys int) {
	slices.SortFunc(t.rows, func(a, b tableRow) int {
		for i := range keys {
			if c := compareValues(a.values[i], b.values[i]); c != 0 {
				return c
			}
			if a.values[i].Kind != b.values[i].Kind {
				return int(a.values[i].Kind) - int(b.values[i].Kind)
			}
		}
		return 0
	})
}
