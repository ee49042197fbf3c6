package lumberjack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// conn is one connection. Its reading goroutine (serve) runs readWindows, and
// starts the answering goroutine (answer in answer.go).
type conn struct {
	s      *Server
	nc     net.Conn // the TLS connection after the handshake
	under  net.Conn // what was accepted; closing and deadlines go here
	addr   string
	client string
	blocks bool

	tls      tls.ConnectionState // of the handshake
	verified time.Time           // when the certificate was last looked at; reading goroutine only

	ctx    context.Context // ends when the connection is broken off
	cancel context.CancelCauseFunc

	r   *lumberjack.Reader
	m   mapper
	got int64     // bytes at the last metrics update
	inW bool      // inside a window; reading goroutine only
	at  time.Time // when the window began, later by the time we made it wait
	wAt int64     // bytes received before the window

	queue  chan *window  // to the answering goroutine, in order
	slots  chan struct{} // one for each window in flight
	active atomic.Int32  // windows begun and not answered
	v2     atomic.Bool

	mu struct {
		sync.Mutex
		idle    bool
		started bool // the handshake is done
		stopped bool
	}
}

// window is a window on its way to durability.
type window struct {
	version byte
	seq     uint32
	events  int
	results []result
	broken  bool // not complete: it must not be acknowledged
	charged int64
	large   bool
	slot    bool
}

// result is one batch of a window.
type result struct {
	batch *record.Batch
	done  <-chan error
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc, under: nc, addr: nc.RemoteAddr().String()}
	if host, _, err := net.SplitHostPort(c.addr); err == nil {
		c.addr = host
	}
	c.ctx, c.cancel = context.WithCancelCause(s.ctx)
	c.queue = make(chan *window, s.o.InFlight+1)
	c.slots = make(chan struct{}, s.o.InFlight)
	return c
}

// close breaks the connection off.
func (c *conn) close() {
	c.cancel(net.ErrClosed)
	_ = c.under.Close() // a second close is harmless
}

// stop asks the connection to end after the windows it is in the middle of.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.stopped = true
	if c.mu.idle || !c.mu.started {
		_ = c.under.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
	}
}

// setIdle notes that the connection waits for a window; it returns false when it
// should end instead.
func (c *conn) setIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.started = true
	if c.mu.stopped {
		return false
	}
	c.mu.idle = true
	return c.under.SetReadDeadline(time.Now().Add(c.s.o.Idle)) == nil
}

func (c *conn) setBusy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.idle = false
}

func (c *conn) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.stopped
}

// Read gives the Reader the connection's bytes under the deadline that holds just
// now. Only the reading goroutine calls it.
func (c *conn) Read(p []byte) (int, error) {
	if c.inW {
		d := deadlineFor(time.Now(), c.at, c.r.Received()-c.wAt, c.s.o.Stall)
		if err := c.under.SetReadDeadline(d); err != nil {
			return 0, err
		}
	}
	n, err := c.nc.Read(p)
	if err == nil && c.inW {
		if err := c.verify(time.Now()); err != nil { // after the wait for the bytes
			return 0, err
		}
	}
	return n, err
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.close()
	if err := c.handshake(); err != nil {
		if !c.stopped() {
			c.handshakeFailed(err)
		}
		return
	}
	c.r = lumberjack.NewReader(c, c.blocks, c.s.o.Limits)
	c.m = mapper{client: c.client, m: c.s.m, get: c.s.getBatch}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		c.answer()
	}()
	err := c.readWindows()
	close(c.queue)
	if err != nil && !c.expected(err) {
		c.refuse(err)
	}
	<-answered
	_ = c.nc.Close() // says goodbye over TLS; failing that, close follows
}

// readWindows reads until the client is done or idle (nil) or something is wrong.
func (c *conn) readWindows() error {
	for c.setIdle() {
		err := c.r.Wait()
		c.setBusy()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if c.active.Load() == 0 {
				return nil // idle for too long, or asked to stop
			}
			continue // the client waits for us
		}
		if err == io.EOF || errors.Is(err, syscall.ECONNRESET) && c.active.Load() == 0 {
			return nil // the client is done; one that is killed resets
		}
		if err != nil {
			return err
		}
		err = c.readWindow()
		c.count()
		if err != nil {
			return err
		}
	}
	return nil
}

// count updates the byte counter.
func (c *conn) count() {
	n := c.r.Received()
	c.s.m.bytes.AddInt64(n - c.got)
	c.got = n
}

