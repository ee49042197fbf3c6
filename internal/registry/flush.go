package registry

import (
	"fmt"
	"time"

	"journalist/internal/vfs"
)

const (
	// A log is cut when it is longer than this and than twice its snapshot.
	minCompact = 1 << 20
	// gcInterval is how often gone generations are looked at.
	gcInterval = time.Hour
	// retryAfter is the pause after a failed write: each file that cannot be
	// registered asks again at once, and each try writes everything.
	retryAfter = time.Second
	// tellAgain is how often it is said that writing fails.
	tellAgain = time.Minute
)

// flusher writes what is dirty: at once when somebody waits, else FlushInterval
// after the first change; after a failure in a while, unless Flush was called.
func (r *Registry) flusher() {
	defer close(r.done)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	armed := false
	gc := time.NewTicker(gcInterval)
	defer gc.Stop()
	for {
		kick := r.kick
		if armed {
			kick = nil // the timer covers it
		}
		select {
		case <-r.stop:
			timer.Stop()
			return
		case <-gc.C:
			r.collect()
			continue
		case <-kick:
			armed = true
			timer.Reset(r.o.FlushInterval)
			continue
		case <-r.urgent:
			if pause := r.pause(); pause > 0 {
				armed = true
				timer.Reset(pause)
				continue
			}
		case <-timer.C:
		}
		timer.Stop()
		armed = false
		if err := r.w.flush(); err != nil {
			armed = true
			timer.Reset(max(r.o.retryAfter, r.o.FlushInterval))
		}
	}
}

// pause is how long those who wait have to, because writing failed a moment ago.
func (r *Registry) pause() time.Duration {
	if r.hurry.Swap(false) || r.w.failed.IsZero() {
		return 0
	}
	return r.o.retryAfter - time.Since(r.w.failed)
}

// writer owns the files. Only the flusher uses it, and Open and Close while there
// is none.
type writer struct {
	r   *Registry
	seq uint64 // of the current log
	// keep is the snapshot that stays as the previous one when the next is made.
	keep uint64
	log  vfs.File
	size int64 // of the log
	snap int64 // size of its snapshot
	buf  []byte
	bad  bool // the last write failed: the log's end is unknown

	failed, told time.Time // when the last write failed, and when that was said; zero after a success
}

// flush makes everything dirty durable and tells those who wait. After a failure
// the log is not touched again, because what a failed fsync left in it is
// unknown: the next flush starts a new one with a full snapshot.
func (w *writer) flush() error {
	r := w.r
	r.mu.Lock()
	waiting := r.waiting
	r.waiting = nil
	if w.log == nil || w.bad {
		r.mu.Unlock()
		err := w.compact()
		w.report(err, waiting)
		return err
	}
	dirty, forgot := r.dirty, r.forgot
	r.dirty, r.forgot = nil, nil
	w.buf = w.buf[:0]
	start := 0
	w.buf = startFrame(w.buf)
	for _, it := range dirty {
		it.dirty = false
		if r.gens[it.ID] != it {
			continue // forgotten since
		}
		if it.logged {
			w.buf = appendUpdate(w.buf, &it.Generation)
		} else {
			w.buf = appendFull(w.buf, &it.Generation)
			it.logged = true
		}
		w.buf, start = cutFrame(w.buf, start)
	}
	for _, id := range forgot {
		w.buf = appendForget(w.buf, id)
		w.buf, start = cutFrame(w.buf, start)
	}
	r.mu.Unlock()
	if len(w.buf) == start+frameHeader {
		w.buf = w.buf[:start] // the last frame is empty
	} else {
		endFrame(w.buf, start)
	}
	if len(w.buf) == 0 {
		w.report(nil, waiting)
		return nil
	}
	err := w.append()
	if err == nil && w.size > minCompact && w.size > 2*w.snap {
		// What was just written is durable; a failed compaction is tried again.
		w.report(nil, waiting)
		waiting = nil
		err = w.compact()
	}
	w.report(err, waiting)
	return err
}

// cutFrame ends the frame that begins at start when it is long enough and starts
// the next one.
func cutFrame(buf []byte, start int) ([]byte, int) {
	if len(buf)-start < softFrame {
		return buf, start
	}
	endFrame(buf, start)
	start = len(buf)
	return startFrame(buf), start
}

func (w *writer) append() error {
	n, err := w.log.Write(w.buf)
	w.size += int64(n)
	if err == nil {
		err = w.log.Sync()
	}
	if err != nil {
		w.bad = true
	}
	if cap(w.buf) > 1<<20 {
		w.buf = nil
	}
	return err
}

