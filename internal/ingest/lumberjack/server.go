// Package lumberjack receives what forwarders send: logstash-forwarder
// (version 1), Beats and Logstash (version 2), and scribe (blocks).
//
// Up the way are internal/ship and other forwarders, whose bytes
// internal/lumberjack reads; down the way is an ingest.Sink, in the end
// internal/store. A window is acknowledged only when the Sink says that all of
// it is durable. Each connection has two goroutines: one reads windows and
// submits their batches, the other waits for them in order and answers.
package lumberjack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"journalist/internal/lumberjack"
)

// Server accepts connections. Its methods may be called from several goroutines.
type Server struct {
	o   Options
	m   counters
	log limitedLog

	budget *budget
	large  chan struct{} // permits for windows above reservation

	ctx    context.Context // ends when connections are broken off
	cancel context.CancelFunc
	wg     sync.WaitGroup // connections

	mu struct {
		sync.Mutex
		closed    bool
		listeners map[net.Listener]struct{}
		conns     map[*conn]struct{}
		perAddr   map[string]int
	}
}

// New makes a server; Serve starts it.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{o: o, m: newCounters(o.Metrics), budget: newBudget(o.MaxBytes), large: make(chan struct{}, largeWindows)}
	s.log.logger = o.Logger
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.listeners = map[net.Listener]struct{}{}
	s.mu.conns = map[*conn]struct{}{}
	s.mu.perAddr = map[string]int{}
	o.Metrics.Gauge(func() float64 { return float64(s.Conns()) }, "journalist_lumberjack_connections")
	o.Metrics.Gauge(func() float64 { return float64(s.budget.used()) }, "journalist_lumberjack_held_bytes")
	return s
}

// Conns is the number of connections just now.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.conns)
}

// errPlain refuses to listen to the network without TLS.
var errPlain = errors.New("lumberjack: a listener that is not on loopback needs TLS with client certificates")

// Serve accepts connections until Shutdown, then it returns nil. It closes the
// listener. It may be called for several listeners.
func (s *Server) Serve(ln net.Listener) error {
	defer func() { _ = ln.Close() }() // closed twice after Shutdown
	if s.o.TLS == nil && !loopback(ln.Addr()) {
		return errPlain
	}
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return nil
	}
	s.mu.listeners[ln] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.mu.listeners, ln)
		s.mu.Unlock()
	}()
	var delay time.Duration
	for {
		nc, err := ln.Accept()
		if err == nil {
			delay = 0
			s.admit(nc)
			continue
		}
		if s.ctx.Err() != nil || s.stopping() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("lumberjack: accept on %s: %w", ln.Addr(), err)
		}
		// Most likely out of file handles: others will close theirs.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		s.m.refused("accept")
		s.log.warn("accept", "lumberjack: cannot accept connections, trying again", "error", err)
		select {
		case <-time.After(delay):
		case <-s.ctx.Done():
			return nil
		}
	}
}

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return !ok && a.Network() == "unix" || ok && t.IP.IsLoopback()
}

func (s *Server) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.closed
}

// admit starts the connection or refuses it.
func (s *Server) admit(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	reason := ""
	switch {
	case s.mu.closed:
		reason = "shutdown"
	case len(s.mu.conns) >= s.o.MaxConns:
		reason = "connections"
	case s.mu.perAddr[c.addr] >= s.o.MaxConnsPerAddr:
		reason = "connections_per_address"
	default:
		s.mu.conns[c] = struct{}{}
		s.mu.perAddr[c.addr]++
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if reason != "" {
		s.m.refused(reason)
		s.log.warn(reason, "lumberjack: connection refused: too many of them or shutting down", "address", c.addr, "reason", reason)
		c.close()
		return
	}
	s.m.conns.Inc()
	go func() {
		defer s.wg.Done()
		defer s.forget(c)
		c.serve()
	}()
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.conns, c)
	if s.mu.perAddr[c.addr]--; s.mu.perAddr[c.addr] == 0 {
		delete(s.mu.perAddr, c.addr)
	}
}

// Shutdown stops accepting, lets every connection finish the windows it is in the
// middle of, and closes it. When ctx ends first, the rest is broken off: what was
// not acknowledged is sent again by its sender. It returns after the last
// connection's goroutines have ended.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.mu.closed = true
	for ln := range s.mu.listeners {
		_ = ln.Close() // Serve reports what matters
	}
	for c := range s.mu.conns {
		c.stop()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		s.cancel()
		s.mu.Lock()
		for c := range s.mu.conns {
			c.close()
		}
		s.mu.Unlock()
		<-done
	}
	s.cancel()
	return err
}

// tlsConfig offers the block extension to the clients that ask for it, and to no
// other: a server that names protocols refuses clients that name only others.
func (s *Server) tlsConfig() *tls.Config {
	base := s.o.TLS.Clone()
	// Connections live long, and a resumed session would pass by what was revoked
	// in between.
	base.SessionTicketsDisabled = true
	base.NextProtos = nil
	get := base.GetConfigForClient
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		cfg := base
		if get != nil {
			own, err := get(hello)
			if err != nil {
				return nil, err
			}
			if own != nil {
				cfg = own
			}
		}
		cfg = cfg.Clone()
		cfg.GetConfigForClient = nil
		cfg.SessionTicketsDisabled = true
		cfg.NextProtos = nil
		if slices.Contains(hello.SupportedProtos, lumberjack.ALPN) {
			cfg.NextProtos = []string{lumberjack.ALPN}
		}
		return cfg, nil
	}
	return base
}

// limitedLog writes at most one line a second of each kind and says how many it
// left out: a flood of bad connections must not become a flood of log lines.
type limitedLog struct {
	logger *slog.Logger
	mu     sync.Mutex
	kinds  map[string]*limitedKind
}

type limitedKind struct {
	next    time.Time
	skipped int
}

// warn logs; kind is from a fixed list.
func (l *limitedLog) warn(kind, msg string, args ...any) {
	l.mu.Lock()
	if l.kinds == nil {
		l.kinds = map[string]*limitedKind{}
	}
	k := l.kinds[kind]
	if k == nil {
		k = &limitedKind{}
		l.kinds[kind] = k
	}
	now := time.Now()
	if now.Before(k.next) {
		k.skipped++
		l.mu.Unlock()
		return
	}
	if k.skipped > 0 {
		args = append(args, "more_like_this", k.skipped)
	}
	k.skipped, k.next = 0, now.Add(time.Second)
	l.mu.Unlock()
	l.logger.Warn(msg, args...)
}
