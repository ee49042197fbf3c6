package ship

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"journalist/internal/lumberjack"
)

// session is one connection. Its fields below the line are guarded by the
// Shipper's lock.
type session struct {
	s      *Shipper
	lane   *lane
	server *peer
	nc     *tls.Conn
	speaks dialect
	enc    *lumberjack.Encoder
	ctx    context.Context
	cancel context.CancelCauseFunc

	// ---
	flights  []*flight
	limit    int       // windows that may be under way just now
	alive    time.Time // last byte in either direction while windows are under way
	progress time.Time // last acknowledgement while windows are under way
	acked    bool      // anything at all
	retiring bool      // ends as soon as nothing is under way
	late     bool      // the server was overdue
}

// flight is a window under way.
type flight struct {
	pieces  []piece
	events  uint32 // also the sequence number that acknowledges it
	seq     uint32 // acknowledged so far
	passed  uint32 // events of the pieces that were popped
	full    bool   // as large as a window may be, and more waits
	written time.Time
	// encoded: the lines are no longer read. A server cannot acknowledge a window
	// before that, and whoever owns the lines may change them after.
	encoded bool
}

// alertNoProtocol is what a server says that refuses protocols it does not know
// instead of ignoring them.
const alertNoProtocol = "no application protocol"

// errRetired ends a connection that gave way to a better server's.
var errRetired = errors.New("ship: a better server is well again")

// connect opens a connection and works it until it ends. acked tells whether the
// server acknowledged anything; the error is nil after an idle connection was
// closed.
func (s *Shipper) connect(ctx context.Context, ln *lane, sv *peer) (acked bool, err error) {
	s.mu.Lock()
	ln.server = sv
	s.mu.status.Server, s.mu.status.Protocol = sv.addr, ""
	s.mu.Unlock()
	nc, speaks, err := s.dialServer(ctx, sv)
	if err != nil {
		return false, err
	}
	ss := &session{s: s, lane: ln, server: sv, nc: nc, limit: 1, speaks: speaks, enc: speaks.encoder()}
	ss.ctx, ss.cancel = context.WithCancelCause(ctx)
	s.m.connects.Inc()
	s.o.Logger.Info("connected", "server", sv.addr, "protocol", speaks)
	now := time.Now()
	s.mu.Lock()
	ln.session = ss
	sv.connected, sv.since, sv.protocol, sv.nextTry = true, now, speaks.String(), time.Time{}
	s.mu.status.Server, s.mu.status.Since, s.mu.status.Protocol, s.mu.status.NextTry = sv.addr, now, sv.protocol, time.Time{}
	s.gatherLocked(ln)
	s.mu.Unlock()
	err = ss.run()
	s.mu.Lock()
	for _, f := range ss.flights {
		s.m.resent.Add(int(f.events - f.passed))
	}
	ln.session = nil
	ss.repeatLocked()
	ln.rewind()
	sv.connected, sv.left = false, time.Now()
	acked = ss.acked
	s.mu.Unlock()
	return acked, err
}

// gatherLocked takes over what waits at lanes whose servers failed, once ln's
// server is there.
func (s *Shipper) gatherLocked(ln *lane) {
	for _, other := range s.mu.lanes {
		if other != ln && !other.usable() && other.session == nil {
			s.pourLocked(other)
		}
	}
}

// dialServer connects in the way that the server is known to take.
func (s *Shipper) dialServer(ctx context.Context, sv *peer) (*tls.Conn, dialect, error) {
	s.mu.Lock()
	offer := s.o.Protocol == ProtocolAuto && !sv.noALPN
	s.mu.Unlock()
	nc, err := dial(ctx, s.o.Dial, sv.addr, s.o.TLS, s.o.Timeout, offer)
	if err != nil && offer && strings.Contains(err.Error(), alertNoProtocol) {
		s.mu.Lock()
		sv.noALPN = true
		s.mu.Unlock()
		nc, err = dial(ctx, s.o.Dial, sv.addr, s.o.TLS, s.o.Timeout, false)
	}
	if err != nil {
		return nil, 0, err
	}
	return nc, dialectOf(s.o.Protocol, nc), nil
}

// dial connects and does the handshake within timeout.
func dial(ctx context.Context, open dialFunc, addr string, cfg *tls.Config, timeout time.Duration, offer bool) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	nc, err := open(ctx, "tcp", addr)
	if err != nil {
		return nil, explain(err, cfg)
	}
	t := tls.Client(nc, clientConfig(cfg, addr, offer))
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // the handshake's error is the one to tell
		return nil, explain(err, cfg)
	}
	return t, nil
}

