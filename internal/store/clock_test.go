package store

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
)

func TestClockGuard(t *testing.T) {
	var g clockGuard
	wall, mono := start, time.Duration(0)
	step := func(dw, dm, want time.Duration) {
		t.Helper()
		wall, mono = wall.Add(dw), mono+dm
		if got := g.check(wall, mono); got != want {
			t.Errorf("at %v: %v, want %v", mono, got, want)
		}
	}
	step(0, 0, 0)
	step(time.Minute, time.Minute, 0)
	step(time.Hour, time.Minute, 0)                            // 59 minutes too many are no jump
	step(-time.Hour, time.Minute, 0)                           // back
	step(time.Hour+time.Minute, time.Minute, time.Hour)        // forward
	step(time.Minute, time.Minute, time.Hour)                  // still
	step(-48*time.Hour, time.Minute, time.Hour)                // back again: the wall does not matter
	step(clockHold, clockHold, 0)                              // over
	step(290*365*24*time.Hour, 0, 290*365*24*time.Hour)        // centuries
	step(clockHold-time.Second, clockHold-time.Second, g.jump) // until the last second
	step(time.Second, time.Second, 0)
}

// TestClockJumps: with a clock that jumps back and forth by years nothing that was
// acknowledged is lost, doubled or reordered, and nothing is dropped for its age.
func TestClockJumps(t *testing.T) {
	fsys := newFS()
	rng := rand.New(rand.NewPCG(5, 5))
	now := start
	o := options(fsys)
	o.Clock = func() time.Time { return now }
	o.Retention = map[string]Retention{"": {Age: 90 * 24 * time.Hour}}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s.uptime = func() time.Duration { return 0 } // no time passes but for the jumps
	senders := []*sender{newSender(0), newSender(1)}
	for i := range 60 {
		switch rng.IntN(4) {
		case 0:
			now = start.Add(time.Duration(rng.Int64N(int64(40*365*24*time.Hour))) - 20*365*24*time.Hour)
		case 1:
			now = now.Add(time.Duration(rng.IntN(600)) * time.Second)
		}
		if err := senders[i%2].send(s, 1+rng.IntN(20)); err != nil {
			t.Fatal(err)
		}
		switch rng.IntN(5) {
		case 0:
			if err := s.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		case 1:
			if err := s.Retain(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	check(t, "after jumps", s, senders)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now = start.Add(-30 * 365 * 24 * time.Hour)
	s = mustOpen(t, o)
	check(t, "opened long before", s, senders)
}

// TestClockHeldIsTold: age drops nothing right after a jump, says so, and does later.
func TestClockHeldIsTold(t *testing.T) {
	now, up := start.Add(time.Hour), time.Duration(0)
	o := options(newFS())
	o.Clock = func() time.Time { return now }
	o.Retention = map[string]Retention{"": {Age: 30 * 24 * time.Hour}}
	s := mustOpen(t, o)
	s.uptime = func() time.Duration { return up }
	days(t, s, "logs", 3)
	parts := s.Stats().Parts
	retain := func() {
		t.Helper()
		if err := s.Retain(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	retain()
	now = now.AddDate(10, 0, 0)
	retain()
	if n := s.Stats().Parts; n != parts || problem(s, "clock") == nil {
		t.Fatalf("%d parts of %d, %v", n, parts, kindsOf(s))
	}
	now, up = now.Add(clockHold), up+clockHold
	retain()
	if n := s.Stats().Parts; n != 0 || problem(s, "clock") != nil {
		t.Errorf("%d parts, %v", n, kindsOf(s))
	}
}

// TestWindowsAfterTheClockWentBack: a window that looks like one from the future is
// not one that was sent twice.
func TestWindowsAfterTheClockWentBack(t *testing.T) {
	now := start
	o := options(newFS())
	o.Clock = func() time.Time { return now }
	s := mustOpen(t, o)
	send := func() {
		t.Helper()
		b := batchOf([]row{{dataset: "logs", time: start.UnixNano(), fields: []field{{"message", text("beat")}}}})
		b.Client, b.Window = "web-01", 7
		if err := s.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	send()
	send() // twice
	if n := s.Stats().Rows; n != 1 {
		t.Fatalf("%d rows", n)
	}
	now = now.AddDate(-1, 0, 0)
	send()
	send()
	if n := s.Stats().Rows; n != 2 {
		t.Errorf("%d rows after the clock went back a year, want 2", n)
	}
}

// TestFarTimes: records of any time a number can hold are kept, found and in order;
// age drops the old and never the coming ones.
func TestFarTimes(t *testing.T) {
	fsys := newFS()
	o := options(fsys)
	o.Retention = map[string]Retention{"": {Age: 20 * 365 * 24 * time.Hour}}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	times := []int64{
		math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64, math.MaxInt64 - 1, start.UnixNano(),
		start.AddDate(-9, 0, 0).UnixNano(), start.AddDate(-11, 0, 0).UnixNano(), start.AddDate(0, 0, 1).UnixNano(), start.AddDate(200, 0, 0).UnixNano(),
	}
	var rows []row
	for round := range 3 {
		batch := make([]row, 0, len(times))
		for i, at := range times {
			batch = append(batch, row{dataset: "logs", time: at, fields: []field{{"n", record.IntValue(int64(100*round + i))}}})
		}
		if err := s.Append(context.Background(), batchOf(batch)); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, batch...)
		if round > 0 {
			if err := s.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask := func(what string) {
		t.Helper()
		for _, order := range []scan.Order{scan.OldestFirst, scan.NewestFirst} {
			for _, r := range [][2]int64{{math.MinInt64, math.MaxInt64}, {0, start.UnixNano()}, {start.UnixNano(), math.MaxInt64}, {math.MinInt64, 1}} {
				req := all()
				req.Order, req.From, req.To = order, r[0], r[1]
				got, _ := collect(t, s, req)
				diff(t, what, got, expected(rows, req))
			}
		}
	}
	ask("far times")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	ask("far times, opened again")
	if _, err := Verify(fsys, "/data", func(p Problem) { t.Errorf("%s: %v", p.Path, p.Err) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Retain(context.Background()); err != nil {
		t.Fatal(err)
	}
	req := all()
	req.From = start.AddDate(-10, 0, 0).UnixNano()
	got, _ := collect(t, s, req)
	diff(t, "what is not old", got, expected(rows, req))
}
