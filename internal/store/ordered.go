package store

import (
	"cmp"
	"container/heap"
	"context"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
)

// mixedRows is the most rows of a block that takes them from several units.
const mixedRows = 1024

// cursor walks through the matching rows of a unit in the order asked.
type cursor struct {
	unit  *unit
	rows  rows
	sel   []uint32 // what is left of the matching rows, in the order asked
	times []int64  // of the unit
	base  int64    // bytes of memory that times and rows take
	cost  int64    // and its columns, 0 before the first is read
	few   bool     // so few rows are wanted that columns are not kept between blocks
}

// fewRows is the share of a unit's rows, one of so many, up to which rows are few.
const fewRows = 8

func (c *cursor) time() int64 { return c.times[c.sel[0]] }

// orderedScan merges units by time. Units are opened only when the walk comes to their
// time, so that the newest rows are found without reading old groups.
type orderedScan struct {
	x       *scanner
	newest  bool
	waiting []*unit // not opened yet, in the order they will be
	open    cursors
	budget  int64
	used    int64
}

// inOrder yields the rows of the units newest or oldest first.
func (x *scanner) inOrder(ctx context.Context, units []unit) error {
	o := &orderedScan{x: x, newest: x.req.Order == scan.NewestFirst, budget: x.req.MaxBytes}
	o.open.newest = o.newest
	if o.budget <= 0 {
		o.budget = x.store.o.ScanBytes
	}
	for i := range units {
		o.waiting = append(o.waiting, &units[i])
	}
	slices.SortFunc(o.waiting, func(a, b *unit) int {
		if o.newest {
			return cmp.Or(cmp.Compare(b.last, a.last), cmp.Compare(b.rank, a.rank))
		}
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.rank, b.rank))
	})
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if o.x.left.Load() <= 0 {
			return errEnough
		}
		if err := o.advance(ctx); err != nil {
			return err
		}
		if len(o.open.list) == 0 {
			return nil
		}
		if err := o.emit(); err != nil {
			return err
		}
	}
}

// due tells whether a unit may hold a row that comes before or at a time.
func (o *orderedScan) due(u *unit, t int64) bool {
	if o.newest {
		return u.last >= t
	}
	return u.first <= t
}

// advance opens the units that the next row may be in.
func (o *orderedScan) advance(ctx context.Context) error {
	for len(o.waiting) > 0 && (len(o.open.list) == 0 || o.due(o.waiting[0], o.open.list[0].time())) {
		if err := ctx.Err(); err != nil {
			return err
		}
		u := o.waiting[0]
		o.waiting = o.waiting[1:]
		if o.newest {
			o.x.progress.Reach(u.last)
		} else {
			o.x.progress.Reach(u.first)
		}
		if err := o.openUnit(u); err != nil {
			return err
		}
	}
	return nil
}

func (o *orderedScan) openUnit(u *unit) error {
	var st scan.Stats
	r, sel, err := o.x.evaluate(u, &st)
	var times []int64
	if err == nil && len(sel) > 0 {
		times, err = r.Times()
	}
	if err != nil || len(sel) == 0 {
		st.BytesRead += bytesRead(r)
		u.done()
		return o.x.finish(u, &st, err)
	}
	if err := o.x.finish(u, &st, nil); err != nil {
		return err
	}
	if o.newest {
		slices.Reverse(sel)
	}
	if left := o.x.left.Load(); int64(len(sel)) > left {
		sel = slices.Clone(sel[:left])
	}
	c := &cursor{unit: u, rows: r, sel: sel, times: times, base: 8*int64(len(times)) + 4*int64(len(sel))}
	if g := groupOf(r); g != nil {
		g.Forget() // what the filter needed is read again if rows are asked for
	}
	if err := o.take(c.base); err != nil {
		return err
	}
	heap.Push(&o.open, c)
	return nil
}

// take takes memory from the budget.
func (o *orderedScan) take(n int64) error {
	if o.used += n; o.used > o.budget {
		return &scan.BudgetError{Need: o.used, Have: o.budget, What: "row groups that overlap in time"}
	}
	return nil
}

