package exec

import (
	"fmt"
	"math"
	"slices"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// expand replaces pipes that are short for others by these.
func expand(pipes []lang.Pipe) []lang.Pipe {
	var out []lang.Pipe
	for _, p := range pipes {
		switch p := p.(type) {
		case *lang.Top:
			s := &lang.Stats{Pos: p.Pos, Aggs: []lang.Agg{{Func: "count", As: lang.CountColumn}}, By: keys(p.Names)}
			by := []lang.SortKey{{Field: lang.CountColumn, Down: !p.Rare}}
			out = append(out, s, &lang.Sort{By: by}, &lang.Limit{N: p.N})
		case *lang.Uniq:
			out = append(out, &lang.Stats{Pos: p.Pos, By: keys(p.Names)})
		default:
			out = append(out, p)
		}
	}
	return out
}

func keys(names []string) []lang.Key {
	list := make([]lang.Key, len(names))
	for i, n := range names {
		list[i].Field = n
	}
	return list
}

// chartBuckets is about how many buckets a timechart has when no span is given.
const chartBuckets = 60

// chart answers a timechart over [from, to), or from the first to the last bucket where
// that is open.
func (q *query) chart(c *lang.Timechart, from, to int64, aggregate func(*lang.Stats) (*table, error)) (*table, error) {
	key := lang.Key{Field: record.FieldTime, Span: c.Span, Months: c.Months}
	open := from == math.MinInt64 || to == math.MaxInt64
	if open && !key.Timed() {
		t, err := aggregate(&lang.Stats{Pos: c.Pos, Aggs: []lang.Agg{{Func: "min", Field: record.FieldTime}, {Func: "max", Field: record.FieldTime}}})
		if err != nil || t.rows[0].values[0].Kind != record.Int {
			return &table{}, err
		}
		open, from, to = false, t.rows[0].values[0].Int, min(t.rows[0].values[1].Int, math.MaxInt64-1)+1
	}
	if !key.Timed() {
		key.Span = width(from, to, chartBuckets)
	}
	if !open && from < to && key.Span > 0 && (float64(to)-float64(from))/float64(key.Span) > maxBuckets {
		return nil, q.req.Query.ErrorAt(c.Offset(), fmt.Sprintf("a timechart of %s over this time has more than %d buckets", lang.FormatSpan(key.Span), maxBuckets),
			"take a longer span or a shorter time")
	}
	s := &lang.Stats{Pos: c.Pos, Aggs: c.Aggs, By: append([]lang.Key{key}, c.By...)}
	t, err := aggregate(s)
	if err != nil || from >= to {
		return t, err
	}
	buckets := newBucketer(key, q.req.Zone)
	if open {
		if from, to = filled(t, buckets); from >= to {
			return t, nil
		}
	}
	return t, q.fillTable(t, s, buckets, from, to)
}

// filled is the time from the first bucket to the last one; empty where there are none
// or, because of rows whose times are odd, too many between them.
func filled(t *table, buckets *bucketer) (from, to int64) {
	if len(t.rows) == 0 {
		return 0, 0
	}
	from, to = math.MaxInt64, math.MinInt64
	for _, r := range t.rows {
		from, to = min(from, r.values[0].Int), max(to, r.values[0].Int)
	}
	n := 0
	for at := from; at <= to; at = buckets.next(at) {
		if n++; n > maxBuckets {
			return 0, 0
		}
	}
	return from, to + 1
}

// fillTable adds the empty buckets to a table by time and other keys: each
// combination of these gets all of them.
func (q *query) fillTable(t *table, s *lang.Stats, buckets *bucketer, from, to int64) error {
	nkeys := len(s.By)
	empty := make([]record.Value, len(s.Aggs))
	for i, acc := range newAccumulators(s.Aggs, &q.budget, q.seconds(s)) {
		empty[i] = acc.value(0)
	}
	combinations := &table{}
	if nkeys == 1 {
		combinations.rows = []tableRow{{values: nil}}
	} else {
		seen := map[string]bool{}
		var key []byte
		for _, r := range t.rows {
			key = key[:0]
			for _, v := range r.values[1:nkeys] {
				key = appendKey(key, v)
			}
			if !seen[string(key)] {
				seen[string(key)] = true
				combinations.rows = append(combinations.rows, tableRow{values: r.values[1:nkeys]})
			}
		}
		combinations.orderByKeys(nkeys - 1)
	}
	var rows []tableRow
	old := t.rows
	for at := buckets.start(from); at < to; at = buckets.next(at) {
		for _, c := range combinations.rows {
			if len(old) > 0 && old[0].values[0].Int == at && slices.EqualFunc(old[0].values[1:nkeys], c.values, same) {
				rows, old = append(rows, old[0]), old[1:]
				continue
			}
			if len(rows) >= q.e.o.MaxGroups {
				return &scan.BudgetError{Need: int64(len(rows)) + 1, Have: int64(q.e.o.MaxGroups), What: "groups", Count: true}
			}
			if err := q.budget.take(40*int64(nkeys+len(empty)), "groups"); err != nil {
				return err
			}
			rows = append(rows, tableRow{values: slices.Concat([]record.Value{record.IntValue(at)}, c.values, empty)})
		}
		// What is older than the range, because of a clock ahead, stays too.
		for len(old) > 0 && old[0].values[0].Int <= at {
			rows, old = append(rows, old[0]), old[1:]
		}
	}
	t.rows = append(rows, old...)
	t.orderByKeys(nkeys)
	return nil
}

func same(a, b record.Value) bool {
	return a.Kind == b.Kind && a.Int == b.Int && string(a.Bytes) == string(b.Bytes)
}

// seconds is how long the time is that a rate() of these stats is about: its
// bucket, or the query's.
func (q *query) seconds(s *lang.Stats) float64 {
	for _, k := range s.By {
		if k.Timed() {
			return k.Span.Seconds()
		}
	}
	return q.period
}

// usesPeriod tells whether the stats need to know how long the query's time is.
func usesPeriod(s *lang.Stats) bool {
	return slices.ContainsFunc(s.Aggs, func(a lang.Agg) bool { return a.Func == "rate" }) &&
		!slices.ContainsFunc(s.By, lang.Key.Timed)
}

// setPeriod notes how long the query's time is.
func (q *query) setPeriod(s *lang.Stats, from, to int64) error {
	if to == math.MaxInt64 {
		to = q.now.UnixNano()
	}
	if from == math.MinInt64 || from > to {
		return q.req.Query.ErrorAt(s.Offset(), "rate() needs to know the time that is searched", "ask for a time that begins and ends, or add by time(5m)")
	}
	q.period = (float64(to) - float64(from)) / float64(time.Second)
	return nil
}

// chartTable answers a timechart over rows at hand.
func (q *query) chartTable(t *table, c *lang.Timechart) (*table, error) {
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	clock := t.clock()
	for i := range t.rows {
		v, ok := t.get(&t.rows[i], clock)
		if !ok || v.Kind != record.Int {
			return nil, q.req.Query.ErrorAt(c.Offset(), "a timechart needs rows with their time", "keep @timestamp among the fields, or group by time(span) before")
		}
		from, to = min(from, v.Int), max(to, v.Int)
	}
	if q.from != math.MinInt64 {
		from = min(from, q.from)
	}
	if to < math.MaxInt64 {
		to++
	}
	if q.to != math.MaxInt64 {
		to = max(to, q.to)
	}
	return q.chart(c, from, to, func(s *lang.Stats) (*table, error) { return q.aggregateTable(t, s) })
}
