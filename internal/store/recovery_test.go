package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"journalist/internal/vfs/crashfs"
	"journalist/internal/vfs/faultfs"
)

// crashedAt is what a run of ingesting, flushing, deleting, purging and merging
// leaves when the power goes before operation number at, nil where the run has
// fewer, and what was acknowledged by then.
func crashedAt(t *testing.T, at int) (image *crashfs.FS, kept *sender, deleted uint64) {
	t.Helper()
	fsys := crashfs.New()
	fsys.CrashAt(at, seed0(t))
	x := newSender(0)
	first := *x
	kept = &first
	err := deleteWorkload(options(fsys), x, func(d uint64) {
		if fsys.Image() == nil {
			*kept, deleted = *x, d
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return fsys.Image(), kept, deleted
}

// lengthOfRun is how many operations the run of crashedAt has, about.
func lengthOfRun(t *testing.T) int {
	t.Helper()
	fsys := crashfs.New()
	if err := deleteWorkload(options(fsys), newSender(0), func(uint64) {}); err != nil {
		t.Fatal(err)
	}
	return fsys.Ops()
}

// everyNth is the step of a loop over n operations that makes about most of them,
// all in a soak of ten and more.
func everyNth(t *testing.T, n, most int) int { return max(1, n/soak(t, most)) }

// TestCrashInRecovery cuts the power a second time while the store recovers from the
// first cut, and a third time: what was acknowledged stays, and verify finds no
// fault with what any crash left.
func TestCrashInRecovery(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed0(t), 15))
	total := lengthOfRun(t)
	step := everyNth(t, total, 60)
	for at := 1 + rng.IntN(step); at <= total; at += step {
		image, kept, deleted := crashedAt(t, at)
		if image == nil {
			continue // the background goroutines did less this time
		}
		what := fmt.Sprintf("crash at operation %d", at)
		for again := range 3 {
			if _, err := image.Stat("/data/MANIFEST"); err == nil {
				if _, err := Verify(image.CrashClone(1), "/data", func(p Problem) { t.Errorf("%s: %s: %v", what, p.Path, p.Err) }); err != nil {
					t.Fatal(err)
				}
			}
			calm := image.CrashClone(2) // all of it is synced: an equal one
			s, err := Open(options(calm))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			checkThirds(t, what, s, kept, deleted)
			if q := s.Stats().Quarantined; q > 0 {
				t.Fatalf("%s: %d files were set aside", what, q)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			n := 1 + rng.IntN(max(1, calm.Ops()))
			image.CrashAt(n, uint64(at))
			if s, err = Open(options(image)); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if image = image.Image(); image == nil {
				break // the background goroutines did less this time
			}
			what += fmt.Sprintf(", in recovery %d at operation %d", again, n)
		}
	}
}

// TestFaultsInRecovery lets each operation of a recovery fail: the store opens or
// says why not, and once the disk is sound again everything is there.
func TestFaultsInRecovery(t *testing.T) {
	total := lengthOfRun(t)
	for _, at := range []int{total / 3, total * 2 / 3, total * 9 / 10} {
		image, kept, deleted := crashedAt(t, at)
		if image == nil {
			continue // the background goroutines did less this time
		}
		for _, kind := range []faultfs.Kind{faultfs.EIO, faultfs.ENOSPC, faultfs.Short} {
			for _, sticky := range []bool{false, true} {
				for i := 0; ; i++ {
					mem := image.CrashClone(3)
					fsys := faultfs.New(mem)
					fsys.FailAt(i, kind, sticky)
					what := fmt.Sprintf("crash at operation %d, then fault %d at operation %d, for good: %v", at, kind, i, sticky)
					if s, err := Open(options(fsys)); err == nil {
						checkThirds(t, what, s, kept, deleted)
						_ = s.Close() // it may fail; the next start settles it
					}
					if !fsys.Heal() {
						break
					}
					s, err := Open(options(mem.CrashClone(uint64(i))))
					if err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					checkThirds(t, what+", healed", s, kept, deleted)
					if q := s.Stats().Quarantined; q > 0 {
						t.Fatalf("%s: %d files were set aside", what, q)
					}
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// TestFaultsThatLast lets all operations from some one on fail, for a while: the
// store refuses what it cannot keep, loses nothing, and takes up its work when the
// disk is sound again, without a restart.
func TestFaultsThatLast(t *testing.T) {
	for _, kind := range []faultfs.Kind{faultfs.EIO, faultfs.ENOSPC} {
		for at := int(kind); at < 120; at += everyNth(t, 120, 6) {
			what := fmt.Sprintf("kind %d from operation %d on", kind, at)
			mem := crashfs.New()
			fsys := faultfs.New(mem)
			s := mustOpen(t, options(fsys))
			x := newSender(0)
			fsys.FailAt(at, kind, true)
			for range 30 {
				_ = x.send(s, 3)         // acknowledged or not: the sender knows
				_ = s.Flush(t.Context()) // the rows stay in the log
			}
			if !fsys.Heal() {
				t.Fatalf("%s: nothing failed", what)
			}
			check(t, what, s, []*sender{x})
			waitFor(t, func() bool {
				x.resume = true
				return x.send(s, 3) == nil && s.Flush(t.Context()) == nil
			})
			check(t, what+", healed", s, []*sender{x})
			recoverAndGoOn(t, what, mem.CrashClone(uint64(at)), []*sender{x})
		}
	}
}
