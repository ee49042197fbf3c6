package ship

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// TestQueue sends, acknowledges, fails and moves at random, with several sources of
// several priorities: the pieces that are acknowledged cover every source in order,
// without gap or overlap.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var under []piece
		sources, streams := map[*stream]*source{}, []*stream{}
		to := map[*stream]uint64{}
		for i := range 4 {
			st := &stream{level: uint8(rapid.IntRange(0, levels-1).Draw(t, "level"))}
			streams = append(streams, st)
			sources[st] = newSource(byte(i))
		}
		var acked, finished, pushed, held int
		var aside []*item
		start := time.Unix(1e9, 0)
		now := start
		check := func(p piece) {
			st := p.it.from
			from, end := lumberjack.PositionOf(p.it.lines, p.lo, p.hi)
			if from != to[st] {
				t.Fatalf("acknowledged from %d after %d", from, to[st])
			}
			to[st] = end
			acked += p.hi - p.lo
			if done := q.ack(p); done != nil {
				if done != p.it {
					t.Fatal("another item is done")
				}
				finished++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				st := streams[rapid.IntRange(0, 3).Draw(t, "source")]
				if len(aside) > 0 && aside[0].from == st {
					return
				}
				now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "later")) * time.Second)
				it := newItem(sources[st].lines(rapid.IntRange(0, 30).Draw(t, "rows")), nil, now)
				it.from = st
				q.push(it, st.level)
				pushed++
			},
			"take": func(t *rapid.T) {
				events, size := rapid.IntRange(1, 40).Draw(t, "events"), rapid.IntRange(1, 3000).Draw(t, "size")
				pieces := q.take(now, events, size)
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
					under = under[1:]
				}
			},
			"fail": func(*rapid.T) {
				under = nil
				q.rewind()
			},
			"move": func(t *rapid.T) { // a source's items leave, and come back once nothing of it is under way
				st := streams[rapid.IntRange(0, 3).Draw(t, "source")]
				if len(aside) == 0 {
					aside = q.remove(func(it *item) bool { return it.from == st })
					held = len(aside)
				}
			},
			"fail and pour": func(*rapid.T) {
				under = nil
				q.rewind()
				for _, it := range append(q.removeAll(), aside...) {
					q.push(it, it.from.level)
				}
				aside, held = nil, 0
			},
			"": func(t *rapid.T) {
				var bytes, unsent int64
				n := 0
				count := func(it *item) {
					n++
					bytes += it.size
				}
				for i, items := range q.levels {
					if (len(items) > 0) != (q.used&(1<<i) != 0) {
						t.Fatalf("level %d has %d items, marks are %b", i, len(items), q.used)
					}
					for _, it := range items {
						count(it)
						unsent += it.size
					}
				}
				for _, it := range q.sent {
					count(it)
				}
				if q.items != n || q.bytes != bytes || q.unsent != unsent || n+held+finished != pushed {
					t.Fatalf("counts %d items, %d bytes, %d unsent; there are %d, %d, %d", q.items, q.bytes, q.unsent, n, bytes, unsent)
				}
			},
		})
		for q.items > 0 || len(aside) > 0 {
			under = append(under, q.take(now, 7, 1000)...)
			if len(under) == 0 {
				for _, it := range aside {
					q.push(it, it.from.level)
				}
				aside = nil
				continue
			}
			check(under[0])
			under = under[1:]
		}
		made := 0
		for st, s := range sources {
			made += s.next
			if to[st] != s.pos {
				t.Fatalf("acknowledged to %d of %d", to[st], s.pos)
			}
		}
		if acked != made || finished != pushed {
			t.Fatalf("%d rows of %d, %d runs of %d", acked, made, finished, pushed)
		}
	})
}

// TestQueuePriorities: higher priorities leave first, but waiting counts too.
func TestQueuePriorities(t *testing.T) {
	var q queue
	start := time.Unix(1e9, 0)
	add := func(level uint8, waited time.Duration) {
		it := newItem(newSource(level).lines(1), nil, start.Add(-waited))
		it.from = &stream{level: level}
		q.push(it, level)
	}
	add(0, 0)
	add(5, 0)
	add(9, 0)
	add(9, 0)
	add(1, 9*agingStep) // as if it were 10
	add(4, agingStep/2)
	var got []uint8
	for q.used != 0 {
		got = append(got, q.take(start, 1, 1)[0].it.from.level)
	}
	if want := []uint8{1, 9, 9, 5, 4, 0}; !slices.Equal(got, want) {
		t.Errorf("levels %v left in this order, want %v", got, want)
	}
}

func TestQueueTakesLongLines(t *testing.T) {
	var q queue
	l := &record.Lines{Data: make([]byte, record.MaxValue), Rows: []record.Line{{Len: record.MaxValue, Span: record.MaxValue}}}
	l.Position = record.Position{ID: record.SourceID{1}, To: record.MaxValue}
	it := newItem(l, nil, time.Now())
	it.from = &stream{}
	q.push(it, 0)
	if p := q.take(time.Now(), 1, 1); len(p) != 1 || !p[0].last {
		t.Errorf("pieces %+v", p)
	}
}
