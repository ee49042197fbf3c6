package local

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// errEnough ends a scan that has the rows it was asked for.
var errEnough = errors.New("enough rows")

// search is one scan. Its workers take chunks from the reader, make a block of the
// rows that match, and hand it on: each for itself where the order does not matter,
// else one after the other in the order of their chunks.
type search struct {
	s      *Source
	q      *scan.Request
	ctx    context.Context
	cancel context.CancelCauseFunc
	in     *reader
	yield  func(*scan.Block) error

	scanned, matched atomic.Int64

	mu   sync.Mutex
	turn *sync.Cond
	next int   // the chunk whose turn it is
	left int   // rows that are wanted yet, -1 for all
	err  error // what ended it
	held *sorter
	near *around // nil where only the lines that match are shown
	hits int     // that are wanted yet with near, -1 for all
}

// Scan is exec.Source's. The rows of a file that cannot be read to its end are
// answered as far as they go, and Stats.Partial names it.
func (s *Source) Scan(ctx context.Context, q *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	began := time.Now()
	if q.Datasets != nil && !slices.Contains(q.Datasets, record.DefaultDataset) {
		return scan.Stats{}, nil
	}
	w := &search{s: s, q: q, yield: yield, left: -1}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	defer w.cancel(nil)
	w.turn = sync.NewCond(&w.mu)
	w.in = s.reader(w.ctx)
	if q.Limit > 0 {
		w.left = q.Limit
	}
	if s.o.Sorted && q.Order != scan.Any {
		w.held = &sorter{q: q, max: s.o.MaxBytes}
		w.left = -1
	}
	if (s.o.Before > 0 || s.o.After > 0) && w.held == nil && q.Order != scan.Any {
		w.near, w.hits = &around{before: s.o.Before, after: s.o.After}, -1
		if s.o.Hits > 0 {
			w.hits = s.o.Hits
		}
	}
	var workers sync.WaitGroup
	for i := range s.o.Parallel {
		workers.Go(func() { w.work(i) })
	}
	workers.Wait()
	st := scan.Stats{RowsScanned: w.scanned.Load(), RowsMatched: w.matched.Load(), BytesRead: w.in.bytes.Load(), Partial: w.in.partial, Elapsed: time.Since(began)}
	err := w.err
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil && w.held != nil {
		err = w.held.emit(ctx, yield)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return st, err
}

// work is one worker.
func (w *search) work(id int) {
	var c chunk
	r := rows{s: w.s}
	var b builder
	needs := map[*input]need{}
	for w.in.next(&c) {
		n, ok := needs[c.in]
		if !ok {
			clear(needs) // files come one after the other
			n = needOf(w.q.Filter, c.in)
			needs[c.in] = n
		}
		b.reset(w.q)
		hits := w.rows(&c, n, &r, &b)
		block := b.end()
		var err error
		switch {
		case w.q.Order == scan.Any && w.q.Limit == 0 && id < w.q.Parallel:
			if block.Len() > 0 {
				block.Worker = id
				if w.q.Places {
					b.places(c.seq)
				}
				err = w.yield(block)
			}
		default:
			err = w.inTurn(&c, block, b.bytes, hits)
		}
		if err != nil {
			w.fail(err)
			return
		}
	}
}

// fail ends the scan for all.
func (w *search) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.cancel(err)
	w.turn.Broadcast()
}

// inTurn hands a block on when the chunks before have been.
func (w *search) inTurn(c *chunk, block *scan.Block, size int, hits []lineSpan) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.next != c.seq && w.err == nil {
		w.turn.Wait()
	}
	if w.err != nil {
		return w.err
	}
	defer w.turn.Broadcast()
	w.next++
	if w.near != nil {
		if w.hits >= 0 {
			hits = hits[:min(len(hits), w.hits)]
			w.hits -= len(hits)
		}
		block = w.near.block(w.s, w.q, c.in, w.near.expand(c, hits))
	}
	if err := w.hand(block, size); err != nil {
		return err
	}
	if w.left == 0 || w.near != nil && w.hits == 0 && w.near.left == 0 {
		return errEnough
	}
	return nil
}

// hand gives a block to whoever asked, or to the sorter.
func (w *search) hand(block *scan.Block, size int) error {
	if block.Len() == 0 {
		return nil
	}
	if w.held != nil {
		return w.held.add(block, size)
	}
	if w.left >= 0 {
		cut(block, w.left)
		w.left -= block.Len()
	}
	if block.Len() == 0 {
		return nil
	}
	return w.yield(block)
}

// cut leaves the first rows of a block.
func cut(b *scan.Block, n int) {
	if b.Len() <= n {
		return
	}
	b.Times = b.Times[:n]
	if b.ShapeOf != nil {
		b.ShapeOf = b.ShapeOf[:n]
	}
	for i := range b.Columns {
		b.Columns[i].Len = n
		if b.Columns[i].Form == scan.Plain {
			b.Columns[i].Kinds, b.Columns[i].Offsets = b.Columns[i].Kinds[:n], b.Columns[i].Offsets[:n+1]
		}
	}
}

// rows puts the rows of a chunk that match into b, or with near returns where their
// lines are.
func (w *search) rows(c *chunk, n need, r *rows, b *builder) (hits []lineSpan) {
	lines := bytes.Count(c.data, []byte{'\n'})
	if len(c.data) > 0 && c.data[len(c.data)-1] != '\n' {
		lines++
	}
	w.scanned.Add(int64(lines))
	r.begin(c.in)
	add := func(start, end int, piece bool) {
		r.add(c.data[start:end], c.offset+int64(start), piece)
		if w.near != nil && r.batch.Len() > len(r.spans) {
			r.spans = append(r.spans, lineSpan{start, end})
		}
	}
	first, last := 0, len(c.data)
	if c.head { // pieces are looked at whatever they hold
		first = len(c.data)
		if i := bytes.IndexByte(c.data, '\n'); i >= 0 {
			first = i + 1
		}
		add(0, len(bytes.TrimRight(c.data[:first], "\r\n")), true)
	}
	if c.tail && first < last {
		last = first + bytes.LastIndexByte(c.data[first:], '\n') + 1
	}
	n.eachLine(c.data[first:last], c.in.json, func(start, end int) { add(first+start, first+end, false) })
	if last < len(c.data) {
		add(last, len(c.data), true)
	}
	if r.batch.Len() == 0 {
		return nil
	}
	decided := n.decides(w.q, c.in) && !c.head && !c.tail // pieces are taken untried
	texts := w.s.o.Texts && w.q.Whole && !c.in.json
	if !decided || !texts {
		w.s.o.Stamp(&r.batch)
	}
	for i := range r.batch.Len() {
		if !decided && !r.match(i, w.q) {
			continue
		}
		w.matched.Add(1)
		if w.near != nil {
			hits = append(hits, r.spans[i])
			continue
		}
		if texts {
			b.row(r.batch.Time(i))
			b.add(messageName, r.batch.Own(i, r.message))
			b.endRow()
			continue
		}
		b.addFrom(r, i)
	}
	return hits
}
