package part

import (
	"fmt"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/chunk"
	"journalist/internal/store/column"
	"journalist/internal/store/filter"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
	"journalist/internal/store/texts"
	"journalist/internal/store/words"
)

// Group reads one row group, keeping what it has read until it is dropped. One
// goroutine uses it at a time. It is a filter.Rows.
type Group struct {
	r      *Reader
	number int
	info   *GroupInfo
	dir    *directory
	src    *cached
	// BytesRead counts what was read from the file.
	BytesRead int64

	times     []int64
	cols      map[string]*column.Col
	values    map[string][]record.Value
	taken     map[string]bool // columns that Take was asked for
	rareNames *rareNames
	rest      *rareValues
	names     []record.Name
	shapes    [][]uint32
	shapeOf   []uint32
}

var _ filter.Rows = (*Group)(nil)

// Group begins to read group i.
func (r *Reader) Group(i int) (*Group, error) {
	dir, err := r.directory(i)
	if err != nil {
		return nil, err
	}
	g := &Group{r: r, number: i, info: &r.part.Groups[i], dir: dir, cols: map[string]*column.Col{}}
	g.src = &cached{group: g, opened: map[int][]byte{}}
	return g, nil
}

func (g *Group) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("part %s: row group %d: %s: %w", g.r.part.Path, g.number, what, err)
}

func (g *Group) block(ref stream.Ref) ([]byte, error) {
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
	times, err := g.dir.times.Decode(g.src, nil)
	if err == nil && (!ascend(times) || times[0] != g.info.First || times[len(times)-1] != g.info.Last) {
		err = stream.Corrupt("times do not ascend from %d to %d", g.info.First, g.info.Last)
	}
	if err != nil {
		return nil, g.wrap("times", err)
	}
	g.times = times
	return times, nil
}

// ascend tells whether no time is before the one before it.
func ascend(times []int64) bool {
	last, ok := times[0], true
	for _, t := range times {
		if t < last {
			ok = false
		}
		last = t
	}
	return ok
}

// Names lists the columns.
func (g *Group) Names() ([]string, error) {
	names := make([]string, 0, len(g.dir.entries))
	for i := range g.dir.entries {
		names = append(names, g.dir.entries[i].Name)
	}
	rare, err := g.rare()
	if err != nil {
		return nil, err
	}
	return append(names, rare.names...), nil
}

// Head tells what the directory knows of a column.
func (g *Group) Head(name string) (filter.Head, error) {
	if e := g.dir.entry(name); e != nil {
		return filter.Head{Present: true, Full: e.Full(), Form: e.Form, Kinds: e.Kinds, Min: e.Min, Max: e.Max}, nil
	}
	rare, err := g.rare()
	if err != nil {
		return filter.Head{}, err
	}
	if _, ok := slices.BinarySearch(rare.names, name); ok {
		return filter.Head{Present: true, Form: scan.Plain, Kinds: g.dir.rest.pool.Kinds}, nil
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
	v, err := g.dictValues(e)
	if err != nil {
		return nil, err
	}
	if g.values == nil {
		g.values = map[string][]record.Value{}
	}
	g.values[name] = v
	return v, nil
}

func (g *Group) dictValues(e *column.Entry) ([]record.Value, error) {
	cache := g.r.part.cache
	key := cacheKey{g.r.part.id, g.number, cacheValues, e.Number()}
	if v, ok := cache.get(key).([]record.Value); ok {
		return v, nil
	}
	v, err := e.DictValues(g.src)
	if err != nil {
		return nil, g.wrap("column "+e.Name, err)
	}
	cost := int64(48 * len(v))
	for i := range v {
		cost += int64(len(v[i].Bytes))
	}
	cache.put(key, v, cost)
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
		if c, err = g.decode(e); err != nil {
			return nil, err
		}
	} else {
		rare, err := g.rare()
		if err != nil {
			return nil, err
		}
		if i, ok := slices.BinarySearch(rare.names, name); ok {
			p, err := g.pool()
			if err != nil {
				return nil, err
			}
			c = p.col(rare, i)
		}
	}
	g.cols[name] = c
	return c, nil
}

// decode reads a column, or has it from the cache.
func (g *Group) decode(e *column.Entry) (*column.Col, error) {
	cache := g.r.part.cache
	key := cacheKey{g.r.part.id, g.number, cacheColumn, e.Number()}
	if e.Form == scan.Plain {
		if c := cache.column(key); c != nil {
			return c, nil
		}
	}
	var known column.Opened
	var err error
	switch e.Form {
	case scan.Dict:
		known.Values, err = g.dictValues(e)
	case scan.Plain:
		known.Node, err = g.node(e)
	}
	if err != nil {
		return nil, err
	}
	c, err := e.Decode(g.info.Rows, g.src, known)
	if err != nil {
		return nil, g.wrap("column "+e.Name, err)
	}
	if e.Form == scan.Plain {
		cache.putColumn(key, c)
	}
	return c, nil
}

