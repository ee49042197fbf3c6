package sim

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"journalist/internal/vfs"
)

// logDir is the only folder there is.
const logDir = "/var/log/app"

// A disk is the file system that holds the logs, as scribe sees it: files with
// inodes whose numbers are given out again once nobody has them open, and with the
// time of their last change. Its methods may be called from several goroutines.
type disk struct {
	mu    sync.Mutex
	names map[string]*inode // by the name without folder
	last  uint64
	spare []uint64 // numbers of inodes that are no more
	fault func(op string) error
	// ambush is called once, after this many calls of scribe; it must not hold mu.
	ambush func()
	after  int
}

// An inode is a file, also one without a name that is still open.
type inode struct {
	number uint64
	data   []byte
	mtime  time.Time
	links  int
	open   int // handles of scribe
	users  int // services that have it open
	// plain is what a compressed file holds.
	plain []byte
}

func newDisk() *disk { return &disk{names: map[string]*inode{}} }

// makeLocked makes an empty file.
func (d *disk) makeLocked(name string) *inode {
	n := &inode{links: 1, mtime: time.Now()}
	if k := len(d.spare); k > 0 {
		n.number, d.spare = d.spare[k-1], d.spare[:k-1]
	} else {
		d.last++
		n.number = d.last
	}
	if old := d.names[name]; old != nil {
		d.unlinkLocked(name)
	}
	d.names[name] = n
	return n
}

func (d *disk) unlinkLocked(name string) {
	n := d.names[name]
	delete(d.names, name)
	n.links--
	d.releaseLocked(n)
}

func (d *disk) releaseLocked(n *inode) {
	if n.links == 0 && n.open == 0 && n.users == 0 {
		d.spare = append(d.spare, n.number)
	}
}

func (d *disk) renameLocked(from, to string) {
	n := d.names[from]
	if d.names[to] != nil {
		d.unlinkLocked(to)
	}
	delete(d.names, from)
	d.names[to] = n
}

// writeAt writes as a service does that has the file open.
func (n *inode) writeAt(b []byte, at int) {
	if grow := at + len(b) - len(n.data); grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	}
	copy(n.data[at:], b)
	n.mtime = time.Now()
}

// enter is the beginning of each call of scribe.
func (d *disk) enter(op, name string) error {
	d.mu.Lock()
	var trap func()
	if d.ambush != nil {
		if d.after--; d.after < 0 {
			trap, d.ambush = d.ambush, nil
		}
	}
	fault := d.fault
	d.mu.Unlock()
	if trap != nil {
		trap()
	}
	if fault != nil {
		if err := fault(op); err != nil {
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	return nil
}

// Open is tail.FS's, like Stat and ReadDir.
func (d *disk) Open(name string) (vfs.File, error) {
	if err := d.enter("open", name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[filepath.Base(name)]
	if n == nil || filepath.Dir(name) != logDir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	n.open++
	return &handle{d: d, n: n, name: name}, nil
}

func (d *disk) Stat(name string) (fs.FileInfo, error) {
	if err := d.enter("stat", name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == logDir {
		return info{name: filepath.Base(name), dir: true}, nil
	}
	n := d.names[filepath.Base(name)]
	if n == nil || filepath.Dir(name) != logDir {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: syscall.ENOENT}
	}
	return infoOf(filepath.Base(name), n), nil
}

func (d *disk) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := d.enter("readdir", name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if name != logDir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOENT}
	}
	var out []fs.DirEntry
	for base, n := range d.names {
		out = append(out, fs.FileInfoToDirEntry(infoOf(base, n)))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// handle is a file that scribe has open.
type handle struct {
	d    *disk
	n    *inode
	name string
	at   int64
	once sync.Once
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	if err := h.d.enter("read", h.name); err != nil {
		return 0, err
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if at >= int64(len(h.n.data)) {
		return 0, io.EOF
	}
	k := copy(b, h.n.data[at:])
	if k < len(b) {
		return k, io.EOF
	}
	return k, nil
}

func (h *handle) Read(b []byte) (int, error) {
	k, err := h.ReadAt(b, h.at)
	h.at += int64(k)
	if k > 0 {
		err = nil
	}
	return k, err
}

func (h *handle) Write([]byte) (int, error) { return 0, syscall.EBADF }
func (h *handle) Sync() error               { return nil }

func (h *handle) Close() error {
	h.once.Do(func() {
		h.d.mu.Lock()
		defer h.d.mu.Unlock()
		h.n.open--
		h.d.releaseLocked(h.n)
	})
	return nil
}

func (h *handle) Stat() (fs.FileInfo, error) {
	if err := h.d.enter("stat", h.name); err != nil {
		return nil, err
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return infoOf(filepath.Base(h.name), h.n), nil
}

type info struct {
	name  string
	size  int64
	mtime time.Time
	stat  syscall.Stat_t
	dir   bool
}

func infoOf(name string, n *inode) info {
	i := info{name: name, size: int64(len(n.data)), mtime: n.mtime}
	i.stat.Dev, i.stat.Ino, i.stat.Nlink = 1, n.number, 1
	return i
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.mtime }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return &i.stat }

func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// jump sets the machine's clock forward, or back: what was written before it is
// older by that, and time itself goes on.
func (d *disk) jump(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.names {
		n.mtime = n.mtime.Add(-by)
	}
}

// fail lets calls of one kind fail: all of them, or some.
func (d *disk) fail(op string, err error, share float64, rng *rand.Rand) {
	var mu sync.Mutex
	own := rand.New(rand.NewPCG(rng.Uint64(), 3)) // for other goroutines
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = func(o string) error {
		mu.Lock()
		defer mu.Unlock()
		if o == op && own.Float64() < share {
			return err
		}
		return nil
	}
}

func (d *disk) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = nil
}
