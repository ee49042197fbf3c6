package exec

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

const (
	// compareMost is how many different values of a field a worker counts; fields with
	// more are left out.
	compareMost = 5000
	// compareRows is of how many rows of each time the fields to compare are chosen,
	// compareFields how many of them are, and compareDistinct how many different
	// values one has at most.
	compareRows     = 10_000
	compareFields   = 20
	compareDistinct = 1000
	// compareShown is how many differences are listed, compareText how long a value
	// is that is compared.
	compareShown = 100
	compareText  = 200
)

// difference is a pattern or a value and in how many rows it was and is.
type difference struct {
	kind, what  string
	before, now int64
	score       float64
}

// compare tells what became more or fewer since the same time a span earlier.
func (q *query) compare(ctx context.Context, p *plan, c *lang.Comparison) (*table, error) {
	var list []difference
	if !p.never {
		now, before, err := q.times(p, c)
		if err != nil {
			return nil, err
		}
		if list, err = q.differences(ctx, before, now); err != nil {
			return nil, err
		}
	}
	t := &table{}
	for _, n := range lang.ComparisonColumns {
		t.cols = append(t.cols, tableColumn{name: n})
	}
	if len(list) > compareShown {
		q.note("these are the most significant %d of %d differences", compareShown, len(list))
		list = list[:compareShown]
	}
	for _, d := range list {
		t.rows = append(t.rows, tableRow{values: []record.Value{
			record.StringValue([]byte(d.kind)), record.StringValue([]byte(d.what)), record.IntValue(d.before), record.IntValue(d.now),
			record.StringValue([]byte(d.change())), floatValue(math.Round(d.score*100) / 100),
		}})
	}
	return t, nil
}

// times are the plan's for the two times. What has no end ends now, what has no
// beginning is a span long.
func (q *query) times(p *plan, c *lang.Comparison) (now, before *plan, err error) {
	a, span := *p, int64(c.Span)
	endless := a.to == math.MaxInt64
	if endless {
		a.to = q.now.UnixNano() + 1
	}
	if a.from == math.MinInt64 && a.to >= math.MinInt64+span {
		a.from = a.to - span
	}
	if a.from < math.MinInt64+span || a.from >= a.to {
		return nil, nil, q.req.Query.ErrorAt(c.Offset(), "there is no time to compare with", "ask for a time that begins later and ends after it begins")
	}
	// An hour ago is a little more than an hour before now, when the query has come.
	if late := a.to - span - a.from; endless && late > 0 && late < int64(time.Second) {
		a.from += late
	}
	b := a
	b.from, b.to = a.from-span, a.to-span
	if b.to > a.from {
		q.note("the two times overlap: what is compared is longer than %s", lang.FormatSpan(c.Span))
	}
	return &a, &b, nil
}

func (q *query) differences(ctx context.Context, before, now *plan) ([]difference, error) {
	fields, err := q.comparable(ctx, before, now)
	if err != nil {
		return nil, err
	}
	old, err := q.countValues(ctx, before, fields)
	if err != nil {
		return nil, err
	}
	recent, err := q.countValues(ctx, now, fields)
	if err != nil {
		return nil, err
	}
	list := []difference{{kind: "rows", what: "*", before: old.rows, now: recent.rows}}
	list[0].score = rateScore(old.rows, recent.rows)
	for i, f := range fields {
		if old.values[i] == nil || recent.values[i] == nil {
			q.note("%s is not compared: it has too many different values", f)
			continue
		}
		list = append(list, valueDifferences(f, old.values[i], recent.values[i], old.rows, recent.rows)...)
	}
	patterns, err := q.comparePatterns(ctx, before, now)
	if err != nil {
		return nil, err
	}
	for _, d := range patterns {
		d.judge(old.rows, recent.rows)
		list = append(list, d)
	}
	list = slices.DeleteFunc(list, func(d difference) bool { return d.score < 0.005 })
	slices.SortFunc(list, func(a, b difference) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.kind, b.kind), strings.Compare(a.what, b.what))
	})
	return list, nil
}

