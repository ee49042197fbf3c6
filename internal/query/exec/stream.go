package exec

import (
	"context"

	"journalist/internal/scan"
)

// stream yields rows as they come, in the order of their time.
func (q *query) stream(ctx context.Context, p *plan, yield func(*scan.Block) error) error {
	r := p.request(q)
	if r == nil {
		return nil
	}
	r.Order, _ = p.timeOrder()
	if !p.cuts() {
		r.Limit = p.limit
	}
	pr, left := newProjection(p, r), p.limit
	return q.scanSteps(ctx, scanRows, p, r, func(_ int, b *scan.Block) error {
		if left > 0 {
			b = firstRows(b, left)
			left -= b.Len()
		}
		if err := yield(pr.apply(b)); err != nil {
			return err
		}
		if p.limit > 0 && left == 0 {
			return errEnough
		}
		return nil
	})
}
