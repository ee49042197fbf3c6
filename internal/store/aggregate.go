package store

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"slices"
	"sort"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/store/filter"
)

// maxGroups is the most groups that Aggregate counts itself.
const maxGroups = 1 << 16

// errNotMine ends an aggregation that the caller has to compute from blocks.
var errNotMine = errors.New("not able to take this aggregation")

// aggregation counts rows by at most one time bucket and one field.
type aggregation struct {
	x           *scanner
	time, field *scan.Key
	tallies     []tally // of each worker
}

// Aggregate counts rows without handing them out: count() by nothing, by time, by
// one field, or by both. ok is false for everything else, and where there are too
// many groups.
func (s *Store) Aggregate(ctx context.Context, a *scan.Aggregation) (groups []scan.Group, st scan.Stats, ok bool, err error) {
	g := &aggregation{}
	if !g.takes(a) {
		return nil, scan.Stats{}, false, nil
	}
	start := time.Now()
	req := a.Request
	g.x = &scanner{store: s, req: &req, filter: filter.New(req.Filter), progress: scan.ProgressOf(ctx)}
	snap := s.snapshot(req.From, req.To, req.Datasets)
	defer snap.close()
	g.x.traceUnits(snap, true)
	defer g.x.trace.end()
	g.x.progress.Expect(len(snap.units))
	for range max(1, req.Parallel) {
		g.tallies = append(g.tallies, newTally())
	}
	err = g.x.parallel(ctx, snap.units, g.unit)
	st = g.x.stats
	st.Elapsed = time.Since(start)
	all := &g.tallies[0]
	for i := range g.tallies[1:] {
		all.merge(&g.tallies[i+1])
	}
	if errors.Is(err, errNotMine) || all.fits() != nil {
		return nil, scan.Stats{}, false, nil
	}
	if err != nil {
		return nil, st, true, err
	}
	if len(a.By) == 0 {
		all.add(0, record.Value{}, 0) // one row also over nothing
	}
	return all.answer(a), st, true, nil
}

func (g *aggregation) takes(a *scan.Aggregation) bool {
	for _, f := range a.Aggs {
		if f.Func != "count" || f.Field != "" || f.If != nil {
			return false
		}
	}
	for i := range a.By {
		k := &a.By[i]
		switch {
		case k.Field == record.FieldTime && k.Span > 0 && g.time == nil:
			g.time = k
		case k.Field != record.FieldTime && k.Span == 0 && g.field == nil:
			g.field = k
		default:
			return false
		}
	}
	return len(a.Aggs) > 0
}

func (g *aggregation) unit(ctx context.Context, worker int, u *unit) error {
	defer u.done()
	if err := ctx.Err(); err != nil {
		return err
	}
	var st scan.Stats
	t := &g.tallies[worker]
	if g.header(u) {
		st.GroupsSkipped, st.RowsMatched = 1, int64(u.live())
		t.add(g.bucket(u.first), record.Value{}, int64(u.live()))
		g.x.trace.counted(u, int64(u.live()), "its header has the number of rows")
		return g.x.finish(u, &st, t.fits())
	}
	if done, err := g.quick(u, &st, t); done || err != nil {
		if err == nil {
			err = t.fits()
		}
		if errors.Is(err, errNotMine) {
			return err
		}
		return g.x.finish(u, &st, err)
	}
	r, sel, err := g.x.selection(u, &st)
	if err == nil && sel != nil {
		st.RowsMatched = int64(sel.Count())
		err = g.count(r, sel, t)
	}
	st.BytesRead = bytesRead(r)
	if err == nil {
		err = t.fits()
	}
	if errors.Is(err, errNotMine) {
		return err
	}
	return g.x.finish(u, &st, err)
}

// header tells whether the unit's header alone says where all its rows belong.
func (g *aggregation) header(u *unit) bool {
	if g.field != nil || u.first < g.x.req.From || u.last >= g.x.req.To || !always(g.x.req.Filter) {
		return false
	}
	return g.time == nil || g.bucket(u.first) == g.bucket(u.last)
}

// quick counts a unit's rows from what headers, dictionaries and templates say, where
// they say it.
func (g *aggregation) quick(u *unit, st *scan.Stats, t *tally) (done bool, err error) {
	if u.part == nil || u.gone.count() > 0 || u.first < g.x.req.From || u.last >= g.x.req.To {
		return false, nil
	}
	bucket := g.bucket(u.first)
	if bucket != g.bucket(u.last) {
		return false, nil
	}
	all := always(g.x.req.Filter)
	if g.field != nil && (!all || g.field.Field == record.FieldDataset) {
		return false, nil
	}
	r, err := g.x.open(u)
	if err != nil {
		return false, err
	}
	if g.field == nil {
		n, ok, err := g.x.filter.On(r).Count()
		if err != nil || !ok {
			return false, err
		}
		if n > 0 {
			t.add(bucket, record.Value{}, int64(n))
		}
		st.RowsMatched = int64(n)
	} else {
		values, number, ok, err := r.Counts(g.field.Field)
		if err != nil || !ok {
			return false, err
		}
		missing := int64(u.rows)
		for i, v := range values {
			t.add(bucket, v, number[i])
			missing -= number[i]
		}
		if missing > 0 {
			t.add(bucket, record.Value{}, missing)
		}
		st.RowsMatched = int64(u.rows)
	}
	g.x.trace.counted(u, st.RowsMatched, "dictionaries and templates have the number of rows")
	st.GroupsRead++
	st.BytesRead = bytesRead(r)
	return true, nil
}

