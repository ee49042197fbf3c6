package exec

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// collect gathers the rows of a scan in memory: those that the sort puts first,
// or those that come first in time.
func (q *query) collect(ctx context.Context, p *plan) (*table, error) {
	t := &table{whole: p.keep == nil, placed: true}
	for _, n := range p.keep {
		t.cols = append(t.cols, tableColumn{name: n, time: n == record.FieldTime})
	}
	r := p.request(q)
	if r == nil {
		return t, nil
	}
	if t.whole {
		r.Whole = true
	} else {
		r.Columns = slices.Concat(p.keep, sortFields(p.sort))
	}
	r.Columns, r.Whole = p.source(r.Columns, r.Whole)
	workers := 1
	order, byTime := p.timeOrder()
	r.Order = order
	switch {
	case !byTime:
		workers = q.e.o.Parallel
		r.Parallel, r.Places = workers, true
	case !p.cuts():
		r.Limit = p.limit
	}
	collectors := make([]*collector, workers)
	for i := range collectors {
		collectors[i] = &collector{plan: p, budget: &q.budget, whole: t.whole, byTime: byTime, newest: order == scan.NewestFirst}
	}
	err := q.scanSteps(ctx, scanRows, p, r, func(w int, b *scan.Block) error { return collectors[w].add(b) })
	if err != nil {
		return nil, err
	}
	var all []sorted
	for _, c := range collectors {
		all = append(all, c.rows...)
	}
	if !byTime {
		slices.SortFunc(all, func(a, b sorted) int { return compareSorted(p.sort, &a, &b) })
	}
	if p.limit > 0 && len(all) > p.limit {
		all = all[:p.limit]
	}
	t.rows = make([]tableRow, len(all))
	for i := range all {
		t.rows[i] = all[i].row
	}
	if p.drop != nil {
		t.project(p.choice)
	}
	return t, nil
}

// sorted is a row with its sort keys.
type sorted struct {
	keys []record.Value
	row  tableRow
}

// compareSorted orders by the keys, then as rows come that are not sorted: newest
// first, and of equal time the one that arrived last. What is sorted by time upwards
// is in the order of arrival.
func compareSorted(by []lang.SortKey, a, b *sorted) int {
	if c := compareKeys(by, a.keys, b.keys); c != 0 {
		return c
	}
	c := cmp.Or(cmp.Compare(b.row.time, a.row.time), cmp.Compare(b.row.place, a.row.place))
	if key := timeKey(by); key != nil && !key.Down {
		return -c
	}
	return c
}

// timeKey is the key that is the time of records, nil where there is none.
func timeKey(by []lang.SortKey) *lang.SortKey {
	for i := range by {
		if by[i].Field == record.FieldTime {
			return &by[i]
		}
	}
	return nil
}

func compareContent(a, b record.Value) int {
	return cmp.Or(compareValues(a, b), cmp.Compare(a.Kind, b.Kind))
}

// collector keeps the best rows of one worker: a heap with the worst one on top
// once there are as many as wanted.
type collector struct {
	plan   *plan
	budget *budget
	whole  bool
	byTime bool
	newest bool // with byTime: first
	rows   []sorted

	view   view
	keys   []record.Value
	names  map[string]record.Name
	shapes map[string][]record.Name
	known  map[*record.Name][]record.Name // of this block
	key    []byte
}

