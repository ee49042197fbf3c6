package lumberjack

import (
	"context"
	"sync"
)

// reservation is what a window is charged when it begins; a window that grows
// beyond it needs one of the largeWindows permits. So the windows of all
// connections together hold at most Options.MaxBytes plus largeWindows times
// Limits.Inflated, and none waits for another that waits for it.
const (
	reservation  = 1 << 20
	largeWindows = 4
)

// budget bounds the bytes of all windows that are not yet durable.
type budget struct {
	mu    sync.Mutex
	max   int64
	held  int64
	freed chan struct{} // closed and replaced when bytes come back
}

func newBudget(max int64) *budget {
	return &budget{max: max, freed: make(chan struct{})}
}

// take waits until n bytes are free; a single taker always gets through.
func (b *budget) take(ctx context.Context, n int64) error {
	for {
		b.mu.Lock()
		if b.held == 0 || b.held+n <= b.max {
			b.held += n
			b.mu.Unlock()
			return nil
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// give returns n bytes; a negative n takes them without waiting.
func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	if n > 0 {
		close(b.freed)
		b.freed = make(chan struct{})
	}
}

func (b *budget) used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}