// Take returns the values of some rows, ascending or descending, as scan.Block has
// them. Of a column of texts only what the rows need is decoded, unless it is asked
// for again.
func (g *Group) Take(name string, rows []uint32) (scan.Column, error) {
	e := g.dir.entry(name)
	_, decoded := g.cols[name]
	if decoded || g.taken[name] || e == nil || !e.Texts() || len(rows) > e.Len/4 {
		c, err := g.Col(name)
		if err != nil {
			return scan.Column{}, err
		}
		return c.Take(name, rows), nil
	}
	if g.taken == nil {
		g.taken = map[string]bool{}
	}
	g.taken[name] = true
	slots, absent := rows, 0
	if !e.Full() {
		have, err := e.DecodeRows(g.info.Rows, g.src)
		if err != nil {
			return scan.Column{}, g.wrap("column "+name, err)
		}
		slots, absent = column.Slots(have, rows)
	}
	v, err := g.takeTexts(e, slots, absent)
	if err != nil {
		return scan.Column{}, err
	}
	return column.Spread(name, v, slots, absent), nil
}

// takeTexts decodes the values of a column of texts at these slots but for the absent,
// in their order.
func (g *Group) takeTexts(e *column.Entry, slots []uint32, absent int) (texts.Vector, error) {
	n, err := g.node(e)
	if err != nil {
		return texts.Vector{}, err
	}
	if absent > 0 {
		present := make([]uint32, 0, len(slots)-absent)
		for _, s := range slots {
			if s != column.None {
				present = append(present, s)
			}
		}
		slots = present
	}
	descending := len(slots) > 1 && slots[0] > slots[1]
	if descending {
		slots = slices.Clone(slots)
		slices.Reverse(slots)
	}
	v, err := n.Take(g.src, slots)
	if err != nil || !descending {
		return v, g.wrap("column "+e.Name, err)
	}
	var back texts.Vector
	back.Reset()
	for i := v.Len() - 1; i >= 0; i-- {
		back.Add(v.At(i))
	}
	return back, nil
}

// Counts returns the distinct values of a column with the number of rows that have
// each; ok only where that is known without reading the rows.
func (g *Group) Counts(name string) (values []record.Value, counts []int64, ok bool, err error) {
	e := g.dir.entry(name)
	switch {
	case e == nil:
		return nil, nil, false, nil
	case e.Form == scan.Consts:
		return []record.Value{e.Const}, []int64{int64(e.Len)}, true, nil
	case e.Form != scan.Dict:
		return nil, nil, false, nil
	}
	if counts, err = e.Counts(g.src); err != nil || counts == nil {
		return nil, nil, false, g.wrap("column "+name, err)
	}
	values, err = g.Values(name)
	return values, counts, err == nil, err
}

// node opens the structure of a column of texts.
func (g *Group) node(e *column.Entry) (*text.Node, error) {
	cache := g.r.part.cache
	key := cacheKey{g.r.part.id, g.number, cacheNode, e.Number()}
	if n, ok := cache.get(key).(*text.Node); ok {
		return n, nil
	}
	n, err := e.Node(g.src)
	if err != nil {
		return nil, g.wrap("column "+e.Name, err)
	}
	cache.put(key, n, nodeCost(n, g.dir.table.Size(stream.ID(e.Number()))))
	return n, nil
}

// nodeCost is about what a node takes in memory whose structure has so many bytes.
func nodeCost(n *text.Node, structure int) int64 {
	cost := int64(8 * structure)
	for ; n.Kind() == text.Dict; n = n.Entries() {
	}
	if n.Kind() == text.Template {
		static, _ := n.Static()
		cost += int64(2*len(static) + 200*len(n.Templates()))
	}
	return cost
}

// Texts returns a column of strings as it is encoded, nil where the column is none.
func (g *Group) Texts(name string) (*filter.Texts, error) {
	e := g.dir.entry(name)
	if e == nil || !e.Texts() {
		return nil, nil
	}
	n, err := g.node(e)
	if err != nil {
		return nil, err
	}
	t := &filter.Texts{Node: n, Source: g.src}
	if !e.Full() {
		t.Rows = func() ([]uint32, error) {
			rows, err := e.DecodeRows(g.info.Rows, g.src)
			return rows, g.wrap("column "+name, err)
		}
	}
	t.Filter, err = g.filter(e)
	return t, g.wrap("column "+name, err)
}

// Denies tells that certainly no text of the column, or of any column where field is
// "", has all the keys.
func (g *Group) Denies(field string, keys []words.Key) (bool, error) {
	if len(keys) == 0 {
		return false, nil
	}
	if field != "" {
		e := g.dir.entry(field)
		switch {
		case e == nil: // a rare field, or none at all
			e = &g.dir.rest.pool
		case e.Form == scan.Ints:
			return false, nil
		case e.Form == scan.Dict || e.Texts(): // its own filter, if any, knows only a part
			return g.deny(keys, e)
		}
		f, err := g.filter(e)
		if err != nil || f == nil {
			return false, err
		}
		return !f.MayAll(keys), nil
	}
	all := make([]*column.Entry, 0, len(g.dir.entries)+1)
	for i := range g.dir.entries {
		if e := &g.dir.entries[i]; e.Form == scan.Plain && e.Kinds&column.Text != 0 {
			all = append(all, e)
		}
	}
	if g.dir.rest.values > 0 {
		all = append(all, &g.dir.rest.pool)
	}
	return g.deny(keys, all...)
}

