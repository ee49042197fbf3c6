package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/vfs"
)

// live is a Tailer that runs.
type live struct {
	t      *testing.T
	dir    string
	tl     *Tailer
	reg    *registry.Registry
	lines  chan string
	cancel context.CancelFunc
	ended  chan error
}

func runLive(t *testing.T, dir string, change func(*Options)) *live {
	t.Helper()
	reg, err := registry.Open(vfs.OS, filepath.Join(dir, ".state"), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, dir: dir, reg: reg, lines: make(chan string, 1<<17), ended: make(chan error, 1)}
	o := Options{Groups: []Group{{Paths: []string{filepath.Join(dir, "*.log")}}}, Positions: reg}
	o.Output = func(_ context.Context, r *record.Lines) error {
		for i := range r.Rows {
			l.lines <- string(r.Text(i))
		}
		go l.tl.Acked(r)
		return nil
	}
	if change != nil {
		change(&o)
	}
	if l.tl, err = New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	go func() { l.ended <- l.tl.Run(ctx) }()
	t.Cleanup(l.stop)
	return l
}

func (l *live) stop() {
	if l.cancel == nil {
		return
	}
	l.cancel()
	l.cancel = nil
	if err := <-l.ended; !errors.Is(err, context.Canceled) {
		l.t.Errorf("Run returned %v", err)
	}
	if err := l.reg.Close(); err != nil {
		l.t.Error(err)
	}
	if n := l.tl.open.Load(); n != 0 {
		l.t.Errorf("%d files are open after Run", n)
	}
}

func (l *live) awaitAcks() {
	l.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); l.tl.Status().InFlight > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatal("not everything is acknowledged")
		}
	}
}

func (l *live) want(text string) {
	l.t.Helper()
	select {
	case got := <-l.lines:
		if got != text {
			l.t.Fatalf("line is %q, want %q", got, text)
		}
	case <-time.After(20 * time.Second):
		l.t.Fatalf("line %q does not come", text)
	}
}

