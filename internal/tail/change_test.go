package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/vfs"
)

// What is on its way when the groups change is neither lost nor read again, also
// of a file that is deleted by then.
func TestChange(t *testing.T) {
	r := newRig(t, nil)
	r.hold = true
	r.write("app.log", "one\n")
	r.settle()
	r.want("one")
	r.remove("app.log")
	r.settle()
	r.write("app.log", "two\n")
	r.write("db.log", "x\n")
	r.settle()
	r.want("two")

	both := []Group{{Paths: []string{r.path("app.log")}, Fields: []record.Pair{{Name: "type", Value: "app"}}}, {Paths: []string{r.path("db.log")}}}
	if err := r.tl.Change(Options{Groups: []Group{{Paths: []string{"["}}}}); err == nil {
		t.Fatal("a wrong pattern was taken")
	}
	if err := r.tl.Change(Options{Groups: both, Host: "other"}); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.want("x")
	r.write("app.log", "three\n")
	r.settle()
	r.want("three")
	l := r.held[len(r.held)-1]
	if got := fmt.Sprint(l.Fields); got != fmt.Sprintf("[{host other} {file %s} {type app}]", r.path("app.log")) {
		t.Errorf("fields %s", got)
	}
	for _, l := range r.held {
		r.tl.Acked(l)
	}
	r.held, r.hold = nil, false
	r.grace()

	// What is no longer named is let go, and goes on where it was when it is again.
	r.write("app.log", "four\n")
	if err := r.tl.Change(Options{Groups: both[1:], Host: "other"}); err != nil {
		t.Fatal(err)
	}
	r.write("app.log", "five\n")
	r.settle()
	r.want("")
	if st := r.tl.Status(); len(st.Files) != 1 || st.Files[0].File != r.path("db.log") {
		t.Errorf("status %+v", st)
	}
	if err := r.tl.Change(Options{Groups: both, Host: "other"}); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.want("four|five")
}

// With FromEnd only what a new group finds at its first look begins at its end.
func TestChangeFromEnd(t *testing.T) {
	r := newRig(t, func(o *Options) { o.FromEnd = true })
	r.write("db.log", "old\n")
	r.settle()
	r.write("app.log", "born later\n")
	o := Options{FromEnd: true, Groups: []Group{{Paths: []string{r.path("app.log")}}, {Paths: []string{r.path("db.log")}}}}
	if err := r.tl.Change(o); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.want("born later")
	r.write("db.log", "new\n")
	r.settle()
	r.want("new")
}

// Runs follow each other while lines are written and files deleted under them.
func TestChangeUnderLoad(t *testing.T) {
	dir := t.TempDir()
	reg, err := registry.Open(vfs.OS, filepath.Join(dir, ".state"), registry.Options{FlushInterval: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	}()
	const lines = 4000
	var mu sync.Mutex
	seen := map[string]int{}
	var tl *Tailer
	o := Options{
		Groups: []Group{{Paths: []string{filepath.Join(dir, "*.log")}}}, Positions: reg, Grace: 50 * time.Millisecond,
		ScanInterval: 20 * time.Millisecond, PollInterval: 20 * time.Millisecond,
		Output: func(_ context.Context, l *record.Lines) error {
			mu.Lock()
			for i := range l.Rows {
				seen[string(l.Text(i))]++
			}
			mu.Unlock()
			go tl.Acked(l)
			return nil
		},
	}
	if tl, err = New(o); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(seen)
	}
	var written atomic.Bool
	go func() {
		defer written.Store(true)
		var f *os.File
		name := filepath.Join(dir, "app.log")
		for i := range lines {
			for i == 500 && count() == 0 && !t.Failed() { // a file that nobody saw before it was renamed is not ours
				time.Sleep(time.Millisecond)
			}
			if i%500 == 0 {
				if f != nil {
					_ = f.Close()
					_ = os.Rename(name, fmt.Sprintf("%s.%d", name, i)) // rotated, beside the pattern
				}
				if f, err = os.Create(name); err != nil {
					t.Error(err)
					return
				}
			}
			if _, err := fmt.Fprintf(f, "line %d\n", i); err != nil {
				t.Error(err)
			}
			if i%20 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		_ = f.Close()
	}()
	deadline := time.Now().Add(20 * time.Second)
	for runs := 0; !written.Load() || count() < lines; runs++ {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d lines; %+v", count(), lines, tl.Status())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		tl.Hold()
		if written.Load() {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
		}
		_ = tl.Run(ctx)
		cancel()
		o.Host = fmt.Sprint(runs)
		if err := tl.Change(o); err != nil {
			t.Fatal(err)
		}
	}
	tl.closeAll()
	for i := range lines {
		if n := seen[fmt.Sprintf("line %d", i)]; n != 1 {
			t.Errorf("line %d came %d times", i, n)
		}
	}
}
