//go:build unix

package rotate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/tail"
	"journalist/internal/vfs"
)

// acks is a Forwarder that acknowledges what it is told to.
type acks struct {
	mu    sync.Mutex
	acked map[string]uint64 // by base name; what is not in it is not forwarded
	fails error
}

func (a *acks) Acked(_ context.Context, path string, _, _ uint64) (Progress, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, ok := a.acked[filepath.Base(path)]
	return Progress{Forwarded: ok, Acked: n}, a.fails
}

func (a *acks) Cut(_ context.Context, path, _ string, cut func(uint64) (Cutting, error)) error {
	a.mu.Lock()
	n, ok := a.acked[filepath.Base(path)]
	a.mu.Unlock()
	if !ok {
		return ErrNotFollowed
	}
	_, err := cut(n)
	return err
}

func (a *acks) Recut(context.Context, string, Cutting) error { return nil }

func (a *acks) set(name string, n uint64) {
	a.mu.Lock()
	a.acked[name] = n
	a.mu.Unlock()
}

// gated is a tree with a Runner that waits for acks; time stands still.
type gated struct {
	*tree
	t    *testing.T
	r    *Runner
	acks *acks
	now  time.Time
	log  *bytes.Buffer
}

func newGated(t *testing.T, conf, files string, change func(*Options)) *gated {
	g := &gated{
		tree: makeTree(t, sideCase{conf: conf, files: files}), t: t, now: time.Now(), log: new(bytes.Buffer),
		acks: &acks{acked: make(map[string]uint64)},
	}
	o := Options{
		Configs: []string{g.conf}, State: g.state, Forwarder: g.acks, Clock: func() time.Time { return g.now },
		Logger: slog.New(slog.NewTextHandler(g.log, nil)), GateWait: time.Nanosecond,
	}
	if change != nil {
		change(&o)
	}
	var err error
	if g.r, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.r.Close() })
	return g
}

func (g *gated) once(force bool) Result {
	g.t.Helper()
	res, err := g.r.Once(g.t.Context(), force)
	if err != nil {
		g.t.Fatal(err)
	}
	return res
}

func (g *gated) want(names string) {
	g.t.Helper()
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		g.t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if s := strings.Join(got, " "); s != names {
		g.t.Fatalf("there is %q, want %q\n%s", s, names, g.log)
	}
}

func TestGateHoldsCompression(t *testing.T) {
	g := newGated(t, "DIR/app.log {\nrotate 2\ncompress\ncreate\n}\n", oneLog, nil)
	g.acks.set("app.log", 0)
	g.acks.set("app.log.1", 299)
	if res := g.once(true); res.Waiting != 1 {
		t.Fatalf("%+v", res)
	}
	g.want("app.log app.log.1")
	if st := g.r.Status(); len(st.Waiting) != 1 || st.Waiting[0].Bytes != 1 || st.Waiting[0].For != "compress" {
		t.Fatalf("%+v", st)
	}
	g.once(true) // the log waits for its last rotation
	g.want("app.log app.log.1")
	g.acks.set("app.log.1", 300)
	if res := g.once(false); res.Waiting != 0 || res.Rotated != 1 {
		t.Fatalf("%+v", res)
	}
	g.want("app.log app.log.1.gz")
}

func TestGateHoldsRemoval(t *testing.T) {
	set := metrics.New()
	g := newGated(t, "DIR/app.log {\nrotate 1\ncreate\nnotifempty\n}\n", oneLog+"\napp.log.1 0640 1 20", func(o *Options) { o.Metrics = set })
	g.acks.set("app.log.2", 19)
	g.once(true)
	g.want("app.log app.log.1 app.log.2")
	g.now = g.now.Add(5 * 24 * time.Hour)
	g.once(true)
	g.want("app.log app.log.1 app.log.2")
	g.now = g.now.Add(24*time.Hour + time.Hour) // the file is a day old
	if res := g.once(false); res.Waiting != 0 {
		t.Fatalf("%+v", res)
	}
	g.want("app.log app.log.1")
	if st := g.r.Status(); st.Lost != 1 {
		t.Errorf("%+v", st)
	}
	var b bytes.Buffer
	set.Write(&b)
	if !strings.Contains(b.String(), "scribe_rotate_lost_bytes_total 1\n") || !strings.Contains(g.log.String(), "lost_bytes=1") {
		t.Errorf("the loss is not told: %s", g.log)
	}
}

func TestGateByBytes(t *testing.T) {
	g := newGated(t, "DIR/app.log {\nrotate 1\ncreate\n}\n", oneLog+"\napp.log.1 0640 1 2000", func(o *Options) { o.GateBytes = 1000 })
	g.acks.set("app.log.2", 999)
	g.once(true)
	g.want("app.log app.log.1")
}

