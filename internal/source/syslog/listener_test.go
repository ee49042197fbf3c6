package syslog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink collects rows, and holds them up while gate is closed.
type sink struct {
	mu     sync.Mutex
	rows   []string
	change chan struct{}
	gate   chan struct{}
}

func newSink() *sink { return &sink{change: make(chan struct{})} }

func (s *sink) output(t *testing.T) func(context.Context, *record.Lines, func(*record.Lines)) error {
	to := map[record.SourceID]uint64{}
	return func(ctx context.Context, l *record.Lines, acked func(*record.Lines)) error {
		if s.gate != nil {
			select {
			case <-s.gate:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.Position.From != to[l.Position.ID] {
			t.Errorf("run at %+v after %d", l.Position, to[l.Position.ID])
		}
		to[l.Position.ID] = l.Position.To
		for i, r := range l.Rows {
			s.rows = append(s.rows, fmt.Sprintf("%s %s%v", l.Text(i), l.ExtraOf(i), r.Marks.Tags()))
		}
		close(s.change)
		s.change = make(chan struct{})
		acked(l)
		return nil
	}
}

// wait waits until the rows satisfy ok.
func (s *sink) wait(t *testing.T, what string, ok func(rows []string) bool) []string {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		rows, change := slices.Clone(s.rows), s.change
		s.mu.Unlock()
		if ok(rows) {
			return rows
		}
		select {
		case <-change:
		case <-timeout:
			t.Fatalf("%s did not come: %q", what, rows)
		}
	}
}

func (s *sink) waitLen(t *testing.T, n int) []string {
	t.Helper()
	return s.wait(t, fmt.Sprint(n, " rows"), func(rows []string) bool { return len(rows) >= n })
}

var fixed = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// listening runs a listener.
func listening(t *testing.T, s *sink, listen string, change func(*Options)) (*Listener, func()) {
	t.Helper()
	o := Options{Listen: listen, Output: s.output(t), Now: func() time.Time { return fixed }}
	if change != nil {
		change(&o)
	}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return l, stop
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

const (
	classic = "<30>Feb  5 17:32:18 web-01 nginx[7]: hello"
	said    = `hello {"@timestamp":"2026-02-05T17:32:18Z","host":"web-01","level":"info","facility":"daemon","app":"nginx","procid":"7"}[]`
)

func TestSockets(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ listen, network, sent string }{
		{"unix://" + filepath.Join(dir, "a", "log.sock"), "unixgram", classic},
		{"unixgram://" + filepath.Join(dir, "b.sock"), "unixgram", classic + "\n"},
		{"unix-stream://" + filepath.Join(dir, "c.sock"), "unix", classic + "\x00"},
		{"udp://127.0.0.1:0", "udp", classic},
		{"tcp://127.0.0.1:0", "tcp", classic + "\n"},
		{"tcp://[::1]:0", "tcp", fmt.Sprintf("%d %s", len(classic), classic)},
	} {
		s := newSink()
		l, stop := listening(t, s, c.listen, nil)
		conn := dial(t, c.network, l.Addr().String())
		write(t, conn, c.sent)
		write(t, conn, c.sent)
		for _, row := range s.waitLen(t, 2) {
			if row != said {
				t.Errorf("%s: %s", c.listen, row)
			}
		}
		if st := l.Status(); st.Messages != 2 || st.Bad != 0 || st.Waiting != 0 && st.Waiting > 1000 {
			t.Errorf("%s: %+v", c.listen, st)
		}
		stop()
		if c.network[0] == 'u' && c.network != "udp" {
			if _, err := os.Lstat(l.addr.name); err == nil {
				t.Errorf("%s is left", l.addr.name)
			}
		}
	}
}

// A message whose fields would not fit into a record is cut, not refused.
func TestFieldsOverTheLimit(t *testing.T) {
	s := newSink()
	l, _ := listening(t, s, "tcp://127.0.0.1:0", nil)
	c := dial(t, "tcp", l.Addr().String())
	in := `<13>1 - h a p m [x y="` + strings.Repeat("\x01", 900_000) + `"] text`
	write(t, c, fmt.Sprintf("%d %s", len(in), in))
	want := `text {"_error":"fields of 5400102 bytes are over the limit and were left out"}[_truncated]`
	if got := s.waitLen(t, 1)[0]; got != want {
		t.Errorf("%.200s, want %s", got, want)
	}
}

func TestKeptAsTheyCame(t *testing.T) {
	s := newSink()
	l, _ := listening(t, s, "tcp://127.0.0.1:0", func(o *Options) { o.MaxMessage = 40 })
	c := dial(t, "tcp", l.Addr().String())
	write(t, c, "no priority\n\n<13>1 broken\n"+"<13>"+strings.Repeat("x", 60)+"\n64 <13>"+strings.Repeat("y", 60)+"12 <13>counted!7 lines\n<13>the end")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`no priority {"_error":"syslog: no priority at the beginning"}[]`,
		`<13>1 broken {"_error":"syslog: the header of RFC 5424 is not whole"}[]`,
		strings.Repeat("x", 36) + ` {"level":"notice","facility":"user"}[_truncated]`,
		strings.Repeat("y", 36) + ` {"level":"notice","facility":"user"}[_truncated]`,
		`counted! {"level":"notice","facility":"user"}[]`,
		`7 lines {"_error":"syslog: no priority at the beginning"}[]`,
		`the end {"level":"notice","facility":"user"}[_unterminated]`,
	}
	for i, row := range s.waitLen(t, len(want)) {
		if row != want[i] {
			t.Errorf("row %d: %s, want %s", i, row, want[i])
		}
	}
	if st := l.Status(); st.Bad != 3 {
		t.Errorf("%+v", st)
	}
}

