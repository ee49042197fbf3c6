package ship

import (
	"fmt"
	"time"

	"journalist/internal/lumberjack"
)

// This file is what a session does with the server's answers.

// readAcks reads acknowledgements until the connection ends.
func (ss *session) readAcks() error {
	r := ss.speaks.ackReader(ss.nc)
	for {
		seq, err := r.Next()
		if err != nil {
			return err
		}
		if err := ss.settle(func() ([]*item, error) { return ss.ackLocked(seq) }); err != nil {
			return err
		}
		ss.lane.signal() // room for another window
	}
}

// settle calls f under the Shipper's lock and then tells the owners of the items
// that it returns. The second lock keeps two callers from telling them in another
// order.
func (ss *session) settle(f func() ([]*item, error)) error {
	s := ss.s
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	done, err := f()
	for _, it := range done {
		s.doneLocked(it)
	}
	if len(done) > 0 {
		s.freeLocked()
	}
	if ss.retiring && len(ss.flights) == 0 {
		ss.cancel(errRetired)
	}
	s.mu.Unlock()
	for _, it := range done {
		if it.acked != nil {
			it.acked(it.lines)
		}
	}
	return err
}

// ackLocked takes the server's acknowledgement of everything up to seq in the
// oldest window under way. It returns the items that are done with it.
func (ss *session) ackLocked(seq uint32) ([]*item, error) {
	now := time.Now()
	ss.alive = now
	if seq == 0 {
		return nil, nil
	}
	if len(ss.flights) == 0 {
		return nil, &lumberjack.ProtocolError{Kind: lumberjack.KindAck, Detail: fmt.Sprintf("acknowledgement %d while no window is under way", seq)}
	}
	f := ss.flights[0]
	if seq > f.events || !f.encoded {
		return nil, &lumberjack.ProtocolError{Kind: lumberjack.KindAck, Detail: fmt.Sprintf("acknowledgement %d in a window of %d events", seq, f.events)}
	}
	if seq <= f.seq {
		return nil, nil // Logstash repeats itself as a sign of life
	}
	f.seq = seq
	ss.acked, ss.progress = true, now
	s := ss.s
	s.mu.status.LastAck = now
	if seq == f.events {
		sv := ss.server
		if sv.failures > 0 {
			sv.failures = 0
			select {
			case s.again <- struct{}{}:
			default:
			}
		}
		var took time.Duration
		if !f.written.IsZero() { // the answer may overtake the note that all is written
			took = now.Sub(f.written)
		}
		sv.ackedWindow(now, took, s.o.Timeout, f.full && ss.limit == ss.mostInFlight(), ss.roomToGrowLocked())
		ss.limit = min(ss.limit+1, ss.mostInFlight())
	}
	return ss.landLocked(nil), nil
}

// landLocked takes the acknowledged pieces off the windows under way, and the
// windows that are done. It appends the items that are done to done.
func (ss *session) landLocked(done []*item) []*item {
	s := ss.s
	for len(ss.flights) > 0 {
		f := ss.flights[0]
		for len(f.pieces) > 0 {
			p := f.pieces[0]
			n := ss.events(p)
			if !f.encoded || f.passed+n > f.seq {
				return done
			}
			f.passed += n
			f.pieces = f.pieces[1:]
			s.mu.status.LinesAcked += int64(p.hi - p.lo)
			s.m.linesAcked.Add(p.hi - p.lo)
			ss.server.lines += int64(p.hi - p.lo)
			if it := ss.lane.ack(p); it != nil {
				ss.server.bytes += int64(len(it.lines.Data))
				s.mu.status.BytesAcked += int64(len(it.lines.Data))
				s.m.bytesAcked.Add(len(it.lines.Data))
				done = append(done, it)
			}
		}
		ss.flights = ss.flights[1:]
	}
	return done
}

// overdue tells whether the server has been silent or idle for too long.
func (ss *session) overdue(now time.Time) error {
	ss.s.mu.Lock()
	defer ss.s.mu.Unlock()
	if len(ss.flights) == 0 {
		return nil
	}
	if d := now.Sub(ss.alive); d > ss.s.o.Timeout {
		return fmt.Errorf("no answer from the server for %s while %d windows wait for it", d.Round(time.Millisecond), len(ss.flights))
	}
	// A window that is still being written cannot be acknowledged.
	since := ss.flights[0].written
	if since.IsZero() {
		return nil
	}
	if since.Before(ss.progress) {
		since = ss.progress
	}
	if d := now.Sub(since); d > ss.s.o.Progress {
		return fmt.Errorf("the server is alive but acknowledged nothing for %s while %d windows wait for it", d.Round(time.Millisecond), len(ss.flights))
	}
	return nil
}

// overran halves the windows to come of a server that was overdue.
func (ss *session) overran() {
	ss.s.mu.Lock()
	defer ss.s.mu.Unlock()
	ss.server.shrink()
	ss.late = true
}
