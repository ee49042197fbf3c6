package part

import (
	"fmt"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/chunk"
	"journalist/internal/store/column"
	"journalist/internal/store/filter"
)

// Group reads one row group, keeping what it has read until it is dropped. One
// goroutine uses it at a time. It is a filter.Rows.
type Group struct {
	r      *Reader
	number int
	info   *GroupInfo
	dir    *directory
	// BytesRead counts what was read from the file.
	BytesRead int64

	times   []int64
	cols    map[string]*column.Col
	values  map[string][]record.Value
	filters map[string]column.Bloom
	rest    *rest
	names   []record.Name
	shapes  [][]uint32
	shapeOf []uint32
}

var _ filter.Rows = (*Group)(nil)

// Group begins to read group i.
func (r *Reader) Group(i int) (*Group, error) {
	dir, err := r.directory(i)
	if err != nil {
		return nil, err
	}
	g := &Group{r: r, number: i, info: &r.part.Groups[i], dir: dir, cols: map[string]*column.Col{}}
	g.BytesRead = int64(g.info.dir.Len)
	return g, nil
}

func (g *Group) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("part %s: row group %d: %s: %w", g.r.part.Path, g.number, what, err)
}

func (g *Group) block(ref column.Ref) ([]byte, error) {
	g.BytesRead += int64(ref.Len)
	return g.r.block(g.info, ref)
}

// Len is the number of rows.
func (g *Group) Len() int { return g.info.Rows }

// Dataset is the dataset of all rows.
func (g *Group) Dataset() string { return g.r.part.Dataset }

// Bounds are the first and the last time.
func (g *Group) Bounds() (first, last int64) { return g.info.First, g.info.Last }

// Times returns the rows' times, ascending.
func (g *Group) Times() ([]int64, error) {
	if g.times != nil {
		return g.times, nil
	}
	raw, err := g.block(g.dir.times)
	if err != nil {
		return nil, g.wrap("times", err)
	}
	times, err := column.DecodeInts(raw, g.info.Rows)
	if err == nil && (!slices.IsSorted(times) || times[0] != g.info.First || times[len(times)-1] != g.info.Last) {
		err = fmt.Errorf("%w: times do not ascend from %d to %d", ErrCorrupt, g.info.First, g.info.Last)
	}
	if err != nil {
		return nil, g.wrap("times", err)
	}
	g.times = times
	return times, nil
}

// Names lists the columns.
func (g *Group) Names() ([]string, error) {
	names := make([]string, 0, len(g.dir.entries))
	for i := range g.dir.entries {
		names = append(names, g.dir.entries[i].Name)
	}
	if g.dir.rest.values > 0 {
		r, err := g.pool()
		if err != nil {
			return nil, err
		}
		names = append(names, r.names...)
	}
	return names, nil
}

// Head tells what the directory knows of a column.
func (g *Group) Head(name string) (filter.Head, error) {
	if e := g.dir.entry(name); e != nil {
		return filter.Head{Present: true, Full: e.Sparse == 0, Form: e.Form, Kinds: e.Kinds, Min: e.Min, Max: e.Max}, nil
	}
	if g.dir.rest.values > 0 {
		r, err := g.pool()
		if err != nil {
			return filter.Head{}, err
		}
		if _, ok := slices.BinarySearch(r.names, name); ok {
			return filter.Head{Present: true, Form: scan.Plain, Kinds: g.dir.rest.kinds}, nil
		}
	}
	return filter.Head{}, nil
}

// Values returns the distinct values of a Consts or Dict column.
func (g *Group) Values(name string) ([]record.Value, error) {
	e := g.dir.entry(name)
	switch {
	case e == nil:
		return nil, nil
	case e.Form == scan.Consts:
		return []record.Value{e.Const}, nil
	}
	if c := g.cols[name]; c != nil {
		return c.Values, nil
	}
	if v, ok := g.values[name]; ok {
		return v, nil
	}
	v, err := e.DictValues(g.block)
	if err != nil {
		return nil, g.wrap("column "+name, err)
	}
	if g.values == nil {
		g.values = map[string][]record.Value{}
	}
	g.values[name] = v
	return v, nil
}

// Col returns the column, nil where no row has the field.
func (g *Group) Col(name string) (*column.Col, error) {
	if c, ok := g.cols[name]; ok {
		return c, nil
	}
	var c *column.Col
	if e := g.dir.entry(name); e != nil {
		var err error
		if c, err = e.Decode(g.info.Rows, g.block); err != nil {
			return nil, g.wrap("column "+name, err)
		}
	} else if g.dir.rest.values > 0 {
		r, err := g.pool()
		if err != nil {
			return nil, err
		}
		c = r.col(name)
	}
	g.cols[name] = c
	return c, nil
}

