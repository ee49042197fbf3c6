//go:build unix

package rotate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"journalist/internal/rotate/conf"
	"journalist/internal/rotate/state"
)

// A day's rotations under a fake clock: one each day, and seven are kept.
func TestRunByDays(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "conf"), filepath.Join(dir, "app.log")+" {\ndaily\ndateext\nrotate 7\ncreate\ncompress\n}\n", 0o644)
	now := time.Date(2026, 2, 25, 12, 30, 0, 0, time.Local)
	var took []string
	r, err := New(Options{Configs: []string{filepath.Join(dir, "conf")}, State: filepath.Join(dir, "state"), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	write(t, filepath.Join(dir, "app.log"), "first\n", 0o644)
	for range 24 * 12 {
		res, err := r.Once(t.Context(), false)
		if err != nil || res.Failed > 0 {
			t.Fatalf("%+v %v %v", res, err, r.Status())
		}
		if res.Rotated > 0 {
			took = append(took, now.Format("02.15"))
		}
		now = now.Add(time.Hour)
	}
	if got := strings.Join(took, " "); got != "26.00 27.00 28.00 01.00 02.00 03.00 04.00 05.00 06.00 07.00 08.00 09.00" {
		t.Errorf("rotated at %s", got)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "app.log-*"))
	if len(names) != 7 || filepath.Base(names[0]) != "app.log-20260303.gz" {
		t.Errorf("there are %q", names)
	}
}

// Run looks at each interval, and goes on after a state that could not be written.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		write(t, filepath.Join(dir, "conf"), filepath.Join(dir, "app.log")+" {\nsize 1\nrotate 9\nmissingok\n}\n", 0o644)
		r, err := New(Options{Configs: []string{filepath.Join(dir, "conf")}, State: filepath.Join(dir, "state")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for i := range 3 {
			write(t, filepath.Join(dir, "app.log"), "x\n", 0o644)
			if i == 2 {
				synctest.Wait()
				_ = r.state.Close() // as broken
			}
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			if st := r.Status(); st.Rotated != i+1 {
				t.Errorf("round %d: %+v", i, st)
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		_ = r.Close()
	})
}

func TestDue(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", text, time.Local)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		period    conf.Period
		weekday   int
		last, now string
		want      bool
	}{
		{conf.Hourly, 0, "2026-03-01 10:05", "2026-03-01 10:59", false},
		{conf.Hourly, 0, "2026-03-01 10:59", "2026-03-01 11:00", true},
		{conf.Daily, 0, "2026-03-01 00:01", "2026-03-01 23:59", false},
		{conf.Daily, 0, "2026-03-01 23:59", "2026-03-02 00:00", true},
		{conf.Weekly, 0, "2026-03-01 00:00", "2026-03-07 23:59", false}, // from Sunday to Saturday
		{conf.Weekly, 0, "2026-03-07 00:00", "2026-03-08 00:00", true},
		{conf.Weekly, 3, "2026-03-03 00:00", "2026-03-04 00:00", true},
		{conf.Weekly, 7, "2026-03-03 00:00", "2026-03-09 23:00", false},
		{conf.Weekly, 7, "2026-03-03 23:00", "2026-03-10 00:00", true},
		{conf.Monthly, 0, "2026-02-28 00:00", "2026-03-01 00:00", true},
		{conf.Monthly, 0, "2026-02-01 00:00", "2026-02-28 23:00", false},
		{conf.Yearly, 0, "2025-12-31 23:00", "2026-01-01 00:00", true},
		{conf.Yearly, 0, "2026-03-03 00:00", "2026-03-02 00:00", false},
		{conf.Yearly, 0, "2026-03-05 00:00", "2026-03-02 00:00", true}, // in the future
	} {
		s := &conf.Set{Period: c.period, Weekday: c.weekday, IfEmpty: true}
		if got := due(s, state.Log{Rotated: at(c.last)}, 10, at(c.now), false, at(c.now)); got != c.want {
			t.Errorf("%v weekday %d, last %s, now %s: %v", c.period, c.weekday, c.last, c.now, got)
		}
	}
}

// A state that another one has is not taken.
func TestTwoRunners(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "conf"), "", 0o644)
	o := Options{Configs: []string{filepath.Join(dir, "conf")}, State: filepath.Join(dir, "state")}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "another scribe") {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(o.State); err != nil {
		t.Error(err)
	}
}