// readWindow reads one window, submits its batches and queues its answer.
func (c *conn) readWindow() error {
	c.inW, c.at, c.wAt = true, time.Now(), c.r.Received()
	defer func() { c.inW = false }()
	if err := c.verify(c.at); err != nil {
		return err
	}
	h, err := c.r.Window()
	if err != nil {
		return err
	}
	c.v2.Store(h.Version == lumberjack.Version2)
	c.active.Add(1) // from now on there are signs of life, also while it waits
	w := &window{version: h.Version, broken: true}
	defer func() { c.queue <- w }() // answer releases what the window holds
	select {
	case c.slots <- struct{}{}:
		w.slot = true
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
	if err := c.s.budget.take(c.ctx, reservation); err != nil {
		return err
	}
	w.charged = reservation
	c.at = time.Now() // what it waited until here was not the client's fault
	now := c.s.o.Clock().UnixNano()
	for {
		ev, err := c.r.Event()
		if err != nil {
			c.submit(w, c.m.endRun()) // complete in itself: it has a position
			c.m.drop()
			return err
		}
		if ev == nil {
			break
		}
		if !w.large && c.r.Inflated() > reservation {
			if err := c.grow(w); err != nil {
				c.m.drop()
				return err
			}
		}
		c.event(w, ev, now)
	}
	c.submit(w, c.m.endRun())
	for _, b := range c.m.endPlain(c.r.Hash()) {
		c.submit(w, b)
	}
	if n := c.r.Inflated(); n < w.charged {
		c.s.budget.give(w.charged - n)
		w.charged = n
	}
	w.seq, w.events, w.broken = c.r.Seq(), h.Events, false
	return nil
}

// grow gets one of the few permits for large windows.
func (c *conn) grow(w *window) error {
	began := time.Now()
	select {
	case c.s.large <- struct{}{}:
		w.large = true
		c.at = c.at.Add(time.Since(began))
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// event maps one event and submits the batch it completes.
func (c *conn) event(w *window, ev *lumberjack.Event, now int64) {
	switch ev.Kind {
	case lumberjack.EventBlock:
		l := ev.Block
		if c.reported(l) {
			return
		}
		if p := c.s.o.Positions; p != nil {
			if to, known := p.Position(c.client, l.Position.ID); known && l.Position.To <= to {
				c.s.m.duplicates.Inc()
				return
			}
		}
		c.m.block(l, func(b *record.Batch) { c.submit(w, b) })
	case lumberjack.EventJSON:
		c.m.json(ev, now)
	case lumberjack.EventPairs:
		c.m.pairs(ev, now)
	}
}

// reported tells that a run carries no lines but what the forwarder says of itself,
// which is passed on and not kept.
func (c *conn) reported(l *record.Lines) bool {
	r, ok, err := record.ReportOf(l)
	switch {
	case !ok:
		return false
	case err != nil:
		c.s.log.warn("report\x00"+c.client, "lumberjack: a forwarder's report cannot be read", "client", c.client, "address", c.addr, "error", err)
	case c.s.o.Reports != nil:
		c.s.o.Reports.Heard(c.client, c.addr, r)
	}
	return true
}

// submit hands a batch to the sink; b may be nil.
func (c *conn) submit(w *window, b *record.Batch) {
	if b == nil {
		return
	}
	began := time.Now()
	w.results = append(w.results, result{batch: b, done: c.s.o.Sink.Submit(c.ctx, b)})
	c.at = c.at.Add(time.Since(began)) // back pressure is not the client's fault
}

// expected tells that an error that ended reading is nothing to report: answer or
// Shutdown broke the connection off and said why.
func (c *conn) expected(err error) bool {
	return c.ctx.Err() != nil || errors.Is(err, net.ErrClosed)
}

// refuse counts and logs what ended the connection.
func (c *conn) refuse(err error) {
	reason := "connection"
	var pe *lumberjack.ProtocolError
	var ce *certError
	switch {
	case errors.As(err, &ce):
		var remedy string
		reason, remedy = handshakeKind(ce.err)
		err = fmt.Errorf("%w: %s", ce, remedy)
	case errors.As(err, &pe):
		reason = "protocol_" + string(pe.Kind)
	case errors.Is(err, os.ErrDeadlineExceeded):
		reason = "stalled"
		err = fmt.Errorf("no progress inside a window: %w", err)
	}
	c.s.m.refused(reason)
	c.s.log.warn(reason+"\x00"+c.client, "lumberjack: connection closed; the client will send again what was not acknowledged",
		"client", c.client, "address", c.addr, "reason", reason, "error", err)
}

var batchPool = sync.Pool{New: func() any { return new(record.Batch) }}

// maxPooledBatch keeps rare huge batches from staying in memory.
const maxPooledBatch = 4 << 20

func (s *Server) getBatch() *record.Batch { return batchPool.Get().(*record.Batch) }

func putBatch(b *record.Batch) {
	if b.Bytes() > maxPooledBatch {
		return
	}
	b.Reset()
	batchPool.Put(b)
}
