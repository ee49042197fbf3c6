package ship

import (
	"fmt"
	"math"
	"time"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// queue holds the lines that are not acknowledged yet, in the order they came,
// and how far into them the current connection has sent. A broken connection only
// sets the second back to the first, so that everything unacknowledged goes out
// again in order. The Shipper's lock guards it.
type queue struct {
	items []*item // items[0] is the oldest that is not wholly acknowledged
	bytes int64   // of all items
	rows  int64

	next   int   // the item whose rows are sent next
	row    int   // the first row of it that was not sent
	unsent int64 // bytes of the items from next on
}

// item is what one Send brought.
type item struct {
	lines  *record.Lines
	acked  func(*record.Lines)
	size   int64
	queued time.Time
	done   int // rows acknowledged
}

// piece is a part of an item in a window.
type piece struct {
	it     *item
	lo, hi int
	last   bool // the item ends with it
}

func newItem(l *record.Lines, acked func(*record.Lines), now time.Time) *item {
	return &item{lines: l, acked: acked, size: int64(len(l.Data)+24*len(l.Rows)) + 256, queued: now}
}

func (q *queue) push(it *item) {
	q.items = append(q.items, it)
	q.bytes += it.size
	q.rows += int64(len(it.lines.Rows))
	q.unsent += it.size
}

// rewind makes everything that is not acknowledged be sent again.
func (q *queue) rewind() {
	q.next, q.row, q.unsent = 0, 0, q.bytes
	if len(q.items) > 0 {
		q.row = q.items[0].done
	}
}

// take cuts the next window: at most events events and about size bytes, but at
// least one line.
func (q *queue) take(events, size int) (pieces []piece) {
	for q.next < len(q.items) && events > 0 && size > 0 {
		it := q.items[q.next]
		rows := it.lines.Rows
		p := piece{it: it, lo: q.row, hi: q.row}
		if q.row == 0 && len(rows) <= events && it.size <= int64(size) {
			p.hi = len(rows)
			size -= int(it.size)
		}
		for p.hi < len(rows) && p.hi-p.lo < events && size > 0 {
			n := int(rows[p.hi].Len) + 24
			if n > size && (p.hi > p.lo || len(pieces) > 0) {
				size = 0
				break
			}
			size -= n
			p.hi++
		}
		if p.hi == p.lo && len(rows) > 0 {
			break
		}
		events -= lumberjack.Events(p.lo, p.hi)
		if p.last = p.hi == len(rows); p.last {
			q.next, q.row = q.next+1, 0
			q.unsent -= it.size
		} else {
			q.row = p.hi
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// ack notes that the oldest unacknowledged piece is acknowledged and returns its
// item when it was the item's last.
func (q *queue) ack(p piece) *item {
	it := p.it
	it.done = p.hi
	if !p.last {
		return nil
	}
	q.items[0] = nil
	q.items = q.items[1:]
	q.next--
	q.bytes -= it.size
	q.rows -= int64(len(it.lines.Rows))
	return it
}

// waiting tells since when the next unsent line waits.
func (q *queue) waiting() (since time.Time, ok bool) {
	if q.next >= len(q.items) {
		return time.Time{}, false
	}
	return q.items[q.next].queued, true
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
	return nil
}
