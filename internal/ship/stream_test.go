package ship

import (
	"crypto/tls"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// balancing is a Shipper in ModeBalance without network: connections are sessions
// whose windows are launched, acknowledged and lost by hand.
type balancing struct {
	*Shipper
	t     *rapid.T
	now   time.Time
	acked map[record.SourceID]uint64
	rows  int
	// last is where the last block of a source ended, by connection.
	last map[*session]map[record.SourceID]uint64
}

func (b *balancing) connect(ln *lane) {
	b.Shipper.mu.Lock()
	defer b.Shipper.mu.Unlock()
	if ln.session != nil {
		return
	}
	ln.session = &session{s: b.Shipper, lane: ln, server: ln.server, limit: 3, cancel: func(error) {}}
	b.last[ln.session] = map[record.SourceID]uint64{}
	ln.server.connected, ln.server.since = true, b.now
	b.gatherLocked(ln)
}

// launch puts a window under way and checks what a server would: blocks that follow
// each other, and a source at one server at a time.
func (b *balancing) launch(ln *lane) {
	b.Shipper.mu.Lock()
	defer b.Shipper.mu.Unlock()
	ss := ln.session
	if ss == nil || len(ss.flights) >= ss.limit || ln.unsent == 0 {
		return
	}
	f := ss.launchLocked()
	f.encoded = true
	for _, p := range f.pieces {
		st := p.it.from
		from, to := lumberjack.PositionOf(p.it.lines, p.lo, p.hi)
		if at, known := b.last[ss][st.id]; !p.resume && (!known || at != from) {
			b.t.Fatalf("block of %s begins at %d after %d without resume", st.id, from, at)
		}
		b.last[ss][st.id] = to
		for _, other := range b.Shipper.mu.lanes {
			if other == ln || other.session == nil {
				continue
			}
			for _, g := range other.session.flights {
				for _, q := range g.pieces {
					if q.it.from == st {
						b.t.Fatalf("%s is under way at two servers", st.id)
					}
				}
			}
		}
	}
}

func (b *balancing) ack(ln *lane) {
	b.Shipper.mu.Lock()
	defer b.Shipper.mu.Unlock()
	ss := ln.session
	if ss == nil || len(ss.flights) == 0 {
		return
	}
	seq := ss.flights[0].events
	if seq > 1 && rapid.Bool().Draw(b.t, "partial") {
		seq = uint32(rapid.IntRange(int(ss.flights[0].seq), int(seq)).Draw(b.t, "seq"))
	}
	done, err := ss.ackLocked(seq)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, it := range done {
		b.doneLocked(it)
		p := it.lines.Position
		if b.acked[p.ID] != p.From {
			b.t.Fatalf("%s %d..%d acknowledged after %d", p.ID, p.From, p.To, b.acked[p.ID])
		}
		b.acked[p.ID] = p.To
		b.rows += len(it.lines.Rows)
	}
}

// fail breaks the connection, or the attempt to make one.
func (b *balancing) fail(ln *lane) {
	b.Shipper.mu.Lock()
	reached, acked := ln.session != nil, false
	if reached {
		acked = ln.session.acked
		ln.session = nil
		ln.rewind()
		ln.server.connected, ln.server.left = false, b.now
	}
	b.Shipper.mu.Unlock()
	b.failed(ln, ln.server, reached, acked, errors.New("broken"))
}

// counts checks the sums.
func (b *balancing) counts() {
	b.Shipper.mu.Lock()
	defer b.Shipper.mu.Unlock()
	items, bytes, rows, streams := 0, int64(0), int64(0), 0
	perStream := map[*stream]int{}
	count := func(it *item) {
		perStream[it.from]++
		rows += int64(len(it.lines.Rows))
	}
	for _, ln := range b.Shipper.mu.lanes {
		items += ln.items
		bytes += ln.bytes
		streams += ln.streams
		for _, level := range ln.levels {
			for _, it := range level {
				count(it)
			}
		}
		for _, it := range ln.sent {
			count(it)
		}
	}
	for _, st := range b.Shipper.mu.streams {
		if st.items != perStream[st] || st.to == nil && len(st.parked) > 0 || st.to != nil && st.items == 0 {
			b.t.Fatalf("%s has %d items, counts %d, %d wait for its move to %v", st.id, perStream[st], st.items, len(st.parked), st.to != nil)
		}
		for _, it := range st.parked {
			items++
			bytes += it.size
			rows += int64(len(it.lines.Rows))
		}
	}
	if items != b.Shipper.mu.items || bytes != b.Shipper.mu.bytes || rows != b.Shipper.mu.rows || streams != len(b.Shipper.mu.streams) {
		b.t.Fatalf("counts %d items, %d bytes, %d rows, %d streams on lanes; there are %d, %d, %d, %d",
			b.Shipper.mu.items, b.Shipper.mu.bytes, b.Shipper.mu.rows, streams, items, bytes, rows, len(b.Shipper.mu.streams))
	}
}

// TestStreams moves sources between servers that come and go at random.
func TestStreams(t *testing.T) {
	for range 10 { // one Check has too few rounds for what is rare
		rapid.Check(t, testStreams)
	}
}

func testStreams(t *rapid.T) {
	s, err := New(Options{Servers: []string{"a", "b", "c"}, TLS: &tls.Config{}, Mode: ModeBalance, Probe: time.Nanosecond, WindowLines: 20, MaxBackoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	b := &balancing{Shipper: s, t: t, now: time.Now(), acked: map[record.SourceID]uint64{}, last: map[*session]map[record.SourceID]uint64{}}
	var sources []*source
	for i := range 5 {
		sources = append(sources, newSource(byte(i)))
	}
	lanes := s.mu.lanes
	any := func() *lane { return lanes[rapid.IntRange(0, len(lanes)-1).Draw(t, "lane")] }
	sent := 0
	t.Repeat(map[string]func(*rapid.T){
		"send": func(t *rapid.T) {
			l := sources[rapid.IntRange(0, 4).Draw(t, "source")].lines(rapid.IntRange(0, 30).Draw(t, "rows"))
			l.Priority = uint8(rapid.IntRange(0, 2).Draw(t, "priority")) // not always the same, which is the caller's fault
			it := newItem(l, nil, b.now)
			s.mu.Lock()
			s.pushLocked(s.streamLocked(l, it.size, b.now), it)
			s.mu.Unlock()
			sent += len(l.Rows)
		},
		"connect": func(*rapid.T) { b.connect(any()) },
		"launch":  func(*rapid.T) { b.launch(any()) },
		"ack":     func(*rapid.T) { b.ack(any()) },
		"fail":    func(*rapid.T) { b.fail(any()) },
		"round": func(*rapid.T) {
			ln := any()
			b.connect(ln)
			b.launch(ln)
			b.launch(ln)
			b.ack(ln)
		},
		"later": func(*rapid.T) {
			b.now = b.now.Add(idleStream / 3)
		},
		"rebalance": func(*rapid.T) {
			s.mu.Lock()
			s.rebalanceLocked(b.now)
			s.mu.Unlock()
		},
		"try out": func(*rapid.T) {
			s.mu.Lock()
			s.tryOutLocked(b.now)
			s.mu.Unlock()
		},
		"": func(*rapid.T) { b.counts() },
	})
	for _, ln := range lanes {
		b.connect(ln)
	}
	for i := 0; s.mu.items > 0; i++ {
		if i > 100_000 {
			t.Fatalf("%d items never leave", s.mu.items)
		}
		for _, ln := range lanes {
			b.launch(ln)
			b.ack(ln)
		}
	}
	for _, src := range sources {
		if b.acked[src.id] != src.pos {
			t.Fatalf("%s acknowledged to %d of %d", src.id, b.acked[src.id], src.pos)
		}
	}
	if b.rows != sent || s.mu.bytes != 0 || s.mu.rows != 0 || s.mu.byLevel != [levels]int64{} {
		t.Fatalf("%d rows of %d, %d bytes left, %v", b.rows, sent, s.mu.bytes, s.mu.byLevel)
	}
}

// TestRebalance: one busy server's sources go to the idle ones, and a settled load
// is left alone.
func TestRebalance(t *testing.T) {
	s, err := New(Options{Servers: []string{"a", "b"}, TLS: &tls.Config{}, Mode: ModeBalance})
	if err != nil {
		t.Fatal(err)
	}
	a, b := s.mu.lanes[0], s.mu.lanes[1]
	b.server.failures = 1
	for i := range 4 {
		st := s.streamLocked(newSource(byte(i)).lines(1), 1, time.Now())
		st.load = int64(1000 * (i + 1))
	}
	if a.streams != 4 {
		t.Fatalf("%d sources at the only server that works", a.streams)
	}
	b.server.failures = 0
	for range 3 {
		s.rebalanceLocked(time.Now())
		if got := fmt.Sprint(a.streams, b.streams); got != "2 2" {
			t.Fatalf("sources %s", got)
		}
	}
	a.server.health = 0.05 // sick: the other one gets nearly all
	s.rebalanceLocked(time.Now())
	if a.streams > 1 {
		t.Errorf("%d sources at the sick server", a.streams)
	}
}
