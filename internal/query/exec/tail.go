package exec

import (
	"context"
	"errors"
	"fmt"
	"math"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// ErrUnsupported is wrapped by the errors of queries that are right but cannot be
// answered that way.
var ErrUnsupported = errors.New("not possible here")

// Tail yields what is committed from now on and passes the query's filter, until
// the context ends. Of the pipes only where and fields make sense; the time in the
// filter does not count. missed is how many rows a slow yield cost.
func (e *Engine) Tail(ctx context.Context, req lang.Request, yield func(*scan.Block) error) (missed int64, err error) {
	if req.Query == nil {
		return 0, errors.New("exec: a request without a query")
	}
	for _, p := range req.Query.Pipes {
		switch p.(type) {
		case *lang.Where, *lang.Fields:
		default:
			return 0, fmt.Errorf("%w: following takes a filter, where and fields, but not %q", ErrUnsupported, p.String())
		}
	}
	req.From, req.To, req.Limit = 0, 0, 0
	q := &query{e: e, req: req, now: e.o.Clock().In(zone(req.Zone)), tail: true}
	p, err := q.plan(ctx)
	if err != nil {
		return 0, err
	}
	if p.rest != nil || p.steps != nil {
		return 0, fmt.Errorf("%w: following takes where only before fields", ErrUnsupported)
	}
	p.from, p.to = math.MinInt64, math.MaxInt64
	r := p.request(q)
	if r == nil { // no row will ever match
		<-ctx.Done()
		return 0, ctx.Err()
	}
	pr := newProjection(p, r)
	return e.o.Source.Tail(ctx, r, func(b *scan.Block) error { return yield(pr.apply(b)) })
}
