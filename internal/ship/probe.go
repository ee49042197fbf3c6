package ship

import (
	"context"
	"time"
)

// This file is how ModeFailover finds its way back.

// mostHold is the longest time that a server which fails again and again is left
// alone.
const mostHold = 10 * time.Minute

// seekBetter tries, while a connection is in use, whether a server that stands
// before its own is well again, and lets the connection retire then. What is
// under way is not disturbed.
func (s *Shipper) seekBetter(ss *session) {
	for {
		sv, at := s.better(ss.server)
		if sv == nil {
			return
		}
		pause(ss.ctx, time.Until(at))
		if ss.ctx.Err() != nil {
			return
		}
		err := s.probe(ss.ctx, sv)
		if ss.ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		if err != nil {
			sv.failedWith(err, false, time.Now())
			sv.holdOff(s.o.Probe, time.Now(), false)
			s.mu.Unlock()
			continue
		}
		ss.lane.better = sv
		sv.nextTry = time.Time{}
		s.mu.Unlock()
		s.o.Logger.Info("server is well again, going back to it", "server", sv.addr, "from", ss.server.addr)
		ss.retire()
		return
	}
}

// better returns which of the servers before this one is tried next, and when.
func (s *Shipper) better(than *peer) (sv *peer, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.servers {
		if c == than {
			return sv, at
		}
		if sv == nil || c.probeAt.Before(at) {
			sv, at = c, c.probeAt
		}
	}
	return sv, at
}

// holdOff sets when the server is looked at again: later each time that it took a
// connection and then failed, because that costs the lines that were under way.
func (sv *peer) holdOff(least time.Duration, now time.Time, reached bool) {
	if reached {
		sv.hold = min(max(2*sv.hold, least), max(mostHold, least))
	}
	sv.probeAt = now.Add(max(sv.hold, least))
}

// probe connects to a server and asks for a sign of life, without lines.
func (s *Shipper) probe(ctx context.Context, sv *peer) error {
	nc, speaks, err := s.dialServer(ctx, sv)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.NetConn().Close() })
	defer func() {
		stop()
		_ = nc.NetConn().Close()
	}()
	if _, _, err := speaks.greet(nc, s.o.Timeout); err != nil {
		return explain(err, s.o.TLS)
	}
	return nil
}
