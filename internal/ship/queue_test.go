package ship

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// queueModel is a queue, and what is known of it: its methods are what TestQueue does
// at random.
type queueModel struct {
	q       queue
	now     time.Time
	streams []*stream
	sources map[*stream]*source
	under   []piece // under way, in order
	aside   []*item // of a source that moves

	to                      map[*stream]uint64 // acknowledged
	acked, finished, pushed int
}

// newQueueModel has several sources of several priorities.
func newQueueModel(t *rapid.T) *queueModel {
	m := &queueModel{now: time.Unix(1e9, 0), sources: map[*stream]*source{}, to: map[*stream]uint64{}}
	for i := range 4 {
		st := &stream{level: uint8(rapid.IntRange(0, levels-1).Draw(t, "level"))}
		m.streams = append(m.streams, st)
		m.sources[st] = newSource(byte(i))
	}
	return m
}

func (m *queueModel) any(t *rapid.T) *stream {
	return m.streams[rapid.IntRange(0, len(m.streams)-1).Draw(t, "source")]
}

func (m *queueModel) push(t *rapid.T) {
	st := m.any(t)
	if len(m.aside) > 0 && m.aside[0].from == st {
		return
	}
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "later")) * time.Second)
	it := newItem(m.sources[st].lines(rapid.IntRange(0, 30).Draw(t, "rows")), nil, m.now)
	it.from = st
	m.q.push(it, st.level)
	m.pushed++
}

func (m *queueModel) take(t *rapid.T) {
	events, size := rapid.IntRange(1, 40).Draw(t, "events"), rapid.IntRange(1, 3000).Draw(t, "size")
	pieces := m.q.take(m.now, events, size)
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
	if _, waiting := m.q.waiting(); len(pieces) == 0 && waiting {
		t.Fatal("nothing taken while something waits")
	}
	m.under = append(m.under, pieces...)
}

// ackFirst acknowledges the piece that is under way the longest.
func (m *queueModel) ackFirst(t *rapid.T) {
	p := m.under[0]
	m.under = m.under[1:]
	st := p.it.from
	from, end := lumberjack.PositionOf(p.it.lines, p.lo, p.hi)
	if from != m.to[st] {
		t.Fatalf("acknowledged from %d after %d", from, m.to[st])
	}
	m.to[st] = end
	m.acked += p.hi - p.lo
	if done := m.q.ack(p); done != nil {
		if done != p.it {
			t.Fatal("another item is done")
		}
		m.finished++
	}
}

func (m *queueModel) ack(t *rapid.T) {
	for range min(len(m.under), rapid.IntRange(1, 5).Draw(t, "n")) {
		m.ackFirst(t)
	}
}

func (m *queueModel) fail(*rapid.T) {
	m.under = nil
	m.q.rewind()
}

// move takes a source's items out; they come back once nothing of it is under way.
func (m *queueModel) move(t *rapid.T) {
	st := m.any(t)
	if len(m.aside) == 0 {
		m.aside = m.q.remove(func(it *item) bool { return it.from == st })
	}
}

func (m *queueModel) back() {
	for _, it := range m.aside {
		m.q.push(it, it.from.level)
	}
	m.aside = nil
}

// pour is a failure after which all items move.
func (m *queueModel) pour(t *rapid.T) {
	m.fail(t)
	for _, it := range m.q.removeAll() {
		m.q.push(it, it.from.level)
	}
	m.back()
}

// counts checks the sums.
func (m *queueModel) counts(t *rapid.T) {
	q := &m.q
	var bytes, unsent int64
	n := 0
	for i, items := range q.levels {
		if (len(items) > 0) != (q.used&(1<<i) != 0) {
			t.Fatalf("level %d has %d items, marks are %b", i, len(items), q.used)
		}
		for _, it := range items {
			n++
			bytes += it.size
			unsent += it.size
		}
	}
	for _, it := range q.sent {
		n++
		bytes += it.size
	}
	if q.items != n || q.bytes != bytes || q.unsent != unsent || n+len(m.aside)+m.finished != m.pushed {
		t.Fatalf("counts %d items, %d bytes, %d unsent; there are %d, %d, %d", q.items, q.bytes, q.unsent, n, bytes, unsent)
	}
}

// TestQueue sends, acknowledges, fails and moves at random: the pieces that are
// acknowledged cover every source in order, without gap or overlap.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newQueueModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"push": m.push, "take": m.take, "ack": m.ack, "fail": m.fail, "move": m.move, "fail and pour": m.pour, "": m.counts,
		})
		for m.q.items > 0 || len(m.aside) > 0 {
			m.under = append(m.under, m.q.take(m.now, 7, 1000)...)
			if len(m.under) == 0 {
				m.back()
				continue
			}
			m.ackFirst(t)
		}
		made := 0
		for st, s := range m.sources {
			made += s.next
			if m.to[st] != s.pos {
				t.Fatalf("acknowledged to %d of %d", m.to[st], s.pos)
			}
		}
		if m.acked != made || m.finished != m.pushed {
			t.Fatalf("%d rows of %d, %d runs of %d", m.acked, made, m.finished, m.pushed)
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
