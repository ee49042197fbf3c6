package exec

import (
	"context"
	"slices"
	"strconv"

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
	ifs, err := q.conditions(p.stats, q.compiler())
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
	workers := make([]*grouper, r.Parallel)
	for i := range workers {
		workers[i] = newGrouper(q, p.stats, ifs)
	}
	err = q.scanSteps(ctx, "rows to group", p, r, func(w int, b *scan.Block) error { return workers[w].add(b) })
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
	s, err := q.onTable(t, s)
	if err != nil {
		return nil, err
	}
	ifs, err := q.conditions(s, q.tableCompiler(t))
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
	return q.resultOf(s, g, t.isTime), nil
}

// onTable turns the keys time(span) of a stats into those of the table's times.
func (q *query) onTable(t *table, s *lang.Stats) (*lang.Stats, error) {
	if !slices.ContainsFunc(s.By, lang.Key.Timed) || len(t.rows) == 0 {
		return s, nil
	}
	clock := t.clock()
	if clock == "" {
		return nil, q.req.Query.ErrorAt(s.Offset(), "the rows have no time to group by", "keep @timestamp among the fields")
	}
	c := *s
	c.By = slices.Clone(s.By)
	for i := range c.By {
		if c.By[i].Timed() {
			c.By[i].Field = clock
		}
	}
	return &c, nil
}

// conditions are the filters of the aggregates, nil where there is none.
func (q *query) conditions(s *lang.Stats, c compiler) ([]scan.Expr, error) {
	ifs := make([]scan.Expr, len(s.Aggs))
	for i, a := range s.Aggs {
		if a.If == nil {
			continue
		}
		e, err := c.filter(a.If)
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

// recordTime tells which field of a record is a time.
func recordTime(field string) bool { return field == record.FieldTime }

// resultTable is an empty answer of a stats: its keys, then its aggregates. Times are
// the keys and aggregates of what isTime says.
func resultTable(s *lang.Stats, isTime func(field string) bool) *table {
	t := &table{}
	for _, k := range s.By {
		t.cols = append(t.cols, tableColumn{name: k.Name(), time: k.Bucket == 0 && isTime(k.Field)})
	}
	for _, a := range s.Aggs {
		t.cols = append(t.cols, tableColumn{name: a.Name(), time: isTime(a.Field) && timeOf(a.Func) == asTime})
	}
	return t
}

// timeForm is what an aggregate of times is.
type timeForm int

const (
	asNumber  timeForm = iota // a number that has nothing to do with times
	asTime                    // a time
	asTimes                   // an array of times
	asSeconds                 // a sum, of seconds
)

func timeOf(function string) timeForm {
	switch {
	case lang.GivesTime(function):
		return asTime
	case function == "values", function == "list":
		return asTimes
	case function == "sum":
		return asSeconds
	}
	return asNumber
}

// timeValue makes of an aggregate of nanoseconds what people take it for.
func timeValue(form timeForm, v record.Value) record.Value {
	if form == asNumber || v.Kind == record.Null {
		return v
	}
	switch f, ok := v.Float(); {
	case form == asTimes:
		var list []record.Value
		scan.Leaves(v.Bytes, func(leaf record.Value) bool {
			if ns, err := strconv.ParseInt(string(leaf.AppendText(nil)), 10, 64); err == nil { // as for all of them
				list = append(list, record.StringValue(record.AppendTime(nil, ns)))
			}
			return true
		})
		return arrayOf(list)
	case !ok:
		return v
	case form == asSeconds:
		return floatValue(f / 1e9)
	case v.Kind != record.Int:
		return record.IntValue(int64(f))
	}
	return v
}

// setTimes turns aggregates of times into times.
func (t *table) setTimes(s *lang.Stats, isTime func(field string) bool) {
	for i, a := range s.Aggs {
		if !isTime(a.Field) {
			continue
		}
		for _, r := range t.rows {
			v := &r.values[len(s.By)+i]
			*v = timeValue(timeOf(a.Func), *v)
		}
	}
}

// result is the answer of a stats over records.
func (q *query) result(s *lang.Stats, g *grouper) *table { return q.resultOf(s, g, recordTime) }

func (q *query) resultOf(s *lang.Stats, g *grouper, isTime func(field string) bool) *table {
	t := resultTable(s, isTime)
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
	t.setTimes(s, isTime)
	t.orderByKeys(len(s.By))
	return t
}

func (q *query) fromGroups(s *lang.Stats, groups []scan.Group) (*table, error) {
	t := resultTable(s, recordTime)
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
	t.setTimes(s, recordTime)
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
