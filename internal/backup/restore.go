package backup

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"journalist/internal/store"
	"journalist/internal/vfs"
)

// partialName is where a restore gathers its files before they take their places.
const partialName = "restore.partial"

// Verify reads the whole backup in a folder and checks every checksum. The error
// says that the check could not be made.
func Verify(fsys vfs.FS, dir string, report func(path string, err error)) (*Index, store.Summary, error) {
	x, err := loadIndex(fsys, dir)
	if vfs.IsNotExist(err) {
		err = fmt.Errorf("%s: %w", dir, ErrNoBackup)
	}
	if err != nil {
		return nil, store.Summary{}, err
	}
	problems := 0
	note := func(path string, err error) {
		problems++
		report(path, err)
	}
	for i := range x.Files {
		f := &x.Files[i]
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := f.check(fsys, name); err != nil {
			note(name, err)
		}
	}
	sum, err := store.VerifyCopy(fsys, filepath.Join(dir, storeDir), func(p store.Problem) { note(p.Path, p.Err) })
	if err == nil && problems == 0 && sum.Rows != x.Rows {
		note(dir, fmt.Errorf("%d records, the index says %d", sum.Rows, x.Rows))
	}
	sum.Problems = problems
	return x, sum, err
}

// check compares a file with what the index says, but for a part's inside.
func (f *File) check(fsys vfs.FS, name string) error {
	if !f.part() {
		data, err := readSmall(fsys, name)
		if err == nil && (int64(len(data)) != f.Size || checksum(data) != f.CRC) {
			err = errors.New("it is not what was backed up")
		}
		return err
	}
	info, err := fsys.Stat(name)
	if err != nil {
		return err
	}
	tail, err := store.PartTail(fsys, name)
	if err == nil && (info.Size() != f.Size || tail != f.Tail) {
		err = errors.New("it is not what was backed up")
	}
	return err
}

// Restore copies a backup, which Verify has found good, into a data folder, which
// must not exist or be empty. With link it makes hard links of the parts where that
// is possible, so that both folders share them.
func Restore(fsys vfs.FS, dir, data string, link bool, progress func(Progress)) (*Index, error) {
	x, err := loadIndex(fsys, dir)
	if err != nil {
		return nil, err
	}
	if err := makeEmpty(fsys, data); err != nil {
		return nil, err
	}
	f := &Folder{fs: fsys, dir: filepath.Join(data, partialName)}
	dirs := map[string]bool{}
	if err := f.mkdir(f.dir, dirs); err != nil {
		return nil, err
	}
	at := Progress{Total: x.Bytes()}
	for i := range x.Files {
		file := &x.Files[i]
		from, to := filepath.Join(dir, filepath.FromSlash(file.Name)), f.path(filepath.FromSlash(file.Name))
		if err := f.mkdir(filepath.Dir(to), dirs); err != nil {
			return nil, err
		}
		if err := copyFile(fsys, from, to, link && file.part()); err != nil {
			return nil, fmt.Errorf("restore %s: %w", file.Name, err)
		}
		at.Name = file.Name
		if at.Done += file.Size; progress != nil {
			progress(at)
		}
	}
	for d := range dirs {
		if err := fsys.SyncDir(d); err != nil {
			return nil, err
		}
	}
	return x, f.settle(data)
}

// settle moves the folders to their places, the store last: before it is there a
// server started by mistake finds none.
func (f *Folder) settle(data string) error {
	for _, name := range append(append([]string{}, wholeDirs...), storeDir) {
		err := f.fs.Rename(f.path(name), filepath.Join(data, name))
		if err != nil && !vfs.IsNotExist(err) {
			return err
		}
	}
	if err := f.fs.SyncDir(data); err != nil {
		return err
	}
	if err := f.fs.RemoveAll(f.dir); err != nil {
		return err
	}
	return errors.Join(f.fs.SyncDir(data), f.fs.SyncDir(filepath.Dir(filepath.Clean(data))))
}

// makeEmpty makes the data folder, or makes sure that there is nothing in it but what
// an interrupted restore left.
func makeEmpty(fsys vfs.FS, data string) error {
	if err := fsys.MkdirAll(data); err != nil {
		return err
	}
	entries, err := fsys.ReadDir(data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != partialName && e.Name() != "lost+found" {
			return fmt.Errorf("%s is not empty: a backup is only restored into a folder of its own", data)
		}
	}
	return fsys.RemoveAll(filepath.Join(data, partialName))
}

func copyFile(fsys vfs.FS, from, to string, link bool) error {
	if link && fsys.Link(from, to) == nil {
		return nil // else they are on different file systems, and copying works
	}
	in, err := fsys.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := fsys.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
