package ship

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	wire "journalist/internal/lumberjack"
	"journalist/internal/record"
	"journalist/internal/testkit/certs"
)

// byServer is the status of one server.
func (r *running) byServer(addr string) ServerStatus {
	for _, sv := range r.Status().Servers {
		if sv.Address == addr {
			return sv
		}
	}
	r.t.Fatalf("no status of %s", addr)
	return ServerStatus{}
}

// TestFailoverReturns: the first server of the list is used while it is well, the
// second while it is not, and the way back disturbs nothing.
func TestFailoverReturns(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	sink := newSink(t)
	a, b := serve(t, ca, sink, ""), serve(t, ca, sink, "")
	r := ship(t, Options{Servers: []string{a.addr, b.addr}, TLS: clientTLS(t, ca), Mode: ModeFailover, Probe: 20 * time.Millisecond})
	s := newSource(1)
	r.send(s.lines(10))
	r.drain()
	if st := r.Status(); st.Server != a.addr || st.Servers[1].State != ServerIdle {
		t.Fatalf("status %+v", st)
	}
	a.stop()
	r.send(s.lines(10))
	r.drain()
	if st := r.Status(); st.Server != b.addr || st.Servers[0].State != ServerFailed || st.Servers[0].LastError == "" || st.Servers[0].NextTry.IsZero() {
		t.Fatalf("status %+v", st)
	}
	fails := r.Status().Failures
	a = serve(t, ca, sink, a.addr)
	eventually(t, "it goes back to the first server", func() bool {
		r.send(s.lines(300))
		return r.byServer(a.addr).State == ServerConnected
	})
	r.drain()
	check(t, sink.Rows(), s)
	if st := r.Status(); st.Failures != fails || st.LinesSent > st.LinesAcked+20 {
		t.Errorf("the way back was not quiet: %+v", st)
	}
}

// TestFailoverLeavesSickServer: a first server that takes connections and then
// acknowledges nothing is tried ever more rarely.
func TestFailoverLeavesSickServer(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	var mu sync.Mutex
	tries := 0
	sick := fake(t, ca, func(_ int, c *tls.Conn) {
		r := wire.NewReader(c, true, wire.Limits{})
		for {
			w, err := r.Window()
			if err != nil {
				return
			}
			if w.Events == 0 {
				_, _ = c.Write(wire.AppendAck(nil, '2', 0)) // it pretends to be well
				continue
			}
			mu.Lock()
			tries++
			mu.Unlock()
			return
		}
	})
	sink := newSink(t)
	b := serve(t, ca, sink, "")
	r := ship(t, Options{Servers: []string{sick, b.addr}, TLS: clientTLS(t, ca), Mode: ModeFailover, Probe: time.Millisecond, Protocol: ProtocolV2})
	s := newSource(1)
	for range 3 {
		n := func() int { mu.Lock(); defer mu.Unlock(); return tries }()
		eventually(t, "it is tried again", func() bool {
			r.send(s.lines(1))
			mu.Lock()
			defer mu.Unlock()
			return tries > n
		})
	}
	r.drain()
	r.Shipper.mu.Lock()
	hold := r.servers[0].hold
	r.Shipper.mu.Unlock()
	if hold < 4*time.Millisecond {
		t.Errorf("it is left alone for %s only", hold)
	}
	if st := r.byServer(sick); st.Score > 0.3 || st.LinesAcked > 0 {
		t.Errorf("status %+v", st)
	}
}

// TestBalance: sources are spread over the servers, and each stays in order.
func TestBalance(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	sink := newSink(t)
	var servers []string
	for range 3 {
		servers = append(servers, serve(t, ca, sink, "").addr)
	}
	r := ship(t, Options{Servers: servers, TLS: clientTLS(t, ca), Mode: ModeBalance, Rebalance: 5 * time.Millisecond, WindowLines: 100, QueueBytes: 128 << 10})
	sources, wait := r.feed(9, func(s *source, i, n int) *record.Lines { return s.lines(1 + n*n*(i+1)%100) })
	wait()
	r.drain()
	check(t, sink.Rows(), sources...)
	st := r.Status()
	var acked int64
	for _, sv := range st.Servers {
		acked += sv.LinesAcked
		if sv.State != ServerConnected || sv.LinesAcked == 0 || sv.Failures > 0 {
			t.Errorf("server %+v", sv)
		}
	}
	if acked != st.LinesAcked || st.LinesSent != acked || int(acked) != sink.Len() || st.QueueBytes != 0 {
		t.Errorf("status %+v", st)
	}
	r.Shipper.mu.Lock()
	defer r.Shipper.mu.Unlock()
	for _, st := range r.Shipper.mu.streams {
		if st.items != 0 || len(st.parked) != 0 || st.to != nil {
			t.Errorf("stream %+v", st)
		}
	}
}

