package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// got is one line that came out.
type got struct {
	id    record.SourceID
	start uint64
	span  uint32
	text  string
	file  string
	marks record.LineMarks
}

// rig drives a Tailer by hand: time stands still but for advance, and files are
// read only in settle.
type rig struct {
	t   testing.TB
	dir string
	o   Options
	reg *registry.Registry
	tl  *Tailer

	mu    sync.Mutex
	now   time.Time
	lines []got
	to    map[record.SourceID]uint64
	held  []*record.Lines // not acknowledged
	hold  bool
	// refuse has the output take nothing.
	refuse bool
	up     bool
	acks   sync.WaitGroup
	log    strings.Builder
}

func newRig(t testing.TB, change func(*Options)) *rig {
	return newRigAt(t, t.TempDir(), change)
}

func newRigAt(t testing.TB, dir string, change func(*Options)) *rig {
	r := &rig{t: t, dir: dir, now: time.Now(), to: make(map[record.SourceID]uint64)}
	r.o = Options{
		Groups: []Group{{Paths: []string{filepath.Join(r.dir, "app.log")}}}, Host: "web-01", Output: r.output,
		Clock: r.clock, NoWatch: true, Logger: slog.New(slog.NewTextHandler(writer{r}, nil)),
	}
	if change != nil {
		change(&r.o)
	}
	r.start()
	t.Cleanup(r.stop)
	return r
}

type writer struct{ r *rig }

func (w writer) Write(p []byte) (int, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	return w.r.log.Write(p)
}

func (r *rig) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) start() {
	r.t.Helper()
	reg, err := registry.Open(noSync{vfs.OS}, filepath.Join(r.dir, ".state"), registry.Options{FlushInterval: time.Hour, Clock: r.clock})
	if err != nil {
		r.t.Fatal(err)
	}
	r.reg, r.up = reg, true
	o := r.o
	o.Positions = reg
	if r.tl, err = New(o); err != nil {
		r.t.Fatal(err)
	}
}

// stop ends scribe; what was not acknowledged will be read again.
func (r *rig) stop() {
	if !r.up {
		return
	}
	r.up = false
	r.tl.closeAll()
	if err := r.reg.Close(); err != nil {
		r.t.Fatal(err)
	}
	// The server keeps what it has: lines that come again are known by position.
	r.held = nil
	for _, g := range r.reg.All() {
		r.to[g.ID] = g.To
	}
}

func (r *rig) restart() { r.stop(); r.start() }

func (r *rig) output(_ context.Context, l *record.Lines) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse {
		return errors.New("no room")
	}
	id := l.Position.ID
	if last, ok := r.to[id]; ok && last != l.Position.From {
		return fmt.Errorf("source %s: run begins at %d, the one before ended at %d", id, l.Position.From, last)
	} else if !ok && l.Position.From != 0 && r.reg != nil && len(r.o.Groups[0].Paths) > 0 && r.o.Groups[0].Paths[0] != "-" {
		known := false
		for _, g := range r.reg.All() {
			known = known || (g.ID == id && g.To == l.Position.From)
		}
		if !known {
			return fmt.Errorf("source %s begins at %d", id, l.Position.From)
		}
	}
	r.to[id] = l.Position.To
	file := ""
	for _, f := range l.Fields {
		if f.Name == record.FieldFile {
			file = f.Value
		}
	}
	at := l.Position.From
	for i, row := range l.Rows {
		if row.Start < at {
			return fmt.Errorf("row %d begins at %d before %d", i, row.Start, at)
		}
		at = row.Start + uint64(row.Span)
		g := got{id, row.Start, row.Span, string(l.Text(i)), file, row.Marks}
		r.lines = append(r.lines, g)
	}
	if at != l.Position.To {
		return fmt.Errorf("rows end at %d, the run at %d", at, l.Position.To)
	}
	r.held = append(r.held, l)
	if !r.hold {
		held := r.held
		r.held = nil
		r.acks.Go(func() {
			for _, l := range held {
				r.tl.Acked(l)
			}
		})
	}
	return nil
}

// settle scans and reads until there is nothing to do.
func (r *rig) settle() {
	r.t.Helper()
	r.tl.scan()
	r.drain()
}

func (r *rig) drain() {
	r.t.Helper()
	for {
		f := r.tl.next(false)
		if f != nil {
			r.tl.done(f, r.tl.step(r.t.Context(), f))
			continue
		}
		r.acks.Wait()
		busy := false
		r.tl.mu.Lock()
		for _, f := range r.tl.files {
			busy = busy || f.registering
		}
		busy = busy || (len(r.tl.inflight) > 0 && !r.hold) || len(r.tl.queue) > 0
		r.tl.mu.Unlock()
		if !busy {
			return
		}
		if err := r.reg.Flush(); err != nil { // registrations are durable after this
			r.t.Fatal(err)
		}
	}
}

// idle lets files be closed whose CloseIdle is short.
func (r *rig) idle() {
	r.t.Helper()
	r.advance(time.Second)
	r.settle()
}

// grace lets the grace time pass.
func (r *rig) grace() {
	r.t.Helper()
	r.advance(time.Minute)
	r.settle()
	r.settle()
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) write(name, text string) {
	r.t.Helper()
	f, err := os.OpenFile(r.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(r.path(from), r.path(to)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) copy(from, to string) {
	r.t.Helper()
	b, err := os.ReadFile(r.path(from))
	if err == nil {
		err = os.WriteFile(r.path(to), b, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) truncate(name string, size int64) {
	r.t.Helper()
	if err := os.Truncate(r.path(name), size); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(name string) {
	r.t.Helper()
	if err := os.Remove(r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

// texts returns the lines that came out, and forgets them.
func (r *rig) texts() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s []string
	for _, l := range r.lines {
		text := l.text
		if l.marks != 0 {
			text += fmt.Sprint(l.marks.Tags())
		}
		s = append(s, text)
	}
	r.lines = nil
	return strings.Join(s, "|")
}

func (r *rig) want(lines string) {
	r.t.Helper()
	if g := r.texts(); g != lines {
		r.t.Fatalf("lines are %q, want %q\n%s", g, lines, r.logged())
	}
}

// wantAll is want for lines that may come in any order.
func (r *rig) wantAll(lines ...string) {
	r.t.Helper()
	got := strings.Split(r.texts(), "|")
	slices.Sort(got)
	slices.Sort(lines)
	if !slices.Equal(got, lines) {
		r.t.Fatalf("lines are %q, want %q\n%s", got, lines, r.logged())
	}
}

// onInode has the registry believe that a generation's file was at path.
func (r *rig) onInode(first, path string, dev uint64) {
	r.t.Helper()
	fi, err := os.Stat(r.path(path))
	if err != nil {
		r.t.Fatal(err)
	}
	node, _, _ := inodeOf(fi)
	if dev == 0 {
		dev = node.dev
	}
	for _, g := range r.reg.All() {
		if g.Head == record.MakeFingerprint([]byte(first)) {
			r.reg.Note(g.ID, dev, node.ino, g.Size, g.State)
			return
		}
	}
	r.t.Fatalf("nothing is known that begins with %q", first)
}

// noSync saves the time of a real disk: a rig never loses power.
type noSync struct{ vfs.FS }

func (noSync) SyncDir(string) error { return nil }

func (n noSync) Create(name string) (vfs.File, error) {
	f, err := n.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}

type noSyncFile struct{ vfs.File }

func (noSyncFile) Sync() error { return nil }
