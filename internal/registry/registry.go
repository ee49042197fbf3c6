// Package registry keeps how far every file generation is acknowledged, so that a
// scribe that is killed or loses power goes on where its servers' acks ended.
//
// Up the way internal/tail registers generations before it sends their first line
// and reports acks; the acks come back from internal/ship, down the way.
// docs/format/registry.md describes the files byte by byte.
package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/vfs"
)

// ErrClosed is what Register and Flush answer after Close.
var ErrClosed = errors.New("registry is closed")

// Options are what a registry needs; the zero value works.
type Options struct {
	Logger  *slog.Logger // nil discards
	Metrics *metrics.Set
	// FlushInterval is how long acks are gathered before they are made durable;
	// 250 ms by default. What a crash forgets of them is sent again.
	FlushInterval time.Duration
	// TTL is how long a gone generation is remembered, 30 days by default.
	TTL time.Duration
	// MaxGone is how many gone generations are remembered, 16384 by default; the
	// oldest go first.
	MaxGone int
	// Clock tells the time, time.Now by default.
	Clock func() time.Time

	retryAfter time.Duration // the tests' instead of the constant
}

func (o *Options) setDefaults() error {
	if o.FlushInterval < 0 || o.TTL < 0 || o.MaxGone < 0 {
		return fmt.Errorf("registry: negative option: FlushInterval %v, TTL %v, MaxGone %d", o.FlushInterval, o.TTL, o.MaxGone)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FlushInterval == 0 {
		o.FlushInterval = 250 * time.Millisecond
	}
	if o.TTL == 0 {
		o.TTL = 30 * 24 * time.Hour
	}
	if o.MaxGone == 0 {
		o.MaxGone = 16384
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.retryAfter == 0 {
		o.retryAfter = retryAfter
	}
	return nil
}

// Registry is an open registry. All methods may be called from several
// goroutines. One process may have a folder's registry open at a time; the caller
// holds the lock on the folder.
type Registry struct {
	fs  vfs.FS
	dir string
	o   Options
	log *slog.Logger

	mu      sync.Mutex
	gens    map[record.SourceID]*item
	byIno   map[uint64][]*item
	byPath  map[string][]*item
	dirty   []*item           // changed since the last flush
	forgot  []record.SourceID // forgotten since the last flush
	waiting []func(error)     // to be told when what is dirty is durable
	gone    int
	closed  bool

	kick   chan struct{} // something became dirty
	urgent chan struct{} // somebody waits
	hurry  atomic.Bool   // Flush waits: no pause after a failed write
	stop   chan struct{}
	done   chan struct{}

	w writer // of the flusher only, after Open
	m struct{ flushes, errors *metrics.Counter }
}

type item struct {
	record.Generation
	dirty bool
	// logged: the current log or snapshot has the full entry.
	logged bool
}

// Open reads the registry in dir, makes it where there is none, and starts the
// goroutine that writes it; Close ends it. Damage is logged and worked around.
func Open(fsys vfs.FS, dir string, o Options) (*Registry, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	if err := makeDir(fsys, dir); err != nil {
		return nil, fmt.Errorf("registry: make %s: %w", dir, err)
	}
	l, err := load(fsys, dir)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		fs: fsys, dir: dir, o: o, log: o.Logger,
		gens: make(map[record.SourceID]*item, len(l.gens)), byIno: make(map[uint64][]*item), byPath: make(map[string][]*item),
		kick: make(chan struct{}, 1), urgent: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	for _, p := range l.problems {
		r.log.Warn("registry is damaged", "problem", p)
	}
	r.m.flushes = o.Metrics.Counter("scribe_registry_flushes_total")
	r.m.errors = o.Metrics.Counter("scribe_registry_errors_total")
	o.Metrics.Counter("scribe_registry_damaged_files_total").Add(len(l.damaged))
	for _, g := range l.gens {
		r.add(&item{Generation: *g})
	}
	removeTemporary(fsys, dir)
	r.w = writer{r: r, seq: l.files.last(), keep: l.base}
	r.collect()
	if err := r.start(len(l.damaged) > 0); err != nil {
		return nil, err
	}
	for _, name := range l.damaged {
		if err := fsys.Rename(name, name+".corrupt"); err != nil {
			r.w.closeLog()
			return nil, fmt.Errorf("registry: set aside %s: %w", name, err)
		}
	}
	o.Metrics.Gauge(func() float64 { return float64(r.Len()) }, "scribe_registry_generations")
	go r.flusher()
	return r, nil
}

// start writes everything to a new snapshot, which is also the proof that the folder
// can be written. On a full disk that comes later: what is there has been read, and
// room often comes only when lines have left. Where a part of it is damaged nothing
// else has the rest, which the next writes would then remove.
func (r *Registry) start(damaged bool) error {
	err := r.w.compact()
	if err == nil {
		return nil
	}
	r.w.closeLog()
	if damaged || !vfs.IsFull(err) {
		return fmt.Errorf("registry: write to %s: %w", r.dir, err)
	}
	r.m.errors.Inc()
	r.w.failed, r.w.told = time.Now(), time.Now()
	r.log.Error("the disk is full: files that are known are read and sent, others when there is room", "dir", r.dir, "error", err)
	return nil
}

// makeDir makes a folder and those above it durable, where they are missing; its
// own name always, because the caller may have made it just now.
func makeDir(fsys vfs.FS, dir string) error {
	dir = filepath.Clean(dir)
	parents := []string{filepath.Dir(dir)}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := fsys.Stat(d); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		parents = append(parents, filepath.Dir(d))
		if d == filepath.Dir(d) {
			break
		}
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for _, p := range slices.Backward(parents) {
		// A folder that may be written to but not read cannot be synced.
		if err := fsys.SyncDir(p); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// removeTemporary removes snapshots that a crash left half-written. What cannot be
// removed is in nobody's way.
func removeTemporary(fsys vfs.FS, dir string) {
	entries, err := fsys.ReadDir(dir)
	for _, e := range entries {
		if err == nil && strings.HasPrefix(e.Name(), filePrefix) && strings.HasSuffix(e.Name(), snapshotExt+".tmp") {
			_ = fsys.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// add enters an item into the indices. r.mu is held, or r is not shared yet.
func (r *Registry) add(it *item) {
	r.gens[it.ID] = it
	r.byIno[it.Ino] = append(r.byIno[it.Ino], it)
	r.byPath[it.Path] = append(r.byPath[it.Path], it)
	if it.State == record.Gone {
		r.gone++
	}
}

// removeLocked takes an item out of the indices.
func (r *Registry) removeLocked(it *item) {
	delete(r.gens, it.ID)
	dropItem(r.byIno, it.Ino, it)
	dropItem(r.byPath, it.Path, it)
	if it.State == record.Gone {
		r.gone--
	}
}

func dropItem[K comparable](m map[K][]*item, k K, it *item) {
	s := slices.DeleteFunc(m[k], func(x *item) bool { return x == it })
	if len(s) == 0 {
		delete(m, k)
	} else {
		m[k] = s
	}
}

// Len is the number of generations known.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.gens)
}

// Inode returns the generations that had this inode number, those last seen first,
// on whatever device: device numbers may change when a machine starts.
func (r *Registry) Inode(ino uint64) []record.Generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return copies(r.byIno[ino])
}

// Path returns the generations that were found first under this path, those
// last seen first.
func (r *Registry) Path(path string) []record.Generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return copies(r.byPath[path])
}

func copies(items []*item) []record.Generation {
	gens := make([]record.Generation, 0, len(items))
	for _, it := range items {
		gens = append(gens, it.Generation)
	}
	slices.SortStableFunc(gens, func(a, b record.Generation) int { return int(min(max(b.SeenAt-a.SeenAt, -1), 1)) })
	return gens
}

// Acked is how far a generation is acknowledged; false for one that is not known.
func (r *Registry) Acked(id record.SourceID) (to uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	it := r.gens[id]
	if it == nil {
		return 0, false
	}
	return it.To, true
}

// Unfinished returns the generations that are not gone.
func (r *Registry) Unfinished() []record.Generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	gens := make([]record.Generation, 0, len(r.gens)-r.gone)
	for _, it := range r.gens {
		if it.State != record.Gone {
			gens = append(gens, it.Generation)
		}
	}
	return gens
}

// All returns everything that is known.
func (r *Registry) All() []record.Generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	gens := make([]record.Generation, 0, len(r.gens))
	for _, it := range r.gens {
		gens = append(gens, it.Generation)
	}
	return gens
}

// Register enters new generations with the identities they carry and calls done
// once, from another goroutine: with nil when they are durable and may be used,
// else with why not; then they are forgotten. Many calls share one fsync. While
// nothing can be written, that comes once a second.
func (r *Registry) Register(done func(error), gens ...record.Generation) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		go done(ErrClosed)
		return
	}
	now := r.o.Clock().UnixNano()
	ids := make([]record.SourceID, 0, len(gens))
	for _, g := range gens {
		if len(g.Path) > maxPath {
			g.Path = g.Path[:maxPath]
		}
		g.SeenAt = now
		it := &item{Generation: g}
		r.add(it)
		r.markLocked(it)
		ids = append(ids, g.ID)
	}
	r.waiting = append(r.waiting, func(err error) {
		if err != nil {
			r.forget(ids)
		}
		done(err)
	})
	r.mu.Unlock()
	signal(r.urgent)
}

