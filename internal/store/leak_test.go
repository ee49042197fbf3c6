package store

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs"
)

// handles lists the process's open files by what they are.
func handles(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			out = append(out, to)
		}
	}
	return out
}

// TestNothingStaysOpen opens a store, uses all of it, damages it, and closes it,
// over and over: afterwards there are as many open files and goroutines as before.
func TestNothingStaysOpen(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 14))
	o := Options{Dir: dir, MemtableBytes: 1 << 20, RetainEvery: -1}
	cycle := func(n int) {
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		m := newMaker(rng)
		for range 2 {
			rows := make([]row, 200)
			for i := range rows {
				rows[i] = m.row("logs")
			}
			if err := s.Append(t.Context(), batchOf(rows)); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		useAll(t, s, n)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(vfs.OS, dir, nil); err != nil {
			t.Fatal(err)
		}
		// A part that is not one is opened and set aside at the next start.
		if names := partsOnDisk(t, dir); n%4 == 3 {
			if err := os.WriteFile(names[0], []byte("no part, but long enough to be read as one"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	cycle(0) // whatever is opened once and for all
	before, goroutines := handles(t), runtime.NumGoroutine()
	for n := range soak(t, 8) {
		cycle(n)
	}
	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	if after := handles(t); len(after) > len(before) {
		t.Errorf("%d open files, %d before:\n%q\n%q", len(after), len(before), after, before)
	}
}

// useAll asks in every way, to the end and not.
func useAll(t *testing.T, s *Store, n int) {
	t.Helper()
	for _, order := range []scan.Order{scan.Any, scan.NewestFirst, scan.OldestFirst} {
		for _, limit := range []int{0, 3} {
			req := all()
			req.Order, req.Limit, req.Parallel = order, limit, 2
			req.Filter = scan.Text{Pattern: wordPattern("error")}
			if _, err := s.Scan(t.Context(), req, func(*scan.Block) error { return nil }); err != nil {
				t.Fatal(err)
			}
			// One that is given up on the way.
			ctx, cancel := context.WithCancel(t.Context())
			req.Filter = nil
			_, _ = s.Scan(ctx, req, func(*scan.Block) error { cancel(); return nil }) // cancelled or not, it ends
			cancel()
		}
	}
	a := &scan.Aggregation{Request: *all(), By: []scan.Key{{Field: "level"}}, Aggs: []scan.Agg{{Func: "count"}}}
	if _, _, _, err := s.Aggregate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if n%3 == 2 {
		_, err := s.Delete(t.Context(), deletionOf(scan.Compare{Field: "status", Op: scan.Eq, Value: record.IntValue(500)}))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func partsOnDisk(t *testing.T, dir string) []string {
	t.Helper()
	l, err := listParts(vfs.OS, dir+"/"+dataDir)
	if err != nil || len(l.files) == 0 {
		t.Fatal(l, err)
	}
	return l.files
}
