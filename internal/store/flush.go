package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"journalist/internal/store/chunk"
	"journalist/internal/store/memtable"
	"journalist/internal/store/part"
)

// Rows are partitioned by day. What is far away in time goes to one partition for
// all, and so does what would open too many partitions at once.
const (
	overflow      = "overflow"
	dayFormat     = "20060102"
	farPast       = 10 * 365 * 24 * time.Hour
	farFuture     = 2 * 24 * time.Hour
	maxPartitions = 128 // of one dataset in one flush
)

const (
	flushRetry = time.Second
	// idleFlush is how long the rows in memory stand still before they are written.
	idleFlush = 5 * time.Second
)

// quiet is a table in memory at some moment: equal ones saw no rows in between.
type quiet struct {
	generation uint64
	size       int64
}

// flushLoop is the flusher: it writes tables to parts, and starts that by itself
// when rows have been in memory for long.
func (s *Store) flushLoop() {
	defer s.background.Done()
	every := time.NewTicker(min(max(s.o.FlushEvery/4, time.Second), idleFlush))
	defer every.Stop()
	var before quiet
	var retry <-chan time.Time
	for {
		select {
		case <-s.stopped.Done():
			return
		case <-every.C:
			s.mu.Lock()
			now := quiet{s.mu.active.Generation, s.mu.active.Size()}
			age := s.o.Clock().Sub(s.mu.born)
			if age < 0 { // the clock was set back
				s.mu.born = s.o.Clock()
			}
			old := s.mu.active.Rows() > 0 && age >= s.o.FlushEvery
			s.mu.Unlock()
			// What stands still and is worth a part is written while there is time:
			// a part is smaller than the log, and nothing has to be replayed.
			if old || now == before && now.size >= s.o.MemtableBytes/8 {
				s.rotate()
			}
			before = now
			continue
		case <-s.flushWake:
		case <-retry:
		}
		retry = nil
		if err := s.flushOnce(s.stopped); err != nil {
			retry = time.After(flushRetry)
		}
	}
}

// flushOnce writes the table that waits, if one does.
func (s *Store) flushOnce(ctx context.Context) error {
	s.mu.Lock()
	table, floor := s.mu.flushing, s.mu.floor
	s.mu.Unlock()
	if table == nil {
		return nil
	}
	parts, err := s.writeParts(ctx, table)
	s.mu.Lock()
	if err == nil {
		s.mu.parts = append(s.mu.parts, parts...)
		slices.SortFunc(s.mu.parts, compareParts)
		s.mu.flushing = nil
		// With the parts and not a moment later: a manifest that lists them and
		// does not know that the log before is done would bring the rows twice.
		s.mu.done = floor
	}
	s.mu.flushErr = err
	close(s.mu.flushed)
	s.mu.flushed = make(chan struct{})
	s.mu.Unlock()
	s.note(workFlush, err)
	if err != nil {
		s.m.flushErrors.Inc()
		s.o.Logger.Error("rows not written to parts, trying again", "error", err)
		s.checkSpace()
		return err
	}
	s.m.flushes.Inc()
	wake(s.mergeWake)
	if err := s.saveManifest(); err != nil {
		s.o.Logger.Error("manifest not written, trying again with the next change", "error", err)
	}
	return nil
}

// Flush writes all rows that are in memory now to parts.
func (s *Store) Flush(ctx context.Context) error {
	s.mu.Lock()
	target := s.mu.active.Generation
	s.mu.Unlock()
	for {
		s.mu.Lock()
		flushing, flushed, err := s.mu.flushing, s.mu.flushed, s.mu.flushErr
		ahead := s.mu.active.Generation > target
		s.mu.Unlock()
		switch {
		case flushing == nil && ahead:
			return nil
		case flushing == nil:
			if !s.rotate() {
				return nil
			}
		case err != nil:
			return err
		default:
			select {
			case <-flushed:
			case <-ctx.Done():
				return ctx.Err()
			case <-s.stopped.Done():
				return s.stopped.Err()
			}
		}
	}
}

// flushAll writes everything when nobody else does any more.
func (s *Store) flushAll(ctx context.Context) error {
	for range 2 { // the table that was being flushed, and the last one
		if !s.rotate() {
			break
		}
		if err := s.flushOnce(ctx); err != nil {
			return err
		}
	}
	return s.saveManifest()
}

// writeParts writes a table's rows, one part for each dataset and partition. On an
// error it removes what it wrote.
func (s *Store) writeParts(ctx context.Context, t *memtable.Table) (parts []*livePart, err error) {
	defer func() {
		if err != nil {
			for _, p := range parts {
				_ = s.o.FS.Remove(p.Path) // an orphan is removed at the next start, too
			}
			parts = nil
		}
	}()
	for _, dataset := range t.Datasets() {
		chunks := t.Chunks(dataset)
		refs := chunk.Order(chunks)
		for _, run := range s.partitions(refs) {
			if ctx.Err() != nil {
				return parts, ctx.Err()
			}
			p, err := s.writePart(dataset, run.name, t.Generation, run.refs, chunks)
			if err != nil {
				return parts, err
			}
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// run is the rows that go to one partition.
type run struct {
	name string
	refs []chunk.Ref
}

// partitions splits rows in order of time by their partition.
func (s *Store) partitions(refs []chunk.Ref) []run {
	now := s.o.Clock()
	const day = int64(24 * time.Hour)
	past, future := now.Add(-farPast).UnixNano(), now.Add(farFuture).UnixNano()
	var far []chunk.Ref
	var days []run
	for from := 0; from < len(refs); {
		t := refs[from].Time
		end := (floorDiv(t, day) + 1) * day
		to := from + 1
		for to < len(refs) && refs[to].Time < end && end > t {
			to++
		}
		if t < past || t > future || end <= t {
			far = append(far, refs[from:to]...)
		} else {
			days = append(days, run{time.Unix(0, t).UTC().Format(dayFormat), refs[from:to]})
		}
		from = to
	}
	if len(days) > maxPartitions {
		slices.SortStableFunc(days, func(a, b run) int { return cmp.Compare(len(b.refs), len(a.refs)) })
		for _, d := range days[maxPartitions:] {
			far = append(far, d.refs...)
		}
		days = days[:maxPartitions]
		slices.SortFunc(far, func(a, b chunk.Ref) int {
			return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Src, b.Src), cmp.Compare(a.Row, b.Row))
		})
	}
	if len(far) > 0 {
		days = append(days, run{overflow, far})
	}
	return days
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (s *Store) writePart(dataset, partition string, generation uint64, refs []chunk.Ref, chunks []*chunk.Chunk) (*livePart, error) {
	p := &livePart{folder: escape(dataset), partition: partition, lo: generation, hi: generation}
	err := s.createPart(p, dataset, func(w *part.Writer) error {
		for _, group := range part.Cut(refs, chunks) {
			if err := w.AddGroup(chunk.Gather(group, chunks)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write part of dataset %s: %w", dataset, err)
	}
	return p, nil
}
