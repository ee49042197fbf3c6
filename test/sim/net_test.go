package sim

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A network joins scribe and the servers in memory. Its methods may be called from
// several goroutines.
type network struct {
	stalled atomic.Bool // nothing arrives
	mute    atomic.Bool // what servers say is lost
	slow    atomic.Bool

	mu        sync.Mutex
	listeners map[string]*listener
	conns     map[*conn]struct{} // the clients' ends
	wake      chan struct{}      // closed and replaced when one of the flags changes
}

func newNetwork() *network {
	return &network{listeners: map[string]*listener{}, conns: map[*conn]struct{}{}, wake: make(chan struct{})}
}

// set changes how the network is.
func (n *network) set(flag *atomic.Bool, to bool) {
	flag.Store(to)
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.wake)
	n.wake = make(chan struct{})
	for c := range n.conns {
		c.in.change()
		c.out.change()
	}
}

// heal lets everything flow again. Connections that lost bytes are reset.
func (n *network) heal() {
	mute := n.mute.Load()
	for _, flag := range []*atomic.Bool{&n.stalled, &n.mute, &n.slow} {
		n.set(flag, false)
	}
	if mute {
		n.reset()
	}
}

// reset breaks all connections, with what is under way in them.
func (n *network) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.in.reset()
		c.out.reset()
		delete(n.conns, c)
	}
}

// dial is ship.Options.Dial.
func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	for {
		n.mu.Lock()
		wake := n.wake
		n.mu.Unlock()
		if !n.stalled.Load() {
			break
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[addr]
	if l == nil || ctx.Err() != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	up, down := newPipe(n, false), newPipe(n, true)
	client := &conn{in: down, out: up, local: "192.0.2.1:40000", remote: address(addr)}
	server := &conn{in: up, out: down, local: address(addr), remote: "192.0.2.1:40000"}
	select {
	case l.queue <- server:
		n.conns[client] = struct{}{}
		return client, nil
	default:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
}

// listen makes addr answer.
func (n *network) listen(addr string) *listener {
	l := &listener{n: n, addr: addr, queue: make(chan *conn, 16), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[addr] = l
	return l
}

type listener struct {
	n      *network
	addr   string
	queue  chan *conn
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		if l.n.listeners[l.addr] == l {
			delete(l.n.listeners, l.addr)
		}
		close(l.closed)
		for {
			select {
			case c := <-l.queue:
				c.in.reset()
				c.out.reset()
				continue
			default:
			}
			return
		}
	})
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.addr) }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// conn is one end of a connection.
type conn struct {
	in, out       *pipe
	local, remote address
}

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *conn) LocalAddr() net.Addr         { return c.local }
func (c *conn) RemoteAddr() net.Addr        { return c.remote }

func (c *conn) Close() error {
	c.in.closeRead()
	c.out.closeWrite()
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error  { c.in.deadline(&c.in.readBy, t); return nil }
func (c *conn) SetWriteDeadline(t time.Time) error { c.out.deadline(&c.out.writeBy, t); return nil }

func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t) // neither fails
	return c.SetWriteDeadline(t)
}

// pipeSize is how many bytes may be under way in one direction.
const pipeSize = 32 << 10

// pipe is one direction of a connection.
type pipe struct {
	n        *network
	fromHome bool // from the server
	mu       sync.Mutex
	cond     sync.Cond
	buf      []byte
	err      error // reset
	readerGone, writerGone,
	ended bool
	readBy, writeBy time.Time
}

func newPipe(n *network, fromServer bool) *pipe {
	p := &pipe{n: n, fromHome: fromServer}
	p.cond.L = &p.mu
	return p
}

func (p *pipe) change() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *pipe) deadline(which *time.Time, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*which = t
	p.cond.Broadcast()
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		time.AfterFunc(wait, p.change)
	}
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slept := false
	for {
		slow := p.n.slow.Load()
		switch {
		case p.readerGone:
			return 0, net.ErrClosed
		case p.err != nil:
			return 0, p.err
		case passed(p.readBy):
			return 0, os.ErrDeadlineExceeded
		case p.n.stalled.Load():
		case len(p.buf) > 0 && slow && !slept:
			p.mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			p.mu.Lock()
			slept = true
			continue
		case len(p.buf) > 0:
			if slow {
				b = b[:min(len(b), 600)]
			}
			k := copy(b, p.buf)
			p.buf = p.buf[:copy(p.buf, p.buf[k:])]
			p.cond.Broadcast()
			return k, nil
		case p.ended:
			return 0, io.EOF
		}
		p.cond.Wait()
	}
}

func (p *pipe) write(b []byte) (done int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.writerGone:
			return done, net.ErrClosed
		case p.err != nil:
			return done, p.err
		case p.readerGone:
			return done, syscall.ECONNRESET
		case passed(p.writeBy):
			return done, os.ErrDeadlineExceeded
		case p.n.mute.Load() && p.fromHome:
			return done + len(b), nil
		case len(p.buf) < pipeSize:
			k := min(len(b), pipeSize-len(p.buf))
			p.buf = append(p.buf, b[:k]...)
			b, done = b[k:], done+k
			p.cond.Broadcast()
		}
		if len(b) == 0 {
			return done, nil
		}
		p.cond.Wait()
	}
}

func (p *pipe) closeRead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readerGone, p.buf = true, nil
	p.cond.Broadcast()
}

func (p *pipe) closeWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writerGone, p.ended = true, true
	p.cond.Broadcast()
}

func (p *pipe) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err, p.buf = syscall.ECONNRESET, nil
	}
	p.cond.Broadcast()
}
