package exec

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// The limits of a histogram.
const (
	maxBuckets = 10_000
	// maxSplit is by how many values of a field the bars are split; the others
	// together are "other".
	maxSplit = 8
	// Other names the rows of all other values in Bucket.By.
	Other = "other"
)

// widths are the bucket widths that people read easily.
var widths = []time.Duration{
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 7 * day, 28 * day,
}

// width chooses the smallest of them that needs at most this many buckets.
func width(from, to int64, buckets int) time.Duration {
	period := float64(to) - float64(from)
	for _, w := range widths {
		if period/float64(w) <= float64(buckets) {
			return w
		}
	}
	w := widths[len(widths)-1]
	for period/float64(w) > float64(buckets) {
		w *= 2
	}
	return w
}

// Histogram counts the rows that a query's filter matches in about so many equal
// periods (60 where buckets is 0) and returns all of them, also the empty ones,
// with their width. With by, each count is split by the values of that field, of
// which the eight commonest keep their names; rows without the field are in Count
// only. Of the query's pipes only where counts. A time without bounds ends where
// the rows do.
func (e *Engine) Histogram(ctx context.Context, req lang.Request, buckets int, by string) ([]scan.Bucket, time.Duration, scan.Stats, error) {
	if buckets <= 0 {
		buckets = 60
	}
	buckets = min(buckets, maxBuckets)
	ctx, q, err := e.start(ctx, filterOnly(req))
	if err != nil {
		return nil, 0, scan.Stats{}, err
	}
	defer q.budget.end()
	list, span, err := q.histogram(ctx, buckets, by)
	st, err := q.finish(ctx, err)
	return list, span, st, err
}

// filterOnly leaves the filters of a query.
func filterOnly(req lang.Request) lang.Request {
	if req.Query == nil {
		return req
	}
	only := &lang.Query{Filter: req.Query.Filter}
	for _, p := range req.Query.Pipes {
		if _, ok := p.(*lang.Where); !ok {
			break // what follows is about something else than records
		}
		only.Pipes = append(only.Pipes, p)
	}
	req.Query = only
	return req
}

func (q *query) histogram(ctx context.Context, buckets int, by string) ([]scan.Bucket, time.Duration, error) {
	p, err := q.plan(ctx)
	if err != nil || p.never {
		return nil, width(0, 0, buckets), err
	}
	if err := q.bound(ctx, p); err != nil || p.from >= p.to {
		return nil, width(0, 0, buckets), err
	}
	span := width(p.from, p.to, buckets)
	p.stats = &lang.Stats{
		Aggs: []lang.Agg{{Func: "count", As: "count"}},
		By:   []lang.Key{{Field: record.FieldTime, Span: span}},
	}
	if by != "" {
		p.stats.By = append(p.stats.By, lang.Key{Field: by})
	}
	p.limit = 0
	t, err := q.aggregate(ctx, p)
	if err != nil {
		return nil, 0, err
	}
	return fill(t, newBucketer(lang.Key{Span: span}, q.req.Zone), p.from, p.to, by != ""), span, nil
}

// bound asks for the oldest and the newest row where the plan's time is open.
func (q *query) bound(ctx context.Context, p *plan) error {
	ends := []struct {
		open  bool
		order scan.Order
		take  func(int64)
	}{
		{p.from == math.MinInt64, scan.OldestFirst, func(t int64) { p.from = t }},
		{p.to == math.MaxInt64, scan.NewestFirst, func(t int64) {
			p.to = q.now.UnixNano() + 1
			if t >= p.to {
				p.to = min(t, math.MaxInt64-1) + 1
			}
		}},
	}
	for _, end := range ends {
		if !end.open {
			continue
		}
		r := p.request(q)
		r.Order, r.Limit = end.order, 1
		found := false
		err := q.scan(ctx, "where the time begins or ends", r, func(b *scan.Block) error {
			if !found && b.Len() > 0 {
				found = true
				end.take(b.Times[0])
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !found {
			p.from, p.to = 0, 0
			return nil
		}
	}
	return nil
}

// fill makes the list of buckets from the rows of the aggregation.
func fill(t *table, buckets *bucketer, from, to int64, split bool) []scan.Bucket {
	var list []scan.Bucket
	for at := buckets.start(from); at < to && len(list) <= 2*maxBuckets; at = buckets.next(at) {
		list = append(list, scan.Bucket{Start: at})
	}
	names := map[string]bool{}
	if split {
		names = commonest(t)
	}
	for _, r := range t.rows {
		i, ok := slices.BinarySearchFunc(list, r.values[0].Int, func(b scan.Bucket, at int64) int { return cmp.Compare(b.Start, at) })
		if !ok {
			continue
		}
		b := &list[i]
		n := r.values[len(r.values)-1].Int
		b.Count += n
		if !split || r.values[1].Kind == record.Missing {
			continue
		}
		name := string(r.values[1].AppendText(nil))
		if !names[name] {
			name = Other
		}
		if b.By == nil {
			b.By = map[string]int64{}
		}
		b.By[name] += n
	}
	return list
}

func commonest(t *table) map[string]bool {
	totals := map[string]int64{}
	for _, r := range t.rows {
		if r.values[1].Kind != record.Missing {
			totals[string(r.values[1].AppendText(nil))] += r.values[2].Int
		}
	}
	var names []string
	for n := range totals {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
	kept := map[string]bool{}
	for _, n := range names[:min(maxSplit, len(names))] {
		kept[n] = true
	}
	return kept
}
