// Package crashfs is a file system in memory that knows what was synced: a crash
// keeps that and, of everything else, an arbitrary part.
//
// It stands beside internal/vfs: the tests of internal/store and internal/registry
// write through it, crash it at any operation, open what is left and compare with
// what was acknowledged.
package crashfs

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"journalist/internal/vfs"
)

// FS is the file system. All methods may be called from several goroutines.
type FS struct {
	mu    sync.Mutex
	root  *dir
	ops   int
	at    int // crash before operation number at, 0 for never
	image *FS
	rng   *rand.Rand
	free  uint64
}

// node is a file or a folder.
type node interface{}

type file struct {
	data   []byte
	synced []byte // the content that survives a crash for certain
	epoch  int    // counts truncations below what was synced
}

type dir struct {
	now    map[string]node
	synced map[string]node
}

func newDir() *dir { return &dir{now: map[string]node{}, synced: map[string]node{}} }

// New makes an empty file system that never crashes by itself.
func New() *FS { return &FS{root: newDir(), free: 1 << 40} }

// SetFree sets what Free answers.
func (f *FS) SetFree(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = n
}

// CrashAt takes an image of what a crash would leave just before operation number n
// (1 is the first that writes, syncs or changes names). The file system itself goes
// on, so that whatever uses it ends in peace; see Image.
func (f *FS) CrashAt(n int, seed uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.rng = n, rand.New(rand.NewPCG(seed, uint64(n)))
}

// Image is what the crash of CrashAt left, nil while that operation was not reached.
func (f *FS) Image() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.image
}

// Ops is how many operations that change something there were.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// CrashClone returns what a crash would leave now: all that was synced, and of the
// rest an arbitrary part.
func (f *FS) CrashClone(seed uint64) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crash(rand.New(rand.NewPCG(seed, 0)))
}

func (f *FS) crash(rng *rand.Rand) *FS {
	c := New()
	c.free = f.free
	c.root = crashDir(f.root, rng, map[node]node{})
	return c
}

func crashDir(d *dir, rng *rand.Rand, done map[node]node) *dir {
	out := newDir()
	names := map[string]bool{}
	for name := range d.now {
		names[name] = true
	}
	for name := range d.synced {
		names[name] = true
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted) // the same seed makes the same image
	for _, name := range sorted {
		n := d.synced[name]
		if now := d.now[name]; now != n && rng.IntN(2) == 0 {
			n = now
		}
		if n == nil {
			continue
		}
		kept, ok := done[n]
		if !ok {
			switch n := n.(type) {
			case *dir:
				kept = crashDir(n, rng, done)
			case *file:
				data := crashData(n, rng)
				kept = &file{data: data, synced: slices.Clone(data)}
			}
			done[n] = kept
		}
		out.now[name], out.synced[name] = kept, kept
	}
	return out
}

// crashData keeps what was synced and, block by block, what was not.
func crashData(n *file, rng *rand.Rand) []byte {
	if rng.IntN(3) == 0 {
		return slices.Clone(n.synced)
	}
	const block = 512
	size := len(n.data)
	if rng.IntN(2) == 0 && size > len(n.synced) {
		size = len(n.synced) + rng.IntN(size-len(n.synced)+1)
	}
	out := make([]byte, size)
	for at := 0; at < size; at += block {
		end := min(at+block, size)
		switch src := n.data; {
		case rng.IntN(4) > 0:
			copy(out[at:end], src[at:])
		case at < len(n.synced):
			copy(out[at:end], n.synced[at:min(end, len(n.synced))])
		} // else: the size is there, the data are not: zeros
		if end <= len(n.synced) && n.epoch == 0 {
			copy(out[at:end], n.synced[at:end])
		} else if at < len(n.synced) && n.epoch == 0 {
			copy(out[at:], n.synced[at:])
		}
	}
	return out
}

// change counts an operation and crashes when it is the one. f.mu is held.
func (f *FS) change() {
	f.ops++
	if f.ops == f.at {
		f.image = f.crash(f.rng)
	}
}

func fail(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

func split(name string) []string {
	return strings.FieldsFunc(filepath.Clean(name), func(r rune) bool { return r == filepath.Separator })
}

func (f *FS) lookup(name string) (node, error) {
	var n node = f.root
	for _, part := range split(name) {
		d, ok := n.(*dir)
		if !ok {
			return nil, os.ErrNotExist
		}
		if n, ok = d.now[part]; !ok {
			return nil, os.ErrNotExist
		}
	}
	return n, nil
}

func (f *FS) parent(name string) (*dir, string, error) {
	n, err := f.lookup(filepath.Dir(name))
	if err != nil {
		return nil, "", err
	}
	d, ok := n.(*dir)
	if !ok {
		return nil, "", os.ErrNotExist
	}
	return d, filepath.Base(name), nil
}

func (f *FS) open(op, name string, create, truncate bool) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, base, err := f.parent(name)
	if err != nil {
		return nil, fail(op, name, err)
	}
	switch n := d.now[base].(type) {
	case *file:
		if truncate && len(n.data) > 0 {
			f.change()
			n.data = nil
			n.epoch++
		}
		return &handle{fs: f, name: name, file: n, write: create}, nil
	case *dir:
		return nil, fail(op, name, os.ErrInvalid)
	}
	if !create {
		return nil, fail(op, name, os.ErrNotExist)
	}
	f.change()
	n := &file{}
	d.now[base] = n
	return &handle{fs: f, name: name, file: n, write: true}, nil
}

