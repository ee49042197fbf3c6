package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"journalist/internal/record"
	"journalist/internal/ship"
)

// How long replacing a shipper, and the end, may wait for acks: from a server that
// answers, and from one that does not.
const (
	drainConnected = 10 * time.Second
	drainOtherwise = time.Second
)

// delivery is the way from all sources to the shipper of now. A reload may put
// another shipper in its place: what the one before was not told to be safe then
// goes to the next, in the same order and before anything else.
type delivery struct {
	log  *slog.Logger
	over chan struct{} // closed when there will be no other shipper

	mu      sync.Mutex
	leg     *leg
	last    uint64
	unacked map[*record.Lines]*delivered
}

// leg is one shipper's time.
type leg struct {
	shipper *ship.Shipper
	stop    context.CancelFunc // ends the shipper's Run
	ended   chan struct{}      // closed when that has ended
	ready   chan struct{}      // closed when it has what the one before had left
	next    chan struct{}      // closed when another one takes over
	sending sync.WaitGroup     // those in Send
}

// delivered is a run that is not yet acknowledged.
type delivered struct {
	number uint64 // in the order of Send
	lines  *record.Lines
	acked  func(*record.Lines)
	taken  bool // a shipper has it, or had it
}

func newDelivery(s *ship.Shipper, log *slog.Logger) *delivery {
	d := &delivery{log: log, unacked: map[*record.Lines]*delivered{}, over: make(chan struct{})}
	d.leg = newLeg(s)
	close(d.leg.ready)
	return d
}

// newLeg runs s from now on.
func newLeg(s *ship.Shipper) *leg {
	ctx, cancel := context.WithCancel(context.Background())
	l := &leg{shipper: s, stop: cancel, ended: make(chan struct{}), ready: make(chan struct{}), next: make(chan struct{})}
	go func() {
		defer close(l.ended)
		_ = s.Run(ctx) // nil, always
	}()
	return l
}

// Send has the contract of ship.Shipper's.
func (d *delivery) Send(ctx context.Context, l *record.Lines, acked func(*record.Lines)) error {
	it := &delivered{lines: l, acked: acked}
	d.mu.Lock()
	d.last++
	it.number = d.last
	d.unacked[l] = it
	d.mu.Unlock()
	for {
		d.mu.Lock()
		now := d.leg
		now.sending.Add(1)
		d.mu.Unlock()
		err := d.hand(ctx, now, it)
		now.sending.Done()
		if errors.Is(err, ship.ErrClosed) {
			select {
			case <-now.next:
				continue
			case <-d.over:
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		}
		if err != nil {
			d.mu.Lock()
			delete(d.unacked, l)
			d.mu.Unlock()
		}
		return err
	}
}

// hand gives a run to a shipper once that has the earlier ones.
func (d *delivery) hand(ctx context.Context, to *leg, it *delivered) error {
	select {
	case <-to.ready:
	case <-to.next:
		return ship.ErrClosed
	case <-d.over:
		return ship.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := to.shipper.Send(ctx, it.lines, d.ack); err != nil {
		return err
	}
	d.mu.Lock()
	it.taken = true
	d.mu.Unlock()
	return nil
}

// ack passes an ack on to who sent the run.
func (d *delivery) ack(l *record.Lines) {
	d.mu.Lock()
	it := d.unacked[l]
	delete(d.unacked, l)
	d.mu.Unlock()
	if it != nil {
		it.acked(l)
	}
}

// Status is that of the shipper of now.
func (d *delivery) Status() ship.Status { return d.current().shipper.Status() }

func (d *delivery) current() *leg {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leg
}

// replace puts next in the shipper's place. It waits a bounded time for the acks of
// what is under way, so that other servers than journalist, which do not know lines
// again, do not get them twice; what is left goes to next, at its pace. One
// goroutine at a time may replace and close.
func (d *delivery) replace(next *ship.Shipper) {
	d.drain()
	to := newLeg(next)
	to.sending.Add(1)
	d.mu.Lock()
	from := d.leg
	d.leg = to
	d.mu.Unlock()
	close(from.next)
	from.stop()
	<-from.ended
	from.sending.Wait() // nobody hands it anything any more
	left := d.left()
	if len(left) > 0 {
		d.log.Info("lines that wait for an acknowledgement go to the new servers", "runs", len(left))
	}
	go func() {
		defer to.sending.Done()
		for _, it := range left {
			if err := next.Send(context.Background(), it.lines, d.ack); err != nil {
				return // replaced in its turn: the one after that gets them
			}
		}
		close(to.ready)
	}()
}

// left are the runs that a shipper had and that are not acknowledged, in order.
func (d *delivery) left() []*delivered {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*delivered
	for _, it := range d.unacked {
		if it.taken {
			out = append(out, it)
		}
	}
	slices.SortFunc(out, func(a, b *delivered) int { return cmp.Compare(a.number, b.number) })
	return out
}

// drain waits a bounded time for the acks of what is under way.
func (d *delivery) drain() {
	s := d.current().shipper
	patience := drainOtherwise
	if s.Status().Connected {
		patience = drainConnected
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = s.Drain(ctx) // what is not acknowledged is seen afterwards
}

// close waits as drain does and ends. Send returns ship.ErrClosed from then on.
func (d *delivery) close() {
	d.drain()
	close(d.over)
	last := d.current()
	last.stop()
	<-last.ended
	last.sending.Wait()
}
