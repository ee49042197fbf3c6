package tail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"journalist/internal/record"
)

// cutFile copies the first acked bytes, from from on, and takes all but fill bytes
// of them out of the file.
func (r *rig) cutFile(name, copyTo string, from, fill uint64) func(uint64) (Cutting, error) {
	return func(acked uint64) (Cutting, error) {
		b, err := os.ReadFile(r.path(name))
		if err != nil {
			return Cutting{}, err
		}
		rest := append([]byte(strings.Repeat(" ", int(fill)-1)+"\n"), b[acked:]...)
		if err := os.WriteFile(r.path(copyTo), b[from:acked], 0o600); err != nil {
			return Cutting{}, err
		}
		return Cutting{Next: fill, Copy: r.path(copyTo)}, os.WriteFile(r.path(name), rest, 0o600)
	}
}

// cut runs Cut while the registry writes.
func (r *rig) cut(name, copyTo string, f func(uint64) (Cutting, error)) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = r.tl.Cut(ctx, r.path(name), r.path(copyTo), f) })
	wg.Wait()
	return err
}

func TestCut(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Groups[0].Paths[0] += "*" })
	r.write("app.log", "one\ntwo\npart")
	r.settle()
	r.want("one|two")
	if err := r.cut("app.log", "app.log.1", r.cutFile("app.log", "app.log.1", 0, 5)); err != nil {
		t.Fatal(err)
	}
	r.write("app.log", "ial\nthree\n")
	r.settle()
	r.want("partial|three")
	r.restart()
	r.settle()
	r.grace()
	r.want("")
	r.write("app.log", "four\n")
	r.settle()
	r.want("four")
	// Once more, in a file that begins with a fill.
	if err := r.cut("app.log", "app.log.2", r.cutFile("app.log", "app.log.2", 5, 7)); err != nil {
		t.Fatal(err)
	}
	r.write("app.log", "five\n")
	r.settle()
	r.grace()
	r.want("five")
	r.restart()
	r.grace()
	r.want("")
	b, _ := os.ReadFile(r.path("app.log.2"))
	if string(b) != "partial\nthree\nfour\n" {
		t.Fatalf("copy is %q", b)
	}
}

func TestCutWhole(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Groups[0].Paths[0] += "*" })
	r.write("app.log", "one\n")
	r.settle()
	r.want("one")
	err := r.cut("app.log", "app.log.1", func(acked uint64) (Cutting, error) {
		r.copy("app.log", "app.log.1")
		r.tl.scan() // does not see it
		return Cutting{Copy: r.path("app.log.1")}, os.Truncate(r.path("app.log"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.write("app.log", "one\ntwo\n")
	r.settle()
	r.grace()
	r.want("one|two")
}

// What is not acknowledged is not cut, and read on when the time is over.
func TestCutWaitsForAcks(t *testing.T) {
	r := newRig(t, nil)
	r.hold = true
	r.write("app.log", "one\n")
	r.settle()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	never := func(uint64) (Cutting, error) { t.Error("cut before the ack"); return Cutting{}, nil }
	if err := r.tl.Cut(ctx, r.path("app.log"), "", never); !errors.Is(err, ErrNotAcked) {
		t.Fatalf("error is %v", err)
	}
	r.write("app.log", "two\n")
	r.settle()
	r.want("one|two")
	held := r.held
	r.held = nil
	for _, l := range held {
		r.tl.Acked(l)
	}
	if acked, ok := r.tl.AckedOf(r.path("app.log"), 1, 1); acked != 0 || !ok {
		t.Errorf("another inode: %d, %v", acked, ok)
	}
	var at uint64
	failed := errors.New("no")
	if err := r.cut("app.log", "x", func(acked uint64) (Cutting, error) { at = acked; return Cutting{}, failed }); !errors.Is(err, failed) || at != 8 {
		t.Fatalf("error is %v, at %d", err, at)
	}
	r.hold = false
	r.write("app.log", "three\n")
	r.settle()
	r.want("three")
}

func TestCutOfOtherFiles(t *testing.T) {
	r := newRig(t, nil)
	r.write("other", "one\n")
	r.settle()
	never := func(uint64) (Cutting, error) { t.Error("cut"); return Cutting{}, nil }
	if err := r.cut("other", "x", never); !errors.Is(err, ErrNotFollowed) {
		t.Fatalf("error is %v", err)
	}
	if err := CutUnread(nil, r.reg, r.path("other"), never); !errors.Is(err, ErrNotFollowed) {
		t.Fatalf("error is %v", err)
	}
}

// A cut while no scribe runs, and one that was completed after a crash.
func TestRecut(t *testing.T) {
	r := newRig(t, nil)
	for i := range 3 {
		fill := uint64(3 + i)
		from := uint64(0)
		if i > 0 {
			from = fill - 1
		}
		r.write("app.log", fmt.Sprintf("line %d\n", i))
		r.settle()
		r.want(fmt.Sprintf("line %d", i))
		r.write("app.log", fmt.Sprintf("unread %d\n", i))
		r.stop()
		r.start()
		var done Cutting
		err := CutUnread(nil, r.reg, r.path("app.log"), func(acked uint64) (Cutting, error) {
			var err error
			done, err = r.cutFile("app.log", fmt.Sprintf("app.log.%d", i), from, fill)(acked)
			return done, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := Recut(nil, r.reg, r.path("app.log"), done); err != nil { // told twice
			t.Fatal(err)
		}
		n := 0
		for _, g := range r.reg.Unfinished() {
			if g.Path == filepath.Clean(r.path("app.log")) && g.State != record.Gone {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%d generations are unfinished", n)
		}
		r.settle()
		r.want(fmt.Sprintf("unread %d", i))
	}
}