// Absent tells that the column's texts certainly lack one of the words.
func (g *Group) Absent(name string, words []uint64) (bool, error) {
	e := g.dir.entry(name)
	ref := g.dir.rest.filter
	key := name
	if e != nil {
		if e.Filters == 0 {
			return false, nil
		}
		ref = e.Filter
	} else {
		key = ""
	}
	b, ok := g.filters[key]
	if !ok {
		if ref.Len > 0 {
			raw, err := g.block(ref)
			if err != nil {
				return false, g.wrap("word filter of "+name, err)
			}
			b = raw
		}
		if len(b)%32 != 0 {
			return false, g.wrap("word filter of "+name, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(b)))
		}
		if g.filters == nil {
			g.filters = map[string]column.Bloom{}
		}
		g.filters[key] = b
	}
	for _, w := range words {
		if !b.May(w) {
			return true, nil
		}
	}
	return false, nil
}

// pool decodes the rare fields.
func (g *Group) pool() (*rest, error) {
	if g.rest != nil {
		return g.rest, nil
	}
	r, err := g.readPool()
	if err != nil {
		return nil, g.wrap("rare fields", err)
	}
	g.rest = r
	return r, nil
}

func (g *Group) readPool() (*rest, error) {
	e, n := &g.dir.rest, g.dir.rest.values
	raw, err := g.block(e.names)
	if err != nil {
		return nil, err
	}
	d := column.NewDecoder(raw)
	r := &rest{starts: []uint32{0}}
	total := uint64(0)
	for count := d.Count(2); count > 0 && d.Err() == nil; count-- {
		r.names = append(r.names, string(d.Bytes()))
		total += d.Uvarint()
		if total > uint64(n) {
			d.Fail("%d rare values, %d expected", total, n)
		}
		r.starts = append(r.starts, uint32(total))
	}
	if d.Err() == nil && (total != uint64(n) || len(d.Data) > 0 || !slices.IsSorted(r.names)) {
		d.Fail("names of %d rare values, %d expected", total, n)
	}
	if d.Err() != nil {
		return nil, d.Err()
	}
	if raw, err = g.block(e.rows); err != nil {
		return nil, err
	}
	if r.rows, err = column.DecodeUint32s(raw, n, uint32(g.info.Rows)); err != nil {
		return nil, err
	}
	for i := range r.names {
		for j := r.starts[i] + 1; j < r.starts[i+1]; j++ {
			if r.rows[j] <= r.rows[j-1] {
				d.Fail("rows of %q do not ascend", r.names[i])
			}
		}
	}
	if d.Err() != nil {
		return nil, d.Err()
	}
	kinds, err := g.block(e.kindOf)
	if err != nil {
		return nil, err
	}
	if raw, err = g.block(e.sizes); err != nil {
		return nil, err
	}
	if r.data, err = g.block(e.data); err != nil {
		return nil, err
	}
	r.offs, r.kinds, err = column.DecodePlain(raw, kinds, r.data, n)
	return r, err
}

// Shapes returns the names and shapes of the group's records and each row's shape,
// as chunk.Chunk has them.
func (g *Group) Shapes() (names []record.Name, shapes [][]uint32, shapeOf []uint32, err error) {
	if g.shapes != nil {
		return g.names, g.shapes, g.shapeOf, nil
	}
	raw, err := g.block(g.dir.shapes)
	if err != nil {
		return nil, nil, nil, g.wrap("shapes", err)
	}
	names, shapes, err = decodeShapes(raw, g.dir.nshapes)
	if err != nil {
		return nil, nil, nil, g.wrap("shapes", err)
	}
	if g.dir.shapeOf.Len > 0 {
		if raw, err = g.block(g.dir.shapeOf); err == nil {
			shapeOf, err = column.DecodeUint32s(raw, g.info.Rows, uint32(len(shapes)))
		}
		if err != nil {
			return nil, nil, nil, g.wrap("shapes", err)
		}
	}
	g.names, g.shapes, g.shapeOf = names, shapes, shapeOf
	return names, shapes, shapeOf, nil
}

// Chunk decodes the whole group.
func (g *Group) Chunk() (*chunk.Chunk, error) {
	c := &chunk.Chunk{Dataset: g.Dataset()}
	var err error
	if c.Times, err = g.Times(); err != nil {
		return nil, err
	}
	if c.Names, c.Shapes, c.ShapeOf, err = g.Shapes(); err != nil {
		return nil, err
	}
	names, err := g.Names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		col, err := g.Col(name)
		if err != nil {
			return nil, err
		}
		if col != nil {
			c.Cols = append(c.Cols, col)
		}
	}
	return c.Finish(), nil
}

// Forget drops the decoded columns, keeping the times.
func (g *Group) Forget() {
	g.cols = map[string]*column.Col{}
	g.values, g.filters, g.rest = nil, nil, nil
}
