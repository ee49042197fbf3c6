package lumberjack

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zlib"
	"go.uber.org/goleak"

	"journalist/internal/lumberjack"
	"journalist/internal/metrics"
	"journalist/internal/testkit/certs"
	"journalist/internal/testkit/memsink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; it passes as soon as it
// has happened.
const patience = 20 * time.Second

// harness is a running server, its sink and its log.
type harness struct {
	*Server
	t    *testing.T
	sink *memsink.Sink
	ca   *certs.CA
	addr string
	log  *logBuffer
	set  *metrics.Set
}

// start runs a server with the options as changed by change.
func start(t *testing.T, change func(*Options)) *harness {
	t.Helper()
	h := &harness{t: t, sink: memsink.New(), ca: certs.NewCA(t, "test CA"), log: &logBuffer{}, set: metrics.New()}
	o := Options{
		Sink: h.sink, Positions: h.sink, TLS: h.ca.Server(), Metrics: h.set,
		Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	h.Server = New(o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- h.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		h.sink.Close()
		if n := h.budget.used(); n != 0 {
			t.Errorf("%d bytes are still charged", n)
		}
	})
	return h
}

// dial connects as the client of this name; protos are offered by ALPN.
func (h *harness) dial(name string, protos ...string) *tls.Conn {
	h.t.Helper()
	cfg := h.ca.Client(name)
	cfg.NextProtos = protos
	c, err := tls.Dial("tcp", h.addr, cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *harness) eventually(what string, f func() bool) {
	h.t.Helper()
	eventually(h.t, what, f)
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func (h *harness) metric(name string, labels ...string) uint64 {
	return h.set.Counter(name, labels...).Get()
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

// v1Window is what logstash-forwarder sends: a window header and one compressed
// frame. seq is the first event's number.
func v1Window(seq uint32, lines ...string) []byte {
	var frames []byte
	for i, line := range lines {
		pairs := []string{"file", "/var/log/app.log", "host", "web", "offset", fmt.Sprint(100 * i), "line", line, "type", "app"}
		frames = append(frames, '1', 'D')
		frames = binary.BigEndian.AppendUint32(frames, seq+uint32(i))
		frames = binary.BigEndian.AppendUint32(frames, uint32(len(pairs)/2))
		for _, s := range pairs {
			frames = binary.BigEndian.AppendUint32(frames, uint32(len(s)))
			frames = append(frames, s...)
		}
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(frames) // into memory
	_ = w.Close()
	out := lumberjack.AppendWindow(nil, '1', uint32(len(lines)))
	out = append(out, '1', 'C')
	out = binary.BigEndian.AppendUint32(out, uint32(z.Len()))
	return append(out, z.Bytes()...)
}

// v2Window is a plain window of JSON events.
func v2Window(objs ...string) []byte {
	out := lumberjack.AppendWindow(nil, '2', uint32(len(objs)))
	for i, o := range objs {
		out = append(out, '2', 'J')
		out = binary.BigEndian.AppendUint32(out, uint32(i+1))
		out = binary.BigEndian.AppendUint32(out, uint32(len(o)))
		out = append(out, o...)
	}
	return out
}

func send(t *testing.T, c io.Writer, p []byte) {
	t.Helper()
	if _, err := c.Write(p); err != nil {
		t.Fatal(err)
	}
}

// answer reads one answer.
func answer(t *testing.T, c io.Reader) (version byte, seq uint32) {
	t.Helper()
	var b [6]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		t.Fatalf("answer: %v", err)
	}
	if b[1] != 'A' {
		t.Fatalf("answer %q", b[:])
	}
	return b[0], binary.BigEndian.Uint32(b[2:])
}

// acked reads answers until one is not a sign of life.
func acked(t *testing.T, c io.Reader) (seq uint32, alive int) {
	t.Helper()
	for {
		_, seq := answer(t, c)
		if seq > 0 {
			return seq, alive
		}
		alive++
	}
}

func messages(rows []memsink.Row) string {
	var all []string
	for _, r := range rows {
		all = append(all, r.Message)
	}
	return strings.Join(all, " ")
}
