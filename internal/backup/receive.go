package backup

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"journalist/internal/store"
	"journalist/internal/vfs"
)

// Folder is a folder that backups go to, locked until Close. One goroutine uses it.
type Folder struct {
	fs     vfs.FS
	dir    string
	unlock func() error
	// Last is the backup that is there, nil for none.
	Last *Index
}

// Progress is how far Receive is, in bytes of what comes.
type Progress struct {
	Name        string
	Done, Total int64
}

// Received says what Receive did.
type Received struct {
	Index   *Index
	Files   int   // received
	Bytes   int64 // of them
	Removed int   // files of the backup before that this one does not have
}

// OpenFolder opens a folder for a backup, making it if need be. It must be empty or
// hold a backup. What a crash left there is brought to an end.
func OpenFolder(fsys vfs.FS, dir string) (f *Folder, err error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	f = &Folder{fs: fsys, dir: dir}
	if err := fsys.SyncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, err
	}
	if err := f.checkOurs(); err != nil {
		return nil, err
	}
	f.unlock, err = vfs.Lock(fsys, f.path(lockName), 0)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("another backup to %s is running: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	if f.Last, err = loadIndex(fsys, dir); err != nil && !vfs.IsNotExist(err) {
		return nil, errors.Join(err, f.unlock())
	}
	return f, nil
}

// checkOurs lets a folder through that is empty, or in which a backup was begun.
func (f *Folder) checkOurs() error {
	entries, err := f.fs.ReadDir(f.dir)
	if err != nil {
		return err
	}
	others := false
	for _, e := range entries {
		if e.Name() == lockName || e.Name() == indexName {
			return nil
		}
		others = others || e.Name() != "lost+found"
	}
	if others {
		return fmt.Errorf("%s: %w, and not empty: choose another folder", f.dir, ErrNoBackup)
	}
	return nil
}

// loadIndex reads the index of the last backup, after finishing one whose files are
// all there.
func loadIndex(fsys vfs.FS, dir string) (*Index, error) {
	f := &Folder{fs: fsys, dir: dir}
	next, err := readSmallIndex(fsys, f.path(nextName))
	switch {
	case err == nil:
		x, err := parseIndex(next)
		if err == nil {
			err = f.commit(x)
		}
		if err != nil {
			return nil, fmt.Errorf("finish the backup in %s that was interrupted: %w", dir, err)
		}
	case !vfs.IsNotExist(err):
		return nil, err
	}
	data, err := readSmallIndex(fsys, f.path(indexName))
	if err != nil {
		return nil, err
	}
	x, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return x, nil
}

func readSmallIndex(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(io.LimitReader(f, maxIndex))
}

// Close releases the folder.
func (f *Folder) Close() error { return f.unlock() }

func (f *Folder) path(elem ...string) string {
	return filepath.Join(append([]string{f.dir}, elem...)...)
}

// Request says what the folder has: every part, also of a backup that was
// interrupted, because a part stands under its name only when it was checked.
func (f *Folder) Request() (Request, error) {
	var r Request
	err := walk(f.fs, f.path(filepath.FromSlash(dataDir)), func(name string) error {
		if !strings.HasSuffix(name, ".part") {
			return nil
		}
		info, err := f.fs.Stat(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(f.dir, name)
		if err != nil {
			return err
		}
		tail, err := store.PartTail(f.fs, name)
		if err == nil {
			r.Have = append(r.Have, File{Name: filepath.ToSlash(rel), Size: info.Size(), Tail: tail})
		}
		return err
	})
	return r, err
}

// Receive reads a stream that Send wrote. Until all of it has come and was checked
// the backup before stays as it is; then the new one takes its place at once, and
// what only the old one had is removed.
func (f *Folder) Receive(r io.Reader, progress func(Progress)) (Received, error) {
	in := tar.NewReader(r)
	x, err := f.readIndex(in)
	if err != nil {
		return Received{}, err
	}
	request, err := f.Request()
	if err != nil {
		return Received{}, err
	}
	have := map[File]bool{}
	for _, file := range request.Have {
		have[file] = true
	}
	wanted := map[string]*File{}
	at := Progress{}
	for i := range x.Files {
		if file := &x.Files[i]; !have[*file] {
			wanted[file.Name] = file
			at.Total += file.Size
		}
	}
	out := Received{Index: x}
	dirs := map[string]bool{}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, fmt.Errorf("the stream broke off: %w", err)
		}
		if h.Name == errorName {
			reason, _ := io.ReadAll(io.LimitReader(in, 1000)) // the reason is all there is to say
			return out, fmt.Errorf("the server: %s", reason)
		}
		file := wanted[h.Name]
		if file == nil || h.Typeflag != tar.TypeReg || h.Size != file.Size {
			return out, fmt.Errorf("%w: %q of %d bytes comes unasked", ErrNoBackup, h.Name, h.Size)
		}
		at.Name = file.Name
		tell := func(n int) {
			if at.Done += int64(n); progress != nil {
				progress(at)
			}
		}
		if err := f.write(file, &counter{in, tell}, dirs); err != nil {
			return out, err
		}
		delete(wanted, file.Name)
		out.Files++
		out.Bytes += file.Size
	}
	for name := range wanted {
		return out, fmt.Errorf("the stream broke off: %s and %d others are missing", name, len(wanted)-1)
	}
	for dir := range dirs {
		if err := f.fs.SyncDir(dir); err != nil {
			return out, err
		}
	}
	if out.Removed, err = f.replace(x); err != nil {
		return out, err
	}
	f.Last = x
	return out, nil
}

