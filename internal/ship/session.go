package ship

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// session is one connection. Its fields below the line are guarded by the
// Shipper's lock.
type session struct {
	s      *Shipper
	addr   string
	nc     *tls.Conn
	blocks bool
	enc    *lumberjack.Encoder
	ctx    context.Context
	cancel context.CancelCauseFunc
	seen   map[record.SourceID]struct{} // sources with a block on this connection; the writer's

	// ---
	flights  []*flight
	limit    int       // windows that may be under way just now
	alive    time.Time // last byte in either direction while windows are under way
	progress time.Time // last acknowledgement while windows are under way
	acked    bool      // anything at all
}

// flight is a window under way.
type flight struct {
	pieces []piece
	events uint32 // also the sequence number that acknowledges it
	seq    uint32 // acknowledged so far
	passed uint32 // events of the pieces that were popped
	sent   time.Time
	// encoded: the lines are no longer read. A server cannot acknowledge a window
	// before that, and whoever owns the lines may change them after.
	encoded bool
}

// alertNoProtocol is what a server says that refuses protocols it does not know
// instead of ignoring them.
const alertNoProtocol = "no application protocol"

// connect opens a connection and works it until it ends. acked tells whether the
// server acknowledged anything; the error is nil after an idle connection was
// closed.
func (s *Shipper) connect(ctx context.Context, addr string) (acked bool, err error) {
	s.mu.Lock()
	s.mu.status.Server, s.mu.status.Connected, s.mu.status.Protocol = addr, false, ""
	offer := !s.o.Plain && !s.mu.noALPN[addr]
	s.mu.Unlock()
	nc, err := dial(ctx, addr, s.o.TLS, s.o.Timeout, offer)
	if err != nil && offer && strings.Contains(err.Error(), alertNoProtocol) {
		s.mu.Lock()
		s.mu.noALPN[addr] = true
		s.mu.Unlock()
		nc, err = dial(ctx, addr, s.o.TLS, s.o.Timeout, false)
	}
	if err != nil {
		return false, err
	}
	ss := &session{
		s: s, addr: addr, nc: nc, limit: 1,
		blocks: nc.ConnectionState().NegotiatedProtocol == lumberjack.ALPN,
		seen:   map[record.SourceID]struct{}{},
	}
	ss.enc = lumberjack.NewEncoder(ss.blocks)
	ss.ctx, ss.cancel = context.WithCancelCause(ctx)
	protocol := "lumberjack/2"
	if ss.blocks {
		protocol = lumberjack.ALPN
	}
	s.m.connects.Inc()
	s.o.Logger.Info("connected", "server", addr, "protocol", protocol)
	s.mu.Lock()
	s.mu.session = ss
	s.mu.rewind()
	s.mu.status.Connected, s.mu.status.Since, s.mu.status.Protocol = true, time.Now(), protocol
	s.mu.status.NextTry = time.Time{}
	s.mu.Unlock()
	err = ss.run()
	s.mu.Lock()
	for _, f := range ss.flights {
		s.m.resent.Add(int(f.events - f.passed))
	}
	s.mu.session = nil
	s.mu.status.Connected = false
	acked = ss.acked
	s.mu.Unlock()
	return acked, err
}

// dial connects and does the handshake within timeout.
func dial(ctx context.Context, addr string, cfg *tls.Config, timeout time.Duration, offer bool) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
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
			ss.shrink()
		}
		break
	}
	stop()
	ss.cancel(context.Canceled)
	_ = ss.nc.NetConn().Close() // not Close: that waits for a peer that may be gone
	both.Wait()
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
		ss.s.o.Logger.Debug("server closed the idle connection", "server", ss.addr)
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
			id := p.it.lines.Position.ID
			_, seen := ss.seen[id]
			ss.seen[id] = struct{}{}
			ss.enc.Add(p.it.lines, p.lo, p.hi, !seen)
		}
		wire, err := ss.enc.Finish()
		if err != nil {
			return err
		}
		// A window without events has only positions, which plain version 2 does not
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
		for len(wire) > 0 {
			n, err := ss.nc.Write(wire[:min(len(wire), 64<<10)])
			if err != nil {
				return err
			}
			wire = wire[n:]
			ss.s.wrote(ss, n)
		}
		ss.s.m.windows.Inc()
		ss.s.m.linesSent.Add(int(f.events))
	}
}

// wrote notes that n bytes went out.
func (s *Shipper) wrote(ss *session, n int) {
	s.m.wireBytes.Add(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	ss.alive = time.Now()
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
		case <-s.wake:
		case <-linger:
		case <-ss.ctx.Done():
			return nil, nil
		}
	}
}

// readyLocked tells how long to wait before the next window is cut; ok is false
// when there is nothing to wait for but a signal.
func (ss *session) readyLocked(now time.Time) (wait time.Duration, ok bool) {
	q := &ss.s.mu.queue
	since, any := q.waiting()
	if !any || len(ss.flights) >= ss.limit {
		return 0, false
	}
	_, size := ss.s.windowLocked(ss.blocks)
	if len(ss.flights) == 0 || q.unsent >= int64(size) {
		return 0, true
	}
	return ss.s.o.Linger - now.Sub(since), true
}

// launchLocked cuts a window and puts it under way.
func (ss *session) launchLocked() *flight {
	s := ss.s
	lines, size := s.windowLocked(ss.blocks)
	f := &flight{pieces: s.mu.take(lines, size), sent: time.Now()}
	for _, p := range f.pieces {
		f.events += ss.events(p)
	}
	if len(ss.flights) == 0 {
		ss.alive, ss.progress = f.sent, f.sent
	}
	ss.flights = append(ss.flights, f)
	s.mu.status.LinesSent += int64(f.events)
	return f
}

// events is how many sequence numbers a piece takes.
func (ss *session) events(p piece) uint32 {
	if ss.blocks {
		return uint32(lumberjack.Events(p.lo, p.hi))
	}
	return uint32(p.hi - p.lo)
}
