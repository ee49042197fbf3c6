package ship

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// lane is the way of some sources to one server at a time: all of them to the one
// that is in use, or, where the load is balanced, one lane for each server. What
// is not a channel is guarded by the Shipper's lock.
type lane struct {
	queue
	wake    chan struct{} // something to send, or room for it
	server  *peer         // in use, or the one tried next
	session *session      // the connection of now
	streams int           // sources that take this way
	better  *peer         // found well again: the one to try next
	again   [][]piece     // windows to send with the same bytes as before
}

func newLane(sv *peer) *lane { return &lane{server: sv, wake: make(chan struct{}, 1)} }

// signal wakes the goroutine that writes windows, or the one that waits for lines.
func (ln *lane) signal() {
	select {
	case ln.wake <- struct{}{}:
	default:
	}
}

// usable tells that lines which take this way will probably leave soon.
func (ln *lane) usable() bool { return ln.server.connected || ln.server.failures == 0 }

// awaitLines waits until the lane has something to send.
func (s *Shipper) awaitLines(ctx context.Context, ln *lane) {
	for {
		s.mu.Lock()
		n := ln.items
		s.mu.Unlock()
		if n > 0 {
			return
		}
		select {
		case <-ln.wake:
		case <-ctx.Done():
			return
		}
	}
}

// hop works the only lane: it goes from server to server.
func (s *Shipper) hop(ctx context.Context, ln *lane) {
	first := 0
	if s.o.Mode == ModeRandom {
		first = rand.IntN(len(s.servers))
	}
	for ctx.Err() == nil {
		at := s.choose(ctx, ln, first)
		if ctx.Err() != nil {
			return
		}
		sv := s.servers[at]
		if s.o.Mode == ModeRandom {
			first = at // stays with it as long as it works
		}
		if s.attempt(ctx, ln, sv) {
			s.awaitLines(ctx, ln)
		}
	}
}

// choose returns which server to try next, and waits until it may be: the one that
// was found well again, else in the order from first the one that did not fail, else
// the one that may be tried first.
func (s *Shipper) choose(ctx context.Context, ln *lane, first int) int {
	s.mu.Lock()
	best := -1
	for i := range s.servers {
		at := (first + i) % len(s.servers)
		sv := s.servers[at]
		if sv == ln.better || ln.better == nil && sv.failures == 0 {
			best = at
			break
		}
		if best < 0 || sv.nextTry.Before(s.servers[best].nextTry) {
			best = at
		}
	}
	ln.better = nil
	wait := time.Until(s.servers[best].nextTry)
	s.mu.Unlock()
	pause(ctx, wait)
	return best
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// balance works a lane whose server is always the same. A server that failed is
// tried again also when there is nothing to send, so that it can take sources
// again.
func (s *Shipper) balance(ctx context.Context, ln *lane) {
	for ctx.Err() == nil {
		s.mu.Lock()
		wait := time.Until(ln.server.nextTry)
		failed := ln.server.failures > 0
		s.mu.Unlock()
		if !failed {
			s.awaitLines(ctx, ln)
		}
		pause(ctx, wait)
		if ctx.Err() == nil && s.attempt(ctx, ln, ln.server) {
			s.awaitLines(ctx, ln)
		}
	}
}

// attempt connects to a server and works the connection until it ends; idle tells
// that it ended without a fault.
func (s *Shipper) attempt(ctx context.Context, ln *lane, sv *peer) (idle bool) {
	began := time.Now()
	acked, err := s.connect(ctx, ln, sv)
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, errRetired):
		return false
	case err == nil: // the server closed an idle connection
		s.mu.Lock()
		sv.failures, sv.nextTry = 0, time.Time{}
		s.mu.Unlock()
		return true
	}
	s.m.failures.Inc()
	s.failed(ln, sv, sv.left.After(began), acked, err)
	return false
}

// failed notes that a connection failed or was none, and sets when the server is
// tried again; reached tells that there was a connection.
func (s *Shipper) failed(ln *lane, sv *peer, reached, acked bool, err error) {
	now := time.Now()
	s.mu.Lock()
	again := s.mu.status.LastError == err.Error()
	sv.failedWith(err, acked, now)
	if sv.health < 0.25 && len(s.servers) > 1 {
		sv.failures = max(sv.failures, 1) // it works, but never for long: let others try
	}
	if reached && sv.failures > 4 {
		sv.shrink() // perhaps it cannot take windows of this size
		ln.again = nil
	}
	delay := s.backoff(sv.failures)
	sv.nextTry = now.Add(delay)
	if acked && sv.left.Sub(sv.since) > 2*sv.hold {
		sv.hold = 0 // it worked for long
	}
	sv.holdOff(s.o.Probe, now, reached)
	if s.o.Mode == ModeBalance {
		s.pourLocked(ln)
	}
	st := &s.mu.status
	st.Failures++
	st.LastError, st.LastErrorAt, st.NextTry = err.Error(), now, sv.nextTry
	queued := s.mu.rows
	s.mu.Unlock()
	log := s.o.Logger.Warn
	if again { // said once loudly; the pauses between are long by now
		log = s.o.Logger.Info
	}
	log("server not usable, lines wait", "server", sv.addr, "error", err, "retry_in", delay.Round(time.Millisecond), "lines_waiting", queued)
}