func (l *live) write(name, text string) {
	l.t.Helper()
	f, err := os.OpenFile(filepath.Join(l.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// long keeps all timers out of a test, so that only what it is about can work.
func long(o *Options) {
	o.ScanInterval, o.PollInterval = time.Hour, time.Hour
}

func TestKernelTellsOfLines(t *testing.T) {
	l := runLive(t, t.TempDir(), long)
	for i := range 20 {
		text := fmt.Sprint("line ", i)
		l.write("app.log", text+"\n")
		l.want(text)
	}
	l.write("new.log", "x\n")
	l.want("x")
}

func TestKernelTellsBehindLinks(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	real := filepath.Join(other, "real")
	if err := os.WriteFile(real, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, filepath.Join(dir, "app.log")); err != nil {
		t.Fatal(err)
	}
	l := runLive(t, dir, long)
	l.want("a")
	l.write("app.log", "b\n")
	l.want("b")
}

func TestPollingAlone(t *testing.T) {
	l := runLive(t, t.TempDir(), func(o *Options) {
		o.NoWatch, o.ScanInterval, o.PollInterval = true, 20*time.Millisecond, 5*time.Millisecond
	})
	l.write("app.log", "a\n")
	l.want("a")
	l.write("app.log", "b\n")
	l.want("b")
}

func TestManyFilesAndRotations(t *testing.T) {
	dir := t.TempDir()
	l := runLive(t, dir, nil)
	l.write("ready.log", "ready\n")
	l.want("ready") // from now on the folder is watched
	const files, rounds = 20, 10
	want := make(map[string]bool)
	for round := range rounds {
		for i := range files {
			name := fmt.Sprintf("%d.log", i)
			text := fmt.Sprintf("%d/%d", i, round)
			want[text] = true
			l.write(name, text+"\n")
			if round%3 == 2 {
				if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, fmt.Sprintf("%s.%d", name, round))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for len(want) > 0 {
		select {
		case got := <-l.lines:
			if !want[got] {
				t.Fatalf("line %q came twice or never was", got)
			}
			delete(want, got)
		case <-time.After(20 * time.Second):
			t.Fatalf("lines are missing: %v", want)
		}
	}
}

func TestBackPressureDoesNotStopFinding(t *testing.T) {
	dir := t.TempDir()
	release := make(chan struct{})
	l := runLive(t, dir, func(o *Options) {
		o.Workers = 1
		out := o.Output
		o.Output = func(ctx context.Context, r *record.Lines) error {
			select {
			case <-release:
				return out(ctx, r)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	l.write("a.log", "a\n")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		l.write("b.log", "b\n")
		if len(l.tl.Status().Files) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a file is not found while Output blocks")
		}
	}
	close(release)
	seen := ""
	for !strings.Contains(seen, "a") || !strings.Contains(seen, "b") {
		seen += <-l.lines
	}
}

func TestBuffersAreBounded(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	var held []*record.Lines
	more := make(chan struct{}, 1<<16)
	l := runLive(t, dir, func(o *Options) {
		o.MaxBytes = 2 << 20
		o.Output = func(_ context.Context, r *record.Lines) error {
			mu.Lock()
			held = append(held, r)
			mu.Unlock()
			more <- struct{}{}
			return nil
		}
	})
	l.write("app.log", strings.Repeat(strings.Repeat("x", 127)+"\n", 16<<20/128))
	total := 0
	for total < 16<<20 {
		<-more
		mu.Lock()
		sum := 0
		for _, r := range held {
			sum += len(r.Data)
		}
		if sum > 2<<20 {
			t.Fatalf("%d bytes wait for acks", sum)
		}
		r := held[0]
		held = held[1:]
		mu.Unlock()
		total += int(r.Position.To - r.Position.From)
		l.tl.Acked(r)
	}
}

func TestBadThingsInTheWay(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "dir.log"), 0o700),
		mkfifo(filepath.Join(dir, "fifo.log")),
		os.WriteFile(filepath.Join(dir, "z.log"), []byte("\xfd7zXZ\x00compressed"), 0o600),
		os.Symlink("nowhere", filepath.Join(dir, "dangling.log")),
		os.Symlink("loop.log", filepath.Join(dir, "loop.log")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	sock, err := net.Listen("unix", filepath.Join(dir, "sock.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sock.Close() }()
	l := runLive(t, dir, func(o *Options) {
		o.Groups[0].Paths = append(o.Groups[0].Paths, filepath.Join(dir, "dir.log"), filepath.Join(dir, "missing.txt"))
	})
	l.write("app.log", "a\n")
	l.want("a")
	s := l.tl.Status()
	var bad []string
	for p := range s.Problems {
		bad = append(bad, filepath.Base(p))
	}
	slices.Sort(bad)
	if got := strings.Join(bad, " "); got != "dir.log fifo.log loop.log missing.txt sock.log" {
		t.Fatalf("problems are %v", s.Problems)
	}
	if f := s.Files[slices.IndexFunc(s.Files, func(f FileStatus) bool { return strings.HasSuffix(f.Path, "z.log") })]; f.State != "skipped" {
		t.Fatalf("compressed file: %+v", f)
	}
}

func TestStdin(t *testing.T) {
	pr, pw := io.Pipe()
	l := runLive(t, t.TempDir(), func(o *Options) {
		o.Groups = []Group{{Paths: []string{"-"}, Fields: []record.Pair{{Name: "type", Value: "stdin"}}}}
		o.Stdin, o.MaxLine = pr, 64
	})
	for _, s := range []string{"one\ntw", "o\n", strings.Repeat("x", 70) + "\n\n", "end"} {
		if _, err := io.WriteString(pw, s); err != nil {
			t.Fatal(err)
		}
	}
	l.want("one")
	l.want("two")
	l.want(strings.Repeat("x", 64))
	l.want("xxxxxx")
	l.want("")
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	l.want("end")
}
