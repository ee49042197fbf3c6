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
	pr, chain, left := newProjection(p, r), p.chain(), p.limit
	return q.scan(ctx, scanRows, r, func(b *scan.Block) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := chain.apply(b)
		if err != nil || b.Len() == 0 {
			return err
		}
		if left > 0 {
			b = firstRows(b, left)
			if left -= b.Len(); left == 0 {
				err = errEnough
			}
		}
		if yerr := yield(pr.apply(b)); yerr != nil {
			return yerr
		}
		return err
	})
}
