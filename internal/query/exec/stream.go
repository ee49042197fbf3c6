package exec

import (
	"context"

	"journalist/internal/record"
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

// projection turns the blocks of a scan into those of the answer. One goroutine
// uses it.
type projection struct {
	keep []string
	drop map[string]bool
	view view
	out  scan.Block
}

// newProjection also tells the request which columns are needed.
func newProjection(p *plan, r *scan.Request) *projection {
	pr := &projection{keep: p.keep, drop: p.drop}
	r.Columns, r.Whole = p.source(p.keep, p.keep == nil)
	return pr
}

// run makes a projection a runner.
func (pr *projection) run(b *scan.Block) (*scan.Block, error) { return pr.apply(b), nil }

func (pr *projection) apply(b *scan.Block) *scan.Block {
	switch {
	case pr.keep != nil:
		return pr.kept(b)
	case len(pr.drop) > 0:
		return pr.dropped(b)
	}
	return b
}

func (pr *projection) kept(b *scan.Block) *scan.Block {
	n := b.Len()
	pr.view.reset(b)
	pr.out = scan.Block{Dataset: b.Dataset, Columns: pr.out.Columns[:0]}
	for _, name := range pr.keep {
		if name == record.FieldTime && b.Times != nil {
			pr.out.Columns = append(pr.out.Columns, scan.Column{Name: name, Form: scan.Ints, Time: true, Len: n, Ints: b.Times})
			continue
		}
		if c := pr.view.column(name); c != nil {
			pr.out.Columns = append(pr.out.Columns, *c)
		} else {
			pr.out.Columns = append(pr.out.Columns, scan.Column{Name: name, Form: scan.Consts, Len: n, Values: make([]record.Value, 1)})
		}
	}
	return &pr.out
}

// dropped leaves columns out. The time of a whole row stays in any case.
func (pr *projection) dropped(b *scan.Block) *scan.Block {
	pr.out = scan.Block{Times: b.Times, ShapeOf: b.ShapeOf, Dataset: b.Dataset, Columns: pr.out.Columns[:0], Shapes: pr.out.Shapes[:0]}
	for _, c := range b.Columns {
		if !pr.drop[c.Name] {
			pr.out.Columns = append(pr.out.Columns, c)
		}
	}
	for _, s := range b.Shapes {
		pr.out.Shapes = append(pr.out.Shapes, dropNames(s, pr.drop))
	}
	return &pr.out
}

func dropNames(shape []record.Name, drop map[string]bool) []record.Name {
	kept := make([]record.Name, 0, len(shape))
	for _, n := range shape {
		if !drop[n.Dotted] {
			kept = append(kept, n)
		}
	}
	return kept
}
