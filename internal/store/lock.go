package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"journalist/internal/vfs"
)

// lockPatience is how long a process that was just killed may take to end: a
// supervisor starts the next one at once.
const lockPatience = 3 * time.Second

// lock keeps other processes away from the data directory.
func lock(fsys vfs.FS, dir string) (func() error, error) {
	name := filepath.Join(dir, lockName)
	unlock, err := vfs.Lock(fsys, name, lockPatience)
	if errors.Is(err, vfs.ErrLocked) {
		who := "another process"
		if b, rerr := vfs.ReadFile(fsys, name); rerr == nil && len(b) > 0 && len(b) < 20 {
			who = "process " + strings.TrimSpace(string(b))
		}
		return nil, fmt.Errorf("data directory %s is in use by %s: stop it first, or choose another directory: %w", dir, who, err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	// The process number is only for the message above; the lock is the flock.
	if err := fsys.Truncate(name, 0); err == nil {
		if f, err := fsys.Append(name); err == nil {
			_, _ = fmt.Fprintln(f, os.Getpid())
			_ = f.Close()
		}
	}
	return unlock, nil
}
