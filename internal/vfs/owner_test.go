package vfs

import (
	"os"
	"path/filepath"
	"testing"
)

// What root makes in somebody's folder is that somebody's, what exists stays as it
// is. Without root there is nothing to give away and everything is one's own.
func TestOwner(t *testing.T) {
	want := os.Getuid()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if root {
		want = 12345
		if err := os.Chown(dir, want, want); err != nil {
			t.Fatal(err)
		}
	}
	below := filepath.Join(dir, "a", "b")
	if err := OS.MkdirAll(below); err != nil {
		t.Fatal(err)
	}
	made := []string{filepath.Join(below, "created"), filepath.Join(dir, "appended"), filepath.Join(dir, "replaced")}
	for i, open := range []func(string) (File, error){OS.Create, OS.Append} {
		for range 2 { // the second time it exists
			f, err := open(made[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := WriteFile(OS, made[2], []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(made, below, filepath.Dir(below)) {
		if uid, _, ok := ownerOf(name); !ok || uid != want {
			t.Errorf("%s belongs to %d, want %d", name, uid, want)
		}
	}
	f, err := OS.Append(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if uid, _, _ := ownerOf(old); uid != os.Getuid() {
		t.Errorf("a file that existed changed its owner to %d", uid)
	}
}
