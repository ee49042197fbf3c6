package api

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"journalist/internal/auth"
	"journalist/internal/metrics"
)

// How many connections the page and the API have at once: enough for every browser
// and agent of a site, and far from taking the store's file handles. Connections
// from loopback and over a unix socket, which a proxy makes for everybody, count
// only in the whole.
const (
	maxConns        = 4096
	maxConnsPerAddr = 512
)

// LimitConns returns a listener that accepts from l and closes at once what is over
// the limits of connections, of all and of each address (for IPv6: each /64). It
// goes below TLS.
func LimitConns(l net.Listener, m *metrics.Set) net.Listener {
	total := maxConns
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur/2 < uint64(total) {
		total = int(files.Cur / 2)
	}
	return newConnLimit(l, m, total, maxConnsPerAddr)
}

// connLimit is the listener of LimitConns.
type connLimit struct {
	net.Listener
	total, perAddr int
	refused        *metrics.Counter

	mu     sync.Mutex
	open   int
	byAddr map[string]int
}

func newConnLimit(l net.Listener, m *metrics.Set, total, perAddr int) *connLimit {
	c := &connLimit{Listener: l, total: total, perAddr: perAddr, byAddr: map[string]int{}, refused: m.Counter("journalist_http_refused_connections_total")}
	m.Gauge(func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return float64(c.open)
	}, "journalist_http_connections")
	return c
}

// Accept waits for a connection that is within the limits.
func (c *connLimit) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key := limitKey(conn.RemoteAddr())
		if c.take(key) {
			return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { c.give(key) })}, nil
		}
		c.refused.Inc()
		_ = conn.Close() // nothing was sent
	}
}

// limitKey is what connections of an address are counted under, "" when they are
// not.
func limitKey(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || ap.Addr().Unmap().IsLoopback() {
		return ""
	}
	return auth.AddressKey(a.String())
}

func (c *connLimit) take(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.total || key != "" && c.byAddr[key] >= c.perAddr {
		return false
	}
	c.open++
	if key != "" {
		c.byAddr[key]++
	}
	return true
}

func (c *connLimit) give(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if key == "" {
		return
	}
	if c.byAddr[key]--; c.byAddr[key] == 0 {
		delete(c.byAddr, key)
	}
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	c.release()
	return c.Conn.Close()
}

// CloseWrite lets the server end an answer before the request was read.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