// report tells those who wait, and now and then the log, how a write ended.
func (w *writer) report(err error, waiting []func(error)) {
	r := w.r
	r.m.flushes.Inc()
	now := time.Now()
	switch {
	case err != nil:
		r.m.errors.Inc()
		w.failed = now
		if now.Sub(w.told) >= tellAgain {
			w.told = now
			r.log.Error("cannot write the registry; positions are kept in memory and written later", "dir", r.dir, "error", err)
		}
	case !w.failed.IsZero():
		w.failed, w.told = time.Time{}, time.Time{}
		r.log.Info("the registry can be written again", "dir", r.dir)
	}
	for _, f := range waiting {
		f(err)
	}
}

// compact writes everything to a new snapshot, starts the log that follows it and
// removes what is older than the previous snapshot.
func (w *writer) compact() error {
	w.closeLog()
	w.bad = true
	seq := w.seq + 1
	w.seq = seq // a failed attempt's number is not used again
	size, err := w.writeSnapshot(seq)
	if err != nil {
		return err
	}
	f, err := w.r.fs.Create(fileName(w.r.dir, seq, logExt))
	if err != nil {
		return err
	}
	w.log = f
	head := appendHeader(nil, typeLog, seq)
	if _, err := f.Write(head); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := w.r.fs.SyncDir(w.r.dir); err != nil {
		return err
	}
	w.size, w.snap, w.bad = int64(len(head)), size, false
	w.removeBefore(w.keep)
	w.keep = seq
	return nil
}

// writeSnapshot writes the snapshot with the number seq and returns its size.
func (w *writer) writeSnapshot(seq uint64) (size int64, err error) {
	r := w.r
	name := fileName(r.dir, seq, snapshotExt)
	tmp := name + ".tmp"
	f, err := r.fs.Create(tmp)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = r.fs.Remove(tmp) // the first error is the one to tell
		}
	}()
	// What changes while the entries are encoded is dirty again and goes to the
	// new log, so that it is enough for each entry to be whole.
	r.mu.Lock()
	dirty, forgot := r.dirty, r.forgot
	r.dirty, r.forgot = nil, nil
	for _, it := range dirty {
		it.dirty = false
	}
	items := make([]*item, 0, len(r.gens))
	for _, it := range r.gens {
		items = append(items, it)
	}
	r.mu.Unlock()
	defer func() {
		if err != nil {
			r.mu.Lock()
			for _, it := range items {
				it.logged = false
			}
			for _, it := range dirty {
				r.markLocked(it)
			}
			r.forgot = append(r.forgot, forgot...)
			r.mu.Unlock()
		}
	}()
	buf := appendHeader(nil, typeSnapshot, seq)
	count := 0
	for len(items) > count {
		start := len(buf)
		buf = startFrame(buf)
		r.mu.Lock()
		for len(items) > count && len(buf)-start < softFrame {
			it := items[count]
			it.logged = true
			buf = appendFull(buf, &it.Generation)
			count++
		}
		r.mu.Unlock()
		endFrame(buf, start)
		n, err := f.Write(buf)
		size += int64(n)
		if err != nil {
			return 0, err
		}
		buf = buf[:0]
	}
	start := len(buf)
	buf = appendEnd(startFrame(buf), uint64(count))
	endFrame(buf, start)
	n, err := f.Write(buf)
	size += int64(n)
	if err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	if err := r.fs.Rename(tmp, name); err != nil {
		return 0, err
	}
	return size, r.fs.SyncDir(r.dir)
}

// removeBefore removes the files with smaller numbers than seq. What cannot be
// removed is tried again after the next snapshot; it does no harm.
func (w *writer) removeBefore(seq uint64) {
	ls, err := list(w.r.fs, w.r.dir)
	for _, s := range ls.logs {
		if s < seq && err == nil {
			err = w.r.fs.Remove(fileName(w.r.dir, s, logExt))
		}
	}
	for _, s := range ls.snaps {
		if s < seq && err == nil {
			err = w.r.fs.Remove(fileName(w.r.dir, s, snapshotExt))
		}
	}
	if err != nil {
		w.r.log.Warn("cannot remove old registry files", "error", fmt.Errorf("%s: %w", w.r.dir, err))
	}
}

func (w *writer) closeLog() {
	if w.log != nil {
		_ = w.log.Close() // everything that counts was synced
		w.log = nil
	}
}