func (r *Registry) forget(ids []record.SourceID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if it := r.gens[id]; it != nil {
			r.removeLocked(it)
			r.forgot = append(r.forgot, id)
		}
	}
}

// Ack notes that all bytes of the generation before to are durable at a server,
// with the fingerprints of its head and of the bytes before to. It only notes:
// the flusher writes. An ack that is not ahead of the last one changes nothing.
func (r *Registry) Ack(id record.SourceID, to uint64, head, tail record.Fingerprint) {
	r.mu.Lock()
	it := r.gens[id]
	if it == nil || to <= it.To {
		r.mu.Unlock()
		return
	}
	now := r.o.Clock().UnixNano()
	it.To, it.Tail, it.AckedAt = to, tail, now
	if head.Len > it.Head.Len {
		it.Head = head
	}
	it.Size = max(it.Size, to)
	r.markLocked(it)
	r.mu.Unlock()
	signal(r.kick)
}

// Note records where a generation stands: its state, its size and its inode. When
// its file was rotated stays: what was rotated behind it is told by that.
func (r *Registry) Note(id record.SourceID, dev, ino, size uint64, state record.GenerationState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	it := r.gens[id]
	if it == nil || (it.State == state && it.Size == size && it.Dev == dev && it.Ino == ino) {
		return
	}
	if it.Dev != dev || it.Ino != ino {
		dropItem(r.byIno, it.Ino, it)
		it.Dev, it.Ino, it.logged = dev, ino, false
		r.byIno[ino] = append(r.byIno[ino], it)
	}
	if (it.State == record.Gone) != (state == record.Gone) {
		if state == record.Gone {
			r.gone++
		} else {
			r.gone--
		}
	}
	it.State, it.Size = state, size
	if state != record.Rotated {
		it.SeenAt = r.o.Clock().UnixNano()
	}
	r.markLocked(it)
	signal(r.kick)
}

