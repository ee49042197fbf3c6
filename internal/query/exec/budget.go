package exec

import (
	"sync/atomic"

	"journalist/internal/scan"
)

// budget counts the memory of one query; several goroutines share it.
type budget struct {
	max  int64
	used atomic.Int64
}

// take asks for n bytes more (or gives back, when negative).
func (b *budget) take(n int64, what string) error {
	if used := b.used.Add(n); used > b.max && n > 0 {
		return &scan.BudgetError{Need: used, Have: b.max, What: what}
	}
	return nil
}