func (c *collector) add(b *scan.Block) error {
	c.view.reset(b)
	c.known = map[*record.Name][]record.Name{}
	limit := c.plan.limit
	for i := range c.view.n {
		if c.byTime {
			if limit > 0 && len(c.rows) == limit {
				return errEnough
			}
			s := c.copyRow(i, nil)
			if s.row.place = uint64(len(c.rows)); c.newest {
				s.row.place = ^s.row.place
			}
			if err := c.budget.take(s.size(), "rows in memory"); err != nil {
				return err
			}
			c.rows = append(c.rows, s)
			continue
		}
		c.keys = c.keys[:0]
		for _, k := range c.plan.sort {
			v, _ := c.view.value(k.Field, i)
			c.keys = append(c.keys, v)
		}
		full := limit > 0 && len(c.rows) == limit
		if full {
			// Compared before it is copied, for most rows do not get in.
			if s := (sorted{c.keys, tableRow{time: b.Times[i], place: place(b, i)}}); compareSorted(c.plan.sort, &s, &c.rows[0]) >= 0 {
				continue
			}
		}
		s := c.copyRow(i, c.keys)
		s.row.place = place(b, i)
		n := s.size()
		if !full {
			if err := c.budget.take(n, "rows to sort"); err != nil {
				return err
			}
			c.push(s)
			continue
		}
		if err := c.budget.take(n-c.rows[0].size(), "rows to sort"); err != nil {
			return err
		}
		c.rows[0] = s
		c.down()
	}
	return nil
}

// place is that of row i; a source that knows of none leaves equal rows as they come.
func place(b *scan.Block, i int) uint64 {
	if b.Places == nil {
		return 0
	}
	return b.Places[i]
}

func (c *collector) push(s sorted) {
	c.rows = append(c.rows, s)
	if c.plan.limit == 0 {
		return // sorted at the end
	}
	for i := len(c.rows) - 1; i > 0; {
		up := (i - 1) / 2
		if compareSorted(c.plan.sort, &c.rows[i], &c.rows[up]) <= 0 {
			return
		}
		c.rows[i], c.rows[up] = c.rows[up], c.rows[i]
		i = up
	}
}

func (c *collector) down() {
	for i := 0; ; {
		worst := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(c.rows); child++ {
			if compareSorted(c.plan.sort, &c.rows[child], &c.rows[worst]) > 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		c.rows[i], c.rows[worst] = c.rows[worst], c.rows[i]
		i = worst
	}
}

func (s *sorted) size() int64 {
	n := int64(96)
	for _, v := range s.keys {
		n += size(v)
	}
	for _, v := range s.row.values {
		n += size(v)
	}
	return n
}

// copyRow copies row i and its keys out of the block.
func (c *collector) copyRow(i int, keys []record.Value) sorted {
	s := sorted{keys: make([]record.Value, len(keys))}
	for j, k := range keys {
		s.keys[j] = clone(k)
	}
	b := c.view.b
	s.row.time = b.Times[i]
	if !c.whole {
		s.row.values = make([]record.Value, len(c.plan.keep))
		for j, n := range c.plan.keep {
			v, _ := c.view.value(n, i)
			s.row.values[j] = clone(v)
		}
		return s
	}
	s.row.dataset = strings.Clone(b.Dataset)
	s.row.shape = c.shape(b.Shapes[b.ShapeOf[i]])
	s.row.values = make([]record.Value, len(s.row.shape))
	for j, n := range s.row.shape {
		v, _ := c.view.value(n.Dotted, i)
		s.row.values[j] = clone(v)
	}
	return s
}

// shape returns the collector's own copy of a shape, one for all rows that look so.
func (c *collector) shape(names []record.Name) []record.Name {
	if len(names) == 0 {
		return nil
	}
	if s, ok := c.known[&names[0]]; ok && len(s) == len(names) {
		return s
	}
	c.key = c.key[:0]
	for _, n := range names {
		c.key = append(binary.AppendUvarint(c.key, uint64(len(n.Path))), n.Path...)
	}
	s, ok := c.shapes[string(c.key)]
	if !ok {
		if c.shapes == nil {
			c.shapes, c.names = map[string][]record.Name{}, map[string]record.Name{}
		}
		for _, n := range names {
			own, ok := c.names[n.Path]
			if !ok {
				own = cloneName(n)
				c.names[own.Path] = own
			}
			s = append(s, own)
		}
		c.shapes[string(c.key)] = s
	}
	c.known[&names[0]] = s
	return s
}