// deny tells that one of the keys is neither among the words of what no column's own
// filter knows nor in the filter of one of the columns.
func (g *Group) deny(keys []words.Key, columns ...*column.Entry) (bool, error) {
	common, err := g.common()
	if err != nil {
		return false, err
	}
next:
	for _, k := range keys {
		if common.May(k) {
			continue
		}
		for _, e := range columns {
			f, err := g.filter(e)
			if err != nil {
				return false, err
			}
			if f != nil && f.May(k) {
				continue next
			}
		}
		return true, nil
	}
	return false, nil
}

// common reads the filter over what no column's own filter knows.
func (g *Group) common() (*words.Filter, error) {
	cache := g.r.part.cache
	key := cacheKey{g.r.part.id, g.number, cacheCommon, 0}
	if f, ok := cache.get(key).(*words.Filter); ok {
		return f, nil
	}
	f, err := g.dir.common.Filter(g.src)
	if err != nil {
		return nil, g.wrap("common word filter", err)
	}
	cache.put(key, f, int64(len(f.Words)+len(f.Grams)))
	return f, nil
}

// filter reads the filter of a column, nil where it has none. Filters are kept: every
// search for words asks them.
func (g *Group) filter(e *column.Entry) (*words.Filter, error) {
	cache := g.r.part.cache
	key := cacheKey{g.r.part.id, g.number, cacheFilter, e.Number()}
	if f, ok := cache.get(key).(*words.Filter); ok {
		return f, nil
	}
	f, err := e.Filter(g.src)
	if err == nil && f != nil {
		cache.put(key, f, int64(len(f.Words)+len(f.Grams)))
	}
	return f, g.wrap("word filter of "+e.Name, err)
}

// rare lists the rare fields.
func (g *Group) rare() (*rareNames, error) {
	if g.dir.rest.values == 0 {
		return &rareNames{}, nil
	}
	if g.rareNames != nil {
		return g.rareNames, nil
	}
	cache := g.r.part.cache
	key := cacheKey{g.r.part.id, g.number, cacheRare, 0}
	if r, ok := cache.get(key).(*rareNames); ok {
		g.rareNames = r
		return r, nil
	}
	raw, err := g.src.Stream(g.dir.rest.names)
	if err != nil {
		return nil, g.wrap("names of rare fields", err)
	}
	r, err := decodeRare(raw, g.dir.rest.values)
	if err != nil {
		return nil, g.wrap("names of rare fields", err)
	}
	cache.put(key, r, int64(len(raw)+20*len(r.names)))
	g.rareNames = r
	return r, nil
}

// pool decodes the values of the rare fields.
func (g *Group) pool() (*rareValues, error) {
	if g.rest != nil {
		return g.rest, nil
	}
	names, err := g.rare()
	if err != nil {
		return nil, err
	}
	e := &g.dir.rest
	r := &rareValues{}
	if r.rows, err = e.rows.DecodeCodes(g.src, uint32(g.info.Rows), nil); err == nil {
		err = names.checkRows(r.rows)
	}
	if err == nil {
		r.values, err = e.pool.Decode(e.values, g.src, column.Opened{})
	}
	if err != nil {
		return nil, g.wrap("rare fields", err)
	}
	g.rest = r
	return r, nil
}

// Shapes returns the names and shapes of the group's records and each row's shape,
// as chunk.Chunk has them.
func (g *Group) Shapes() (names []record.Name, shapes [][]uint32, shapeOf []uint32, err error) {
	if g.shapes != nil {
		return g.names, g.shapes, g.shapeOf, nil
	}
	raw, err := g.src.Stream(g.dir.shapes)
	if err != nil {
		return nil, nil, nil, g.wrap("shapes", err)
	}
	names, shapes, err = decodeShapes(raw, g.dir.nshapes)
	if err != nil {
		return nil, nil, nil, g.wrap("shapes", err)
	}
	if g.dir.shapeOf != nil {
		if shapeOf, err = g.dir.shapeOf.DecodeCodes(g.src, uint32(len(shapes)), nil); err != nil {
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

// ForgetColumns drops the decoded columns, keeping the times and the rare fields,
// which all stand together.
func (g *Group) ForgetColumns() {
	g.cols = map[string]*column.Col{}
	g.values, g.taken = nil, nil
	g.src.opened = map[int][]byte{}
}

// Forget drops the decoded columns, keeping the times.
func (g *Group) Forget() {
	g.ForgetColumns()
	g.rest = nil
}
