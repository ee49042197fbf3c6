//go:build linux

package tail

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// handlesDir is set in the process that has few handles.
const handlesDir = "TAIL_TEST_FEW_HANDLES"

// TestFewHandles: in a process that may open few files, and for a while none, all
// lines come, once, and no file counts as deleted.
func TestFewHandles(t *testing.T) {
	if os.Getenv(handlesDir) != "" {
		fewHandles(t, os.Getenv(handlesDir))
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFewHandles$", "-test.v")
	cmd.Env = append(os.Environ(), handlesDir+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestFewHandles") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fewHandles(t *testing.T, dir string) {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}); err != nil {
		t.Fatal(err)
	}
	if n := openLimit(); n != 32 {
		t.Errorf("%d files would be kept open", n)
	}
	const files = 200
	r := newRigAt(t, dir, func(o *Options) { o.Groups[0].Paths = []string{filepath.Join(dir, "*.log")} })
	r.o.Logger = nil
	for i := range files {
		r.write(fmt.Sprintf("%d.log", i), fmt.Sprintf("%d a\n", i))
	}
	r.settle()
	if n := r.tl.open.Load(); n > 33 {
		t.Errorf("%d files are open", n)
	}
	for i := range files {
		r.write(fmt.Sprintf("%d.log", i), fmt.Sprintf("%d b\n", i))
	}
	// Somebody else takes all handles.
	var taken []*os.File
	for {
		f, err := os.Open(dir)
		if err != nil {
			break
		}
		taken = append(taken, f)
	}
	r.tl.scan()
	for range files {
		if f := r.tl.next(false); f != nil {
			r.tl.done(f, r.tl.step(t.Context(), f))
		}
	}
	for _, f := range taken {
		_ = f.Close() // only open
	}
	r.settle()
	r.advance(time.Minute)
	r.settle()
	count := make(map[string]int)
	for _, l := range r.lines {
		count[l.text]++
	}
	for i := range files {
		for _, s := range "ab" {
			if n := count[fmt.Sprintf("%d %c", i, s)]; n != 1 {
				t.Errorf("line %d %c came %d times", i, s, n)
			}
		}
	}
	for _, g := range r.reg.All() {
		if g.State != 0 {
			t.Errorf("%s counts as %s", g.Path, g.State)
		}
	}
}
