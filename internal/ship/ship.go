// Package ship sends lines to a log server and tells when they are safe there.
//
// Up the way is internal/tail, whose runs of lines come in through Send; the
// wire protocol is internal/lumberjack; at the other end is
// internal/ingest/lumberjack, or another lumberjack server such as Logstash.
// There is one connection at a time, to one of several servers. Lines stay in a
// queue that is bounded in bytes until the server acknowledged them; when a
// connection breaks, everything unacknowledged is sent again, in order, over the
// next one. Per connection there are three goroutines: one writes windows, one
// reads acknowledgements, one (Run) watches both.
package ship

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"journalist/internal/record"
)

// ErrClosed is returned by Send after Run has ended.
var ErrClosed = errors.New("ship: closed")

// Shipper sends lines. Its methods may be called from several goroutines; Run
// once.
type Shipper struct {
	o Options
	m counters

	wake chan struct{} // something to send, or room for it

	telling sync.Mutex // held while owners are told; taken before mu

	mu struct {
		sync.Mutex
		queue
		room    chan struct{} // closed and replaced when bytes leave the queue
		empty   chan struct{} // closed and replaced when the queue runs empty
		closed  bool
		session *session // the connection of now
		status  Status
		// shift halves windows after time-outs, so that a slow server can finish one.
		shift int
		// noALPN are servers that refuse a handshake that names our protocol.
		noALPN map[string]bool
	}
}

// New makes a Shipper; Run starts it.
func New(o Options) (*Shipper, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Shipper{o: o, m: newCounters(o.Metrics), wake: make(chan struct{}, 1)}
	s.mu.room, s.mu.empty = make(chan struct{}), make(chan struct{})
	s.mu.noALPN = map[string]bool{}
	o.Metrics.Gauge(func() float64 { return float64(s.Status().QueueBytes) }, "scribe_ship_queue_bytes")
	o.Metrics.Gauge(func() float64 {
		if s.Status().Connected {
			return 1
		}
		return 0
	}, "scribe_ship_connected")
	return s, nil
}

// Send queues lines and blocks while the queue is full; that is the back pressure
// that internal/tail feels. acked is called once, after the server said that all
// of the lines are durable, in the order of the Sends, from a goroutine that must
// not be held up; until then the lines must not change. Send keeps the order of
// calls that follow each other; one goroutine sends the lines of one source.
func (s *Shipper) Send(ctx context.Context, l *record.Lines, acked func(*record.Lines)) error {
	if err := checkLines(l); err != nil {
		return err
	}
	it := newItem(l, acked, time.Now())
	for {
		s.mu.Lock()
		if s.mu.closed {
			s.mu.Unlock()
			return ErrClosed
		}
		if s.mu.bytes == 0 || s.mu.bytes+it.size <= s.o.QueueBytes {
			s.mu.push(it)
			s.mu.Unlock()
			s.signal()
			return nil
		}
		room := s.mu.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// signal wakes the goroutine that writes windows, or Run while it waits for lines.
func (s *Shipper) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Drain waits until everything sent so far is acknowledged, or ctx ends.
func (s *Shipper) Drain(ctx context.Context) error {
	for {
		s.mu.Lock()
		n, closed, empty := len(s.mu.items), s.mu.closed, s.mu.empty
		s.mu.Unlock()
		switch {
		case n == 0:
			return nil
		case closed:
			return ErrClosed
		}
		select {
		case <-empty:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Run connects and sends until ctx ends, then closes the connection and returns
// nil; what is not acknowledged by then stays unacknowledged.
func (s *Shipper) Run(ctx context.Context) error {
	defer s.shut()
	server := rand.IntN(len(s.o.Servers))
	failures := 0
	for ctx.Err() == nil {
		addr := s.o.Servers[server]
		acked, err := s.connect(ctx, addr)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil { // the server closed an idle connection
			failures = 0
			s.awaitLines(ctx)
			continue
		}
		s.m.failures.Inc()
		if acked {
			failures = 0
		} else {
			server = (server + 1) % len(s.o.Servers)
			failures++
		}
		delay := s.backoff(failures)
		s.failed(addr, err, delay)
		t := time.NewTimer(delay)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
	return nil
}

// backoff is the pause after so many failures in a row: every server is tried
// once quickly, then the rounds get slower. The jitter keeps a fleet from
// knocking in step.
func (s *Shipper) backoff(failures int) time.Duration {
	rounds := failures / len(s.o.Servers)
	d := min(200*time.Millisecond<<min(rounds, 20), s.o.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}

// awaitLines waits until there is something to send.
func (s *Shipper) awaitLines(ctx context.Context) {
	for {
		s.mu.Lock()
		n := len(s.mu.items)
		s.mu.Unlock()
		if n > 0 {
			return
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
	}
}

// shut wakes everybody who waits after the end of Run.
func (s *Shipper) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	s.freeLocked()
	close(s.mu.empty)
	s.mu.empty = make(chan struct{})
}

// freeLocked tells those who wait that bytes left the queue.
func (s *Shipper) freeLocked() {
	close(s.mu.room)
	s.mu.room = make(chan struct{})
	if len(s.mu.items) == 0 && !s.mu.closed {
		close(s.mu.empty)
		s.mu.empty = make(chan struct{})
	}
}

// windowLocked is how large the next window may be.
func (s *Shipper) windowLocked(blocks bool) (lines, bytes int) {
	lines = s.o.WindowLines
	if lines <= 0 {
		lines = plainWindowLines
		if blocks {
			lines = blockWindowLines
		}
	}
	return max(1, lines>>s.mu.shift), max(1, s.o.WindowBytes>>s.mu.shift)
}
