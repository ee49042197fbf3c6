package ship

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/testkit/certs"
)

// proxy stands between a Shipper and a server and spoils its connections: each is
// cut after some bytes in one direction, with a reset or an orderly end, or stands
// still from there on, or passes all.
type proxy struct {
	ln     net.Listener
	target string
	wg     sync.WaitGroup

	mu    sync.Mutex
	rng   *rand.Rand
	conns map[net.Conn]struct{}
	calm  bool // no more faults
	moves bool // connections never stand still
}

func newProxy(t *testing.T, target string, seed uint64) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, target: target, rng: rand.New(rand.NewPCG(seed, 1)), conns: map[net.Conn]struct{}{}}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.breakAll()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = c.Close()
			continue
		}
		p.mu.Lock()
		p.conns[c], p.conns[s] = struct{}{}, struct{}{}
		up, down, reset, stall := int64(1<<62), int64(1<<62), p.rng.IntN(2) == 0, p.rng.IntN(6) == 0 && !p.moves
		if !p.calm {
			// The handshake takes about 2 KiB each way, a window some more.
			switch p.rng.IntN(3) {
			case 0:
				up = p.rng.Int64N(30_000)
			case 1:
				down = 1500 + p.rng.Int64N(1500)
			case 2:
				up, down = p.rng.Int64N(300_000), p.rng.Int64N(8000)
			}
		}
		p.mu.Unlock()
		end := sync.OnceFunc(func() {
			if stall {
				return // both ends keep their connection and hear nothing
			}
			for _, x := range []net.Conn{c, s} {
				if reset {
					_ = x.(*net.TCPConn).SetLinger(0)
				}
				_ = x.Close()
			}
		})
		p.wg.Go(func() { _, _ = io.CopyN(s, c, up); end() })
		p.wg.Go(func() { _, _ = io.CopyN(c, s, down); end() })
	}
}

// breakAll cuts what is open.
func (p *proxy) breakAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) soothe() {
	p.mu.Lock()
	p.calm = true
	p.mu.Unlock()
	p.breakAll()
}

// TestFaults ships numbered lines of several sources over connections that break
// in every way, to a server whose sink fails now and then and that is itself
// killed; at the end nothing is missing and nothing is there twice.
func TestFaults(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			ca := certs.NewCA(t, "CA")
			sink := newSink(t)
			rng := rand.New(rand.NewPCG(seed, 2))
			sink.Before = func(*record.Batch) error {
				switch rng.IntN(20) {
				case 0:
					return record.ErrFull
				case 1:
					return errors.New("disk on fire")
				case 2:
					time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond) // a slow disk
				}
				return nil
			}
			srv := serve(t, ca, sink, "")
			a, b := newProxy(t, srv.addr, seed), newProxy(t, srv.addr, seed+100)
			r := ship(t, Options{
				Servers: []string{a.ln.Addr().String(), b.ln.Addr().String()}, TLS: clientTLS(t, ca),
				Timeout: 250 * time.Millisecond, Progress: time.Second, QueueBytes: 256 << 10, WindowBytes: 16 << 10, WindowLines: 300,
			})
			sources, wait := r.feed(4, func(s *source, _, n int) *record.Lines { return s.lines(1 + (n*n*7)%400) })
			for range 3 {
				n := sink.Len()
				eventually(t, "something arrives", func() bool { return sink.Len() > n })
				srv.stop()
				srv = serve(t, ca, sink, srv.addr)
			}
			wait()
			a.soothe()
			b.soothe()
			r.drain()
			check(t, sink.Rows(), sources...)
			st := r.Status()
			t.Logf("%d lines, %d failures of connections, %d lines sent, %d batches were there already", sink.Len(), st.Failures, st.LinesSent, sink.Duplicates())
			if st.Failures == 0 {
				t.Error("no fault happened")
			}
		})
	}
}

// TestFaultsPlain: without positions journalist knows a window that it has kept by
// its bytes, so that it must come again with the same ones.
func TestFaultsPlain(t *testing.T) {
	for _, protocol := range []Protocol{ProtocolV2, ProtocolV1} {
		t.Run(string(protocol), func(t *testing.T) {
			ca := certs.NewCA(t, "CA")
			sink := newSink(t)
			srv := serve(t, ca, sink, "")
			p := newProxy(t, srv.addr, 7)
			p.mu.Lock()
			p.moves = true
			p.mu.Unlock()
			r := ship(t, Options{
				Servers: []string{p.ln.Addr().String()}, TLS: clientTLS(t, ca), Protocol: protocol, QueueBytes: 64 << 10,
			})
			s := newSource(1)
			for n := range 300 {
				r.send(s.lines(1 + n*7%23))
			}
			eventually(t, "a window comes again that was kept already", func() bool {
				r.send(s.lines(1 + s.next*7%23))
				return sink.Duplicates() > 0
			})
			p.soothe()
			r.drain()
			rows := sink.Rows()
			for i, row := range rows {
				if want := s.name(i); !strings.HasPrefix(row.Message, want) {
					t.Fatalf("row %d is %s, want %s", i, row.Message, want)
				}
			}
			st := r.Status()
			t.Logf("%d rows, %d failures of connections, %d windows were there already", len(rows), st.Failures, sink.Duplicates())
			if len(rows) != s.next {
				t.Errorf("%d rows of %d", len(rows), s.next)
			}
		})
	}
}
