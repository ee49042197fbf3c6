// Package vfs is the file system as an interface, so that tests can fail every
// operation (vfs/faultfs) and forget what was not synced (vfs/crashfs).
//
// It is a leaf: internal/store, internal/registry, internal/auth and
// internal/pki write through it whatever must survive.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
)

// FS is the part of a file system that durable code needs. Names are paths as the
// os package takes them. All methods may be called from several goroutines.
type FS interface {
	// Create makes or truncates a file for writing.
	Create(name string) (File, error)
	// Append opens a file for writing at its end, making it if need be.
	Append(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Rename replaces newname by oldname; durable only after SyncDir.
	Rename(oldname, newname string) error
	Remove(name string) error
	RemoveAll(name string) error
	// MkdirAll makes a folder and those above it, mode 0700.
	MkdirAll(name string) error
	// ReadDir lists a folder, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
	// Link makes newname a hard link to oldname.
	Link(oldname, newname string) error
	// Truncate cuts a file.
	Truncate(name string, size int64) error
	// Free returns the bytes that can still be written below name and the file
	// system's size.
	Free(name string) (free, total uint64, err error)
}

// File is an open file. One goroutine writes; ReadAt may be called from several.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	// Sync makes the written bytes (and the size) durable.
	Sync() error
	Stat() (fs.FileInfo, error)
}

// WriteFile replaces a file so that a reader and a crash see the old or the new
// content whole: temporary file, sync, rename, sync of the folder.
func WriteFile(fsys FS, name string, data []byte) (err error) {
	tmp := name + ".tmp"
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = fsys.Remove(tmp) // the first error is the one to tell
		}
	}()
	if _, err = f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	if err = f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = fsys.Rename(tmp, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// ReadFile reads a whole file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(f)
}

// IsFull tells that an error, wrapped or not, means that the disk or the quota is
// full.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsNotExist tells that an error, wrapped or not, means that there is no such file.
func IsNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
