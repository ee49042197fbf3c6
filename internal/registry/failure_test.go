package registry

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

// flaky fails the n-th write, sync, create or rename, and all others after it
// while stuck.
type flaky struct {
	vfs.FS
	mu    sync.Mutex
	n     int
	stuck bool
	hit   bool
}

func (f *flaky) fail() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	if f.n == -1 || (f.n < 0 && f.stuck) {
		f.hit = true
		return syscall.ENOSPC
	}
	return nil
}

func (f *flaky) fill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n = 0
}

func (f *flaky) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n, f.stuck = 1<<30, false
}

func (f *flaky) Create(name string) (vfs.File, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name)
	return flakyFile{file, f}, err
}

func (f *flaky) Rename(a, b string) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.FS.Rename(a, b)
}

func (f *flaky) SyncDir(name string) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type flakyFile struct {
	vfs.File
	fs *flaky
}

func (f flakyFile) Write(b []byte) (int, error) {
	if err := f.fs.fail(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f flakyFile) Sync() error {
	if err := f.fs.fail(); err != nil {
		return err
	}
	return f.File.Sync()
}

// TestEveryFailure fails operation 0, 1, 2 … and checks that what was promised is
// there afterwards, and that the registry works again when the disk does.
func TestEveryFailure(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		for n := 0; ; n++ {
			fsys := &flaky{FS: vfs.OS, n: n, stuck: stuck}
			dir := t.TempDir()
			promised := failingRun(t, fsys, dir)
			st, err := Load(vfs.OS, dir)
			if err != nil {
				t.Fatal(err)
			}
			for id, to := range promised {
				ok := slices.ContainsFunc(st.Generations, func(g record.Generation) bool { return g.ID == id && g.To >= to })
				if !ok {
					t.Fatalf("operation %d (stuck %v): %s at %d was promised, there is %+v", n, stuck, id, to, st.Generations)
				}
			}
			if !fsys.hit {
				if n < 10 {
					t.Fatalf("only %d operations", n)
				}
				break
			}
		}
	}
}

func failingRun(t *testing.T, fsys *flaky, dir string) map[record.SourceID]uint64 {
	promised := make(map[record.SourceID]uint64)
	r, err := Open(fsys, dir, Options{FlushInterval: time.Hour, retryAfter: time.Nanosecond})
	if err != nil {
		fsys.heal()
		if r, err = Open(fsys, dir, Options{FlushInterval: time.Hour, retryAfter: time.Nanosecond}); err != nil {
			t.Fatal(err)
		}
	}
	var gens []record.Generation
	for i := range 4 {
		g := gen(i)
		res := make(chan error, 1)
		r.Register(func(err error) { res <- err }, g)
		if err := <-res; err == nil {
			promised[g.ID] = 0
			gens = append(gens, g)
		}
		for _, g := range gens {
			r.Ack(g.ID, uint64(10*(i+1)), fp("head"), fp("tail"))
		}
		if err := r.Flush(); err == nil {
			for _, g := range gens {
				promised[g.ID] = uint64(10 * (i + 1))
			}
		}
	}
	fsys.heal()
	g := gen(9)
	register(t, r, g)
	promised[g.ID] = 0
	for _, g := range gens {
		promised[g.ID] = 40 // acks survive in memory
	}
	closeIt(t, r)
	return promised
}

// TestOpenOnFullDisk opens a registry that cannot be written: what is known is known,
// acks are kept, and all is durable once there is room. A damaged one waits for room,
// so that what is left of it is not lost.
func TestOpenOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	known := gen(1)
	r := open(t, vfs.OS, dir)
	register(t, r, known)
	r.Ack(known.ID, 20, fp("head"), fp("tail"))
	closeIt(t, r)

	for _, text := range []string{"", "junk"} {
		log := files(t, dir, ".log")
		f, err := os.OpenFile(log[len(log)-1], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(strings.Repeat(text, 20)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		fsys := &flaky{FS: vfs.OS, n: 1, stuck: true} // the folder can be synced
		r, err := Open(fsys, dir, Options{})
		if text != "" {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("a damaged registry on a full disk: %v", err)
			}
			fsys.heal()
			r, err = Open(fsys, dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if g := r.All(); len(g) != 2 || g[0].To != 30 && g[1].To != 30 {
				t.Fatalf("after the damage there is %+v", g)
			}
			if _, err := os.Stat(log[len(log)-1] + ".corrupt"); err != nil {
				t.Error(err)
			}
			closeIt(t, r)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Ack(known.ID, 30, fp("head"), fp("tail"))
		if err := r.Flush(); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("flush on a full disk: %v", err)
		}
		if st, err := Load(vfs.OS, dir); err != nil || len(st.Generations) != 1 || st.Generations[0].To != 20 {
			t.Fatalf("%+v, %v", st, err)
		}
		fsys.heal()
		register(t, r, gen(2))
		if st, err := Load(vfs.OS, dir); err != nil || len(st.Generations) != 2 {
			t.Fatalf("%+v, %v", st, err)
		}
		closeIt(t, r)
	}
}

// TestFailingWritesPause: while the disk is full, those who ask again at once do not
// have everything written again each time, nor the log filled.
func TestFailingWritesPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		fsys := &flaky{FS: vfs.OS, n: 1 << 30, stuck: true}
		r, err := Open(fsys, t.TempDir(), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		try := func() error {
			res := make(chan error, 1)
			r.Register(func(err error) { res <- err }, gen(1))
			return <-res
		}
		fsys.fill()
		began, tries := time.Now(), 0
		for ; time.Since(began) < 2*tellAgain-retryAfter; tries++ {
			if try() == nil {
				t.Fatal("registered on a full disk")
			}
		}
		if most := int(2 * tellAgain / retryAfter); tries > most+2 || tries < most-2 {
			t.Errorf("%d tries in %s", tries, 2*tellAgain)
		}
		fsys.heal()
		if err := try(); err != nil {
			t.Error(err)
		}
		closeIt(t, r)
		if n := strings.Count(log.String(), "cannot write"); n != 2 {
			t.Errorf("it was said %d times:\n%s", n, &log)
		}
		if !strings.Contains(log.String(), "can be written again") {
			t.Errorf("the end was not said:\n%s", &log)
		}
	})
}
