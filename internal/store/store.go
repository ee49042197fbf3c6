// Package store keeps log records: durably, in columns, and searchable from the
// moment they are acknowledged.
//
// Up the way internal/ingest's listeners and internal/pipeline submit batches and
// internal/query/exec asks in the language of internal/scan. A batch is written to
// the write-ahead log (store/wal) and synced, becomes a chunk of columns
// (store/chunk) in a table in memory (store/memtable), and with it a row group of
// a part (store/part) on disk; store/manifest lists the parts that count.
//
//	Submit ─▶ queue ─▶ committer: wal, fsync ─▶ memtable ─▶ answer, live tail
//	                                               │ full
//	                                               ▼
//	              merger: small parts ─▶ big   flusher ─▶ parts ─▶ manifest ─▶ wal cut
//
// Delete marks rows in tombstones beside their parts, which the merger then writes
// anew without them; Snapshot holds what a backup copies.
package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"journalist/internal/record"
	"journalist/internal/store/manifest"
	"journalist/internal/store/memtable"
	"journalist/internal/store/part"
	"journalist/internal/store/wal"
	"journalist/internal/vfs"
)

// Store is an open data directory. All methods may be called from several
// goroutines.
type Store struct {
	o      Options
	m      counters
	unlock func() error
	cache  *part.Cache

	// The queue of batches that wait for the committer.
	room  *semaphore.Weighted
	queue struct {
		sync.Mutex
		waiting []*submission
		closed  bool
		wake    chan struct{} // capacity 1
	}

	// log belongs to the committer; flushes take logMu to cut it.
	logMu   sync.Mutex
	log     *wal.Log
	sources *sources
	tails   tails

	// mu guards what a scan's snapshot consists of.
	mu struct {
		sync.Mutex
		active   *memtable.Table
		born     time.Time       // when active got its first row
		flushing *memtable.Table // nil: none
		flushed  chan struct{}   // closed when flushing is done or failed
		flushErr error           // why the last try failed
		floor    uint64          // first segment still needed once flushing is in parts
		done     uint64          // first segment still needed now
		parts    []*livePart     // sorted by folder, partition, lo
		trash    []*livePart     // no longer live, files still there
		stale    []string        // tombstones that others replaced, still there
		missing  []string        // parts that were not there at the start

		floorDrop floorDrop
		clockHeld time.Duration // how far the clock jumped, while nothing is dropped for its age
	}

	// dirs are the partitions' folders that are durable.
	dirs struct {
		sync.Mutex
		made map[string]bool
	}

	// manifestMu orders the writes of the manifest.
	manifestMu sync.Mutex
	walFloor   uint64 // what the manifest says; guarded by manifestMu

	full       atomic.Pointer[fullness] // why nothing is taken, nil while it is
	troubles   troubles
	asides     asides
	guard      clockGuard
	opened     time.Time            // for uptime
	uptime     func() time.Duration // a clock that only runs forward
	flushWake  chan struct{}
	mergeWake  chan struct{}
	mergeMu    sync.Mutex    // one merge, retention or deletion at a time
	deleting   chan struct{} // capacity 1: held by the deletion that runs
	background sync.WaitGroup
	stop       context.CancelFunc // ends the background goroutines
	stopped    context.Context
	committed  chan struct{} // closed when the committer has ended
	closeOnce  sync.Once
	closeErr   error
}

