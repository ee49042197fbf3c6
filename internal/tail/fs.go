package tail

import (
	"io/fs"

	"journalist/internal/vfs"
)

// FS is the part of a file system that files are found and read through; any
// vfs.FS is one. All methods may be called from several goroutines.
type FS interface {
	Open(name string) (vfs.File, error)
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
}

// osFS is the operating system's. Its files are shared with those who write and
// rotate them.
type osFS struct{}

func (osFS) Open(name string) (vfs.File, error) {
	return vfs.OpenShared(name)
}
func (osFS) Stat(name string) (fs.FileInfo, error)      { return vfs.OS.Stat(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return vfs.OS.ReadDir(name) }

// inode names a file among those that exist at the same time.
type inode struct{ dev, ino uint64 }

// inodeOf returns a file's inode and how many names it has. ok is false on file
// systems that have no inodes.
func inodeOf(fi fs.FileInfo) (n inode, links uint64, ok bool) {
	id, links, ok := vfs.InodeOf(fi)
	return inode{id.Dev, id.Ino}, links, ok
}
