package vfs

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// ErrLocked is wrapped by Lock's error when somebody else keeps the lock.
var ErrLocked = errors.New("locked by another process")

// Lock takes the exclusive lock on the file with this name, making the file if
// need be, and returns what releases it. It waits up to patience for whoever has
// it; 0 means not at all. The lock ends with the process, however that ends, and
// also excludes other callers in the same process. On a file system that is not
// the operating system's there are no other processes and nothing is locked.
func Lock(fsys FS, name string, patience time.Duration) (unlock func() error, err error) {
	f, err := fsys.Append(name)
	if err != nil {
		return nil, err
	}
	sys, ok := f.(syscall.Conn)
	if !ok {
		return f.Close, nil
	}
	conn, err := sys.SyscallConn()
	if err != nil {
		_ = f.Close() // the first error is the one to tell
		return nil, err
	}
	deadline := time.Now().Add(patience)
	for {
		var lockErr error
		busy := false
		err = conn.Control(func(fd uintptr) { busy, lockErr = tryLock(fd) })
		if err == nil {
			err = lockErr
		}
		if err == nil {
			return f.Close, nil
		}
		if !busy || !time.Now().Before(deadline) {
			_ = f.Close() // the first error is the one to tell
			if busy {
				err = ErrLocked
			}
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
