package ship

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v2 "github.com/elastic/go-lumber/server/v2"

	wire "journalist/internal/lumberjack"
	"journalist/internal/record"
	"journalist/internal/testkit/certs"
)

func TestToJournalist(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	srv := serve(t, ca, newSink(t), "")
	r := ship(t, Options{Servers: []string{srv.addr}, TLS: clientTLS(t, ca)})
	var sources []*source
	var wg sync.WaitGroup
	for i := range 5 {
		s := newSource(byte(i))
		sources = append(sources, s)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range 30 {
				r.send(s.lines(1 + n*n%500))
			}
		}()
	}
	wg.Wait()
	big := newSource(9)
	sources = append(sources, big)
	r.send(big.lines(50000)) // more than a window holds
	r.drain()
	check(t, srv.sink.Rows(), sources...)
	st := r.Status()
	if !st.Connected || st.Server != srv.addr || st.Protocol != wire.ALPN || st.LinesAcked != int64(srv.sink.Len()) ||
		st.QueueLines != 0 || st.QueueBytes != 0 || st.InFlight != 0 || st.WireBytes == 0 || st.LastAck.IsZero() || st.Since.IsZero() || st.LastError != "" {
		t.Errorf("status %+v", st)
	}
	if row := srv.sink.Rows()[0]; row.Client != "web-01" || row.Fields["host"] != "web" || row.Fields["file"] != "/f" {
		t.Errorf("row %+v", row)
	}
}