func (r *Registry) markLocked(it *item) {
	if !it.dirty {
		it.dirty = true
		r.dirty = append(r.dirty, it)
	}
}

// collect forgets gone generations that are too old or too many.
func (r *Registry) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone == 0 {
		return
	}
	limit := r.o.Clock().Add(-r.o.TTL).UnixNano()
	var gone []*item
	for _, it := range r.gens {
		if it.State == record.Gone {
			gone = append(gone, it)
		}
	}
	slices.SortFunc(gone, func(a, b *item) int { return int(min(max(a.SeenAt-b.SeenAt, -1), 1)) })
	for i, it := range gone {
		if it.SeenAt < limit || len(gone)-i > r.o.MaxGone {
			r.removeLocked(it)
			r.forgot = append(r.forgot, it.ID)
		}
	}
}

// Flush returns when everything noted so far is durable, or with why it is not.
func (r *Registry) Flush() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return ErrClosed
	}
	res := make(chan error, 1)
	r.waiting = append(r.waiting, func(err error) { res <- err })
	r.mu.Unlock()
	r.hurry.Store(true)
	signal(r.urgent)
	return <-res
}

// Close makes everything noted durable, waits for the flusher and closes the
// files. Nothing may be noted afterwards.
func (r *Registry) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return ErrClosed
	}
	r.closed = true
	r.mu.Unlock()
	close(r.stop)
	<-r.done
	err := r.w.flush()
	r.w.closeLog()
	return err
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