// Datagrams that find no room are counted and told; what came before and after is
// there.
func TestDrops(t *testing.T) {
	s := newSink()
	s.gate = make(chan struct{})
	l, _ := listening(t, s, "unix://"+filepath.Join(t.TempDir(), "s"), func(o *Options) { o.Buffer = 10_000 })
	c := dial(t, "unixgram", l.Addr().String())
	for i := range 300 {
		write(t, c, fmt.Sprintf("<13>%03d %s", i, strings.Repeat("z", 100)))
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		st := l.Status()
		if st.Messages+st.Dropped == 300 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", st)
		}
		time.Sleep(time.Millisecond)
	}
	close(s.gate)
	told := func(rows []string) bool {
		return slices.ContainsFunc(rows, func(r string) bool { return strings.HasPrefix(r, "scribe dropped ") })
	}
	s.wait(t, "the line about drops", told)
	for l.Status().Waiting > 0 { // the room is free when the output has returned
		if time.Now().After(deadline) {
			t.Fatalf("%+v", l.Status())
		}
		time.Sleep(time.Millisecond)
	}
	write(t, c, "<13>after")
	rows := s.wait(t, "a later message", func(rows []string) bool {
		return slices.ContainsFunc(rows, func(r string) bool { return strings.HasPrefix(r, "after ") })
	})
	st := l.Status()
	want := fmt.Sprintf(`scribe dropped %d syslog messages that came to %s: there was no room for them {"level":"warning","app":"scribe","dropped":%d,"@timestamp":"2026-03-01T12:00:00Z"}[]`, st.Dropped, l.o.Listen, st.Dropped)
	if st.Dropped == 0 || int(st.Messages) != len(rows)-1 || !slices.Contains(rows, want) {
		t.Errorf("%+v, %d rows, want %s in %q", st, len(rows), want, rows[max(0, len(rows)-3):])
	}
}