// emit yields the next rows: a run of one cursor where its rows stand together,
// else rows of several cursors as they come.
func (o *orderedScan) emit() error {
	limit := int(min(o.x.left.Load(), blockRows))
	c := heap.Pop(&o.open).(*cursor)
	n := 1
	for n < len(c.sel) && n < limit && o.stays(c, n) {
		n++
	}
	if n >= 32 || n == len(c.sel) && len(o.open.list) == 0 || len(o.open.list) == 0 {
		return o.emitRun(c, n)
	}
	heap.Push(&o.open, c)
	return o.emitMixed(min(limit, mixedRows))
}

// stays tells whether a cursor's n-th row comes before all rows of others.
func (o *orderedScan) stays(c *cursor, n int) bool {
	t := c.times[c.sel[n]]
	if len(o.waiting) > 0 && o.due(o.waiting[0], t) {
		return false
	}
	return len(o.open.list) == 0 || o.open.before(t, c.unit.rank, o.open.list[0])
}

// forget drops the columns that were decoded for a few rows: many units that overlap in
// time would hold them all.
func (c *cursor) forget() {
	if g := groupOf(c.rows); g != nil && c.few {
		g.Forget()
	}
}

func (o *orderedScan) load(c *cursor) error {
	if c.cost > 0 || c.unit.part == nil {
		return nil
	}
	c.cost = max(c.unit.bytes, 1)
	if c.few = len(c.sel) <= mixedRows && len(c.sel)*fewRows <= c.rows.Len(); c.few {
		c.cost = c.cost*int64(len(c.sel))/int64(c.rows.Len()) + 1
	}
	return o.take(c.cost)
}

// emitRun yields the next n rows of a cursor that is not in the heap.
func (o *orderedScan) emitRun(c *cursor, n int) error {
	if err := o.load(c); err != nil {
		return err
	}
	n, err := o.x.atMost(n, c.rows)
	if err != nil {
		return o.drop(c, err)
	}
	b, err := o.x.block(c.rows, c.sel[:n])
	if err != nil {
		return o.drop(c, err)
	}
	c.forget()
	if err := o.yield(b); err != nil {
		return err
	}
	return o.putBack(c, n)
}

func (o *orderedScan) yield(b *scan.Block) error {
	n := int64(b.Len())
	o.x.left.Add(-n)
	o.x.mu.Lock()
	o.x.stats.RowsMatched += n
	o.x.mu.Unlock()
	return o.x.yield(b)
}

// putBack puts a cursor whose next n rows are done back into the heap.
func (o *orderedScan) putBack(c *cursor, n int) error {
	c.sel = c.sel[n:]
	if len(c.sel) == 0 {
		return o.drop(c, nil)
	}
	heap.Push(&o.open, c)
	return nil
}

// drop ends a cursor.
func (o *orderedScan) drop(c *cursor, err error) error {
	o.used -= c.cost + c.base
	c.unit.done()
	return o.x.finish(c.unit, &scan.Stats{BytesRead: bytesRead(c.rows)}, err)
}

// pick is a row of a mixed block.
type pick struct {
	c   *cursor
	row uint32
}

// emitMixed yields the next rows, at most limit, of whichever cursors have them, as
// long as they are of one dataset and no other unit is due.
func (o *orderedScan) emitMixed(limit int) error {
	var picks []pick
	dataset := o.open.list[0].rows.Dataset()
	var ended []*cursor
	var from []rows
	for len(picks) < limit && len(o.open.list) > 0 {
		c := o.open.list[0]
		if c.rows.Dataset() != dataset || len(picks) > 0 && len(o.waiting) > 0 && o.due(o.waiting[0], c.time()) {
			break
		}
		if err := o.load(c); err != nil {
			return err
		}
		if !slices.Contains(from, c.rows) {
			from = append(from, c.rows)
			var err error
			if limit, err = o.x.atMost(limit, from...); err != nil {
				return o.retryWithout(picks, ended, c, err)
			}
			if len(picks) >= limit {
				break
			}
		}
		picks = append(picks, pick{c, c.sel[0]})
		if c.sel = c.sel[1:]; len(c.sel) == 0 {
			heap.Pop(&o.open)
			ended = append(ended, c)
		} else {
			heap.Fix(&o.open, 0)
		}
	}
	b, bad, err := o.mixedBlock(picks, dataset)
	if err != nil {
		// The damaged unit's other rows go too; what it takes along of this block
		// comes again without it.
		return o.retryWithout(picks, ended, bad, err)
	}
	if err := o.yield(b); err != nil {
		return err
	}
	for _, c := range ended {
		if err := o.drop(c, nil); err != nil {
			return err
		}
	}
	return nil
}

