package ship

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// TestQueue sends, acknowledges and fails at random: the pieces that go out and
// are acknowledged cover every run in order, without gap or overlap.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var under []piece
		s := newSource(1)
		var acked, finished, pushed int
		var to uint64
		check := func(p piece) {
			from, end := lumberjack.PositionOf(p.it.lines, p.lo, p.hi)
			if from != to {
				t.Fatalf("acknowledged from %d after %d", from, to)
			}
			to = end
			acked += p.hi - p.lo
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				q.push(newItem(s.lines(rapid.IntRange(0, 30).Draw(t, "rows")), nil, time.Now()))
				pushed++
			},
			"take": func(t *rapid.T) {
				events, size := rapid.IntRange(1, 40).Draw(t, "events"), rapid.IntRange(1, 3000).Draw(t, "size")
				pieces := q.take(events, size)
				n, bytes := 0, 0
				for _, p := range pieces {
					n += lumberjack.Events(p.lo, p.hi)
					for _, r := range p.it.lines.Rows[p.lo:p.hi] {
						bytes += int(r.Len)
					}
				}
				if n > events || bytes > size && n > 1 {
					t.Fatalf("window of %d events, %d bytes; %d and %d are allowed", n, bytes, events, size)
				}
				if _, waiting := q.waiting(); len(pieces) == 0 && waiting {
					t.Fatal("nothing taken while something waits")
				}
				under = append(under, pieces...)
			},
			"ack": func(t *rapid.T) {
				for range min(len(under), rapid.IntRange(1, 5).Draw(t, "n")) {
					check(under[0])
					if q.ack(under[0]) != nil {
						finished++
					}
					under = under[1:]
				}
			},
			"fail": func(*rapid.T) {
				under = nil
				q.rewind()
			},
			"": func(t *rapid.T) {
				var bytes, rows, unsent int64
				for i, it := range q.items {
					bytes += it.size
					rows += int64(len(it.lines.Rows))
					if i >= q.next {
						unsent += it.size
					}
				}
				if q.bytes != bytes || q.rows != rows || q.unsent != unsent {
					t.Fatalf("counts %d bytes, %d rows, %d unsent; there are %d, %d, %d", q.bytes, q.rows, q.unsent, bytes, rows, unsent)
				}
			},
		})
		for len(q.items) > 0 {
			under = append(under, q.take(7, 1000)...)
			check(under[0])
			if q.ack(under[0]) != nil {
				finished++
			}
			under = under[1:]
		}
		if acked != s.next || to != s.pos || finished != pushed {
			t.Fatalf("%d rows of %d, to %d of %d, %d runs of %d", acked, s.next, to, s.pos, finished, pushed)
		}
	})
}

func TestQueueTakesLongLines(t *testing.T) {
	var q queue
	l := &record.Lines{Data: make([]byte, record.MaxValue), Rows: []record.Line{{Len: record.MaxValue, Span: record.MaxValue}}}
	l.Position = record.Position{ID: record.SourceID{1}, To: record.MaxValue}
	q.push(newItem(l, nil, time.Now()))
	if p := q.take(1, 1); len(p) != 1 || !p[0].last {
		t.Errorf("pieces %+v", p)
	}
}
