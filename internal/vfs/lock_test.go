package vfs

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(OS, name, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(OS, name, 0); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		second, err := Lock(OS, name, time.Minute)
		if err == nil {
			err = second()
		}
		got <- err
	}()
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatalf("lock after release: %v", err)
	}
	if _, err := Lock(OS, filepath.Join(name, "below-a-file"), 0); err == nil {
		t.Fatal("a lock where no file can be")
	}
}
