package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// root tells whether this process may give files away.
var root = os.Geteuid() == 0

// openNew opens a file for writing. Where root makes it in somebody else's folder
// it becomes that owner's: `sudo journalist token create` beside a server that runs
// as its own user must not leave files that the server cannot read. Files that
// exist keep their owner.
func openNew(name string, flag int) (*os.File, error) {
	if !root {
		return os.OpenFile(name, flag|os.O_CREATE, 0o600)
	}
	f, err := os.OpenFile(name, flag|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.OpenFile(name, flag|os.O_CREATE, 0o600)
	}
	if err != nil {
		return nil, err
	}
	if uid, gid, ok := ownerOf(filepath.Dir(name)); ok && uid != 0 {
		if err := f.Chown(uid, gid); err != nil {
			_ = f.Close() // the first error is the one to tell
			_ = os.Remove(name)
			return nil, err
		}
	}
	return f, nil
}

// mkdirAll is os.MkdirAll whose new folders belong to the owner of the one they
// are in, as with openNew.
func mkdirAll(name string) error {
	if !root {
		return os.MkdirAll(name, 0o700)
	}
	var made []string // the folders to make, the innermost first
	for dir := filepath.Clean(name); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		made = append(made, dir)
	}
	if err := os.MkdirAll(name, 0o700); err != nil || len(made) == 0 {
		return err
	}
	uid, gid, ok := ownerOf(filepath.Dir(made[len(made)-1]))
	if !ok || uid == 0 {
		return nil
	}
	for _, dir := range made {
		if err := os.Lchown(dir, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

func ownerOf(dir string) (uid, gid int, ok bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, 0, false
	}
	return OwnerOf(info)
}
