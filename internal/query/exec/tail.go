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
// the context ends. Of the pipes those are possible that look at one row at a time
// (lang.Query.CanFollow); the time in the filter does not count. Rows that a slow
// yield cost are told by blocks without rows (scan.Block.Missed), and those that were
// not, by missed.
func (e *Engine) Tail(ctx context.Context, req lang.Request, yield func(*scan.Block) error) (missed int64, err error) {
	if req.Query == nil {
		return 0, errors.New("exec: a request without a query")
	}
	if err := req.Query.CanFollow(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	req.From, req.To, req.Limit = 0, 0, 0
	q := &query{e: e, req: req, now: e.o.Clock().In(zone(req.Zone)), tail: true}
	q.budget.max, q.budget.all = e.o.MaxBytes, &e.all
	defer q.budget.end()
	p, err := q.plan(ctx)
	if err != nil {
		return 0, err
	}
	p.from, p.to = math.MinInt64, math.MaxInt64
	r := p.request(q)
	if r == nil { // no row will ever match
		<-ctx.Done()
		return 0, ctx.Err()
	}
	rest, err := q.follow(p.rest)
	if err != nil {
		return 0, err
	}
	work := append(append(p.chain(), newProjection(p, r)), rest...)
	return e.o.Source.Tail(ctx, r, func(b *scan.Block) error {
		if b.Missed > 0 {
			if err := yield(&scan.Block{Missed: b.Missed}); err != nil {
				return err
			}
			rows := *b
			rows.Missed, b = 0, &rows
		}
		if b.Len() == 0 {
			return nil
		}
		b, err := work.apply(b)
		if err != nil || b.Len() == 0 {
			return err
		}
		return yield(b)
	})
}

// follow makes runners of the pipes behind fields, which see what that has left.
func (q *query) follow(pipes []lang.Pipe) (chain, error) {
	var list chain
	for _, pipe := range pipes {
		switch pipe := pipe.(type) {
		case *lang.Where:
			x, err := q.compiler().filter(pipe.Filter)
			if err != nil {
				return nil, err
			}
			list = append(list, (&whereStep{filter: x}).runner())
		case *lang.Extract, *lang.Eval:
			s, err := q.step(pipe)
			if err != nil {
				return nil, err
			}
			list = append(list, s.runner())
		case *lang.Fields:
			list = append(list, &projection{choice: choiceOf(pipe)})
		default: // CanFollow knows better
			return nil, fmt.Errorf("%w: %q", ErrUnsupported, pipe.String())
		}
	}
	return list, nil
}
