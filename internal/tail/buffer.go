package tail

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"journalist/internal/record"
)

// run is a record.Lines on its way with the buffer it lies in and what the
// registry is told when it is acknowledged.
type run struct {
	lines      record.Lines
	file       *file
	head, tail record.Fingerprint
	buf        []byte
	class      int
}

// pool hands out runs with buffers. The bytes handed out are bounded: get waits
// until acknowledged runs come back. Small runs take small buffers, so that
// thousands of slow files do not wait for each other's acks.
type pool struct {
	sizes []int
	total int64
	sem   *semaphore.Weighted
	mu    sync.Mutex
	free  [][]*run
}

// newPool makes a pool of total bytes with buffers of these sizes, smallest first.
// One that is larger than total counts for all of it.
func newPool(total int64, sizes ...int) *pool {
	return &pool{sizes: sizes, total: total, sem: semaphore.NewWeighted(total), free: make([][]*run, len(sizes))}
}

func (p *pool) weight(class int) int64 { return min(int64(p.sizes[class]), p.total) }

// get returns a run with a buffer of at least n bytes, or the largest there is.
func (p *pool) get(ctx context.Context, n int) (*run, error) {
	class := 0
	for class < len(p.sizes)-1 && p.sizes[class] < n {
		class++
	}
	if err := p.sem.Acquire(ctx, p.weight(class)); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if k := len(p.free[class]); k > 0 {
		r := p.free[class][k-1]
		p.free[class] = p.free[class][:k-1]
		p.mu.Unlock()
		return r, nil
	}
	p.mu.Unlock()
	return &run{buf: make([]byte, p.sizes[class]), class: class}, nil
}

// keepFree is how many bytes of free buffers are kept of each size but the usual
// one, of which all are.
const keepFree = 1 << 20

// put takes a run back.
func (p *pool) put(r *run) {
	r.file = nil
	r.lines = record.Lines{Rows: r.lines.Rows[:0], Extras: r.lines.Extras[:0]}
	p.mu.Lock()
	if p.sizes[r.class] == readSize+record.TailMax || len(p.free[r.class])*p.sizes[r.class] < keepFree {
		p.free[r.class] = append(p.free[r.class], r)
	}
	p.mu.Unlock()
	p.sem.Release(p.weight(r.class))
}
