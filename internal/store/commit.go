package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"journalist/internal/record"
	"journalist/internal/store/chunk"
	"journalist/internal/store/memtable"
	"journalist/internal/store/wal"
	"journalist/internal/vfs"
)

// The body of a log entry is a batch in its binary form behind a byte that says
// how it is compressed.
const (
	bodyRaw = 0
	bodyS2  = 1
)

// maxGroup is how many bytes are committed with one write and one sync.
const maxGroup = 16 << 20

// submission is a batch on its way to the committer.
type submission struct {
	batch   *record.Batch
	body    []byte
	weight  int64
	done    chan error // capacity 1
	verdict verdict
}

// Submit queues a batch: see ingest.Sink. Batches of one caller are committed in
// the order of its calls. Submit blocks while too much is queued.
func (s *Store) Submit(ctx context.Context, b *record.Batch) <-chan error {
	done := make(chan error, 1)
	if b.Len() > record.MaxBatchRows || b.Bytes() > 2*record.MaxBatchBytes {
		s.m.tooLarge.Inc()
		done <- fmt.Errorf("batch of %d rows, %d bytes: %w", b.Len(), b.Bytes(), record.ErrTooLarge)
		return done
	}
	if why := s.full.Load(); why != nil {
		s.m.full.Inc()
		done <- fullError(why.why)
		return done
	}
	q := &submission{batch: b, done: done, weight: min(int64(2*b.Bytes())+256, s.o.QueueBytes)}
	if err := s.room.Acquire(ctx, q.weight); err != nil {
		done <- err
		return done
	}
	var raw int
	if q.body, raw = encodeBody(b); raw > wal.MaxBody/2 {
		s.room.Release(q.weight)
		s.m.tooLarge.Inc()
		done <- fmt.Errorf("batch of %d bytes with its field names: %w", raw, record.ErrTooLarge)
		return done
	}
	s.queue.Lock()
	closed := s.queue.closed
	if !closed {
		s.queue.waiting = append(s.queue.waiting, q)
	}
	s.queue.Unlock()
	if closed {
		s.room.Release(q.weight)
		done <- record.ErrClosed
		return done
	}
	wake(s.queue.wake)
	return done
}

// fullError says why nothing is taken and what to do.
func fullError(why string) error {
	return fmt.Errorf("%w: %s; free disk space, lower the retention, or lower the disk floor", record.ErrFull, why)
}

// scratch and bodies are reused: they are as big as the batches.
var scratch, bodies = pool{}, pool{}

type pool struct{ sync.Pool }

// get returns an empty slice with room for n bytes.
func (p *pool) get(n int) []byte {
	if b, ok := p.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:0]
	}
	return make([]byte, 0, n)
}

func (p *pool) put(b []byte) {
	if cap(b) >= 1024 && cap(b) <= 4<<20 {
		p.Put(&b)
	}
}

// encodeBody returns the log entry of a batch and how long it is uncompressed.
func encodeBody(b *record.Batch) (body []byte, size int) {
	raw := b.AppendBinary(scratch.get(b.Bytes() + 256))
	defer scratch.put(raw)
	if len(raw) < 1024 {
		return append([]byte{bodyRaw}, raw...), len(raw)
	}
	n := 1 + s2.MaxEncodedLen(len(raw))
	body = bodies.get(n)[:n]
	body[0] = bodyS2
	return body[:1+len(s2.Encode(body[1:], raw))], len(raw)
}

func decodeBody(body []byte) (*record.Batch, error) {
	if len(body) == 0 {
		return nil, fmt.Errorf("%w: empty entry", wal.ErrCorrupt)
	}
	raw := body[1:]
	switch body[0] {
	case bodyRaw:
		raw = append([]byte(nil), raw...)
	case bodyS2:
		n, err := s2.DecodedLen(raw)
		if err != nil || n > wal.MaxBody {
			return nil, fmt.Errorf("%w: compressed entry of %d bytes (%v)", wal.ErrCorrupt, n, err)
		}
		if raw, err = s2.Decode(nil, raw); err != nil {
			return nil, fmt.Errorf("%w: %w", wal.ErrCorrupt, err)
		}
	default:
		return nil, fmt.Errorf("%w: entry compressed by method %d, this program reads 0 and 1", wal.ErrCorrupt, body[0])
	}
	b := new(record.Batch)
	if err := b.UnmarshalBinary(raw); err != nil {
		return nil, fmt.Errorf("%w: %w", wal.ErrCorrupt, err)
	}
	return b, nil
}

