package faultfs

import (
	"errors"
	"syscall"
	"testing"

	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
)

// TestEveryOperation: replacing a file fails at each of its operations and leaves
// the old content or the new one.
func TestEveryOperation(t *testing.T) {
	for _, kind := range []Kind{EIO, ENOSPC, Short} {
		for at := 0; ; at++ {
			f := New(crashfs.New())
			if err := vfs.WriteFile(f, "/x", []byte("old")); err != nil {
				t.Fatal(err)
			}
			f.FailAt(at, kind, false)
			err := vfs.WriteFile(f, "/x", []byte("new"))
			if !f.Heal() {
				if err != nil || at != 5 { // create, write, sync, rename, sync of the folder
					t.Fatalf("%d operations, %v", at, err)
				}
				break
			}
			if kind == EIO && !errors.Is(err, syscall.EIO) || kind != EIO && !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("operation %d: %v", at, err)
			}
			if got, err := vfs.ReadFile(f, "/x"); err != nil || string(got) != "old" && string(got) != "new" {
				t.Fatalf("operation %d: %q %v", at, got, err)
			}
		}
	}
}
