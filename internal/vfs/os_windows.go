package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// OpenShared opens a file for reading that others write, rename and delete: with
// all modes of sharing, so that the writer's rotation does not fail because of us.
func OpenShared(name string) (File, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	h, err := windows.CreateFile(path, windows.GENERIC_READ,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return winFile{os.NewFile(uintptr(h), name)}, nil
}

// winFile is a file whose Stat knows the inode.
type winFile struct{ *os.File }

// Stat is File's.
func (f winFile) Stat() (fs.FileInfo, error) {
	fi, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return identified(fi, windows.Handle(f.Fd())), nil
}

// winInfo is what is known of a file, with what Windows tells only of open ones.
type winInfo struct {
	fs.FileInfo
	node  Inode
	links uint64
}

func identified(fi fs.FileInfo, h windows.Handle) fs.FileInfo {
	var by windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &by); err != nil {
		return fi // without an inode
	}
	return winInfo{fi, Inode{uint64(by.VolumeSerialNumber), uint64(by.FileIndexHigh)<<32 | uint64(by.FileIndexLow)}, uint64(by.NumberOfLinks)}
}

// InodeOf returns a file's inode and how many names it has. ok is false for what
// did not come from this package's OS.
func InodeOf(fi fs.FileInfo) (n Inode, links uint64, ok bool) {
	w, ok := fi.(winInfo)
	return w.node, w.links, ok
}

func stat(name string) (fs.FileInfo, error) {
	fi, err := os.Stat(name)
	if err != nil || !fi.Mode().IsRegular() {
		return fi, err
	}
	f, err := OpenShared(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return fi, nil //nolint:nilerr // there, but not to be opened: no inode
	}
	defer func() { _ = f.Close() }() // only looked at
	return f.Stat()
}

// winEntry is an entry of a folder whose Info knows the inode.
type winEntry struct {
	fs.DirEntry
	dir string
}

// Info is fs.DirEntry's.
func (e winEntry) Info() (fs.FileInfo, error) {
	if !e.Type().IsRegular() {
		return e.DirEntry.Info()
	}
	return stat(filepath.Join(e.dir, e.Name()))
}

func readDir(name string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(name)
	for i, e := range entries {
		entries[i] = winEntry{e, name}
	}
	return entries, err
}

func openPlain(name string) (File, error) { return OpenShared(name) }

// syncDir has nothing to do: NTFS keeps its names in a journal, and folders cannot
// be flushed.
func syncDir(string) error { return nil }

func freeBelow(name string) (free, total uint64, err error) {
	path, err := windows.UTF16PtrFromString(name)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(path, &free, &total, nil)
	}
	if err != nil {
		return 0, 0, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: name, Err: err}
	}
	return free, total, nil
}

// tryLock takes the lock of an open file; busy tells that another has it.
func tryLock(fd uintptr) (busy bool, err error) {
	err = windows.LockFileEx(windows.Handle(fd), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
	return errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING), err
}

// OwnerOf returns whom a file belongs to; ok is false where files have no owners.
func OwnerOf(fs.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }
