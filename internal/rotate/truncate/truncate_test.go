//go:build unix

package truncate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

// rig is a log file and what becomes of it.
type rig struct {
	t       testing.TB
	dir     string
	path    string
	fill    uint64
	n       int
	intents []Intent
	job     Job // what all jobs have
}

func newRig(t testing.TB) *rig {
	dir := t.TempDir()
	return &rig{t: t, dir: dir, path: filepath.Join(dir, "app.log"), job: Job{Limit: NoLimit}}
}

func (r *rig) copyName(n int) string { return filepath.Join(r.dir, fmt.Sprintf("app.log.%d", n)) }

func (r *rig) next() Job {
	fi, err := os.Stat(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	j := r.job
	j.Path, j.Copy, j.Fill = r.path, r.copyName(r.n), r.fill
	n, _, _ := vfs.InodeOf(fi)
	j.Dev, j.Ino = n.Dev, n.Ino
	j.Create = func(name string) (*os.File, error) {
		return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
	j.Note = func(in Intent) error { r.intents = append(r.intents, in); return nil }
	return j
}

func (r *rig) rotate() Result {
	r.t.Helper()
	res, err := Run(r.next())
	if err != nil {
		r.t.Fatal(err)
	}
	r.fill = res.Fill
	r.n++
	return res
}

// all returns what is in all copies and the log, without the fill.
func (r *rig) all() string {
	r.t.Helper()
	var b bytes.Buffer
	for i := range r.n {
		data, err := os.ReadFile(r.copyName(i))
		if err != nil {
			r.t.Fatal(err)
		}
		if len(data) > 0 && data[len(data)-1] != '\n' && r.job.Limit == NoLimit {
			r.t.Logf("copy %d ends in the middle of a line", i)
		}
		b.Write(data)
	}
	data, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	if head := data[:r.fill]; strings.Trim(string(head), " \n\x00") != "" {
		r.t.Fatalf("fill is %q", head)
	}
	b.Write(data[r.fill:])
	return b.String()
}

func (r *rig) appender() *os.File {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = f.Close() })
	return f
}

