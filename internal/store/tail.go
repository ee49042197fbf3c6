package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/chunk"
	"journalist/internal/store/filter"
)

// What a live tail may lag behind before it misses rows.
const (
	tailChunks = 1024
	tailBytes  = 16 << 20
)

// tails hands committed chunks to whoever follows. The committer publishes.
type tails struct {
	mu     sync.Mutex
	list   []*tail
	closed bool
}

// tail is one follower.
type tail struct {
	datasets []string
	chunks   chan *chunk.Chunk
	bytes    atomic.Int64
	missed   atomic.Int64 // and not told yet
}

func (t *tails) add(f *tail) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.list = append(t.list, f)
	return true
}

func (t *tails) remove(f *tail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = slices.DeleteFunc(t.list, func(x *tail) bool { return x == f })
}

// publish hands a chunk to all followers that have room; it never waits.
func (t *tails) publish(c *chunk.Chunk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.list {
		if f.datasets != nil && !slices.Contains(f.datasets, c.Dataset) {
			continue
		}
		if f.bytes.Load()+c.Size() > tailBytes && f.bytes.Load() > 0 {
			f.missed.Add(int64(c.Len()))
			continue
		}
		select {
		case f.chunks <- c:
			f.bytes.Add(c.Size())
		default:
			f.missed.Add(int64(c.Len()))
		}
	}
}

func (t *tails) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, f := range t.list {
		close(f.chunks)
	}
	t.list = nil
}

// Tail yields the rows that match as they are committed, until the context ends,
// yield fails or the store closes (record.ErrClosed). Rows that came faster than
// yield took them are missed and counted, matching or not: a block without rows says
// how many (Block.Missed) as soon as those before them were taken, missed those that
// no block told. Of the request only Datasets, Filter, Columns and Whole count.
func (s *Store) Tail(ctx context.Context, req *scan.Request, yield func(*scan.Block) error) (missed int64, err error) {
	x := &scanner{store: s, req: req, filter: filter.New(req.Filter)}
	f := &tail{datasets: req.Datasets, chunks: make(chan *chunk.Chunk, tailChunks)}
	if !s.tails.add(f) {
		return 0, record.ErrClosed
	}
	defer s.tails.remove(f)
	for {
		select {
		case <-ctx.Done():
			return f.missed.Load(), ctx.Err()
		case c, ok := <-f.chunks:
			if !ok {
				return f.missed.Load(), record.ErrClosed
			}
			b, err := x.tailBlock(c)
			if err == nil && b != nil {
				err = yield(b)
			}
			f.bytes.Add(-c.Size())
			if err != nil {
				return f.missed.Load(), err
			}
			if len(f.chunks) > 0 {
				continue
			}
			// What was missed follows on what was taken.
			if n := f.missed.Swap(0); n > 0 {
				if err := yield(&scan.Block{Missed: n}); err != nil {
					return f.missed.Load(), err
				}
			}
		}
	}
}
