package store

import (
	"path/filepath"
	"testing"
	"time"

	"journalist/internal/vfs"
)

// Whoever starts right behind a killed process waits for its end.
func TestOpenWaitsForADyingProcess(t *testing.T) {
	dir := t.TempDir()
	unlock, err := vfs.Lock(vfs.OS, filepath.Join(dir, lockName), 0)
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan error, 1)
	time.AfterFunc(50*time.Millisecond, func() { released <- unlock() })
	s, err := Open(Options{FS: vfs.OS, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-released; err != nil {
		t.Error(err)
	}
}
