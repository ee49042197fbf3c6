package ship

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/ingest/lumberjack"
	"journalist/internal/record"
	"journalist/internal/testkit/certs"
	"journalist/internal/testkit/memsink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; it passes as soon as it
// has happened.
const patience = 30 * time.Second

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// server is journalist's receiving end with a sink in memory.
type server struct {
	sink *memsink.Sink
	addr string
	stop func()
}

// serve starts a server; addr "" means any port.
func serve(t *testing.T, ca *certs.CA, sink *memsink.Sink, addr string) *server {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var ln net.Listener
	eventually(t, "listen on "+addr, func() (ok bool) {
		var err error
		ln, err = net.Listen("tcp", addr)
		return err == nil
	})
	s := lumberjack.New(lumberjack.Options{
		Sink: sink, Positions: sink, TLS: ca.Server(), Keepalive: 10 * time.Millisecond, MaxConnsPerAddr: 1000,
	})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	stop := sync.OnceFunc(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // break off, like a crash
		_ = s.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &server{sink: sink, addr: ln.Addr().String(), stop: stop}
}

func newSink(t *testing.T) *memsink.Sink {
	s := memsink.New()
	t.Cleanup(s.Close)
	return s
}

// files writes a client's certificate, its key and the CA.
func files(t *testing.T, ca *certs.CA, spec certs.Spec) TLSFiles {
	t.Helper()
	dir := t.TempDir()
	p := ca.Issue(spec)
	f := TLSFiles{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "c.crt"), Key: filepath.Join(dir, "c.key")}
	for name, data := range map[string][]byte{f.CA: ca.PEM, f.Cert: p.Cert, f.Key: p.Key} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func clientTLS(t *testing.T, ca *certs.CA) *tls.Config {
	t.Helper()
	cfg, err := TLSConfig(files(t, ca, certs.Spec{CommonName: "web-01"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// running is a Shipper whose Run is under way.
type running struct {
	*Shipper
	t    *testing.T
	log  *logBuffer
	stop func()

	mu    sync.Mutex
	acked map[record.SourceID]uint64 // To of what was acknowledged last
}

func ship(t *testing.T, o Options) *running {
	t.Helper()
	r := &running{t: t, log: &logBuffer{}, acked: map[record.SourceID]uint64{}}
	o.Logger = r.log.logger()
	if o.MaxBackoff == 0 {
		o.MaxBackoff = 20 * time.Millisecond
	}
	var err error
	if r.Shipper, err = New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// send sends lines and checks that their acknowledgement comes in its turn.
func (r *running) send(l *record.Lines) {
	r.t.Helper()
	err := r.Send(context.Background(), l, func(got *record.Lines) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if got != l || r.acked[l.Position.ID] != l.Position.From {
			r.t.Errorf("lines %+v were acknowledged after %d", l.Position, r.acked[l.Position.ID])
		}
		r.acked[l.Position.ID] = l.Position.To
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) drain() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Drain(ctx); err != nil {
		log := r.log.String()
		r.t.Fatalf("drain: %v; status %+v; log ends:\n%s", err, r.Status(), log[max(0, len(log)-2000):])
	}
}

// source makes numbered lines.
type source struct {
	id   record.SourceID
	next int
	pos  uint64
}

func newSource(id byte) *source { return &source{id: record.SourceID{1, id}} }

func (s *source) name(n int) string { return fmt.Sprintf("source-%d-line-%07d", s.id[1], n) }

// lines makes the next n lines.
func (s *source) lines(n int) *record.Lines {
	l := &record.Lines{ReadTime: time.Now().UnixNano(), Fields: []record.Pair{{Name: "host", Value: "web"}, {Name: "file", Value: "/f"}}}
	l.Position = record.Position{ID: s.id, From: s.pos}
	for range n {
		text := s.name(s.next) + strings.Repeat("-", s.next%7)
		l.Rows = append(l.Rows, record.Line{Start: s.pos, Span: uint32(len(text) + 1), Off: uint32(len(l.Data)), Len: uint32(len(text))})
		l.Data = append(append(l.Data, text...), '\n')
		s.pos += uint64(len(text) + 1)
		s.next++
	}
	l.Position.To = s.pos
	return l
}

// feed sends 60 runs of each of so many sources, all at once: those that lines makes
// of the i-th source. wait waits until all are sent.
func (r *running) feed(sources int, lines func(s *source, i, run int) *record.Lines) (all []*source, wait func()) {
	var wg sync.WaitGroup
	for i := range sources {
		s := newSource(byte(i))
		all = append(all, s)
		wg.Go(func() {
			for run := range 60 {
				r.send(lines(s, i, run))
			}
		})
	}
	return all, wg.Wait
}

// check compares what a sink kept with what the sources made: nothing missing,
// nothing twice, each source in order.
func check(t *testing.T, rows []memsink.Row, sources ...*source) {
	t.Helper()
	next := map[record.SourceID]int{}
	total := 0
	for _, s := range sources {
		total += s.next
	}
	for i, r := range rows {
		n := next[r.Source]
		want := (&source{id: r.Source}).name(n)
		if strings.TrimRight(r.Message, "-") != want {
			t.Fatalf("row %d of %d is %s, want %s", i, len(rows), r.Message, want)
		}
		next[r.Source]++
	}
	if len(rows) != total {
		t.Fatalf("%d rows of %d", len(rows), total)
	}
}

// fake is a TLS server whose connections run handle, one after another.
func fake(t *testing.T, ca *certs.CA, handle func(n int, c *tls.Conn)) (addr string) {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", ca.Server())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]struct{}{}
	wg.Add(1)
	go func() {
		defer wg.Done()
		for n := 0; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = struct{}{}
			mu.Unlock()
			wg.Add(1)
			go func() {
				defer wg.Done()
				handle(n, c.(*tls.Conn))
				_ = c.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}