// Create makes or truncates a file.
func (f *FS) Create(name string) (vfs.File, error) { return f.open("create", name, true, true) }

// Append opens a file for writing at its end.
func (f *FS) Append(name string) (vfs.File, error) { return f.open("append", name, true, false) }

// Open opens a file for reading.
func (f *FS) Open(name string) (vfs.File, error) { return f.open("open", name, false, false) }

// Rename renames a file.
func (f *FS) Rename(oldname, newname string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, old, err := f.parent(oldname)
	if err != nil {
		return fail("rename", oldname, err)
	}
	to, new, err := f.parent(newname)
	if err != nil {
		return fail("rename", newname, err)
	}
	n, ok := from.now[old]
	if !ok {
		return fail("rename", oldname, os.ErrNotExist)
	}
	f.change()
	delete(from.now, old)
	to.now[new] = n
	return nil
}

// Remove removes a file or an empty folder.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, base, err := f.parent(name)
	if err != nil {
		return fail("remove", name, err)
	}
	n, ok := d.now[base]
	if !ok {
		return fail("remove", name, os.ErrNotExist)
	}
	if sub, ok := n.(*dir); ok && len(sub.now) > 0 {
		return fail("remove", name, os.ErrExist)
	}
	f.change()
	delete(d.now, base)
	return nil
}

// RemoveAll removes whatever has this name.
func (f *FS) RemoveAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, base, err := f.parent(name)
	if err != nil {
		return nil // as os.RemoveAll: what is not there is removed
	}
	f.change()
	delete(d.now, base)
	return nil
}

// MkdirAll makes a folder and those above it.
func (f *FS) MkdirAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.root
	for _, part := range split(name) {
		n, ok := d.now[part]
		if !ok {
			f.change()
			n = newDir()
			d.now[part] = n
		}
		if d, ok = n.(*dir); !ok {
			return fail("mkdir", name, os.ErrExist)
		}
	}
	return nil
}

// ReadDir lists a folder.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup(name)
	d, ok := n.(*dir)
	if err != nil || !ok {
		return nil, fail("readdir", name, os.ErrNotExist)
	}
	out := make([]fs.DirEntry, 0, len(d.now))
	for base, n := range d.now {
		out = append(out, fs.FileInfoToDirEntry(infoOf(base, n)))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// Stat describes a file.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup(name)
	if err != nil {
		return nil, fail("stat", name, err)
	}
	return infoOf(filepath.Base(name), n), nil
}

// SyncDir makes the names in a folder durable.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup(name)
	d, ok := n.(*dir)
	if err != nil || !ok {
		return fail("sync", name, os.ErrNotExist)
	}
	f.change()
	d.synced = make(map[string]node, len(d.now))
	for base, n := range d.now {
		d.synced[base] = n
	}
	return nil
}

// Link makes a hard link.
func (f *FS) Link(oldname, newname string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup(oldname)
	if err != nil {
		return fail("link", oldname, err)
	}
	d, base, err := f.parent(newname)
	if err != nil {
		return fail("link", newname, err)
	}
	if _, ok := d.now[base]; ok {
		return fail("link", newname, os.ErrExist)
	}
	f.change()
	d.now[base] = n
	return nil
}

// Truncate cuts a file.
func (f *FS) Truncate(name string, size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup(name)
	file, ok := n.(*file)
	if err != nil || !ok {
		return fail("truncate", name, os.ErrNotExist)
	}
	if int(size) < len(file.data) {
		f.change()
		file.data = slices.Clone(file.data[:size])
		if int(size) < len(file.synced) {
			file.epoch++
		}
	}
	return nil
}

// Free answers what SetFree set, of a terabyte.
func (f *FS) Free(string) (free, total uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.free, 1 << 40, nil
}

// Flip changes one byte of a file, synced or not: for tests of damage.
func (f *FS) Flip(name string, at int64, mask byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup(name)
	file, ok := n.(*file)
	if err != nil || !ok || at >= int64(len(file.data)) {
		return fail("flip", name, os.ErrInvalid)
	}
	file.data[at] ^= mask
	if at < int64(len(file.synced)) {
		file.synced[at] = file.data[at]
	}
	return nil
}

// handle is an open file.
type handle struct {
	fs    *FS
	name  string
	file  *file
	at    int64
	write bool
}

func (h *handle) Write(b []byte) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if !h.write {
		return 0, fail("write", h.name, os.ErrPermission)
	}
	// Half of the bytes are written before the crash point, half behind it.
	h.file.data = append(h.file.data, b[:len(b)/2]...)
	h.fs.change()
	h.file.data = append(h.file.data, b[len(b)/2:]...)
	return len(b), nil
}

func (h *handle) Read(b []byte) (int, error) {
	n, err := h.ReadAt(b, h.at)
	h.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if at >= int64(len(h.file.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.file.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	h.fs.change()
	h.file.synced = slices.Clone(h.file.data)
	h.file.epoch = 0
	return nil
}

func (h *handle) Close() error { return nil }

func (h *handle) Stat() (fs.FileInfo, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	return infoOf(filepath.Base(h.name), h.file), nil
}

type info struct {
	name string
	size int64
	dir  bool
}

func infoOf(name string, n node) info {
	if f, ok := n.(*file); ok {
		return info{name: name, size: int64(len(f.data))}
	}
	return info{name: name, dir: true}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
