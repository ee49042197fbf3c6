package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/chunk"
	"journalist/internal/store/filter"
	"journalist/internal/store/part"
)

// blockRows is the most rows of a block.
const blockRows = 16 << 10

// blockCells is about the most values of a block of whole records, missing ones
// counted: columns have a place for every row, and of records with names of their
// own every row brings columns along.
const blockCells = 2 << 20

// errEnough ends a scan whose limit is reached.
var errEnough = errors.New("enough")

// scanner is one scan on its way.
type scanner struct {
	store  *Store
	req    *scan.Request
	filter *filter.Filter
	yield  func(*scan.Block) error
	// progress is advanced by finish; nil where nobody wants to know.
	progress *scan.Progress
	trace    *tracer // nil: nobody asks

	mu    sync.Mutex
	stats scan.Stats
	left  atomic.Int64 // rows that may still be yielded
}

// Scan yields the rows that match: see scan.Request. It sees the rows that were
// committed when it was called.
func (s *Store) Scan(ctx context.Context, req *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	start := time.Now()
	x := &scanner{store: s, req: req, filter: filter.New(req.Filter), yield: yield, progress: scan.ProgressOf(ctx)}
	x.left.Store(int64(req.Limit))
	if req.Limit <= 0 {
		x.left.Store(1 << 62)
	}
	snap := s.snapshot(req.From, req.To, req.Datasets)
	defer snap.close()
	x.traceUnits(snap, false)
	defer x.trace.end()
	x.progress.Expect(len(snap.units))
	var err error
	if req.Order == scan.Any {
		err = x.parallel(ctx, snap.units, x.anyUnit)
	} else {
		err = x.inOrder(ctx, snap.units)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	x.stats.Elapsed = time.Since(start)
	s.m.scans.Inc()
	return x.stats, err
}

// parallel hands the units to the workers.
func (x *scanner) parallel(ctx context.Context, units []unit, do func(ctx context.Context, worker int, u *unit) error) error {
	workers := max(1, min(x.req.Parallel, len(units)))
	if workers == 1 {
		for i := range units {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := do(ctx, 0, &units[i]); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(units) {
					return
				}
				if err := do(ctx, w, &units[i]); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// anyUnit yields a unit's rows in no particular order.
func (x *scanner) anyUnit(ctx context.Context, worker int, u *unit) error {
	defer u.done()
	if x.left.Load() <= 0 {
		return errEnough
	}
	var st scan.Stats
	r, sel, err := x.evaluate(u, &st)
	for err == nil && len(sel) > 0 {
		if err = ctx.Err(); err != nil {
			break
		}
		n, cerr := x.atMost(min(len(sel), blockRows), r)
		if err = cerr; err != nil {
			break
		}
		before := x.left.Add(-int64(n)) + int64(n)
		if before <= 0 {
			err = errEnough
			break
		}
		n = int(min(int64(n), before))
		var b *scan.Block
		if b, err = x.block(r, sel[:n]); err != nil {
			break
		}
		b.Worker = worker
		if x.req.Places {
			b.Places = places(u, sel[:n])
		}
		st.RowsMatched += int64(n)
		if err = x.yield(b); err != nil {
			err = &stopError{err}
		}
		sel = sel[n:]
	}
	st.BytesRead += bytesRead(r)
	return x.finish(u, &st, err)
}

// places are those of some rows of a unit: units are ranked by their arrival, and of
// equal time the rows of one stand in the order of theirs.
func places(u *unit, sel []uint32) []uint64 {
	list := make([]uint64, len(sel))
	for i, row := range sel {
		list[i] = uint64(u.rank)<<32 | uint64(row)
	}
	return list
}

// stopError carries an error of yield past the errors of reading.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }
func (e *stopError) Unwrap() error { return e.err }

func bytesRead(r rows) int64 {
	if g := groupOf(r); g != nil {
		return g.BytesRead
	}
	return 0
}

// finish adds a unit's statistics. An error of reading makes the answer partial; an
// error that ends the scan is returned.
func (x *scanner) finish(u *unit, st *scan.Stats, err error) error {
	x.mu.Lock()
	x.stats.Add(*st)
	x.mu.Unlock()
	x.progress.Add(st)
	end := ending(err)
	damaged := err != nil && end == nil
	x.trace.done(u, err, damaged)
	if damaged {
		x.damaged(u, err)
	}
	return end
}

// ending returns what ends a scan of an error; nil where that is one of reading.
func ending(err error) error {
	var stop *stopError
	var budget *scan.BudgetError
	switch {
	case errors.As(err, &stop):
		return stop.err
	case errors.Is(err, errEnough), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &budget):
		return err
	}
	return nil
}

// damaged notes that a unit cannot be read.
func (x *scanner) damaged(u *unit, err error) {
	x.mu.Lock()
	if why := partial(u, err); !slices.Contains(x.stats.Partial, why) {
		x.stats.Partial = append(x.stats.Partial, why)
	}
	x.mu.Unlock()
	if u.part != nil && errors.Is(err, part.ErrCorrupt) {
		x.store.setAside(u.part.live, err)
	} else {
		x.store.note(workRead, err)
		x.store.o.Logger.Error("rows cannot be read", "error", err)
	}
}

func partial(u *unit, err error) string {
	if u.part == nil {
		return err.Error()
	}
	p := u.part.live
	where := fmt.Sprintf("part %s/%s/%s", p.folder, p.partition, p.file())
	if errors.Is(err, part.ErrCorrupt) {
		return where + " is corrupt and was set aside"
	}
	return where + " cannot be read: " + err.Error()
}

// evaluate returns the rows of a unit that match, ascending.
func (x *scanner) evaluate(u *unit, st *scan.Stats) (rows, []uint32, error) {
	r, sel, err := x.selection(u, st)
	if err != nil || sel == nil {
		return r, nil, err
	}
	return r, sel.Rows(make([]uint32, 0, sel.Count())), nil
}

// selection is evaluate for a set; nil when it is empty.
func (x *scanner) selection(u *unit, st *scan.Stats) (rows, filter.Bitmap, error) {
	r, err := x.open(u)
	if err != nil {
		return nil, nil, err
	}
	on := x.filter.On(r)
	truth, err := on.Decide()
	if err != nil {
		return r, nil, err
	}
	if truth == filter.No {
		st.GroupsSkipped++
		x.trace.denied(u, on)
		return r, nil, nil
	}
	from, to := 0, r.Len()
	if u.first < x.req.From || u.last >= x.req.To {
		times, err := r.Times()
		if err != nil {
			return r, nil, err
		}
		from = sort.Search(len(times), func(i int) bool { return times[i] >= x.req.From })
		to = sort.Search(len(times), func(i int) bool { return times[i] >= x.req.To })
	}
	if from >= to {
		x.trace.decided(u, scan.ByTime, "")
		return r, nil, nil
	}
	st.GroupsRead++
	st.RowsScanned += int64(to - from)
	sel := filter.NewBitmap(r.Len())
	sel.SetRange(from, to)
	u.gone.clear(sel)
	if truth == filter.Maybe {
		if err := on.Apply(sel); err != nil {
			return r, nil, err
		}
	}
	x.trace.matched(u, sel)
	if sel.Empty() {
		return r, nil, nil
	}
	return r, sel, nil
}

// atMost returns how many rows, of n, a block may have that takes them from these
// units.
func (x *scanner) atMost(n int, from ...rows) (int, error) {
	if !x.req.Whole {
		return n, nil
	}
	fields := 1
	for _, r := range from {
		names, _, _, err := r.Shapes()
		if err != nil {
			return 0, err
		}
		fields += len(names)
	}
	return min(n, max(1, blockCells/fields)), nil
}

// block takes the values of some rows of a unit.
func (x *scanner) block(r rows, sel []uint32) (*scan.Block, error) {
	times, err := r.Times()
	if err != nil {
		return nil, err
	}
	b := &scan.Block{Dataset: r.Dataset(), Times: make([]int64, len(sel))}
	for i, row := range sel {
		b.Times[i] = times[row]
	}
	names := x.req.Columns
	if x.req.Whole {
		if names, err = wholeShapes(b, r, sel); err != nil {
			return nil, err
		}
	}
	full := len(sel) == r.Len() && sel[0] == 0 && sel[len(sel)-1] == uint32(len(sel)-1)
	b.Columns = make([]scan.Column, len(names))
	for i, name := range names {
		if name == record.FieldDataset && !x.req.Whole {
			b.Columns[i] = datasetColumn(b)
			continue
		}
		if full {
			c, err := r.Col(name)
			if err != nil {
				return nil, err
			}
			if c != nil && c.Rows == nil {
				b.Columns[i] = c.Column // as it is
				continue
			}
		}
		if b.Columns[i], err = r.Take(name, sel); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func datasetColumn(b *scan.Block) scan.Column {
	return scan.Column{
		Name: record.FieldDataset, Form: scan.Consts, Len: len(b.Times),
		Values: []record.Value{record.StringValue([]byte(b.Dataset))},
	}
}

// wholeShapes sets the block's shapes and lists the columns that its records need.
func wholeShapes(b *scan.Block, r rows, sel []uint32) ([]string, error) {
	names, shapes, shapeOf, err := r.Shapes()
	if err != nil {
		return nil, err
	}
	b.ShapeOf = make([]uint32, len(sel))
	number := map[uint32]uint32{}
	need := map[uint32]bool{}
	for i, row := range sel {
		s := uint32(0)
		if shapeOf != nil {
			s = shapeOf[row]
		}
		n, ok := number[s]
		if !ok {
			n = uint32(len(b.Shapes))
			number[s] = n
			fields := make([]record.Name, len(shapes[s]))
			for j, f := range shapes[s] {
				fields[j] = names[f]
				need[f] = true
			}
			b.Shapes = append(b.Shapes, fields)
		}
		b.ShapeOf[i] = n
	}
	out := make([]string, 0, len(need))
	for f := range need {
		out = append(out, names[f].Dotted)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// tailBlock is what a live tail gets of a chunk: nil when nothing matches.
func (x *scanner) tailBlock(c *chunk.Chunk) (*scan.Block, error) {
	r := memRows{c}
	sel := filter.NewBitmap(c.Len())
	sel.SetRange(0, c.Len())
	if err := x.filter.On(r).Apply(sel); err != nil || sel.Empty() {
		return nil, err
	}
	return x.block(r, sel.Rows(nil))
}