// run works the connection until it fails, ctx ends, or it is closed while idle.
func (ss *session) run() error {
	written, read := make(chan error, 1), make(chan error, 1)
	var both sync.WaitGroup
	if ss.s.o.Mode == ModeFailover {
		both.Go(func() { ss.s.seekBetter(ss) })
	}
	both.Go(func() { written <- ss.write() })
	both.Go(func() { read <- ss.readAcks() })
	stop := context.AfterFunc(ss.ctx, func() { _ = ss.nc.NetConn().Close() }) // unblocks both
	watch := time.NewTicker(max(min(ss.s.o.Timeout, ss.s.o.Progress)/8, time.Millisecond))
	defer watch.Stop()
	var err error
	for ss.ctx.Err() == nil {
		select {
		case err = <-read:
		case err = <-written:
			// The answer says why the server hung up, if it said anything.
			t := time.NewTimer(500 * time.Millisecond)
			select {
			case rerr := <-read:
				if rerr != nil && !errors.Is(rerr, io.EOF) {
					err = rerr
				}
			case <-t.C:
			}
			t.Stop()
		case <-watch.C:
			if err = ss.overdue(time.Now()); err == nil {
				continue
			}
			ss.s.m.timeouts.Inc()
			ss.overran()
		}
		break
	}
	stop()
	ss.cancel(context.Canceled) // unless it ended for another cause
	_ = ss.nc.NetConn().Close() // not Close: that waits for a peer that may be gone
	both.Wait()
	if errors.Is(context.Cause(ss.ctx), errRetired) { // an error is only that of closing
		return errRetired
	}
	return ss.outcome(err)
}

// outcome turns the end of a connection into the error to report.
func (ss *session) outcome(err error) error {
	ss.s.mu.Lock()
	under := len(ss.flights)
	ss.s.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && under == 0:
		ss.s.o.Logger.Debug("server closed the idle connection", "server", ss.server.addr)
		return nil
	case errors.Is(err, io.EOF):
		return &hinted{
			fmt.Errorf("the server closed the connection before it acknowledged %d windows", under),
			"the server's log says why; if its disk is full, lines wait here until it has room",
		}
	}
	return explain(err, ss.s.o.TLS)
}

// write sends windows until the session ends.
func (ss *session) write() error {
	for {
		f, pieces := ss.next()
		if f == nil {
			return nil
		}
		ss.enc.Begin()
		for _, p := range pieces {
			ss.enc.Add(p.it.lines, p.lo, p.hi, p.resume)
		}
		wire, err := ss.enc.Finish()
		if err != nil {
			return err
		}
		// A window without events has only positions, which plain versions do not
		// carry: nothing is sent, and it is done once those before it are.
		err = ss.settle(func() ([]*item, error) {
			f.encoded = true
			return ss.landLocked(nil), nil
		})
		if err != nil {
			return err
		}
		if f.events == 0 {
			continue
		}
		if err := ss.send(wire, f); err != nil {
			return err
		}
		ss.s.m.windows.Inc()
		ss.s.m.linesSent.Add(int(f.events))
	}
}

// send writes a window's bytes, as fast as the limit allows.
func (ss *session) send(wire []byte, f *flight) error {
	limit := ss.s.limiter
	chunk := 64 << 10
	if limit != nil {
		chunk = limit.Burst()
	}
	for len(wire) > 0 {
		part := wire[:min(len(wire), chunk)]
		if limit != nil && limit.WaitN(ss.ctx, len(part)) != nil {
			return context.Cause(ss.ctx)
		}
		n, err := ss.nc.Write(part)
		if err != nil {
			return err
		}
		wire = wire[n:]
		ss.s.wrote(ss, n, f, len(wire) == 0)
	}
	return nil
}

// wrote notes that n bytes of a window went out, and whether it is all.
func (s *Shipper) wrote(ss *session, n int, f *flight, all bool) {
	s.m.wireBytes.Add(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	ss.alive = time.Now()
	if all {
		f.written = ss.alive
	}
	s.mu.status.WireBytes += int64(n)
}

// next waits for the next window and puts it under way; nil at the session's end.
// The pieces are returned apart because acknowledgements take them off the flight.
func (ss *session) next() (*flight, []piece) {
	s := ss.s
	for {
		s.mu.Lock()
		wait, ok := ss.readyLocked(time.Now())
		if ok && wait <= 0 {
			f := ss.launchLocked()
			pieces := f.pieces
			s.mu.Unlock()
			return f, pieces
		}
		s.mu.Unlock()
		var linger <-chan time.Time
		if ok {
			linger = time.After(wait)
		}
		select {
		case <-ss.lane.wake:
		case <-linger:
		case <-ss.ctx.Done():
			return nil, nil
		}
	}
}

// retire lets the connection end as soon as nothing is under way.
func (ss *session) retire() {
	ss.s.mu.Lock()
	ss.retiring = true
	done := len(ss.flights) == 0
	ss.s.mu.Unlock()
	if done {
		ss.cancel(errRetired)
	}
}
