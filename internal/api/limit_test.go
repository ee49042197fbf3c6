package api

import (
	"errors"
	"net"
	"testing"

	"journalist/internal/metrics"
)

// addrConn is a connection from an address.
type addrConn struct {
	net.Conn
	from   string
	closed int
}

func (c *addrConn) RemoteAddr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", c.from)
	if err != nil {
		return &net.UnixAddr{Net: "unix"}
	}
	return a
}
func (c *addrConn) Close() error { c.closed++; return nil }

// connList accepts its connections one after the other.
type connList struct {
	net.Listener
	list []*addrConn
}

func (l *connList) Accept() (net.Conn, error) {
	if len(l.list) == 0 {
		return nil, net.ErrClosed
	}
	c := l.list[0]
	l.list = l.list[1:]
	return c, nil
}

func TestLimitConns(t *testing.T) {
	set := metrics.New()
	from := &connList{}
	l := newConnLimit(from, set, 6, 2)
	var open []net.Conn
	accept := func(want int, addrs ...string) {
		t.Helper()
		var all []*addrConn
		for _, a := range addrs {
			all = append(all, &addrConn{from: a})
		}
		from.list = all
		got := 0
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got++
			open = append(open, c)
		}
		closed := 0
		for _, c := range all {
			closed += c.closed
		}
		if got != want || closed != len(addrs)-want {
			t.Errorf("%v: %d accepted, %d closed, want %d accepted", addrs, got, closed, want)
		}
	}
	accept(2, "192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "[::ffff:192.0.2.1]:4")
	accept(2, "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1")
	_ = open[0].Close()
	_ = open[0].Close() // gives its place back once
	accept(1, "192.0.2.1:5", "192.0.2.1:6")
	accept(2, "127.0.0.1:1", "unix", "127.0.0.1:2", "192.0.2.9:1") // six are open then
	for _, c := range open {
		_ = c.Close()
	}
	if l.open != 0 || len(l.byAddr) != 0 {
		t.Errorf("%d open, %v", l.open, l.byAddr)
	}
	if n := set.Counter("journalist_http_refused_connections_total").Get(); n != 6 {
		t.Errorf("%d counted as refused", n)
	}
	accept(4, "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4")
}
