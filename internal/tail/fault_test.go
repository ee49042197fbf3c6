package tail

import (
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"journalist/internal/vfs"
)

// faulty answers with an error while one is set for the operation.
type faulty struct {
	osFS
	mu   sync.Mutex
	errs map[string]error
}

func (f *faulty) set(op string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.errs == nil {
		f.errs = make(map[string]error)
	}
	f.errs[op] = err
}

func (f *faulty) err(op, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.errs[op]; err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

func (f *faulty) Open(name string) (vfs.File, error) {
	if err := f.err("open", name); err != nil {
		return nil, err
	}
	h, err := f.osFS.Open(name)
	if err != nil {
		return nil, err
	}
	return faultyFile{h, f, name}, nil
}

func (f *faulty) Stat(name string) (fs.FileInfo, error) {
	if err := f.err("stat", name); err != nil {
		return nil, err
	}
	return f.osFS.Stat(name)
}

func (f *faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.err("readdir", name); err != nil {
		return nil, err
	}
	return f.osFS.ReadDir(name)
}

type faultyFile struct {
	vfs.File
	fs   *faulty
	name string
}

func (f faultyFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.fs.err("read", f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

// TestFaults lets each kind of operation fail for a while, at any time in a file's
// life: it is told once, nothing is lost, nothing comes twice.
func TestFaults(t *testing.T) {
	for _, op := range []string{"open", "stat", "readdir", "read"} {
		for _, cause := range []error{syscall.EIO, syscall.EMFILE, syscall.EACCES} {
			fsys := &faulty{}
			r := newRig(t, func(o *Options) {
				o.FS = fsys
				o.Groups[0].Paths[0] += "*"
				o.CloseIdle = time.Nanosecond
			})
			fail := func() {
				fsys.set(op, cause)
				r.settle()
				r.settle()
				fsys.set(op, nil)
			}
			r.write("app.log", "a\n")
			fail()
			r.settle()
			r.want("a")
			r.advance(time.Minute)
			r.write("app.log", "b\n")
			fail()
			r.settle()
			if s := r.texts(); s != "b" {
				t.Fatalf("%s %v: lines are %q\n%s", op, cause, s, r.logged())
			}
			r.rename("app.log", "app.log.1")
			r.write("app.log.1", "c\n")
			r.write("app.log", "d\n")
			fail()
			r.grace()
			if s := r.texts(); s != "c|d" && s != "d|c" {
				t.Fatalf("%s %v: lines are %q\n%s", op, cause, s, r.logged())
			}
			r.grace()
			r.restart()
			r.grace()
			r.want("")
			if n := strings.Count(r.logged(), "level=WARN"); n == 0 || n > 6 {
				t.Fatalf("%s %v: %d warnings:\n%s", op, cause, n, r.logged())
			}
			r.stop()
		}
	}
}

func TestRegistryFailureHoldsNewFiles(t *testing.T) {
	r := newRig(t, nil)
	if err := r.reg.Close(); err != nil {
		t.Fatal(err)
	}
	r.write("app.log", "a\n")
	r.tl.scan()
	f := r.tl.next(false)
	r.tl.done(f, r.tl.step(t.Context(), f))
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(r.logged(), "cannot register"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the failure is not told")
		}
	}
	r.want("")
	r.up = false
	r.tl.closeAll()
	r.start()
	r.settle()
	r.want("a")
}
