package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
)

func take(t *testing.T, name string) *State {
	t.Helper()
	s, err := Take(vfs.OS, name, time.Now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestRemembers(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state")
	s := take(t, name)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	u, err := s.Begin(map[string]int{"a": 1}, at, "/var/log/a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Begin("b", at)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Done(u, 0, OK), s.Note(u, 1, 7), s.Done(other, 0, OK), s.End(other)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // as written, and as written anew
		if _, err := Take(vfs.OS, name, at, 0); err == nil {
			t.Fatal("two have the state")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = take(t, name)
		l, ok := s.Log("/var/log/a")
		if !ok || !l.Rotated.Equal(at) {
			t.Fatalf("log is %+v, %v", l, ok)
		}
		open := s.Open()
		if len(open) != 1 || open[0].ID != u.ID || open[0].Done[0] != OK || string(open[0].Notes[1]) != "7" || string(open[0].Plan) != `{"a":1}` {
			t.Fatalf("open units are %+v", open)
		}
	}
}

func TestDamage(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state")
	s := take(t, name)
	for _, p := range []string{"/a", "/b", "/c"} {
		if err := s.SetLog(p, Log{Rotated: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.Close()
	data, _ := os.ReadFile(name)
	lines := strings.SplitAfter(string(data), "\n")
	lines[2] = strings.Replace(lines[2], "/b", "/x", 1)
	text := strings.Join(lines, "")
	text = text[:len(text)-5] // as a crash in the middle of writing
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s = take(t, name)
	_, a := s.Log("/a")
	_, b := s.Log("/b")
	_, x := s.Log("/x")
	_, c := s.Log("/c")
	if !a || b || x || c || len(s.Warnings()) != 1 {
		t.Fatalf("a %v b %v x %v c %v, warnings %q", a, b, x, c, s.Warnings())
	}
	_ = s.Close()
	if err := os.WriteFile(name, []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(vfs.OS, name, time.Now(), 0); err == nil {
		t.Fatal("took a file that is no state")
	}
}

func TestConvertsLogrotates(t *testing.T) {
	name := filepath.Join(t.TempDir(), "status")
	text := "logrotate state -- version 2\n\"/var/log/a \\\"b\\\".log\" 2026-3-4-5:6:7\n\"/var/log/c\" 2026-3-4\nnonsense\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := take(t, name)
	l, _ := s.Log(`/var/log/a "b".log`)
	if want := time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local); !l.Rotated.Equal(want) {
		t.Errorf("rotated at %v, want %v", l.Rotated, want)
	}
	if _, ok := s.Log("/var/log/c"); !ok || len(s.Warnings()) != 1 {
		t.Errorf("c: %v, warnings %q", ok, s.Warnings())
	}
	if kept, err := os.ReadFile(name + ".logrotate"); err != nil || string(kept) != text {
		t.Errorf("logrotate's own is %q, %v", kept, err)
	}
}

// What was answered with nil survives a loss of power.
func TestSurvivesCrash(t *testing.T) {
	fsys := crashfs.New()
	if err := fsys.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	if err := fsys.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	s, err := Take(fsys, "/d/state", time.Now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.Begin("plan", time.Now(), "/a")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Done(u, 3, OK); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(8) {
		crashed := fsys.CrashClone(seed)
		s, err := Take(crashed, "/d/state", time.Now(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if open := s.Open(); len(open) != 1 || open[0].Done[3] != OK {
			t.Fatalf("after a crash: %+v", open)
		}
		_ = s.Close()
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(firstLine + "00000000 {}\n"))
	f.Add(append([]byte(firstLine), encode(entry{Log: "/a", State: &Log{}})...))
	f.Add([]byte("logrotate state -- version 2\n\"/a\" 2026-1-1-1:1:1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Read(vfs.OS, name); err == nil {
			s.Open()
		}
	})
}