// retryWithout puts the picked rows back, all but those of the bad cursor.
func (o *orderedScan) retryWithout(picks []pick, ended []*cursor, bad *cursor, err error) error {
	for i := len(picks) - 1; i >= 0; i-- {
		c := picks[i].c
		c.sel = append([]uint32{picks[i].row}, c.sel...)
	}
	o.open.list = append(o.open.list, ended...)
	o.open.list = slices.DeleteFunc(o.open.list, func(c *cursor) bool { return c == bad })
	heap.Init(&o.open)
	return o.drop(bad, err)
}

// mixedBlock takes the values of rows of several units; on an error it tells which
// cursor's unit cannot be read.
func (o *orderedScan) mixedBlock(picks []pick, dataset string) (b *scan.Block, bad *cursor, err error) {
	b = &scan.Block{Dataset: dataset, Times: make([]int64, len(picks))}
	for i, p := range picks {
		b.Times[i] = p.c.times[p.row]
	}
	names := o.x.req.Columns
	if o.x.req.Whole {
		if names, bad, err = mixedShapes(b, picks); err != nil {
			return nil, bad, err
		}
	}
	all := make([]uint32, len(picks))
	of := map[*cursor][]uint32{} // the rows of each unit, in the order asked
	for i, p := range picks {
		all[i] = uint32(i)
		of[p.c] = append(of[p.c], p.row)
	}
	b.Columns = make([]scan.Column, len(names))
	for i, name := range names {
		if name == record.FieldDataset && !o.x.req.Whole {
			b.Columns[i] = datasetColumn(b)
			continue
		}
		taken := make(map[*cursor]*taking, len(of))
		for c, rows := range of {
			col, err := c.rows.Take(name, rows)
			if err != nil {
				return nil, c, err
			}
			taken[c] = &taking{col: col}
			if g := groupOf(c.rows); g != nil && c.few {
				g.ForgetColumns()
			}
		}
		var build column.Builder
		for j, p := range picks {
			t := taken[p.c]
			build.Add(uint32(j), t.col.Value(t.at))
			t.at++
		}
		b.Columns[i] = build.Finish(name, len(picks)).Take(name, all)
	}
	for c := range of {
		c.forget()
	}
	return b, nil, nil
}

// taking is the values of one unit's rows on their way into a mixed block.
type taking struct {
	col scan.Column
	at  int
}

func mixedShapes(b *scan.Block, picks []pick) ([]string, *cursor, error) {
	type key struct {
		c     *cursor
		shape uint32
	}
	number := map[key]uint32{}
	need := map[string]bool{}
	b.ShapeOf = make([]uint32, len(picks))
	for i, p := range picks {
		names, shapes, shapeOf, err := p.c.rows.Shapes()
		if err != nil {
			return nil, p.c, err
		}
		k := key{c: p.c}
		if shapeOf != nil {
			k.shape = shapeOf[p.row]
		}
		n, ok := number[k]
		if !ok {
			n = uint32(len(b.Shapes))
			number[k] = n
			fields := make([]record.Name, len(shapes[k.shape]))
			for j, f := range shapes[k.shape] {
				fields[j] = names[f]
				need[names[f].Dotted] = true
			}
			b.Shapes = append(b.Shapes, fields)
		}
		b.ShapeOf[i] = n
	}
	out := make([]string, 0, len(need))
	for name := range need {
		out = append(out, name)
	}
	slices.Sort(out)
	return out, nil, nil
}

// cursors is a heap by the time of the next row.
type cursors struct {
	list   []*cursor
	newest bool
}

// before tells whether a row comes before a cursor's next one. Rows of equal time
// are in order of arrival.
func (h *cursors) before(t int64, rank int, c *cursor) bool {
	if h.newest {
		return t > c.time() || t == c.time() && rank > c.unit.rank
	}
	return t < c.time() || t == c.time() && rank < c.unit.rank
}

func (h *cursors) Len() int { return len(h.list) }
func (h *cursors) Less(i, j int) bool {
	return h.before(h.list[i].time(), h.list[i].unit.rank, h.list[j])
}
func (h *cursors) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *cursors) Push(x any)    { h.list = append(h.list, x.(*cursor)) }

func (h *cursors) Pop() any {
	last := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return last
}
