package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"journalist/internal/vfs"
)

// work is something that a store does again and again and that can fail.
type work string

const (
	workCommit   work = "commit"
	workFlush    work = "flush"
	workManifest work = "manifest"
	workRewrite  work = "rewrite"
	workRetain   work = "retain"
	workRead     work = "read"
)

var works = []work{workCommit, workFlush, workManifest, workRewrite, workRetain, workRead}

// readTrouble is for how long a failed read of a part counts: others succeed
// meanwhile and say nothing about it.
const readTrouble = 10 * time.Minute

// troubles is what fails at present. All methods may be called from several
// goroutines.
type troubles struct {
	any atomic.Bool // there may be some: the way of every batch asks only this
	mu  sync.Mutex
	now map[work]trouble
}

// trouble is a work that fails.
type trouble struct {
	err         error // the last one
	since, last time.Time
}

// note remembers how a piece of work ended. What was only broken off says nothing.
func (s *Store) note(w work, err error) {
	t := &s.troubles
	if err == nil {
		if !t.any.Load() {
			return
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.now, w)
		t.any.Store(len(t.now) > 0)
		return
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrClosed) {
		return
	}
	s.m.errors[w].Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	at := s.o.Clock()
	old, failed := t.now[w]
	since := at
	if failed {
		since = old.since
	}
	if t.now == nil {
		t.now = map[work]trouble{}
	}
	t.now[w] = trouble{err: err, since: since, last: at}
	t.any.Store(true)
}

// present returns what fails now.
func (t *troubles) present(now time.Time) map[work]trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[work]trouble{}
	for w, x := range t.now {
		if age := now.Sub(x.last); w == workRead && (age > readTrouble || age < -readTrouble) {
			continue
		}
		out[w] = x
	}
	return out
}

// has tells that a work fails.
func (t *troubles) has(w work) bool {
	if !t.any.Load() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, failed := t.now[w]
	return failed
}

// probeName is a file that is made and removed again to see whether the log's folder
// can be written.
const probeName = "probe" + tmpSuffix

// probe tries again what failed and is not tried by itself: without senders nobody
// else would notice that the disk can be written again.
func (s *Store) probe() {
	if s.troubles.has(workCommit) && s.tryWrite() == nil {
		s.note(workCommit, nil)
		s.o.Logger.Info("the write-ahead log's folder can be written again")
	}
	if s.troubles.has(workManifest) {
		_ = s.saveManifest() // notes how it ends
	}
}

func (s *Store) tryWrite() (err error) {
	name := s.path(walDir, probeName)
	f, err := s.o.FS.Create(name)
	if err != nil {
		return err
	}
	defer func() { _ = s.o.FS.Remove(name) }() // the next probe writes over it
	_, err = f.Write(make([]byte, 64<<10))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// cause is what is behind a failure, as far as it decides what to do.
type cause string

const (
	causeFull       cause = "full"
	causeReadOnly   cause = "read_only"
	causePermission cause = "permission"
	causeIO         cause = "io"
)

// causeOf finds out what is behind an error. Whatever is not known is taken for the
// disk's.
func causeOf(err error) cause {
	switch {
	case vfs.IsFull(err):
		return causeFull
	case errors.Is(err, syscall.EROFS):
		return causeReadOnly
	case errors.Is(err, fs.ErrPermission):
		return causePermission
	}
	return causeIO
}

// unreadable tells that the disk does not give a file's bytes back: the file is as
// damaged as one with wrong bytes.
func unreadable(err error) bool { return errors.Is(err, syscall.EIO) && !vfs.IsNotExist(err) }