func (f *Folder) readIndex(in *tar.Reader) (*Index, error) {
	h, err := in.Next()
	if err != nil {
		return nil, fmt.Errorf("%w: the stream does not begin: %w", ErrNoBackup, err)
	}
	if h.Name != indexName || h.Size > maxIndex {
		return nil, fmt.Errorf("%w: the stream begins with %q", ErrNoBackup, h.Name)
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("the stream broke off: %w", err)
	}
	return parseIndex(data)
}

// counter tells how much was read.
type counter struct {
	r    io.Reader
	tell func(int)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.tell(n)
	return n, err
}

// write writes a file and checks it: a part under its name, which no other part ever
// has; anything else as NAME.new until all is there. dirs collects the folders whose
// names are to be made durable.
func (f *Folder) write(file *File, r io.Reader, dirs map[string]bool) error {
	name := f.path(filepath.FromSlash(file.Name))
	if err := f.mkdir(filepath.Dir(name), dirs); err != nil {
		return err
	}
	if !file.part() {
		data, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("the stream broke off: %w", err)
		}
		if checksum(data) != file.CRC {
			return fmt.Errorf("%s came damaged: try again", file.Name)
		}
		return vfs.WriteFile(f.fs, name+newSuffix, data)
	}
	if err := f.writePart(name+".tmp", r); err != nil {
		return err
	}
	if err := store.VerifyPart(f.fs, name+".tmp"); err != nil {
		_ = f.fs.Remove(name + ".tmp") // the first error is the one to tell
		return fmt.Errorf("%s is damaged on the server, or on its way here: %w", file.Name, err)
	}
	if tail, err := store.PartTail(f.fs, name+".tmp"); err != nil || tail != file.Tail {
		return errors.Join(fmt.Errorf("%s is not the file that was announced", file.Name), err)
	}
	return f.fs.Rename(name+".tmp", name)
}

func (f *Folder) writePart(name string, r io.Reader) error {
	out, err := f.fs.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, r)
	if err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = f.fs.Remove(name) // the first error is the one to tell
	}
	return err
}

// mkdir makes a folder and notes it and those above it, up to the backup's own.
func (f *Folder) mkdir(dir string, dirs map[string]bool) error {
	if dirs[dir] {
		return nil
	}
	if err := f.fs.MkdirAll(dir); err != nil {
		return err
	}
	for d := dir; ; d = filepath.Dir(d) {
		dirs[d] = true
		if d == f.dir || d == filepath.Dir(d) {
			return nil
		}
	}
}

// replace makes the received backup the one that counts and removes what only the
// one before had.
func (f *Folder) replace(x *Index) (removed int, err error) {
	data, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return 0, err
	}
	// From here on a crash leads to the new backup: see loadIndex.
	if err := vfs.WriteFile(f.fs, f.path(nextName), append(data, '\n')); err != nil {
		return 0, err
	}
	if err := f.commit(x); err != nil {
		return 0, err
	}
	keep := map[string]bool{}
	for i := range x.Files {
		keep[f.path(filepath.FromSlash(x.Files[i].Name))] = true
	}
	for _, dir := range append([]string{storeDir}, wholeDirs...) {
		err := walk(f.fs, f.path(dir), func(name string) error {
			if keep[name] {
				return nil
			}
			if !strings.HasSuffix(name, newSuffix) && !strings.HasSuffix(name, ".tmp") {
				removed++
			}
			return f.fs.Remove(name)
		})
		if err != nil {
			return removed, fmt.Errorf("remove what only the backup before had: %w", err)
		}
	}
	return removed, nil
}

// commit copies the files that came as NAME.new to their names, and renames the
// index. The copies stay until the index is durable, so that a crash in between can
// begin anew.
func (f *Folder) commit(x *Index) error {
	for i := range x.Files {
		if x.Files[i].part() {
			continue
		}
		name := f.path(filepath.FromSlash(x.Files[i].Name))
		data, err := readSmall(f.fs, name+newSuffix)
		if err == nil {
			err = vfs.WriteFile(f.fs, name, data)
		}
		if err != nil {
			return err
		}
	}
	if err := f.fs.Rename(f.path(nextName), f.path(indexName)); err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}
