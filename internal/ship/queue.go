package ship

import (
	"fmt"
	"math"
	"time"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// levels is how many priorities there are; higher ones than the last count as it.
const levels = 10

// agingStep is how much longer than lines of the next higher priority others have to
// wait to leave before them.
const agingStep = 2 * time.Second

// queue holds the lines that go over one connection: those that were not sent, one
// row of items for each priority, and those sent and not acknowledged. A broken
// connection only puts the second back before the first, so that everything
// unacknowledged goes out again in order. The Shipper's lock guards it.
type queue struct {
	levels [levels][]*item // not wholly sent, in the order they came
	used   uint16          // bit i: levels[i] holds items
	sent   []*item         // wholly sent, in the order they were; [0] is acknowledged next

	items  int
	bytes  int64 // of all items
	unsent int64 // bytes of the items in levels
}

// item is what one Send brought.
type item struct {
	lines  *record.Lines
	acked  func(*record.Lines)
	from   *stream
	size   int64
	queued time.Time
	next   int // first row that was not sent
	done   int // rows acknowledged
}

// piece is a part of an item in a window.
type piece struct {
	it     *item
	lo, hi int
	last   bool // the item ends with it
	resume bool // the first of its source on this connection
}

func newItem(l *record.Lines, acked func(*record.Lines), now time.Time) *item {
	return &item{lines: l, acked: acked, size: int64(len(l.Data)+24*len(l.Rows)+12*len(l.Extras)) + 256, queued: now}
}

// push queues an item behind those of its priority.
func (q *queue) push(it *item, level uint8) {
	q.levels[level] = append(q.levels[level], it)
	q.used |= 1 << level
	q.items++
	q.bytes += it.size
	q.unsent += it.size
}

// forget takes an item that stands nowhere any more out of the counts.
func (q *queue) forget(it *item) {
	q.items--
	q.bytes -= it.size
}

// rewind makes everything that is not acknowledged be sent again.
func (q *queue) rewind() {
	var again [levels][]*item
	for _, it := range q.sent {
		q.unsent += it.size
		again[it.from.level] = append(again[it.from.level], it)
	}
	q.sent = nil
	for i, items := range again {
		if len(items) > 0 {
			q.levels[i] = append(items, q.levels[i]...)
			q.used |= 1 << i
		}
		for _, it := range q.levels[i] {
			it.next = it.done
		}
	}
}

// pick returns the level whose first item is sent next, -1 when nothing waits.
// Waiting raises priority, so that the lowest gets its turn too.
func (q *queue) pick(now time.Time) int {
	best, top := -1, time.Duration(math.MinInt64)
	for i := range q.levels {
		if q.used == 1<<i {
			return i
		}
		if q.used&(1<<i) == 0 {
			continue
		}
		if d := time.Duration(i)*agingStep + now.Sub(q.levels[i][0].queued); d >= top {
			best, top = i, d
		}
	}
	return best
}

// take cuts the next window: at most events events and about size bytes, but at
// least one line.
func (q *queue) take(now time.Time, events, size int) (pieces []piece) {
	for events > 0 && size > 0 {
		level := q.pick(now)
		if level < 0 {
			break
		}
		it := q.levels[level][0]
		rows := it.lines.Rows
		p := piece{it: it, lo: it.next, hi: it.next}
		if p.lo == 0 && len(rows) <= events && it.size <= int64(size) {
			p.hi = len(rows)
			size -= int(it.size)
		} else {
			p.hi, size = cutRows(it.lines, p.lo, events, size, len(pieces) > 0)
		}
		if p.hi == p.lo && len(rows) > 0 {
			break
		}
		events -= lumberjack.Events(p.lo, p.hi)
		it.next = p.hi
		if p.last = p.hi == len(rows); p.last {
			q.shift(level)
			q.unsent -= it.size
			q.sent = append(q.sent, it)
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// retake takes the pieces of a window that was under way when a connection broke
// once more, so that the window has the same bytes again. It takes fewer where the
// queue is not as it was then.
func (q *queue) retake(pieces []piece) (same []piece) {
	for _, p := range pieces {
		level := p.it.from.level
		if len(q.levels[level]) == 0 || q.levels[level][0] != p.it || p.it.next != p.lo {
			break
		}
		p.it.next = p.hi
		if p.last {
			q.shift(int(level))
			q.unsent -= p.it.size
			q.sent = append(q.sent, p.it)
		}
		same = append(same, p)
	}
	return same
}

// cutRows returns how far rows from lo on fit a window that has room for this many
// events and bytes, and how many bytes are left of it then. The first row of an
// empty window always fits.
func cutRows(l *record.Lines, lo, events, size int, begun bool) (hi, left int) {
	for hi = lo; hi < len(l.Rows) && hi-lo < events && size > 0; hi++ {
		n := int(l.Rows[hi].Len) + 24 + len(l.ExtraOf(hi))
		if n > size && (hi > lo || begun) {
			return hi, 0
		}
		size -= n
	}
	return hi, size
}

// shift takes the first item of a level off.
func (q *queue) shift(level int) {
	q.levels[level][0] = nil
	q.levels[level] = q.levels[level][1:]
	if len(q.levels[level]) == 0 {
		q.levels[level] = nil
		q.used &^= 1 << level
	}
}

// ack notes that the oldest unacknowledged piece is acknowledged and returns its
// item when it was the item's last.
func (q *queue) ack(p piece) *item {
	it := p.it
	it.done = p.hi
	if !p.last {
		return nil
	}
	// Items are finished in the order in which their last pieces were sent.
	q.sent[0] = nil
	q.sent = q.sent[1:]
	q.forget(it)
	return it
}

// remove takes the items out that were not sent at all and that f wants, and
// returns them in their order.
func (q *queue) remove(f func(*item) bool) (out []*item) {
	for i, items := range q.levels {
		var kept []*item
		for _, it := range items {
			if it.next > 0 || !f(it) {
				kept = append(kept, it)
				continue
			}
			out = append(out, it)
			q.forget(it)
			q.unsent -= it.size
		}
		if q.levels[i] = kept; len(kept) == 0 {
			q.used &^= 1 << i
		}
	}
	return out
}

// removeAll takes out everything that is not under way, also what was sent in part
// over a connection that broke. Runs of one source keep their order.
func (q *queue) removeAll() (out []*item) {
	for i, items := range q.levels {
		for _, it := range items {
			q.forget(it)
			q.unsent -= it.size
		}
		out = append(out, items...)
		q.levels[i] = nil
	}
	q.used = 0
	return out
}

// waiting tells since when the longest waiting unsent line waits.
func (q *queue) waiting() (since time.Time, ok bool) {
	for i := range q.levels {
		if q.used&(1<<i) == 0 {
			continue
		}
		if t := q.levels[i][0].queued; !ok || t.Before(since) {
			since, ok = t, true
		}
	}
	return since, ok
}

// checkLines refuses lines that no server would take: sending them would block
// the queue for ever. They come from internal/tail, so that it is a fault of ours.
func checkLines(l *record.Lines) error {
	p := l.Position
	if p.ID.IsZero() || p.From > p.To || p.To > math.MaxInt64 {
		return fmt.Errorf("ship: lines of source %s with position %d..%d", p.ID, p.From, p.To)
	}
	size := 0
	for _, f := range l.Fields {
		if len(f.Name) > record.MaxName || len(f.Value) > record.MaxValue {
			return fmt.Errorf("ship: field %.40q of %d bytes with a name of %d bytes is over the limit", f.Name, len(f.Value), len(f.Name))
		}
		size += len(f.Name) + len(f.Value)
	}
	if len(l.Fields) > record.MaxFields || size > record.MaxValue {
		return fmt.Errorf("ship: %d fields of %d bytes are over the limit", len(l.Fields), size)
	}
	end := p.From
	for i := range l.Rows {
		r := &l.Rows[i]
		next := r.Start + uint64(r.Span)
		if r.Start < end || next > p.To || uint64(r.Off)+uint64(r.Len) > uint64(len(l.Data)) || r.Len > record.MaxValue {
			return fmt.Errorf("ship: row %d (start %d, span %d, text %d+%d of %d) does not fit the rows before and the position %d..%d",
				i, r.Start, r.Span, r.Off, r.Len, len(l.Data), p.From, p.To)
		}
		end = next
	}
	for i, e := range l.Extras {
		if int64(e.Row) >= int64(len(l.Rows)) || i > 0 && e.Row <= l.Extras[i-1].Row ||
			e.Len == 0 || e.Len > record.MaxRecord || uint64(e.Off)+uint64(e.Len) > uint64(len(l.Data)) {
			return fmt.Errorf("ship: extra %d (row %d of %d, %d+%d of %d) is out of order or over a limit", i, e.Row, len(l.Rows), e.Off, e.Len, len(l.Data))
		}
	}
	return nil
}
