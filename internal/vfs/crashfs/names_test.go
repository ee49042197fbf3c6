package crashfs

import (
	"fmt"
	"testing"

	"journalist/internal/vfs"
)

// after runs do on a file system with a durable folder, and returns how many of 200
// crashes left each outcome of look.
func after(t *testing.T, do func(f *FS) error, look func(f *FS) string) map[string]int {
	t.Helper()
	f := New()
	if err := f.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	if err := f.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	if err := do(f); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for seed := range uint64(200) {
		seen[look(f.CrashClone(seed))]++
	}
	return seen
}

func content(f *FS, name string) string {
	b, err := vfs.ReadFile(f, name)
	if err != nil {
		return "nothing"
	}
	return string(b)
}

// only demands that the outcomes are these, all of them.
func only(t *testing.T, what string, seen map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if seen[w] == 0 {
			t.Errorf("%s: never %q: %v", what, w, seen)
		}
		delete(seen, w)
	}
	if len(seen) > 0 {
		t.Errorf("%s: also %v", what, seen)
	}
}

// TestNames: what was done to names and not synced may have happened or not; what
// was synced has happened.
func TestNames(t *testing.T) {
	write := func(f *FS, name, data string) error { return vfs.WriteFile(f, name, []byte(data)) }
	for _, c := range []struct {
		what string
		do   func(f *FS) error
		name string
		want []string
	}{
		{"remove", func(f *FS) error { return f.Remove("/d/a") }, "/d/a", []string{"old", "nothing"}},
		{"remove all", func(f *FS) error { return f.RemoveAll("/d/a") }, "/d/a", []string{"old", "nothing"}},
		{"remove, sync", func(f *FS) error {
			if err := f.Remove("/d/a"); err != nil {
				return err
			}
			return f.SyncDir("/d")
		}, "/d/a", []string{"nothing"}},
		{"link", func(f *FS) error { return f.Link("/d/a", "/d/b") }, "/d/b", []string{"old", "nothing"}},
		{"link, sync", func(f *FS) error {
			if err := f.Link("/d/a", "/d/b"); err != nil {
				return err
			}
			return f.SyncDir("/d")
		}, "/d/b", []string{"old"}},
		{"rename to another folder", func(f *FS) error { return f.Rename("/d/a", "/b") }, "/b", []string{"old", "nothing"}},
		{"truncate", func(f *FS) error { return f.Truncate("/d/a", 1) }, "/d/a", []string{"old", "o"}},
		{"new folder", func(f *FS) error {
			if err := f.MkdirAll("/d/e"); err != nil {
				return err
			}
			return write(f, "/d/e/a", "inside")
		}, "/d/e/a", []string{"inside", "nothing"}},
	} {
		seen := after(t, func(f *FS) error {
			if err := write(f, "/d/a", "old"); err != nil {
				return err
			}
			return c.do(f)
		}, func(f *FS) string { return content(f, c.name) })
		only(t, c.what, seen, c.want...)
	}
}

// TestCrashAt: the image is that of the moment before the operation, and the file
// system goes on as if nothing had been.
func TestCrashAt(t *testing.T) {
	run := func(f *FS) {
		for i := range 10 {
			if err := vfs.WriteFile(f, fmt.Sprintf("/f%d", i), []byte("done")); err != nil {
				t.Fatal(err)
			}
		}
	}
	plain := New()
	run(plain)
	if plain.Ops() != 50 || plain.Image() != nil {
		t.Fatalf("%d operations", plain.Ops())
	}
	for at := 1; at <= plain.Ops(); at++ {
		f := New()
		f.CrashAt(at, 1)
		run(f)
		image := f.Image()
		if image == nil {
			t.Fatalf("no crash before operation %d", at)
		}
		for i := range 10 {
			name := fmt.Sprintf("/f%d", i)
			if content(f, name) != "done" {
				t.Fatalf("operation %d: %s is not written where there was no crash", at, name)
			}
			got, whole := content(image, name), 5*(i+1) < at
			if whole && got != "done" || 5*i >= at && got != "nothing" {
				t.Fatalf("crash at operation %d: %s has %q", at, name, got)
			}
			if got != "done" && got != "nothing" {
				t.Fatalf("crash at operation %d: %s has %q: it was replaced in halves", at, name, got)
			}
		}
	}
	f := New()
	f.CrashAt(plain.Ops()+1, 1)
	run(f)
	if f.Image() != nil {
		t.Error("a crash behind the last operation")
	}
}

// TestFlip changes what was synced, too.
func TestFlip(t *testing.T) {
	f := New()
	if err := vfs.WriteFile(f, "/x", []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if err := f.Flip("/x", 1, 1); err != nil {
		t.Fatal(err)
	}
	if a, b := content(f, "/x"), content(f.CrashClone(1), "/x"); a != "acc" || b != "acc" {
		t.Errorf("%q, %q after a crash", a, b)
	}
	if err := f.Flip("/x", 3, 1); err == nil {
		t.Error("a byte behind the end was changed")
	}
}
