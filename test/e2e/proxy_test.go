package e2e

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A faultyProxy stands between scribe and journalist and does to the connections
// what networks do. It ends with the test.
type faultyProxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	stalled chan struct{} // closed when bytes may flow again; nil = they flow
	mute    bool          // what the server says is thrown away
	rate    int           // bytes per second that flow each way; 0 = as many as come
	cut     bool          // nobody gets through
	closed  bool
}

func startProxy(t *testing.T, target string) *faultyProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &faultyProxy{listener: l, target: target, conns: map[net.Conn]struct{}{}}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		_ = l.Close()
		p.Heal()
		p.Reset()
		p.wg.Wait()
	})
	return p
}

// Addr is where scribe connects to.
func (p *faultyProxy) Addr() string { return p.listener.Addr().String() }

func (p *faultyProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil { // journalist is down: so is the connection
			_ = client.Close()
			continue
		}
		if !p.add(client, server) {
			continue
		}
		p.wg.Go(func() { p.pump(server, client, false) })
		p.wg.Go(func() { p.pump(client, server, true) })
	}
}

// add takes the two ends of a connection over, unless nobody is to get through.
func (p *faultyProxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed || p.cut {
			_ = c.Close()
			continue
		}
		p.conns[c] = struct{}{}
	}
	return !p.closed && !p.cut
}

func (p *faultyProxy) pump(dst, src net.Conn, fromServer bool) {
	defer func() {
		for _, c := range []net.Conn{dst, src} {
			_ = c.Close()
			p.mu.Lock()
			delete(p.conns, c)
			p.mu.Unlock()
		}
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		p.mu.Lock()
		stalled, mute := p.stalled, p.mute
		p.mu.Unlock()
		if stalled != nil {
			<-stalled
		}
		if n > 0 && !(mute && fromServer) {
			if err := p.pour(dst, buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return // end or reset: either way this direction is over
		}
	}
}

// pour passes bytes on, no faster than they may flow just now.
func (p *faultyProxy) pour(dst net.Conn, b []byte) error {
	const drop = 256 // bytes at a time when they flow slowly
	for len(b) > 0 {
		p.mu.Lock()
		rate := p.rate
		p.mu.Unlock()
		n := len(b)
		if rate > 0 {
			n = min(n, drop)
			time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
		}
		if _, err := dst.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Throttle lets only so many bytes per second flow each way of each connection until
// Heal.
func (p *faultyProxy) Throttle(rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

// Cut ends all connections and lets nobody through until Heal.
func (p *faultyProxy) Cut() {
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	p.Reset()
}

// Busy tells that somebody is connected.
func (p *faultyProxy) Busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) > 0
}

// Stall holds all bytes back until Heal.
func (p *faultyProxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled == nil {
		p.stalled = make(chan struct{})
	}
}

// DropAcks throws away what the server says until Heal; a connection that lived
// then is useless and is reset by Heal.
func (p *faultyProxy) DropAcks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = true
}

// Heal lets bytes flow again.
func (p *faultyProxy) Heal() {
	p.mu.Lock()
	muted := p.mute
	p.mute, p.cut, p.rate = false, false, 0
	if p.stalled != nil {
		close(p.stalled)
		p.stalled = nil
	}
	p.mu.Unlock()
	if muted {
		p.Reset()
	}
}

// Reset cuts all connections with a TCP reset.
func (p *faultyProxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}
