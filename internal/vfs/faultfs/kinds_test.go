package faultfs

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
)

// TestEveryMethod: each operation that changes something can be made to fail, with
// each error, and leaves everything as it was.
func TestEveryMethod(t *testing.T) {
	write := func(f vfs.FS) error {
		h, err := f.Open("/d/a")
		if err != nil {
			return err
		}
		return h.Close()
	}
	for kind, want := range map[Kind]error{EIO: syscall.EIO, ENOSPC: syscall.ENOSPC, EROFS: syscall.EROFS, EACCES: syscall.EACCES} {
		for name, do := range map[string]func(f vfs.FS) error{
			"create":    func(f vfs.FS) error { _, err := f.Create("/d/b"); return err },
			"append":    func(f vfs.FS) error { _, err := f.Append("/d/b"); return err },
			"rename":    func(f vfs.FS) error { return f.Rename("/d/a", "/d/b") },
			"remove":    func(f vfs.FS) error { return f.Remove("/d/a") },
			"removeall": func(f vfs.FS) error { return f.RemoveAll("/d/a") },
			"mkdir":     func(f vfs.FS) error { return f.MkdirAll("/d/b") },
			"syncdir":   func(f vfs.FS) error { return f.SyncDir("/d") },
			"link":      func(f vfs.FS) error { return f.Link("/d/a", "/d/b") },
			"truncate":  func(f vfs.FS) error { return f.Truncate("/d/a", 0) },
		} {
			mem := crashfs.New()
			if err := mem.MkdirAll("/d"); err != nil {
				t.Fatal(err)
			}
			if err := vfs.WriteFile(mem, "/d/a", []byte("old")); err != nil {
				t.Fatal(err)
			}
			f, before := New(mem), mem.Ops()
			f.FailAt(0, kind, false)
			if err := do(f); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			if mem.Ops() != before {
				t.Errorf("%s changed something", name)
			}
			if err := write(f); err != nil { // reading goes on
				t.Errorf("%s: %v", name, err)
			}
			if err := do(f); err != nil {
				t.Errorf("%s, the next one: %v", name, err)
			}
			if !f.Heal() {
				t.Errorf("%s: nobody knows of the fault", name)
			}
		}
	}
}

// TestSticky: with sticky everything fails from some operation on, until it is healed.
func TestSticky(t *testing.T) {
	f := New(crashfs.New())
	f.FailAt(3, ENOSPC, true)
	for i := range 6 {
		err := f.MkdirAll(fmt.Sprint("/d", i))
		if (err != nil) != (i >= 3) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if !f.Heal() {
		t.Error("nobody knows of the faults")
	}
	if err := f.MkdirAll("/e"); err != nil {
		t.Error(err)
	}
}

// TestShort: half of the bytes are written, and the sync that fails syncs nothing.
func TestShort(t *testing.T) {
	mem := crashfs.New()
	f := New(mem)
	h, err := f.Create("/x")
	if err != nil {
		t.Fatal(err)
	}
	f.FailAt(0, Short, false)
	if n, err := h.Write([]byte("abcdef")); n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := f.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	f.FailAt(0, EIO, false)
	if err := h.Sync(); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	lost := 0
	for seed := range uint64(50) {
		if b, err := vfs.ReadFile(mem.CrashClone(seed), "/x"); err != nil || string(b) != "abc" {
			lost++
		}
	}
	if lost == 0 {
		t.Error("a sync that failed has synced")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}
