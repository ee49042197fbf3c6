package exec

import (
	"context"
	"math"
	"slices"

	"journalist/internal/scan"
)

// FieldNamer is a Source that knows which fields its rows have without reading them.
type FieldNamer interface {
	// FieldNames returns the names of the fields that rows of the request may have,
	// sorted, and perhaps some that none of them has; of very many rows perhaps
	// only those of the newest.
	FieldNames(ctx context.Context, r *scan.Request) ([]string, error)
}

// facetsOfMany counts the values of more rows than were looked at whole. Fields whose
// values do not come again are not read: what the sample says of them is scaled.
// With an error comes what was counted until then.
func (q *query) facetsOfMany(ctx context.Context, p *plan, sample *facetCounter) (*facetCounter, error) {
	var idle []*facetField
	var names []string
	for name, f := range sample.fields {
		if f.idle(sample.rows) {
			idle = append(idle, f)
		} else {
			names = append(names, name)
		}
	}
	r := p.request(q)
	more, err := q.otherFields(ctx, r, sample)
	if err != nil {
		return sample, err
	}
	slices.Sort(names)
	names = append(names, more[:min(len(more), max(0, facetColumns-len(names)))]...)
	r.Columns = columns(names)
	all, err := q.countFacets(ctx, p, r)
	for _, f := range idle {
		f.sort()
		f.score = f.usefulness(sample.rows)
		scale := float64(all.rows) / float64(sample.rows)
		f.estimate = int64(math.Round(float64(f.different()) * scale))
		f.count = int64(math.Round(float64(f.count) * scale))
		all.fields[f.name] = f
	}
	return all, err
}

// idle tells whether the values of a field hardly come again: most are different, and
// not even the commonest is common.
func (f *facetField) idle(rows int64) bool {
	if 2*f.distinct.count() <= f.count || f.count < facetSample/10 {
		return false
	}
	for _, v := range f.kept {
		if 100*v.count > rows {
			return false
		}
	}
	return true
}

// otherFields are those that the sample does not have.
func (q *query) otherFields(ctx context.Context, r *scan.Request, sample *facetCounter) ([]string, error) {
	src, ok := q.e.o.Source.(FieldNamer)
	if !ok {
		return nil, nil
	}
	names, err := src.FieldNames(ctx, r)
	return slices.DeleteFunc(names, func(n string) bool { return sample.fields[n] != nil }), err
}

// countFacets counts the values of some columns: by several workers in any order where
// all rows count, else from the newest on.
func (q *query) countFacets(ctx context.Context, p *plan, r *scan.Request) (*facetCounter, error) {
	if n, ok := q.rowsOf(ctx, r); !ok || n > facetRows {
		c := newFacetCounter(&q.budget)
		more, err := q.newest(ctx, p, r, facetRows, c.add)
		if more {
			q.note(facetNote, facetRows)
		}
		return c, err
	}
	r.Parallel = q.e.o.Parallel
	workers := make([]*facetCounter, r.Parallel)
	for i := range workers {
		workers[i] = newFacetCounter(&q.budget)
	}
	err := q.scanSteps(ctx, scanRows, p, r, func(w int, b *scan.Block) error { return workers[w].add(b) })
	for _, w := range workers[1:] {
		if merr := workers[0].merge(w); err == nil {
			err = merr
		}
	}
	return workers[0], err
}

// rowsOf counts the rows of a request where the source can tell. Of a time with very
// many rows, which headers count at once, those that the filter finds are not counted:
// the newest ones may be found long before that.
func (q *query) rowsOf(ctx context.Context, r *scan.Request) (int64, bool) {
	const few = 8 * facetRows
	a := &scan.Aggregation{Request: *r, Aggs: []scan.Agg{{Func: "count"}}}
	a.Request.Parallel = q.e.o.Parallel
	a.Request.Filter = nil
	n, ok := q.countOf(ctx, a)
	if !ok || n > few || r.Filter == nil {
		return n, ok
	}
	a.Request.Filter = r.Filter
	return q.countOf(ctx, a)
}

func (q *query) countOf(ctx context.Context, a *scan.Aggregation) (int64, bool) {
	a.Request.Trace = q.tracing(&a.Request, "how many rows there are")
	groups, st, ok, err := q.e.o.Source.Aggregate(ctx, a)
	a.Request.Trace.Answered(answered(ok))
	q.cost(st)
	if err != nil || !ok || len(groups) != 1 {
		return 0, false
	}
	return groups[0].Values[0].Int, true
}

// merge adds what another worker counted.
func (c *facetCounter) merge(o *facetCounter) error {
	c.rows += o.rows
	for name, from := range o.fields {
		f := c.fields[name]
		if f == nil {
			c.fields[name] = from
			continue
		}
		f.count += from.count
		f.floor += from.floor
		for k, n := range from.kinds {
			f.kinds[k] += n
		}
		if err := f.distinct.merge(&from.distinct, c.budget); err != nil {
			return err
		}
		for _, v := range from.kept {
			if len(f.slots) > 0 {
				if at, ok := f.slot(v.hash); ok {
					f.kept[at].count += v.count
					continue
				}
			}
			if err := c.keep(f, v); err != nil {
				return err
			}
		}
	}
	return nil
}
