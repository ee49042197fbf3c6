package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"journalist/internal/vfs"
)

// defaultFloor is the most that is kept free by default.
const defaultFloor = 1 << 30

func (s *Store) retainLoop() {
	defer s.background.Done()
	every := time.NewTicker(s.o.RetainEvery)
	defer every.Stop()
	quick := time.NewTicker(min(s.o.RetainEvery, 2*time.Second))
	defer quick.Stop()
	for {
		select {
		case <-s.stopped.Done():
			return
		case <-every.C:
		case <-quick.C:
			s.probe()
			if s.full.Load() == nil {
				continue
			}
		}
		err := s.Retain(s.stopped)
		s.note(workRetain, err)
		if err != nil && s.stopped.Err() == nil {
			s.o.Logger.Error("retention failed", "error", err)
		}
	}
}

// Retain drops what is over its dataset's age or bytes, and the oldest data of all
// when too little is free on the disk. Only whole parts go.
func (s *Store) Retain(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mergeMu.Lock()
	defer s.mergeMu.Unlock()
	var firstErr error
	if drop := s.overLimits(); len(drop) > 0 {
		firstErr = s.drop(drop, "over the retention limits")
	}
	deficit, err := s.deficit()
	if err != nil {
		return err
	}
	if deficit > 0 {
		if drop := s.oldest(deficit); len(drop) > 0 {
			s.o.Logger.Warn("too little free disk space: dropping the oldest data", "missing_bytes", deficit, "parts", len(drop))
			s.noteFloorDrop(drop)
			if err := s.drop(drop, "disk floor"); firstErr == nil {
				firstErr = err
			}
		}
	}
	s.checkSpace()
	return firstErr
}

func (s *Store) retention(dataset string) Retention {
	if r, ok := s.o.Retention[dataset]; ok {
		return r
	}
	return s.o.Retention[""]
}

// overLimits lists the parts that are too old or too much for their dataset.
func (s *Store) overLimits() []*livePart {
	now := s.o.Clock()
	jump := s.clockJumped(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	byDataset := map[string][]*livePart{}
	for _, p := range s.mu.parts {
		byDataset[p.Dataset] = append(byDataset[p.Dataset], p)
	}
	var drop []*livePart
	for dataset, parts := range byDataset {
		r := s.retention(dataset)
		slices.SortFunc(parts, newestFirst)
		var size int64
		for _, p := range parts {
			size += p.Size
			old := r.Age > 0 && jump == 0 && p.last < now.Add(-r.Age).UnixNano()
			if old || r.Bytes > 0 && size > r.Bytes {
				drop = append(drop, p)
			}
		}
	}
	return drop
}

func newestFirst(a, b *livePart) int {
	switch {
	case a.last > b.last || a.last == b.last && a.lo > b.lo:
		return -1
	case a.last < b.last || a.lo < b.lo:
		return 1
	}
	return 0
}

// oldest lists parts of at least so many bytes, oldest first.
func (s *Store) oldest(bytes int64) []*livePart {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := slices.Clone(s.mu.parts)
	slices.SortFunc(parts, func(a, b *livePart) int { return newestFirst(b, a) })
	for i, p := range parts {
		if bytes -= p.Size; bytes <= 0 {
			return parts[:i+1]
		}
	}
	return parts
}

func (s *Store) drop(parts []*livePart, why string) error {
	var rows, size int64
	s.mu.Lock()
	s.replaceLocked(parts, nil)
	s.mu.Unlock()
	for _, p := range parts {
		rows += p.liveRows()
		size += p.Size
	}
	s.m.droppedRows.Add(int(rows))
	s.m.droppedBytes.Add(int(size))
	s.m.droppedParts.Add(len(parts))
	s.o.Logger.Info("dropped old data", "reason", why, "rows", rows, "bytes", size, "parts", len(parts))
	err := s.saveManifest()
	if err != nil && vfs.IsFull(err) {
		s.removeEarly(parts)
		err = s.saveManifest()
	}
	return err
}

// removeEarly removes the files of dropped parts before the manifest says so: on a
// full disk it could never be written otherwise. After a crash in between the
// manifest lists parts that are not there, which costs their rows and no more, and
// those were to go.
func (s *Store) removeEarly(parts []*livePart) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range parts {
		if p.refs == 0 {
			s.removePart(p)
		}
	}
}

// floor is how many bytes are kept free of a file system of so many.
func (s *Store) floor(total uint64) uint64 {
	if s.o.DiskFloor > 0 {
		return s.o.DiskFloor
	}
	return min(total/20, defaultFloor)
}

// deficit is how many bytes are missing to the disk floor.
func (s *Store) deficit() (int64, error) {
	free, total, err := s.o.FS.Free(s.o.Dir)
	if err != nil {
		return 0, fmt.Errorf("free disk space: %w", err)
	}
	return int64(s.floor(total)) - int64(free), nil
}

// fullness is why no batches are taken.
type fullness struct {
	why   string
	since time.Time
}

// checkSpace decides whether batches are taken.
func (s *Store) checkSpace() {
	deficit, err := s.deficit()
	was := s.full.Load() != nil
	if err == nil && deficit > 0 {
		f := &fullness{why: fmt.Sprintf("%d bytes are missing to the disk floor", deficit), since: s.o.Clock()}
		if old := s.full.Load(); old != nil {
			f.since = old.since
		}
		s.full.Store(f)
		if !was {
			s.o.Logger.Error("taking no more batches", "reason", f.why)
		}
		return
	}
	s.full.Store(nil)
	if was {
		s.o.Logger.Info("taking batches again")
	}
}