func always(e scan.Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case scan.Const:
		return bool(e)
	case scan.And:
		return !slices.ContainsFunc(e, func(x scan.Expr) bool { return !always(x) })
	}
	return false
}

// bucket returns the start of the bucket that a time lies in.
func (g *aggregation) bucket(t int64) int64 {
	if g.time == nil {
		return 0
	}
	rest := within(g.time, t)
	if t < math.MinInt64+rest {
		return math.MinInt64 // the bucket of the first times that there are
	}
	return t - rest
}

// within returns how far in its bucket a time lies. Sums of times and offsets may
// leave the range of times; this does not.
func within(k *scan.Key, t int64) int64 {
	span := uint64(k.Span)
	rest := func(n int64) uint64 {
		if n %= k.Span; n < 0 {
			n += k.Span
		}
		return uint64(n)
	}
	return int64((rest(t) + rest(k.Offset)) % span)
}

// count adds the selected rows, run by run of rows in one bucket.
func (g *aggregation) count(r rows, sel filter.Bitmap, t *tally) error {
	var col *column.Col
	if g.field != nil && g.field.Field != record.FieldDataset {
		var err error
		if col, err = r.Col(g.field.Field); err != nil {
			return err
		}
	}
	var times []int64
	if g.time != nil {
		var err error
		if times, err = r.Times(); err != nil {
			return err
		}
	}
	for from := 0; from < r.Len(); {
		to, bucket := r.Len(), int64(0)
		if times != nil {
			at := times[from]
			bucket = g.bucket(at)
			// Of the bucket of the last times that there are, all the rest is.
			if left := g.time.Span - within(g.time, at); at <= math.MaxInt64-left {
				to = from + sort.Search(r.Len()-from, func(i int) bool { return times[from+i] >= at+left })
			}
		}
		switch {
		case g.field == nil:
			if n := countRange(sel, from, to); n > 0 {
				t.add(bucket, record.Value{}, n)
			}
		case g.field.Field == record.FieldDataset:
			if n := countRange(sel, from, to); n > 0 {
				t.add(bucket, record.StringValue([]byte(r.Dataset())), n)
			}
		default:
			countValues(col, sel, from, to, bucket, t)
			if err := t.fits(); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

func countRange(sel filter.Bitmap, from, to int) int64 {
	n := 0
	for w := from / 64; w*64 < to; w++ {
		b := sel[w]
		if lo := from - 64*w; lo > 0 {
			b &= ^uint64(0) << lo
		}
		if hi := to - 64*w; hi < 64 {
			b &= 1<<hi - 1
		}
		n += bits.OnesCount64(b)
	}
	return int64(n)
}

func eachRow(sel filter.Bitmap, from, to int, f func(row uint32)) {
	for w := from / 64; w*64 < to; w++ {
		for b := sel[w]; b != 0; b &= b - 1 {
			if row := 64*w + bits.TrailingZeros64(b); row >= from && row < to {
				f(uint32(row))
			}
		}
	}
}

func countValues(c *column.Col, sel filter.Bitmap, from, to int, bucket int64, t *tally) {
	if c == nil {
		if n := countRange(sel, from, to); n > 0 {
			t.add(bucket, record.Value{}, n)
		}
		return
	}
	cursor := column.Cursor{Col: c}
	if c.Form == scan.Consts || c.Form == scan.Dict {
		byCode := make([]int64, len(c.Values)+1) // the last one: missing
		eachRow(sel, from, to, func(row uint32) {
			switch s := cursor.Slot(row); {
			case s < 0:
				byCode[len(c.Values)]++
			case c.Form == scan.Consts:
				byCode[0]++
			default:
				byCode[c.Codes[s]]++
			}
		})
		for code, n := range byCode {
			switch {
			case n == 0:
			case code < len(c.Values):
				t.add(bucket, c.Values[code], n)
			default:
				t.add(bucket, record.Value{}, n)
			}
		}
		return
	}
	eachRow(sel, from, to, func(row uint32) {
		v := record.Value{}
		if s := cursor.Slot(row); s >= 0 {
			v = c.Value(s)
		}
		t.add(bucket, v, 1)
	})
}

func (t *tally) answer(a *scan.Aggregation) []scan.Group {
	out := make([]scan.Group, 0, len(t.list))
	for n := range t.list {
		var grp scan.Group
		for i := range a.By {
			v := t.value(n)
			if a.By[i].Field == record.FieldTime {
				v = record.IntValue(t.list[n].bucket)
			}
			grp.Keys = append(grp.Keys, v)
		}
		for range a.Aggs {
			grp.Values = append(grp.Values, record.IntValue(t.counts[n]))
		}
		out = append(out, grp)
	}
	return out
}
