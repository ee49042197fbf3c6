package crashfs

import (
	"bytes"
	"testing"

	"journalist/internal/vfs"
)

func put(t *testing.T, fsys vfs.FS, name, data string, sync bool) {
	t.Helper()
	f, err := fsys.Append(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCrash: what was synced, name and content, survives every crash; what was not
// survives some and is lost in some.
func TestCrash(t *testing.T) {
	f := New()
	if err := f.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	if err := f.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	put(t, f, "/d/safe", "synced", true)
	if err := vfs.WriteFile(f, "/d/replaced", []byte("old")); err != nil {
		t.Fatal(err)
	}
	put(t, f, "/d/safe", "tail", false)
	put(t, f, "/d/nameless", "synced data, name not", true)
	put(t, f, "/d/tmp", "new", true)
	if err := f.Rename("/d/tmp", "/d/replaced"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for seed := range uint64(200) {
		c := f.CrashClone(seed)
		safe, err := vfs.ReadFile(c, "/d/safe")
		if err != nil || !bytes.HasPrefix(safe, []byte("synced")) {
			t.Fatalf("seed %d: %q %v", seed, safe, err)
		}
		if string(safe) == "syncedtail" {
			seen["tail"]++
		}
		if _, err := c.Stat("/d/nameless"); err == nil {
			seen["nameless"]++
		}
		replaced, err := vfs.ReadFile(c, "/d/replaced")
		if err != nil || string(replaced) != "old" && string(replaced) != "new" {
			t.Fatalf("seed %d: %q %v", seed, replaced, err)
		}
		seen[string(replaced)]++
	}
	for _, what := range []string{"tail", "nameless", "old", "new"} {
		if n := seen[what]; n == 0 || n == 200 {
			t.Errorf("%s: in %d of 200 crashes", what, n)
		}
	}
}
