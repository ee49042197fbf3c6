// Package faultfs makes operations of a file system fail: the i-th one, or all from
// the i-th on, in a chosen way.
//
// It stands beside internal/vfs: tests of internal/store and internal/registry let
// operation 0, 1, 2 … fail until a whole run succeeds.
package faultfs

import (
	"io/fs"
	"sync"
	"syscall"

	"journalist/internal/vfs"
)

// Kind is how an operation fails.
type Kind uint8

// The kinds of failure.
const (
	EIO    Kind = iota // an input/output error
	ENOSPC             // no space left
	Short              // a write writes half and then has no space left
	EROFS              // a read-only file system
	EACCES             // no permission
)

// FS wraps a file system. All methods may be called from several goroutines.
type FS struct {
	vfs.FS

	mu     sync.Mutex
	n      int
	at     int
	kind   Kind
	sticky bool
	hit    bool
}

// New wraps a file system; nothing fails before FailAt.
func New(fsys vfs.FS) *FS { return &FS{FS: fsys, at: -1} }

// FailAt lets operation number n from now fail (0 is the next one), and with sticky
// all behind it. Only operations that change something count.
func (f *FS) FailAt(n int, kind Kind, sticky bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n, f.at, f.kind, f.sticky, f.hit = 0, n, kind, sticky, false
}

// Heal lets nothing fail any more and tells whether something did.
func (f *FS) Heal() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = -1
	return f.hit
}

// check counts an operation and returns the error it fails with.
func (f *FS) check(op, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.n
	f.n++
	if f.at < 0 || n < f.at || n > f.at && !f.sticky {
		return nil
	}
	f.hit = true
	err := syscall.ENOSPC
	switch f.kind {
	case EIO:
		err = syscall.EIO
	case EROFS:
		err = syscall.EROFS
	case EACCES:
		err = syscall.EACCES
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (f *FS) short() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kind == Short
}

// Create may fail.
func (f *FS) Create(name string) (vfs.File, error) {
	if err := f.check("create", name); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.Create(name))
}

// Append may fail.
func (f *FS) Append(name string) (vfs.File, error) {
	if err := f.check("append", name); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.Append(name))
}

func (f *FS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &handle{File: file, fs: f}, nil
}

// Rename may fail.
func (f *FS) Rename(oldname, newname string) error {
	if err := f.check("rename", oldname); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

// Remove may fail.
func (f *FS) Remove(name string) error {
	if err := f.check("remove", name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// RemoveAll may fail.
func (f *FS) RemoveAll(name string) error {
	if err := f.check("removeall", name); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

// MkdirAll may fail.
func (f *FS) MkdirAll(name string) error {
	if err := f.check("mkdir", name); err != nil {
		return err
	}
	return f.FS.MkdirAll(name)
}

// SyncDir may fail.
func (f *FS) SyncDir(name string) error {
	if err := f.check("syncdir", name); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

// Link may fail.
func (f *FS) Link(oldname, newname string) error {
	if err := f.check("link", oldname); err != nil {
		return err
	}
	return f.FS.Link(oldname, newname)
}

// Truncate may fail.
func (f *FS) Truncate(name string, size int64) error {
	if err := f.check("truncate", name); err != nil {
		return err
	}
	return f.FS.Truncate(name, size)
}

type handle struct {
	vfs.File
	fs *FS
}

func (h *handle) Write(b []byte) (int, error) {
	if err := h.fs.check("write", ""); err != nil {
		if h.fs.short() {
			n, werr := h.File.Write(b[:len(b)/2])
			if werr != nil {
				err = werr
			}
			return n, err
		}
		return 0, err
	}
	return h.File.Write(b)
}

// Sync may fail. A failed sync leaves open what is on the disk: here, nothing new.
func (h *handle) Sync() error {
	if err := h.fs.check("sync", ""); err != nil {
		return err
	}
	return h.File.Sync()
}