func TestToGoLumber(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := v2.NewWithListener(tls.NewListener(ln, ca.Server()), v2.Timeout(patience), v2.Keepalive(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	received := make(chan struct{})
	go func() {
		defer close(received)
		for b := range srv.ReceiveChan() {
			for _, ev := range b.Events {
				got = append(got, ev.(map[string]any))
			}
			b.ACK()
		}
	}()
	r := ship(t, Options{Servers: []string{ln.Addr().String()}, TLS: clientTLS(t, ca)})
	s := newSource(1)
	for range 20 {
		r.send(s.lines(333))
	}
	empty := s.lines(0) // only a position: nothing to send, but to be acknowledged
	empty.Position.To += 5
	s.pos += 5
	r.send(empty)
	r.drain()
	if p := r.Status().Protocol; p != "lumberjack/2" {
		t.Errorf("protocol %s", p)
	}
	r.stop()
	_ = srv.Close()
	<-received
	if len(got) != s.next {
		t.Fatalf("%d events of %d", len(got), s.next)
	}
	for i, ev := range got {
		if strings.TrimRight(ev["message"].(string), "-") != s.name(i) || ev["host"] != "web" || ev["file"] != "/f" {
			t.Fatalf("event %d: %v", i, ev)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, got[0]["@timestamp"].(string)); err != nil || got[1]["offset"] != 22. {
		t.Errorf("event %v: %v", got[1], err)
	}
}

func TestFailover(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	sink := newSink(t) // one store behind all servers, so that nothing may come twice
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	a, b := serve(t, ca, sink, ""), serve(t, ca, sink, "")
	r := ship(t, Options{Servers: []string{gone.Addr().String(), a.addr, b.addr}, TLS: clientTLS(t, ca)})
	s := newSource(1)
	r.send(s.lines(10))
	r.drain()
	used := r.Status().Server
	first, second := a, b
	if used == b.addr {
		first, second = b, a
	}
	first.stop()
	r.send(s.lines(10))
	r.drain()
	if st := r.Status(); st.Server != second.addr || st.LastError == "" {
		t.Errorf("status %+v", st)
	}
	second.stop()
	r.send(s.lines(10))
	eventually(t, "no server is left", func() bool {
		st := r.Status()
		return !st.Connected && strings.Contains(st.LastError, "nothing listens") && st.QueueLines == 10 && st.Failures > 0
	})
	serve(t, ca, sink, first.addr) // it comes back
	r.drain()
	check(t, sink.Rows(), s)
}

// TestFullServer: a server that keeps nothing makes lines wait, not go.
func TestFullServer(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	var full atomic.Bool
	full.Store(true)
	sink := newSink(t)
	sink.Before = func(*record.Batch) error {
		if full.Load() {
			return record.ErrFull
		}
		return nil
	}
	srv := serve(t, ca, sink, "")
	r := ship(t, Options{Servers: []string{srv.addr}, TLS: clientTLS(t, ca)})
	s := newSource(1)
	for range 10 {
		r.send(s.lines(100))
	}
	eventually(t, "it was tried again", func() bool { return r.Status().Failures > 3 })
	if st := r.Status(); st.LinesAcked != 0 || st.QueueLines != 1000 {
		t.Errorf("status %+v", st)
	}
	full.Store(false)
	r.drain()
	check(t, sink.Rows(), s)
}

func TestBackPressure(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	open := make(chan struct{})
	sink := newSink(t)
	sink.Before = func(*record.Batch) error { <-open; return nil }
	srv := serve(t, ca, sink, "")
	r := ship(t, Options{Servers: []string{srv.addr}, TLS: clientTLS(t, ca), QueueBytes: 64 << 10})
	s := newSource(1)
	for {
		l := s.lines(100)
		ctx, cancel := context.WithCancel(context.Background())
		if r.Status().QueueBytes > 60<<10 {
			cancel()
		}
		err := r.Send(ctx, l, nil)
		cancel()
		if err == nil {
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		s.next, s.pos = s.next-100, l.Position.From // not taken
		break
	}
	if n := r.Status().QueueBytes; n > 64<<10 {
		t.Errorf("%d bytes are queued", n)
	}
	sent := make(chan error, 1)
	l := s.lines(100)
	go func() { sent <- r.Send(context.Background(), l, nil) }()
	close(open)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	huge := s.lines(4000) // more than the queue holds: taken once it is empty
	if err := r.Send(context.Background(), huge, nil); err != nil {
		t.Fatal(err)
	}
	r.drain()
	check(t, sink.Rows(), s)
	r.stop()
	if err := r.Send(context.Background(), s.lines(1), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("send after the end: %v", err)
	}
}

func TestDrainEnds(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	r := ship(t, Options{Servers: []string{gone.Addr().String()}, TLS: clientTLS(t, ca), MaxBackoff: time.Hour})
	r.send(newSource(1).lines(1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	waits := make(chan error, 1)
	go func() { waits <- r.Drain(context.Background()) }()
	r.stop()
	if err := <-waits; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// readWindow reads a window of a plain client and returns its messages.
func readWindow(r *wire.Reader) (messages []string, err error) {
	if _, err := r.Window(); err != nil {
		return nil, err
	}
	for {
		ev, err := r.Event()
		if err != nil || ev == nil {
			return messages, err
		}
		var obj struct{ Message string }
		if err := json.Unmarshal(ev.JSON, &obj); err != nil {
			return nil, err
		}
		messages = append(messages, strings.TrimRight(obj.Message, "-"))
	}
}

// acknowledge reads windows of a plain client and acknowledges each.
func acknowledge(c net.Conn, limits wire.Limits) {
	r := wire.NewReader(c, false, limits)
	for {
		m, err := readWindow(r)
		if err != nil {
			return
		}
		_, _ = c.Write(wire.AppendAck(nil, '2', uint32(len(m)))) // reading tells
	}
}

// TestWrongAcks: an acknowledgement of what was never sent ends the connection
// and acknowledges nothing.
func TestWrongAcks(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	bad := [][]byte{
		wire.AppendAck(nil, '2', 11),             // too many
		wire.AppendAck(nil, '2', 0xffffffff),     //
		wire.AppendAck(nil, '1', 10),             // another version
		[]byte("HTTP/1.1 400 Bad Request\r\n\r"), //
		[]byte("2A\x00"),                         // cut
		nil,                                      // hung up
	}
	var windows atomic.Int32
	addr := fake(t, ca, func(n int, c *tls.Conn) {
		r := wire.NewReader(c, false, wire.Limits{})
		for {
			if _, err := readWindow(r); err != nil {
				return
			}
			windows.Add(1)
			if n < len(bad) {
				_, _ = c.Write(bad[n])
				return
			}
			_, _ = c.Write(wire.AppendAck(nil, '2', 10))
		}
	})
	r := ship(t, Options{Servers: []string{addr}, TLS: clientTLS(t, ca)})
	r.send(newSource(1).lines(10))
	r.drain()
	if n := int(windows.Load()); n != len(bad)+1 {
		t.Errorf("%d windows, want %d", n, len(bad)+1)
	}
	if st := r.Status(); st.LinesAcked != 10 || st.Failures != int64(len(bad)) {
		t.Errorf("status %+v", st)
	}
}

// TestUnaskedAck: an answer before any window ends the connection.
func TestUnaskedAck(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	addr := fake(t, ca, func(n int, c *tls.Conn) {
		if n == 0 {
			_, _ = c.Write(wire.AppendAck(nil, '2', 3))
			_, _ = io.Copy(io.Discard, c)
			return
		}
		_ = c.Handshake()
		_, _ = io.Copy(io.Discard, c)
	})
	r := ship(t, Options{Servers: []string{addr}, TLS: clientTLS(t, ca)})
	eventually(t, "the second connection", func() bool { st := r.Status(); return st.Connected && st.Failures == 1 })
	if e := r.Status().LastError; !strings.Contains(e, "no window is under way") {
		t.Error(e)
	}
}

// TestPartialAcks: Logstash may acknowledge a window bit by bit; after a failure
// only the rest is sent again.
func TestPartialAcks(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	var mu sync.Mutex
	var got [][]string
	addr := fake(t, ca, func(n int, c *tls.Conn) {
		r := wire.NewReader(c, false, wire.Limits{})
		for {
			m, err := readWindow(r)
			if err != nil {
				return
			}
			mu.Lock()
			got = append(got, m)
			mu.Unlock()
			if n == 0 {
				for _, seq := range []uint32{0, 3, 3, 0, 7, 7} { // seven of the second run's ten too
					_, _ = c.Write(wire.AppendAck(nil, '2', seq))
				}
				return
			}
			_, _ = c.Write(wire.AppendAck(nil, '2', uint32(len(m))))
		}
	})
	// Both runs are queued before Run starts, so that they share a window.
	s := newSource(1)
	sh, err := New(Options{Servers: []string{addr}, TLS: clientTLS(t, ca), MaxBackoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var acked []uint64
	for range 3 {
		if err := sh.Send(t.Context(), s.lines(4), func(l *record.Lines) { acked = append(acked, l.Position.To) }); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- sh.Run(ctx) }()
	err = sh.Drain(t.Context())
	cancel()
	if err2 := <-done; err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if len(got) != 2 || len(got[0]) != 12 || len(got[1]) != 8 || got[1][0] != s.name(4) {
		t.Errorf("windows %v", got)
	}
	if len(acked) != 3 {
		t.Errorf("acknowledged %v", acked)
	}
}

// TestTimeouts: a server that is silent, or alive without ever acknowledging, is
// left, and windows become smaller.
func TestTimeouts(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	for name, c := range map[string]struct {
		alive bool
		says  string
	}{"silent": {false, "no answer"}, "alive only": {true, "acknowledged nothing"}} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var sizes []int
			addr := fake(t, ca, func(n int, conn *tls.Conn) {
				r := wire.NewReader(conn, false, wire.Limits{})
				for {
					m, err := readWindow(r)
					if err != nil {
						return
					}
					mu.Lock()
					sizes = append(sizes, len(m))
					mu.Unlock()
					if n >= 2 {
						_, _ = conn.Write(wire.AppendAck(nil, '2', uint32(len(m))))
						continue
					}
					for c.alive {
						if _, err := conn.Write(wire.AppendAck(nil, '2', 0)); err != nil {
							return
						}
						time.Sleep(time.Millisecond)
					}
				}
			})
			o := Options{Servers: []string{addr}, TLS: clientTLS(t, ca), Timeout: 300 * time.Millisecond, Progress: 400 * time.Millisecond, WindowLines: 64}
			if !c.alive {
				o.Progress = time.Hour
			}
			r := ship(t, o)
			r.send(newSource(1).lines(64))
			r.drain()
			mu.Lock()
			defer mu.Unlock()
			if e := r.Status().LastError; !strings.Contains(e, c.says) {
				t.Error(e)
			}
			if fmt.Sprint(sizes[:3]) != "[64 32 16]" {
				t.Errorf("windows of %v", sizes)
			}
		})
	}
}

// TestIdleClose: a server may close idle connections; the next line opens one.
func TestIdleClose(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	var conns atomic.Int32
	addr := fake(t, ca, func(_ int, c *tls.Conn) {
		conns.Add(1)
		if m, err := readWindow(wire.NewReader(c, false, wire.Limits{})); err == nil {
			_, _ = c.Write(wire.AppendAck(nil, '2', uint32(len(m))))
		}
	})
	r := ship(t, Options{Servers: []string{addr}, TLS: clientTLS(t, ca)})
	s := newSource(1)
	for i := range 5 {
		r.send(s.lines(1))
		r.drain()
		eventually(t, "the connection is closed", func() bool { return !r.Status().Connected })
		if n := int(conns.Load()); n != i+1 {
			t.Fatalf("%d connections after %d lines", n, i+1)
		}
	}
	if st := r.Status(); st.Failures != 0 {
		t.Errorf("status %+v", st)
	}
}

// TestServerRefusesALPN: a server that knows only other protocols is asked again
// without ours.
func TestServerRefusesALPN(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	cfg := ca.Server()
	cfg.NextProtos = []string{"h2"}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				acknowledge(c, wire.Limits{})
				_ = c.Close()
			})
		}
	})
	r := ship(t, Options{Servers: []string{ln.Addr().String()}, TLS: clientTLS(t, ca)})
	r.send(newSource(1).lines(3))
	r.drain()
	if st := r.Status(); st.Protocol != "lumberjack/2" || st.Failures != 0 {
		t.Errorf("status %+v", st)
	}
	r.stop()
	_ = ln.Close()
	wg.Wait()
}

func TestSendRefusesBadLines(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	s, err := New(Options{Servers: []string{"localhost"}, TLS: clientTLS(t, ca)})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*record.Lines){
		"no source":      func(l *record.Lines) { l.Position.ID = record.SourceID{} },
		"backwards":      func(l *record.Lines) { l.Position.To = 0; l.Position.From = 1 },
		"beyond its end": func(l *record.Lines) { l.Position.To-- },
		"rows overlap":   func(l *record.Lines) { l.Rows[1].Start-- },
		"text outside":   func(l *record.Lines) { l.Rows[1].Off = uint32(len(l.Data)) },
		"name too long":  func(l *record.Lines) { l.Fields = []record.Pair{{Name: strings.Repeat("n", record.MaxName+1)}} },
		"fields too large": func(l *record.Lines) {
			l.Fields = []record.Pair{{Name: "n", Value: strings.Repeat("v", record.MaxValue)}}
		},
	} {
		l := newSource(1).lines(2)
		change(l)
		if err := s.Send(t.Context(), l, nil); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
}

func TestOptions(t *testing.T) {
	cfg := &tls.Config{}
	for in, want := range map[string]string{
		"logs.example": "logs.example:5043", "logs:99": "logs:99", "10.0.0.1": "10.0.0.1:5043", "::1": "[::1]:5043", "[::1]:7": "[::1]:7",
		"": "", ":5043": "", "logs:x": "", "logs:70000": "", "a:b:c": "", "[::1": "",
	} {
		if got, err := ServerAddress(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, o := range []Options{{TLS: cfg}, {Servers: []string{"a"}}, {Servers: []string{"a", "b:c:d"}, TLS: cfg}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v passes", o)
		}
	}
}

func TestBackoff(t *testing.T) {
	s, err := New(Options{Servers: []string{"a", "b"}, TLS: &tls.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	for failures, most := range map[int]time.Duration{0: 200 * time.Millisecond, 1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 6: 6400 * time.Millisecond, 40: 15 * time.Second, 1000: 15 * time.Second} {
		for range 100 {
			if d := s.backoff(failures); d > most || d < most/2 {
				t.Fatalf("after %d failures: %s, want %s to %s", failures, d, most/2, most)
			}
		}
	}
}