// comparable chooses fields whose values come again, of the newest rows of both times.
func (q *query) comparable(ctx context.Context, plans ...*plan) ([]string, error) {
	c := &facetCounter{budget: &q.budget, fields: map[string]*facetField{}}
	for _, p := range plans {
		if _, err := q.sample(ctx, p, compareRows, c.add); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, f := range c.list() {
		n := f.distinct.count()
		if f.name == record.FieldMessage || n > compareDistinct || 2*n > f.count {
			continue
		}
		if len(names) == compareFields {
			q.note("values are compared of %d fields: %s", compareFields, strings.Join(names, ", "))
			break
		}
		names = append(names, f.name)
	}
	return names, nil
}

// valueCounts are the rows of one time, and how many have each value of some fields.
type valueCounts struct {
	rows   int64
	values []map[string]int64
}

// countValues counts the values of several fields at once.
func (q *query) countValues(ctx context.Context, p *plan, fields []string) (*valueCounts, error) {
	out := &valueCounts{values: make([]map[string]int64, len(fields))}
	r := p.request(q)
	r.Columns, r.Whole = p.source(fields, false)
	r.Parallel = q.e.o.Parallel
	type worker struct {
		groupers []*grouper
		rows     int64
	}
	workers, tooMany := make([]worker, r.Parallel), make([]atomic.Bool, len(fields))
	for i := range workers {
		for _, f := range fields {
			s := &lang.Stats{Aggs: []lang.Agg{{Func: "count"}}, By: keys([]string{f})}
			g := newGrouper(q, s, make([]scan.Expr, 1))
			g.coders[0].max = min(g.coders[0].max, compareMost)
			workers[i].groupers = append(workers[i].groupers, g)
		}
	}
	err := q.scanSteps(ctx, scanRows, p, r, func(worker int, b *scan.Block) error {
		w := &workers[worker]
		w.rows += int64(b.Len())
		for j, g := range w.groupers {
			if tooMany[j].Load() {
				continue
			}
			var over *scan.BudgetError
			if err := g.add(b); errors.As(err, &over) && over.Have == compareMost {
				tooMany[j].Store(true)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range workers {
		out.rows += workers[i].rows
		for j, g := range workers[i].groupers {
			if out.values[j] == nil {
				out.values[j] = map[string]int64{}
			}
			for id := range g.groups() {
				out.values[j][string(appendKey(nil, g.tuple(uint32(id))[0]))] += g.accs[0].value(id).Int
			}
			if tooMany[j].Load() {
				out.values[j] = nil
			}
		}
	}
	return out, nil
}

// valueDifferences compares the values of a field.
func valueDifferences(field string, old, recent map[string]int64, before, now int64) []difference {
	var list []difference
	add := func(key string) {
		what, ok := asFilter(field, keyValue(key))
		if !ok {
			return
		}
		d := difference{kind: "value", what: what, before: old[key], now: recent[key]}
		d.judge(before, now)
		list = append(list, d)
	}
	for key := range recent {
		add(key)
	}
	for key := range old {
		if _, both := recent[key]; !both {
			add(key)
		}
	}
	return list
}

// asFilter spells a value as the filter that finds it.
func asFilter(field string, v record.Value) (string, bool) {
	switch v.Kind {
	case record.Missing:
		return (&lang.Not{X: &lang.Exists{Field: field}}).String(), true
	case record.Null, record.JSON:
		return "", false
	}
	if len(v.Bytes) > compareText {
		return "", false
	}
	text := strings.ToValidUTF8(string(v.AppendText(nil)), "\ufffd")
	c := lang.Compare{Field: field, Op: lang.Eq, Value: lang.Scalar{Text: text}}
	if v.Kind == record.String {
		_, _, c.Value.Literal = scan.ParseNumber(text)
	}
	return c.String(), true
}

// comparePatterns counts the patterns of the messages of two times.
func (q *query) comparePatterns(ctx context.Context, before, now *plan) ([]difference, error) {
	var set scan.PatternSet
	for i, p := range []*plan{before, now} {
		found, err := q.findPatterns(ctx, p, record.FieldMessage, lang.MaxPatterns, scan.PatternDetails{})
		if err != nil {
			return nil, err
		}
		if err := q.budget.take(int64(len(found.List))*patternBytes/4, "patterns"); err != nil {
			return nil, err
		}
		if found.Folded || found.Total > len(found.List) {
			q.note(foldedNote)
		}
		for _, x := range found.List {
			if i == 0 {
				x.Before, x.Count = x.Count, 0
			}
			set.Add(&x)
		}
	}
	var list []difference
	for _, x := range set.Top(set.Len()) {
		list = append(list, difference{kind: "pattern", what: scan.FormText(x.Form), before: x.Before, now: x.Count})
	}
	return list, nil
}

func (d *difference) change() string {
	switch {
	case d.before == 0:
		return "new"
	case d.now == 0:
		return "vanished"
	case d.now > d.before:
		return "grown"
	}
	return "shrunk"
}

// judge scores a difference: it counts as far as both the number of rows and their
// share of all rows changed, in the same direction. So neither more traffic makes
// everything grow nor a flood of one thing all else shrink.
func (d *difference) judge(before, now int64) {
	d.score = rateScore(d.before, d.now)
	if before == 0 || now == 0 {
		return
	}
	up := float64(d.now)*float64(before) > float64(d.before)*float64(now)
	if up != (d.now > d.before) || d.now == d.before {
		d.score = 0
		return
	}
	d.score = min(d.score, shareScore(d.before, before, d.now, now))
}

// rateScore is the log-likelihood ratio of two numbers of events in times of equal
// length, against their being equally frequent: above 3.84 it is by chance in 5 % of
// all cases, above 10.83 in 0.1 %.
func rateScore(a, b int64) float64 {
	mean := (float64(a) + float64(b)) / 2
	return 2 * (likelihood(a, mean) + likelihood(b, mean))
}

// shareScore is the same for a of all n against b of all m.
func shareScore(a, n, b, m int64) float64 {
	share := (float64(a) + float64(b)) / (float64(n) + float64(m))
	score := 2 * (likelihood(a, share*float64(n)) + likelihood(b, share*float64(m)) +
		likelihood(n-a, (1-share)*float64(n)) + likelihood(m-b, (1-share)*float64(m)))
	return max(score, 0)
}

func likelihood(n int64, expected float64) float64 {
	if n <= 0 || expected <= 0 {
		return 0
	}
	return float64(n) * math.Log(float64(n)/expected)
}
