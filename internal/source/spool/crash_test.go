package spool

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/vfs/crashfs"
)

// promised is a line that was said to be on disk when that many operations had been
// done.
type promised struct {
	ops  int
	text string
}

// crashLife sends lines through a queue and returns what was promised.
func crashLife(t *testing.T, fsys *crashfs.FS, s *server, life, n int) (out []promised) {
	t.Helper()
	q, stop := running(t, Options{FS: fsys, Dir: "/spool", Output: s.output(t), SegmentBytes: 400, Bytes: 1 << 20, SaveInterval: time.Hour})
	for i := range n {
		text := fmt.Sprintf("life %d line %d", life, i)
		send(t, q, text)
		out = append(out, promised{fsys.Ops(), text + " type=t"})
	}
	drain(t, q)
	stop()
	return out
}

// The power fails before every operation, an arbitrary part of what was not synced
// stays, and the server keeps what it has: every promised line is there once.
func TestCrashAnywhere(t *testing.T) {
	whole := crashfs.New()
	crashLife(t, whole, newServer(), 0, 12)
	for n := 1; n <= whole.Ops(); n++ {
		for seed := range uint64(2) {
			fsys, s := crashfs.New(), newServer()
			fsys.CrashAt(n, seed)
			promises := crashLife(t, fsys, s, 0, 12)
			image := fsys.Image()
			if image == nil {
				continue // groups differ from run to run
			}
			// What the server has of the time after the crash it cannot have: only
			// lines of the image and those that were sent before it.
			back := newServer()
			promises = append(promises, crashLife(t, image, back, 1, 3)...)
			seen := map[string]int{}
			for _, text := range back.got {
				seen[text]++
			}
			for text, k := range seen {
				if k != 1 {
					t.Fatalf("crash before operation %d (seed %d): %q came %d times", n, seed, text, k)
				}
			}
			first := true
			for _, p := range promises {
				if strings.HasPrefix(p.text, "life 1") {
					if seen[p.text] != 1 {
						t.Fatalf("crash before operation %d (seed %d): %q is lost", n, seed, p.text)
					}
					continue
				}
				// Lines before the first that came back were acknowledged by the
				// server before the crash; from there on none may be missing.
				if seen[p.text] == 1 {
					first = false
				} else if !first && p.ops < n {
					t.Fatalf("crash before operation %d (seed %d): %q was promised and is lost: %q", n, seed, p.text, back.got)
				}
			}
		}
	}
}

// TestCrashKeepsPromises holds all acks back, so that everything promised must come
// from the image, and lets the server of before the crash take the rest: once.
func TestCrashKeepsPromises(t *testing.T) {
	for n := 1; n < 60; n++ {
		fsys, s := crashfs.New(), newServer()
		s.hold = true
		fsys.CrashAt(n, uint64(n))
		q, stop := running(t, Options{FS: fsys, Dir: "/spool", Output: s.output(t), SegmentBytes: 400, Bytes: 1 << 20, SaveInterval: time.Hour})
		var promises []promised
		var got []string
		to := map[record.SourceID]uint64{}
		for i := range 12 {
			text := fmt.Sprintf("line %d", i)
			send(t, q, text)
			s.wait(t, i+1)
			promises = append(promises, promised{fsys.Ops(), text + " type=t"})
			if fsys.Image() == nil { // the server took it before the crash
				s.mu.Lock()
				got = append([]string(nil), s.got...)
				for id, at := range s.to {
					to[id] = at
				}
				s.mu.Unlock()
			}
		}
		stop()
		image := fsys.Image()
		if image == nil {
			break
		}
		back := newServer()
		back.got, back.to = got, to
		q, stop = running(t, Options{FS: image, Dir: "/spool", Output: back.output(t), SegmentBytes: 400})
		send(t, q, "after")
		drain(t, q)
		stop()
		count := map[string]int{}
		for _, text := range back.got {
			count[text]++
		}
		for _, p := range append(promises, promised{0, "after type=t"}) {
			if k := count[p.text]; k > 1 || k == 0 && p.ops < n {
				t.Fatalf("crash before operation %d: %q came %d times: %q", n, p.text, k, back.got)
			}
		}
	}
}
