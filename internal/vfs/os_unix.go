//go:build unix

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenShared opens a file for reading that others write, rename and delete. It
// never waits, should the name be that of a FIFO.
func OpenShared(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0))
}

func stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func readDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func openPlain(name string) (File, error)        { return wrap(os.Open(name)) }

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

func freeBelow(name string) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(name, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	// The types differ from system to system.
	return uint64(st.Bavail) * uint64(st.Bsize), uint64(st.Blocks) * uint64(st.Bsize), nil
}

// tryLock takes the lock of an open file; busy tells that another has it.
func tryLock(fd uintptr) (busy bool, err error) {
	err = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB)
	return errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR), err
}