// Open opens a data directory, making it if need be, and recovers what was
// acknowledged. Close must be called on the answer.
func Open(o Options) (*Store, error) {
	if err := o.ensureDefaults(); err != nil {
		return nil, err
	}
	s := &Store{
		o: o, room: semaphore.NewWeighted(o.QueueBytes), sources: newSources(),
		cache:     part.NewCache(o.CacheBytes, o.ColumnBytes),
		flushWake: make(chan struct{}, 1), mergeWake: make(chan struct{}, 1), committed: make(chan struct{}),
		deleting: make(chan struct{}, 1), opened: time.Now(),
	}
	s.uptime = func() time.Duration { return time.Since(s.opened) }
	s.queue.wake = make(chan struct{}, 1)
	if err := s.makeDirs(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	var err error
	if s.unlock, err = lock(o.FS, o.Dir); err != nil {
		return nil, err
	}
	s.registerMetrics()
	s.clockJumped(o.Clock()) // from now on it is watched
	if err := s.load(); err != nil {
		_ = s.unlock() // the first error is the one to tell
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.checkSpace()
	wake(s.mergeWake) // deleted rows may be left in parts
	go s.commitLoop()
	s.background.Add(2)
	go s.flushLoop()
	go s.mergeLoop()
	if o.RetainEvery > 0 {
		s.background.Add(1)
		go s.retainLoop()
	}
	return s, nil
}

// makeDirs makes the folders and makes their names durable.
func (s *Store) makeDirs() error {
	if err := s.mkdirAll(s.o.Dir); err != nil {
		return err
	}
	for _, d := range []string{walDir, dataDir, quarantineDir} {
		if err := s.o.FS.MkdirAll(s.path(d)); err != nil {
			return err
		}
	}
	return s.o.FS.SyncDir(s.o.Dir)
}

// mkdirAll makes the data directory so that it survives a crash, which takes a sync of each
// folder above that did not exist.
func (s *Store) mkdirAll(dir string) error {
	if _, err := s.o.FS.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := s.mkdirAll(parent); err != nil {
			return err
		}
	}
	if err := s.o.FS.MkdirAll(dir); err != nil {
		return err
	}
	return s.o.FS.SyncDir(parent)
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.o.Dir}, elem...)...)
}

// load reads the manifest, the positions and the log.
func (s *Store) load() error {
	man, err := s.loadManifest()
	if err != nil {
		return err
	}
	raw, err := manifest.Load(s.o.FS, s.path(positionsName))
	switch {
	case vfs.IsNotExist(err):
	case errors.Is(err, manifest.ErrCorrupt):
		s.quarantine(s.path(positionsName), err)
	case err != nil:
		return err
	default:
		if err := s.sources.decode(raw); err != nil {
			s.quarantine(s.path(positionsName), err)
		}
	}
	table := memtable.New(man.Generation)
	s.mu.active = table
	s.walFloor, s.mu.done = man.Floor, man.Floor
	log, rep, err := wal.Recover(wal.Options{FS: s.o.FS, Dir: s.path(walDir), Floor: man.Floor, Next: man.Seq}, func(e wal.Entry) error {
		return s.replay(table, e)
	})
	if err != nil {
		return err
	}
	s.log = log
	s.mu.born = s.o.Clock()
	// There is a manifest before there is a part: a missing one is never the trace
	// of a crash.
	if err := s.saveManifest(); err != nil {
		// On a full disk the manifest that is there will do: what it lists and the
		// log have just been read, and questions must be answered even then.
		if _, missing := s.o.FS.Stat(s.path(manifestName)); missing != nil || !vfs.IsFull(err) {
			return err
		}
		s.o.Logger.Warn("the disk is full: the store can be asked, and takes batches when there is room", "error", err)
	}
	if rep.Torn > 0 {
		s.o.Logger.Info("cut unfinished writes off the write-ahead log", "bytes", rep.Torn)
	}
	for _, p := range rep.Problems {
		s.m.quarantined.Inc()
		s.asides.remember(s.o.Dir, p.Aside, p.Err)
		s.o.Logger.Error("damaged write-ahead log set aside: acknowledged rows are missing", "segment", p.Segment, "offset", p.Offset, "aside", p.Aside, "error", p.Err)
	}
	if rep.Entries > 0 {
		s.o.Logger.Info("recovered rows from the write-ahead log", "rows", table.Rows(), "batches", rep.Entries)
	}
	return nil
}

// Close takes nothing more, commits what was queued, writes what is in memory to
// parts and lets the directory go. It waits for all goroutines of the store;
// scans that still run fail at their next read.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.queue.Lock()
		s.queue.closed = true
		s.queue.Unlock()
		wake(s.queue.wake)
		<-s.committed
		s.tails.close()
		s.stop()
		s.deleting <- struct{}{} // and never given back
		s.background.Wait()
		err := s.flushAll(context.Background())
		if err != nil {
			s.o.Logger.Warn("rows stay in the write-ahead log until the next start", "error", err)
		}
		s.logMu.Lock()
		err = errors.Join(err, s.log.Close())
		s.logMu.Unlock()
		s.closeErr = errors.Join(err, s.unlock())
	})
	return s.closeErr
}

// wake puts a token into a channel of capacity one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Append submits a batch and waits until it is durable.
func (s *Store) Append(ctx context.Context, b *record.Batch) error { return <-s.Submit(ctx, b) }

// Position returns how far a source is committed.
func (s *Store) Position(client string, id record.SourceID) (to uint64, known bool) {
	return s.sources.position(sourceKey{client, id})
}