// A writer that appends without pause during 100 rotations: every line is there,
// once, in order, and only whole lines are in the copies.
func TestWriterWithoutPause(t *testing.T) {
	r := newRig(t)
	able := canCollapse(t, r.dir)
	f := r.appender()
	var stop atomic.Bool
	var wg sync.WaitGroup
	var written atomic.Int64
	t.Cleanup(func() { stop.Store(true); wg.Wait() })
	wg.Go(func() {
		for i := 0; !stop.Load(); i++ {
			if _, err := fmt.Fprintf(f, "line %d %s\n", i, strings.Repeat("x", i%200)); err != nil {
				t.Error(err)
				return
			}
			written.Add(1)
		}
	})
	ways := map[Way]int{}
	for len(r.intents) < 100 && !t.Failed() {
		for at := written.Load(); written.Load() < at+100 && !t.Failed(); {
		}
		res := r.rotate()
		ways[res.Way]++
		if able && (res.AtRisk != 0 || res.Fill > 2*4096 || res.Way != Collapse) {
			t.Errorf("rotation %d: %+v", r.n, res)
		}
	}
	stop.Store(true)
	wg.Wait()
	if !able {
		// Then nothing can be promised but that it is told.
		t.Logf("the file system under %s cannot collapse: ways were %v", r.dir, ways)
		return
	}
	for i := range r.n {
		if data, _ := os.ReadFile(r.copyName(i)); len(data) > 0 && data[len(data)-1] != '\n' {
			t.Errorf("copy %d ends with %q", i, data[max(0, len(data)-30):])
		}
	}
	lines := strings.SplitAfter(r.all(), "\n")
	for i := range int(written.Load()) {
		if want := fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", i%200)); lines[i] != want {
			t.Fatalf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	if len(lines) != int(written.Load())+1 {
		t.Fatalf("%d lines, want %d", len(lines)-1, written.Load())
	}
	t.Logf("%d lines, ways %v", written.Load(), ways)
}

// canCollapse asks the file system itself.
func canCollapse(t *testing.T, dir string) bool {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := blockSize(f)
	if err := f.Truncate(int64(2 * n)); err != nil {
		t.Fatal(err)
	}
	return collapse(f, n) == nil
}

func TestSmallFileWithAWriter(t *testing.T) {
	r := newRig(t)
	f := r.appender()
	for i := range 10 {
		_, _ = fmt.Fprintf(f, "line %d\npart", i)
		if res := r.rotate(); res.Way != Collapse || res.Fill > 4096 {
			t.Fatalf("%+v", res)
		}
		_, _ = fmt.Fprintf(f, "ial %d\n", i)
	}
	want := ""
	for i := range 10 {
		want += fmt.Sprintf("line %d\npartial %d\n", i, i)
	}
	if got := r.all(); got != want {
		t.Fatalf("got %q", got)
	}
}

func TestNobodyWrites(t *testing.T) {
	r := newRig(t)
	for _, text := range []string{"a\nb", strings.Repeat("x\n", 100000), ""} {
		if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if res := r.rotate(); res.Way != Whole || res.Fill != 0 {
			t.Fatalf("%+v", res)
		}
		if got, _ := os.ReadFile(r.copyName(r.n - 1)); string(got) != text {
			t.Fatalf("copy is %d bytes, want %d", len(got), len(text))
		}
		if fi, _ := os.Stat(r.path); fi.Size() != 0 {
			t.Fatalf("log has %d bytes", fi.Size())
		}
	}
}

// Another process that does not append goes on where it was: its file must keep
// its length.
func TestWriterThatDoesNotAppend(t *testing.T) {
	r := newRig(t)
	cmd := exec.Command("/bin/sh", "-c", `exec 3>"$1"; while read -r line; do printf '%s\n' "$line" >&3; echo; done`, "sh", r.path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	want := ""
	for i := range 5 {
		for k := range 200 {
			line := fmt.Sprintf("line %d.%d %s", i, k, strings.Repeat("y", 50))
			want += line + "\n"
			_, _ = fmt.Fprintln(in, line)
			if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if res := r.rotate(); res.Way != Punch || res.Fill != uint64(len(want)) {
			t.Fatalf("%+v, %d bytes were written", res, len(want))
		}
	}
	if got := r.all(); got != want {
		t.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
	var st syscall.Stat_t
	if err := syscall.Stat(r.path, &st); err != nil || st.Blocks*512 > 8192 {
		t.Fatalf("the log takes %d bytes of disk, %v", st.Blocks*512, err)
	}
}

func TestLimit(t *testing.T) {
	r := newRig(t)
	text := strings.Repeat("0123456789abcde\n", 1000)
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.job.Limit = 500 * 16
	if res := r.rotate(); res.Taken != 500*16 || res.Way != Collapse {
		t.Fatalf("%+v", res)
	}
	if got := r.all(); got != text {
		t.Fatal("something is lost")
	}
}

// Where the file system can do nothing a file is truncated, but never one of which
// somebody else has said how far it may go.
func TestUnsafe(t *testing.T) {
	r := newRig(t)
	r.job.NoCollapse, r.job.NoPunch = true, true
	f := r.appender()
	text := strings.Repeat("0123456789abcde\n", 10000)
	_, _ = f.WriteString(text)
	j := r.next()
	j.Limit = 8000 * 16
	if _, err := Run(j); !errors.Is(err, ErrUnsafe) {
		t.Fatalf("error is %v", err)
	}
	if _, err := os.Stat(j.Copy); !os.IsNotExist(err) {
		t.Fatalf("the copy is left: %v", err)
	}
	if res := r.rotate(); res.Way != Unsafe || res.AtRisk != 0 {
		t.Fatalf("%+v", res)
	}
	_, _ = f.WriteString("more\n")
	if got := r.all(); got != text+"more\n" {
		t.Fatalf("got %d bytes", len(got))
	}
}

// A job may be cut off at any point: resumed, it loses and doubles nothing.
func TestCutOff(t *testing.T) {
	for _, c := range []struct {
		name   string
		writer bool
		job    Job
	}{
		{"collapse", true, Job{Limit: NoLimit}},
		{"whole", false, Job{Limit: NoLimit}},
		{"limit", true, Job{Limit: 4000 * 16}},
		{"unsafe", true, Job{Limit: NoLimit, NoCollapse: true, NoPunch: true}},
	} {
		for stop := range 5 {
			for _, more := range []string{"", "more\n", strings.Repeat("0123456789abcde\n", 6000)} {
				t.Run(fmt.Sprintf("%s/%d/%d", c.name, stop, len(more)), func(t *testing.T) { cutOff(t, c.writer, c.job, 5000, stop, more) })
			}
			t.Run(fmt.Sprintf("%s/%d/small", c.name, stop), func(t *testing.T) {
				j := c.job
				if j.Limit != NoLimit {
					j.Limit = 400 * 16
				}
				cutOff(t, c.writer, j, 600, stop, strings.Repeat("0123456789abcde\n", 500))
			})
		}
	}
}

func cutOff(t *testing.T, writer bool, job Job, lines, stop int, more string) {
	r := newRig(t)
	r.job = job
	text := ""
	for i := range lines {
		text += fmt.Sprintf("%015d\n", i)
	}
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var f *os.File
	if writer {
		f = r.appender()
	}
	j := r.next()
	steps, cut := 0, errors.New("cut off")
	j.Step = func(string) {
		if steps++; steps > stop {
			panic(cut)
		}
	}
	var res Result
	var err error
	func() {
		defer func() {
			if x := recover(); x != nil {
				err = x.(error)
			}
		}()
		res, err = Run(j)
	}()
	if err != nil && !errors.Is(err, cut) {
		t.Fatal(err)
	}
	if f == nil {
		f = r.appender()
	}
	_, _ = f.WriteString(more)
	if err != nil {
		j.Step = nil
		again := len(r.intents) == 0
		if !again {
			if res, again, err = Resume(j, r.intents[len(r.intents)-1]); err != nil {
				t.Fatal(err)
			}
		}
		if again {
			if err := os.Remove(j.Copy); err != nil {
				t.Fatal(err)
			}
			if res, err = Run(j); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.fill = res.Fill
	r.n++
	if got := r.all(); got != text+more {
		t.Fatalf("%d bytes, want %d; %+v", len(got), len(text+more), res)
	}
}

func TestResumeOfAnotherFile(t *testing.T) {
	r := newRig(t)
	if err := os.WriteFile(r.path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := r.next()
	j.Ino++
	in := Intent{Way: Collapse, End: 2, Size: 2, Head: record.MakeFingerprint([]byte("a\n"))}
	if _, again, err := Resume(j, in); again || err != nil {
		t.Fatalf("again %v, %v", again, err)
	}
	if got, _ := os.ReadFile(r.path); string(got) != "a\n" {
		t.Fatalf("another file was changed: %q", got)
	}
}
