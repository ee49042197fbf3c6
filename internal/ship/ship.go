// Package ship sends lines to a log server and tells when they are safe there.
//
// Up the way is internal/tail, whose runs of lines come in through Send; the
// wire protocol is internal/lumberjack; at the other end is
// internal/ingest/lumberjack, or another lumberjack server such as Logstash.
// Lines stay in a queue that is bounded in bytes until a server acknowledged them;
// when a connection breaks, everything unacknowledged is sent again, in order, over
// the next one. There is one connection at a time, to one of the servers, or, where
// the load is balanced, one to each of them; the runs of one source go to one server
// at a time, in order, and to another only when nothing of them is under way. Per
// connection there are three goroutines (and a fourth while a better server is
// looked for): one writes windows, one reads acknowledgements, one watches both.
package ship

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"journalist/internal/record"
)

// ErrClosed is returned by Send after Run has ended.
var ErrClosed = errors.New("ship: closed")

// Shipper sends lines. Its methods may be called from several goroutines; Run
// once.
type Shipper struct {
	o Options
	m counters

	servers []*peer       // in the configured order; what they hold is guarded by mu
	limiter *rate.Limiter // of what goes over the wire; nil without a limit

	again chan struct{} // a server works again: sources are spread anew

	telling sync.Mutex // held while owners are told; taken before mu

	mu struct {
		sync.Mutex
		lanes   []*lane
		streams map[record.SourceID]*stream
		swept   time.Time

		items   int // of all lanes, and what is between two
		bytes   int64
		rows    int64
		byLevel [levels]int64
		top     uint8 // the highest priority there was

		room   chan struct{} // closed and replaced when bytes leave the queue
		empty  chan struct{} // closed and replaced when the queue runs empty
		closed bool
		status Status
	}
}

// New makes a Shipper; Run starts it.
func New(o Options) (*Shipper, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Shipper{o: o, m: newCounters(o.Metrics), again: make(chan struct{}, 1)}
	s.mu.room, s.mu.empty = make(chan struct{}), make(chan struct{})
	s.mu.streams = map[record.SourceID]*stream{}
	for _, addr := range o.Servers {
		sv := &peer{addr: addr, health: 1}
		s.servers = append(s.servers, sv)
		s.gauges(sv)
		if o.Mode == ModeBalance || len(s.mu.lanes) == 0 {
			s.mu.lanes = append(s.mu.lanes, newLane(sv))
		}
	}
	if o.Bandwidth > 0 {
		s.limiter = rate.NewLimiter(rate.Limit(o.Bandwidth), int(min(max(o.Bandwidth/8, 1<<10), 64<<10)))
	}
	o.Metrics.Gauge(func() float64 { return float64(s.Status().QueueBytes) }, "scribe_ship_queue_bytes")
	o.Metrics.Gauge(func() float64 { return oneIf(s.Status().Connected) }, "scribe_ship_connected")
	return s, nil
}

// gauges registers how a server is.
func (s *Shipper) gauges(sv *peer) {
	gauge := func(name string, f func() float64) {
		s.o.Metrics.Gauge(func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return f()
		}, name, "server", sv.addr)
	}
	gauge("scribe_ship_server_connected", func() float64 { return oneIf(sv.connected) })
	gauge("scribe_ship_server_latency_seconds", func() float64 { return sv.latency.Seconds() })
	gauge("scribe_ship_server_score", func() float64 { return sv.weight(s.fastestLocked()) })
	gauge("scribe_ship_server_failures", func() float64 { return float64(sv.faults) })
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Send queues lines and blocks while the queue is full; that is the back pressure
// that internal/tail feels. acked is called once, after the server said that all
// of the lines are durable, in the order of the Sends of a source, from a goroutine
// that must not be held up; until then the lines must not change. Send keeps the order of
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
		if st := s.streamLocked(l, it.size, it.queued); s.admitsLocked(st, it) {
			s.pushLocked(st, it)
			s.mu.Unlock()
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

// Drain waits until everything sent so far is acknowledged, or ctx ends.
func (s *Shipper) Drain(ctx context.Context) error {
	for {
		s.mu.Lock()
		n, closed, empty := s.mu.items, s.mu.closed, s.mu.empty
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

// Run connects and sends until ctx ends, then closes the connections and returns
// nil; what is not acknowledged by then stays unacknowledged.
func (s *Shipper) Run(ctx context.Context) error {
	defer s.shut()
	if s.o.Mode != ModeBalance {
		s.hop(ctx, s.mu.lanes[0])
		return nil
	}
	var all sync.WaitGroup
	for _, ln := range s.mu.lanes {
		all.Go(func() { s.balance(ctx, ln) })
	}
	rebalance, try := time.NewTicker(s.o.Rebalance), time.NewTicker(max(s.o.Probe/4, time.Millisecond))
	defer rebalance.Stop()
	defer try.Stop()
	for ctx.Err() == nil {
		f := s.rebalanceLocked
		var now time.Time
		select {
		case now = <-try.C:
			f = s.tryOutLocked
		case <-s.again:
			now = time.Now()
		case now = <-rebalance.C:
		case <-ctx.Done():
			continue
		}
		s.mu.Lock()
		f(now)
		s.mu.Unlock()
	}
	all.Wait()
	return nil
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
	if s.mu.items == 0 && !s.mu.closed {
		close(s.mu.empty)
		s.mu.empty = make(chan struct{})
	}
}