// A dated rotation that is to be removed before the log is moved holds all of it.
func TestGateHoldsTheWholeRotation(t *testing.T) {
	g := newGated(t, "DIR/app.log {\nrotate 2\ndateext\n}\n", oneLog+"\napp.log-20250101 0640 1 10\napp.log-20250102 0640 1 10\napp.log-20250103 0640 1 10", nil)
	g.acks.set("app.log-20250101", 9)
	before := g.list(t)
	if res := g.once(true); res.Waiting != 1 || g.list(t) != before {
		t.Fatalf("%+v\n%s", res, g.list(t))
	}
	g.acks.set("app.log-20250101", 10)
	g.once(true)
	g.want("app.log-20250103 app.log-" + g.now.Format("20060102"))
}

func TestGateHoldsTruncation(t *testing.T) {
	g := newGated(t, "DIR/app.log {\nrotate 2\ncopytruncate\n}\n", oneLog, nil)
	g.acks.set("app.log", 299)
	g.once(true)
	g.want("app.log")
	// What is written meanwhile is not waited for.
	f, err := os.OpenFile(filepath.Join(g.dir, "app.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("more\n")
	g.once(true)
	g.want("app.log")
	g.acks.set("app.log", 300)
	g.once(true)
	_ = f.Close()
	g.want("app.log app.log.1")
	data, _ := os.ReadFile(filepath.Join(g.dir, "app.log"))
	old, _ := os.ReadFile(filepath.Join(g.dir, "app.log.1"))
	if strings.TrimLeft(string(data), " \n") != "more\n" || len(old) != 300 {
		t.Fatalf("log is %q, its rotation has %d bytes", data, len(old))
	}
}

// A forwarder that cannot be asked stops nothing but the step.
func TestForwarderFails(t *testing.T) {
	g := newGated(t, "DIR/app.log {\nrotate 1\ncompress\n}\n", oneLog, nil)
	g.acks.fails = errors.New("no answer")
	g.once(true)
	g.want("app.log.1")
	g.acks.fails = nil
	g.once(false)
	g.want("app.log.1.gz")
}

// house is a Tailer, its registry, a server that has every line, and a Runner.
type house struct {
	t      *testing.T
	dir    string
	reg    *registry.Registry
	tailer *tail.Tailer
	runner *Runner
	stop   func()

	mu    sync.Mutex
	lines map[string]int
	to    map[record.SourceID]uint64
	log   *bytes.Buffer
}

// adapter is what cmd/scribe has between the two packages.
type adapter struct{ h *house }

func (a adapter) Acked(_ context.Context, path string, dev, ino uint64) (Progress, error) {
	n, ok := a.h.tailer.AckedOf(path, dev, ino)
	return Progress{Forwarded: ok, Acked: n}, nil
}

func (a adapter) Cut(ctx context.Context, path, copyTo string, cut func(uint64) (Cutting, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := a.h.tailer.Cut(ctx, path, copyTo, func(acked uint64) (tail.Cutting, error) {
		c, err := cut(acked)
		return tail.Cutting(c), err
	})
	switch {
	case errors.Is(err, tail.ErrNotFollowed):
		return ErrNotFollowed
	case errors.Is(err, tail.ErrNotAcked):
		return ErrNotAcked
	}
	return err
}

func (a adapter) Recut(_ context.Context, path string, done Cutting) error {
	return tail.Recut(nil, a.h.reg, path, tail.Cutting(done))
}

func newHouse(t *testing.T, conf string) *house {
	h := &house{t: t, dir: t.TempDir(), lines: make(map[string]int), to: make(map[record.SourceID]uint64), log: new(bytes.Buffer)}
	if err := os.Mkdir(filepath.Join(h.dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(h.dir, "conf"), strings.ReplaceAll(conf, "DIR", filepath.Join(h.dir, "logs")), 0o644)
	t.Cleanup(func() { h.down() })
	return h
}

// up starts scribe; with recovery as cmd/scribe does it.
func (h *house) up() {
	h.t.Helper()
	logger := slog.New(slog.NewTextHandler(&locked{h: h}, nil))
	reg, err := registry.Open(vfs.OS, filepath.Join(h.dir, "state"), registry.Options{Logger: logger})
	if err != nil {
		h.t.Fatal(err)
	}
	h.reg = reg
	r, err := New(Options{Configs: []string{filepath.Join(h.dir, "conf")}, State: filepath.Join(h.dir, "rotations"), Forwarder: adapter{h}, GateWait: 10 * time.Second, Logger: logger})
	if err != nil {
		h.t.Fatal(err)
	}
	h.runner = r
	if err := r.Recover(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	var acking sync.WaitGroup
	var down atomic.Bool
	h.tailer, err = tail.New(tail.Options{
		Groups: []tail.Group{{Paths: []string{filepath.Join(h.dir, "logs", "*")}}}, Positions: reg, Logger: logger,
		ScanInterval: 20 * time.Millisecond, PollInterval: 10 * time.Millisecond,
		Output: func(_ context.Context, l *record.Lines) error {
			if err := h.take(l); err != nil {
				return err
			}
			acking.Go(func() {
				if !down.Load() {
					h.tailer.Acked(l)
				}
			})
			return nil
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	tl := h.tailer
	go func() {
		defer close(ended)
		_ = tl.Run(ctx)
	}()
	h.stop = func() {
		cancel()
		<-ended
		down.Store(true)
		acking.Wait()
		_ = reg.Close()
		_ = r.Close()
	}
}

func (h *house) down() {
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

type locked struct{ h *house }

func (l *locked) Write(p []byte) (int, error) {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	return l.h.log.Write(p)
}

// take is the server, which knows bytes that come again.
func (h *house) take(l *record.Lines) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.to[l.Position.ID]
	for i, row := range l.Rows {
		if row.Start >= known {
			h.lines[string(l.Text(i))]++
		}
	}
	h.to[l.Position.ID] = max(known, l.Position.To)
	return nil
}

func (h *house) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

// wantLines waits for all n lines, each once.
func (h *house) wantLines(n int) {
	h.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		h.mu.Lock()
		have := len(h.lines)
		h.mu.Unlock()
		if have >= n || time.Now().After(deadline) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	wrong := 0
	for i := range n {
		if wrong > 5 {
			break
		}
		if c := h.lines[fmt.Sprintf("line %d", i)]; c != 1 {
			h.t.Errorf("line %d came %d times", i, c)
			wrong++
		}
		delete(h.lines, fmt.Sprintf("line %d", i))
	}
	if len(h.lines) > 0 && wrong == 0 {
		h.t.Errorf("there are other lines: %v", h.lines)
	}
	if h.t.Failed() {
		h.t.Fatal(h.log.String())
	}
}

// TestCutWhileRead: a writer without pause, a forwarder, and rotations that
// compress, expire and truncate; every line is there once.
func TestCutWhileRead(t *testing.T) {
	h := newHouse(t, "DIR/app.log {\nrotate 2\ncopytruncate\ncompress\n}\n")
	f, err := os.OpenFile(filepath.Join(h.dir, "logs", "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	h.up()
	var n atomic.Int64
	var stop atomic.Bool
	var writing sync.WaitGroup
	defer writing.Wait()
	defer stop.Store(true)
	writing.Go(func() {
		for !stop.Load() {
			i := n.Load()
			if _, err := fmt.Fprintf(f, "line %d\n", i); err != nil {
				return
			}
			n.Add(1)
			if i%50 == 0 {
				time.Sleep(time.Millisecond) // leave the readers some of the machine
			}
		}
	})
	for range 5 {
		if res, err := h.runner.Once(t.Context(), true); err != nil || res.Failed > 0 || res.Waiting > 0 {
			t.Fatalf("%+v %v\n%s", res, err, h.logged())
		}
	}
	stop.Store(true)
	writing.Wait()
	h.wantLines(int(n.Load()))
	if _, err := os.Stat(filepath.Join(h.dir, "logs", "app.log.2.gz")); err != nil {
		t.Error(err)
	}
}

// TestKilledInACut ends scribe at each step of a rotation and starts it again.
func TestKilledInACut(t *testing.T) {
	for at := range 40 {
		h := newHouse(t, "DIR/app.log {\nrotate 5\ncopytruncate\n}\n")
		f, err := os.OpenFile(filepath.Join(h.dir, "logs", "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		put := func(k int) {
			var b bytes.Buffer
			for range k {
				fmt.Fprintf(&b, "line %d\n", n)
				n++
			}
			_, _ = f.Write(b.Bytes())
		}
		put(1000)
		h.up()
		if res, err := h.runner.Once(t.Context(), true); err != nil || res.Waiting+res.Failed > 0 {
			t.Fatalf("%+v %v", res, err)
		}
		put(1000)
		// A process that is killed does nothing more: this one waits at the step until
		// its successor is done, and then gives up.
		killed := errors.New("killed")
		reached, over, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
		steps := 0
		h.runner.hook = func(string) {
			if steps++; steps > at {
				close(reached)
				<-over
				panic(killed)
			}
		}
		runner := h.runner
		ended := false
		go func() {
			defer close(gone)
			defer func() {
				if x := recover(); x != nil && x != killed { //nolint:errorlint // ours
					panic(x)
				}
			}()
			_, err := runner.Once(context.Background(), true)
			ended = err == nil
		}()
		select {
		case <-reached:
		case <-gone:
		}
		h.down()
		put(500)
		h.up()
		if res, err := h.runner.Once(t.Context(), true); err != nil || res.Waiting+res.Failed > 0 {
			t.Fatalf("killed at %d: %+v %v\n%s", at, res, err, h.logged())
		}
		put(100)
		h.wantLines(n)
		h.down()
		close(over)
		<-gone
		_ = f.Close()
		if ended {
			return
		}
	}
	t.Fatal("never ended")
}
