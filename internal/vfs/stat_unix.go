//go:build unix

package vfs

import (
	"io/fs"
	"syscall"
)

// InodeOf returns a file's inode and how many names it has. ok is false on file
// systems that have no inodes.
func InodeOf(fi fs.FileInfo) (n Inode, links uint64, ok bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || st == nil {
		return Inode{}, 0, false
	}
	return Inode{uint64(st.Dev), st.Ino}, uint64(st.Nlink), true
}

// OwnerOf returns whom a file belongs to; ok is false where files have no owners.
func OwnerOf(fi fs.FileInfo) (uid, gid int, ok bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || st == nil {
		return 0, 0, false
	}
	return int(st.Uid), int(st.Gid), true
}