// What the kernel drops is told as well, on Linux.
func TestKernelDrops(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // nobody says it there
	}
	s := newSink()
	l, err := New(Options{Listen: "udp://127.0.0.1:0", Output: s.output(t), Buffer: 100 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := dial(t, "udp", l.Addr().String())
	const n = 30_000 // more than any buffer takes while nobody reads
	for range n {
		write(t, c, "<13>"+strings.Repeat("k", 1000))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	deadline := time.Now().Add(20 * time.Second)
	for st := l.Status(); st.Messages == 0 || st.Messages+st.Dropped < n; st = l.Status() {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", st)
		}
		write(t, c, "<13>later") // the next datagram says what was dropped before it
		time.Sleep(time.Millisecond)
	}
	s.wait(t, "the line about drops", func(rows []string) bool {
		return slices.ContainsFunc(rows, func(r string) bool { return strings.HasPrefix(r, "scribe dropped ") })
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A stream waits instead.
func TestStreamsWait(t *testing.T) {
	s := newSink()
	s.gate = make(chan struct{})
	l, _ := listening(t, s, "tcp://127.0.0.1:0", func(o *Options) { o.Buffer = 10_000 })
	c := dial(t, "tcp", l.Addr().String())
	go func() {
		w := bufio.NewWriter(c)
		for i := range 20_000 {
			_, _ = fmt.Fprintf(w, "<13>%05d %s\n", i, strings.Repeat("z", 100)) // Flush tells
		}
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
	}()
	deadline := time.Now().Add(20 * time.Second)
	for l.Status().Waiting < 9_000 {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", l.Status())
		}
		time.Sleep(time.Millisecond)
	}
	if st := l.Status(); st.Waiting > 11_000 {
		t.Errorf("%+v", st)
	}
	close(s.gate)
	for i, row := range s.waitLen(t, 20_000) {
		if !strings.HasPrefix(row, fmt.Sprintf("%05d ", i)) {
			t.Fatalf("row %d is %q", i, row)
		}
	}
}

// What rules drop makes room like what a server takes.
func TestRulesMakeRoom(t *testing.T) {
	l, _ := listening(t, newSink(), "tcp://127.0.0.1:0", func(o *Options) {
		o.Buffer = 10_000
		o.Output = func(_ context.Context, l *record.Lines, acked func(*record.Lines)) error {
			l.Rows, l.Extras = l.Rows[:0], nil
			acked(l)
			return nil
		}
	})
	c := dial(t, "tcp", l.Addr().String())
	const n = 2000
	go func() {
		if _, err := io.WriteString(c, strings.Repeat("<13>dropped\n", n)); err != nil {
			t.Error(err)
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		st := l.Status()
		if st.Messages == n && st.Waiting == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", st)
		}
	}
}

func TestAddresses(t *testing.T) {
	for listen, want := range map[string]string{
		"udp://127.0.0.1:514":         "",
		"tcp://[::1]:514":             "",
		"tcp://localhost:514":         "",
		"unix:///dev/log":             "",
		"unixgram:///dev/log":         "",
		"udp://0.0.0.0:514":           "other machines",
		"udp://:514":                  "other machines",
		"tcp://logs.example.com:1514": "other machines",
		"udp://127.0.0.1":             "write unix",
		"tls://127.0.0.1:6514":        "write unix",
		"unix://relative":             "write unix",
		"514":                         "write unix",
	} {
		err := Check(listen, false)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	if err := Check("udp://0.0.0.0:514", true); err != nil {
		t.Error(err)
	}
}

func TestSocketFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	stale, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	try := func() error {
		l, err := New(Options{Listen: "unix://" + name, Output: newSink().output(t)})
		if err != nil {
			t.Fatal(err)
		}
		err = l.Listen(t.Context())
		l.close()
		return err
	}
	if err := try(); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a socket that is listened on: %v", err)
	}
	if err := stale.Close(); err != nil { // its file stays
		t.Fatal(err)
	}
	if err := try(); err != nil {
		t.Errorf("a socket nobody listens on: %v", err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := try(); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte("5 <13>a<13>b\nc\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		fr := framer{r: bufio.NewReader(strings.NewReader(string(in))), most: 50}
		for total := 0; ; {
			b, _, err := fr.next()
			total += len(b)
			if len(b) > 50 || total > len(in) {
				t.Fatalf("%q: %q", in, b)
			}
			if err != nil {
				return
			}
		}
	})
}

func BenchmarkTCP(b *testing.B) {
	rows := make(chan int, 1000)
	l, err := New(Options{Listen: "tcp://127.0.0.1:0", Output: func(_ context.Context, l *record.Lines, acked func(*record.Lines)) error {
		acked(l)
		rows <- len(l.Rows)
		return nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Listen(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	chunk := strings.Repeat("<30>Feb  5 17:32:18 web-01 nginx[123]: 10.0.0.1 - - GET /index.html HTTP/1.1 200 1234\n", 1000)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, err := io.WriteString(c, chunk); err != nil {
			b.Fatal(err)
		}
		for n := 0; n < 1000; {
			n += <-rows
		}
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