// TestBalanceFaults is TestFaults with several servers that share a store and are
// killed one after another, while sources move.
func TestBalanceFaults(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			ca := certs.NewCA(t, "CA")
			sink := newSink(t)
			rng := rand.New(rand.NewPCG(seed, 3))
			sink.Before = func(*record.Batch) error {
				if rng.IntN(30) == 0 {
					return errors.New("disk on fire")
				}
				return nil
			}
			var servers []*server
			var proxies []*proxy
			var addrs []string
			for i := range 3 {
				servers = append(servers, serve(t, ca, sink, ""))
				proxies = append(proxies, newProxy(t, servers[i].addr, seed+uint64(i)*10))
				addrs = append(addrs, proxies[i].ln.Addr().String())
			}
			r := ship(t, Options{
				Servers: addrs, TLS: clientTLS(t, ca), Mode: ModeBalance, Rebalance: 3 * time.Millisecond, Probe: 10 * time.Millisecond,
				Timeout: 250 * time.Millisecond, Progress: time.Second, QueueBytes: 256 << 10, WindowBytes: 16 << 10, WindowLines: 300,
			})
			sources, wait := r.feed(6, func(s *source, i, n int) *record.Lines {
				l := s.lines(1 + (n*n*7)%400)
				l.Priority = uint8(i % 3)
				return l
			})
			for i := range servers {
				n := sink.Len()
				eventually(t, "something arrives", func() bool { return sink.Len() > n })
				servers[i].stop()
				n = sink.Len()
				eventually(t, "the others go on", func() bool { return sink.Len() > n })
				servers[i] = serve(t, ca, sink, servers[i].addr)
			}
			wait()
			for _, p := range proxies {
				p.soothe()
			}
			r.drain()
			check(t, sink.Rows(), sources...)
			if r.Status().Failures == 0 {
				t.Error("no fault happened")
			}
		})
	}
}

// TestBalanceSickServer: a server that takes lines and never acknowledges them does
// not hold up the others, and gets another chance.
func TestBalanceSickServer(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	var mu sync.Mutex
	cured, tries := false, 0
	sick := fake(t, ca, func(_ int, c *tls.Conn) {
		r := wire.NewReader(c, false, wire.Limits{})
		for {
			m, err := readWindow(r)
			if err != nil {
				return
			}
			mu.Lock()
			tries++
			well := cured
			mu.Unlock()
			if well {
				_, _ = c.Write(wire.AppendAck(nil, '2', uint32(len(m))))
			}
		}
	})
	sink := newSink(t)
	b := serve(t, ca, sink, "")
	r := ship(t, Options{
		Servers: []string{sick, b.addr}, TLS: clientTLS(t, ca), Mode: ModeBalance, Timeout: 50 * time.Millisecond,
		Probe: 20 * time.Millisecond, Rebalance: 20 * time.Millisecond, QueueBytes: 64 << 10,
	})
	var sources []*source
	for i := range 4 {
		sources = append(sources, newSource(byte(i)))
	}
	feed := func() {
		for _, s := range sources {
			r.send(s.lines(20))
		}
	}
	eventually(t, "the sick server is found out", func() bool { feed(); return r.byServer(sick).Failures > 0 })
	r.drain()
	if n := r.byServer(b.addr).LinesAcked; int(n) != sink.Len() || n != r.Status().LinesAcked {
		t.Errorf("%d lines of %d are with the other server", n, r.Status().LinesAcked)
	}
	check(t, sink.Rows(), sources...)
	mu.Lock()
	cured = true
	mu.Unlock()
	eventually(t, "it gets lines again", func() bool { feed(); return r.byServer(sick).LinesAcked > 0 })
	r.drain()
	if st := r.byServer(sick); st.State != ServerConnected {
		t.Errorf("status %+v", st)
	}
}

// TestBalanceNoServer: with no server at all lines wait, and the first that comes
// gets them all.
func TestBalanceNoServer(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	sink := newSink(t)
	var servers []*server
	var addrs []string
	for range 3 {
		s := serve(t, ca, sink, "")
		s.stop()
		servers, addrs = append(servers, s), append(addrs, s.addr)
	}
	r := ship(t, Options{Servers: addrs, TLS: clientTLS(t, ca), Mode: ModeBalance})
	var sources []*source
	for i := range 6 {
		s := newSource(byte(i))
		sources = append(sources, s)
		r.send(s.lines(100))
	}
	eventually(t, "one server after another fails", func() bool {
		n := 0
		for _, sv := range r.Status().Servers {
			if sv.State == ServerFailed {
				n++
			}
		}
		return n >= 2
	})
	one := serve(t, ca, sink, servers[1].addr)
	r.drain()
	check(t, sink.Rows(), sources...)
	if st := r.byServer(one.addr); st.LinesAcked != 600 {
		t.Errorf("status %+v", st)
	}
}
