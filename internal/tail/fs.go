package tail

import (
	"io/fs"
	"os"
	"syscall"

	"journalist/internal/vfs"
)

// FS is the part of a file system that files are found and read through; any
// vfs.FS is one. All methods may be called from several goroutines.
type FS interface {
	Open(name string) (vfs.File, error)
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
}

// osFS is the operating system's. Unlike vfs.OS it never waits in Open, should a
// file turn into a FIFO between Stat and Open.
type osFS struct{}

func (osFS) Open(name string) (vfs.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// inode names a file among those that exist at the same time.
type inode struct{ dev, ino uint64 }

// inodeOf returns a file's inode and how many names it has. ok is false on file
// systems that have no inodes.
func inodeOf(fi fs.FileInfo) (n inode, links uint64, ok bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || st == nil {
		return inode{}, 0, false
	}
	return inode{uint64(st.Dev), st.Ino}, uint64(st.Nlink), true
}
