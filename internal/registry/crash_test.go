package registry

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/vfs/crashfs"
)

// promise is a position that was said to be durable when that many operations had
// been done.
type promise struct {
	ops int
	id  record.SourceID
	to  uint64
}

// crashRun uses a registry for a while, with restarts and compactions, and returns
// what it promised.
func crashRun(t *testing.T, fsys *crashfs.FS, dir string) []promise {
	t.Helper()
	var out []promise
	var gens []record.Generation
	for round := range 3 {
		r, err := Open(fsys, dir, Options{FlushInterval: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			g := gen(10*round + i)
			register(t, r, g)
			out = append(out, promise{fsys.Ops(), g.ID, 0})
			gens = append(gens, g)
			for _, g := range gens {
				r.Ack(g.ID, uint64(100*round+10*i+1), fp("head"), fp("tail"))
			}
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
			for _, g := range gens {
				out = append(out, promise{fsys.Ops(), g.ID, uint64(100*round + 10*i + 1)})
			}
		}
		closeIt(t, r)
	}
	return out
}

// TestCrashAnywhere cuts the power before every operation, keeps an arbitrary part
// of what was not synced, and wants every promise kept and a registry that opens.
func TestCrashAnywhere(t *testing.T) {
	dir := filepath.Join("/", "state")
	whole := crashfs.New()
	crashRun(t, whole, dir)
	for n := 1; n <= whole.Ops(); n++ {
		for seed := range uint64(4) {
			fsys := crashfs.New()
			fsys.CrashAt(n, seed)
			promises := crashRun(t, fsys, dir)
			image := fsys.Image()
			if image == nil {
				t.Fatalf("operation %d of %d was not reached", n, whole.Ops())
			}
			r, err := Open(image, dir, Options{FlushInterval: time.Hour})
			if err != nil {
				t.Fatalf("crash before operation %d: %v", n, err)
			}
			all := r.All()
			for _, p := range promises {
				if p.ops >= n {
					continue // promised after the crash
				}
				if !slices.ContainsFunc(all, func(g record.Generation) bool { return g.ID == p.id && g.To >= p.to }) {
					t.Fatalf("crash before operation %d (seed %d): %s at %d was promised, there is %+v", n, seed, p.id, p.to, all)
				}
			}
			g := gen(99)
			register(t, r, g)
			closeIt(t, r)
		}
	}
}