// commitLoop is the committer: the one goroutine that writes the log.
func (s *Store) commitLoop() {
	defer close(s.committed)
	for {
		s.queue.Lock()
		group, closed := s.takeGroup(), s.queue.closed
		s.queue.Unlock()
		if len(group) == 0 {
			if closed {
				return
			}
			<-s.queue.wake
			continue
		}
		s.commit(group)
	}
}

// takeGroup takes what waits, up to a bound. While one group is synced the next
// one gathers by itself, so there is no waiting for more.
func (s *Store) takeGroup() []*submission {
	n, size := 0, 0
	for n < len(s.queue.waiting) && (n == 0 || size+len(s.queue.waiting[n].body) <= maxGroup) {
		size += len(s.queue.waiting[n].body)
		n++
	}
	group := s.queue.waiting[:n:n]
	s.queue.waiting = s.queue.waiting[n:]
	if len(s.queue.waiting) == 0 {
		s.queue.waiting = nil
	}
	return group
}

// verdict is what becomes of a batch of a group.
type verdict struct {
	err       error // refused
	duplicate bool
}

func (s *Store) commit(group []*submission) {
	now := s.o.Clock()
	err := s.waitForRoom()
	if err == nil {
		err = s.commitLocked(group, now)
		s.note(workCommit, err)
	}
	if err != nil {
		s.failGroup(group, err)
		return
	}
	for _, q := range group {
		s.answer(q, q.verdict.err)
	}
	s.rotateIfFull()
}

// commitLocked writes a group to the log and to the memory. The lock keeps the two
// together: a table that is rotated away has all rows of the segments that go with
// it.
func (s *Store) commitLocked(group []*submission, now time.Time) error {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	entries := s.judge(group, now)
	if len(entries) > 0 {
		start := time.Now()
		if err := s.log.Commit(entries); err != nil {
			return err
		}
		s.m.syncSeconds.UpdateDuration(start)
		s.m.groups.Inc()
	}
	for _, q := range group {
		switch {
		case q.verdict.err != nil:
			s.m.gaps.Inc()
		case q.verdict.duplicate:
			s.m.duplicates.Inc()
		default:
			s.apply(s.mu.active, q.batch, now)
		}
	}
	return nil
}

func (s *Store) answer(q *submission, err error) {
	bodies.put(q.body)
	q.body = nil
	s.room.Release(q.weight)
	q.done <- err
}

// failGroup refuses a group whose write failed. What was refused for a reason of
// its own keeps that.
func (s *Store) failGroup(group []*submission, err error) {
	if vfs.IsFull(err) {
		err = fmt.Errorf("%w (%w)", fullError("no space left on the disk"), err)
		s.m.full.Add(len(group))
		s.checkSpace() // retention then comes soon
	}
	s.m.failed.Add(len(group))
	s.o.Logger.Error("batches not committed", "batches", len(group), "error", err)
	for _, q := range group {
		if q.verdict.err != nil {
			s.answer(q, q.verdict.err)
		} else {
			s.answer(q, err)
		}
	}
}

