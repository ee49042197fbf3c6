package e2e

import (
	"net"
	"sync"
	"testing"
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
			return
		}
		p.wg.Go(func() { p.pump(server, client, false) })
		p.wg.Go(func() { p.pump(client, server, true) })
	}
}

func (p *faultyProxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed {
			_ = c.Close()
			continue
		}
		p.conns[c] = struct{}{}
	}
	return !p.closed
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
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return // end or reset: either way this direction is over
		}
	}
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
	p.mute = false
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
