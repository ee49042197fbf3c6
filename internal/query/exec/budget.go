package exec

import (
	"sync/atomic"

	"journalist/internal/scan"
)

// budget counts the memory of one query; several goroutines share it.
type budget struct {
	max  int64
	used atomic.Int64
	all  *pool // nil for a query on its own
}

// pool counts the memory of all queries of an engine.
type pool struct {
	max  int64
	used atomic.Int64
}

// take asks for n bytes more (or gives back, when negative).
func (b *budget) take(n int64, what string) error {
	used := b.used.Add(n)
	var together int64
	if b.all != nil {
		together = b.all.used.Add(n)
	}
	switch {
	case n <= 0:
	case used > b.max:
		return &scan.BudgetError{Need: used, Have: b.max, What: what}
	case b.all != nil && together > b.all.max:
		return &scan.BudgetError{Need: together, Have: b.all.max, What: what + ", while other queries hold theirs"}
	}
	return nil
}

// end gives everything back; nobody takes any more.
func (b *budget) end() {
	if b.all != nil {
		b.all.used.Add(-b.used.Swap(0))
	}
}
