package exec

import (
	"context"
	"fmt"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// special answers the pipe that describes the rows of a scan.
func (q *query) special(ctx context.Context, p *plan) (*table, error) {
	switch pipe := p.special.(type) {
	case *lang.Facets:
		return q.facets(ctx, p, pipe)
	case *lang.Comparison:
		return q.compare(ctx, p, pipe)
	case *lang.Patterns:
		return q.patterns(ctx, p, pipe)
	}
	return nil, fmt.Errorf("exec: pipe %T", p.special)
}

// note adds a remark on a complete answer, once.
func (q *query) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !contains(q.stats.Notes, s) {
		q.stats.Notes = append(q.stats.Notes, s)
	}
}

// sample scans the newest rows of a plan, whole, at most so many of them; more
// tells that there are others.
func (q *query) sample(ctx context.Context, p *plan, rows int, add func(*scan.Block) error) (more bool, err error) {
	r := p.request(q)
	if r == nil {
		return false, nil
	}
	r.Whole = true
	return q.newest(ctx, p, r, rows, add)
}

// newest scans the newest rows of a plan with a request of its columns, at most so
// many of them; more tells that there are others.
func (q *query) newest(ctx context.Context, p *plan, r *scan.Request, rows int, add func(*scan.Block) error) (more bool, err error) {
	r.Order = scan.NewestFirst
	if !p.cuts() {
		r.Limit = rows + 1
	}
	left := rows
	err = q.scanSteps(ctx, "a sample of the newest rows", p, r, func(_ int, b *scan.Block) error {
		if more = b.Len() > left; more {
			b = firstRows(b, left)
		}
		left -= b.Len()
		if err := add(b); err != nil {
			return err
		}
		if more {
			return errEnough
		}
		return nil
	})
	return more, err
}
