package vfs

import (
	"io/fs"
	"os"
)

// OS is the operating system's file system. Files are made 0600, folders 0700.
var OS FS = osFS{}

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return wrap(openNew(name, os.O_RDWR|os.O_TRUNC))
}

func (osFS) Append(name string) (File, error) {
	return wrap(openNew(name, os.O_RDWR|os.O_APPEND))
}
func (osFS) Open(name string) (File, error)             { return openPlain(name) }
func (osFS) Rename(oldname, newname string) error       { return os.Rename(oldname, newname) }
func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) RemoveAll(name string) error                { return os.RemoveAll(name) }
func (osFS) MkdirAll(name string) error                 { return mkdirAll(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return readDir(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return stat(name) }
func (osFS) Link(oldname, newname string) error         { return os.Link(oldname, newname) }
func (osFS) Truncate(name string, size int64) error     { return os.Truncate(name, size) }

func (osFS) SyncDir(name string) error { return syncDir(name) }

func (osFS) Free(name string) (free, total uint64, err error) { return freeBelow(name) }

// wrap keeps a nil *os.File from becoming a non-nil File.
func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}