// judge decides what is committed of a group: of each source exactly what follows
// its position.
func (s *Store) judge(group []*submission, now time.Time) []wal.Entry {
	var entries []wal.Entry
	positions := map[sourceKey]uint64{} // as they will be after this group
	windows := map[uint64]bool{}
	ms := now.UnixMilli()
	for _, q := range group {
		v, b := &q.verdict, q.batch
		switch p := &b.Position; {
		case !p.ID.IsZero():
			key := sourceKey{b.Client, p.ID}
			to, known := positions[key]
			if !known {
				to, known = s.sources.position(key)
			}
			if v.err, v.duplicate = follow(p, to, known); v.err != nil || v.duplicate {
				continue
			}
			if known && p.From < to {
				s.m.trimmed.Add(b.TrimBefore(to))
				q.body, _ = encodeBody(b)
			}
			positions[key] = p.To
		case b.Window != 0:
			key := windowKey(b.Client, b.Window)
			if windows[key] || s.sources.seen(key, ms) {
				v.duplicate = true
				continue
			}
			windows[key] = true
		case b.Len() == 0:
			v.duplicate = true // nothing to keep
			continue
		}
		entries = append(entries, wal.Entry{Time: ms, Body: q.body})
	}
	return entries
}

// follow tells whether a batch follows what is committed of its source.
func follow(p *record.Position, to uint64, known bool) (err error, duplicate bool) {
	switch {
	case p.To < p.From:
		return fmt.Errorf("position from %d to %d of source %s: %w", p.From, p.To, p.ID, record.ErrGap), false
	case known && p.To <= to:
		return nil, true
	case p.Resume:
		return nil, false
	case !known && p.From != 0:
		return fmt.Errorf("source %s is not known, its batch begins at %d: %w", p.ID, p.From, record.ErrGap), false
	case known && p.From > to:
		return fmt.Errorf("source %s is committed up to %d, its batch begins at %d: %w", p.ID, to, p.From, record.ErrGap), false
	}
	return nil, false
}

// apply makes a committed batch part of the memory: also when it is replayed.
func (s *Store) apply(table *memtable.Table, b *record.Batch, now time.Time) {
	if p := &b.Position; !p.ID.IsZero() {
		s.sources.setPosition(sourceKey{b.Client, p.ID}, p.To, now)
	} else if b.Window != 0 {
		s.sources.addWindow(windowKey(b.Client, b.Window), now.UnixMilli())
	}
	c := chunk.FromBatch(b)
	if c == nil {
		return
	}
	table.Add(c)
	s.m.rows.Add(c.Len())
	s.tails.publish(c)
}

func (s *Store) replay(table *memtable.Table, e wal.Entry) error {
	b, err := decodeBody(e.Body)
	if err != nil {
		return err
	}
	s.apply(table, b, time.UnixMilli(e.Time))
	return nil
}

// waitForRoom waits while both tables in memory are full. That is the back
// pressure of the disk; when writing parts fails, it is an error.
func (s *Store) waitForRoom() error {
	for {
		s.mu.Lock()
		full := s.mu.active.Size() >= s.o.MemtableBytes/2
		flushing, flushed, err := s.mu.flushing != nil, s.mu.flushed, s.mu.flushErr
		s.mu.Unlock()
		switch {
		case !full:
			return nil
		case !flushing:
			s.rotateIfFull()
			continue
		case err != nil:
			return fmt.Errorf("rows cannot be written to parts: %w", err)
		}
		<-flushed
	}
}

// rotateIfFull hands a full table to the flusher.
func (s *Store) rotateIfFull() {
	s.mu.Lock()
	full := s.mu.active.Size() >= s.o.MemtableBytes/2
	s.mu.Unlock()
	if full {
		s.rotate()
	}
}

// rotate hands the active table to the flusher, unless that is busy or there is
// nothing in it. It tells whether the flusher has something to do.
func (s *Store) rotate() bool {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rotateLocked()
}

// rotateLocked is rotate for who holds logMu and mu.
func (s *Store) rotateLocked() bool {
	if s.mu.flushing != nil {
		return true
	}
	if s.mu.active.Rows() == 0 && s.log.Size() == 0 {
		return false
	}
	s.mu.floor = s.log.Rotate()
	s.mu.flushing, s.mu.flushed, s.mu.flushErr = s.mu.active, make(chan struct{}), nil
	s.mu.active = memtable.New(s.mu.flushing.Generation + 1)
	s.mu.born = s.o.Clock()
	wake(s.flushWake)
	return true
}
