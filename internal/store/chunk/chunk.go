// Package chunk turns batches into columns: a Chunk is an immutable run of rows of
// one dataset, sorted by time, as columns.
//
// Up the way internal/store/memtable keeps chunks until they are written and
// internal/store/part writes them as row groups; down the way it stands on
// internal/store/column.
package chunk

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"

	"journalist/internal/record"
	"journalist/internal/store/column"
)

// Chunk is a run of rows. It is immutable and may be read by several goroutines.
type Chunk struct {
	Dataset string
	// Times ascend; rows of equal time stand in the order of their arrival.
	Times []int64
	// Cols are sorted by name.
	Cols []*column.Col
	// Row i's record consists of the fields Shapes[ShapeOf[i]], numbers of Names,
	// in the order they came. Nil ShapeOf: all rows have Shapes[0].
	Names   []record.Name
	Shapes  [][]uint32
	ShapeOf []uint32

	size int64
}

// Len is the number of rows.
func (c *Chunk) Len() int { return len(c.Times) }

// Size is about what the chunk occupies in memory, in bytes.
func (c *Chunk) Size() int64 { return c.size }

// Col returns the column of the field with this dotted name, nil where no row has
// it.
func (c *Chunk) Col(name string) *column.Col {
	i, ok := slices.BinarySearchFunc(c.Cols, name, func(c *column.Col, name string) int { return cmp.Compare(c.Name, name) })
	if !ok {
		return nil
	}
	return c.Cols[i]
}

// Finish sorts the columns and sums up the size: for whoever builds a chunk.
func (c *Chunk) Finish() *Chunk {
	slices.SortFunc(c.Cols, func(a, b *column.Col) int { return cmp.Compare(a.Name, b.Name) })
	c.size = int64(128 + 8*len(c.Times) + 4*len(c.ShapeOf))
	for _, col := range c.Cols {
		c.size += col.Size()
	}
	for _, s := range c.Shapes {
		c.size += int64(24 + 4*len(s))
	}
	for i := range c.Names {
		c.size += int64(64 + len(c.Names[i].Path))
	}
	return c
}

// shape is how some rows of a batch look.
type shape struct {
	number uint32
	cols   []int // which builder takes the row's j-th own field
	fill   []int // builders of common fields that the row does not override
}

type common struct {
	name    record.Name
	value   record.Value
	builder int // -1 while no row overrides it
}

type fromBatch struct {
	batch    *record.Batch
	chunk    *Chunk
	shapes   map[string]*shape
	shapeOf  []*shape
	commons  []common
	builders []column.Builder
	dotted   []string // the builders' names
	builder  map[string]int
	uniform  []int             // of each field the bytes of its texts, if all rows have the same fields
	names    map[string]uint32 // path -> number in chunk.Names
	chunked  map[string]uint32 // key of a chunk shape -> number
}

// FromBatch makes a chunk of a batch's rows; nil when it has none. It copies what
// it keeps.
func FromBatch(b *record.Batch) *Chunk {
	if b.Len() == 0 {
		return nil
	}
	f := &fromBatch{
		batch: b, chunk: &Chunk{Dataset: b.Dataset}, shapes: map[string]*shape{}, shapeOf: make([]*shape, b.Len()),
		builder: map[string]int{}, names: map[string]uint32{}, chunked: map[string]uint32{},
	}
	if f.chunk.Dataset == "" {
		f.chunk.Dataset = record.DefaultDataset
	}
	f.readCommons()
	f.readShapes()
	order := f.order()
	f.fill(order)
	c := f.chunk
	for i := range f.builders {
		if col := f.builders[i].Finish(f.dotted[i], b.Len()); col != nil {
			c.Cols = append(c.Cols, col)
		}
	}
	for _, m := range f.commons {
		if m.builder < 0 {
			c.Cols = append(c.Cols, column.Const(m.name.Dotted, b.Len(), m.value))
		}
	}
	return c.Finish()
}

func (f *fromBatch) readCommons() {
	used := map[string]bool{}
	for j := range f.batch.Commons() {
		id, v := f.batch.Common(j)
		if v.Kind == record.Missing {
			continue
		}
		name := unused(f.batch.Name(id), used)
		used[name.Dotted] = true
		f.commons = append(f.commons, common{name: name, value: v, builder: -1})
	}
}

// unused renames a field whose dotted name the record already has ({"a.b":1} beside
// {"a":{"b":2}}), because a column holds one value a row and none may be lost.
func unused(name record.Name, used map[string]bool) record.Name {
	if !used[name.Dotted] {
		return name
	}
	for i := 2; ; i++ {
		if path := name.Dotted + "#" + strconv.Itoa(i); !used[path] {
			return record.MakeName(path)
		}
	}
}

// readShapes finds out how each row looks. Neighbours mostly look the same.
func (f *fromBatch) readShapes() {
	var key, last []byte
	var current *shape
	type own struct{ ids []uint32 }
	var found []*shape
	var fields []own
	rows := f.batch.Len()
	if sizes, ok := f.batch.Uniform(); ok {
		f.uniform, rows = sizes, 1 // the first is as all are
	}
	for i := range rows {
		key = key[:0]
		for j := range f.batch.Fields(i) {
			id, v := f.batch.Field(i, j)
			if v.Kind == record.Missing {
				continue
			}
			key = binary.LittleEndian.AppendUint32(key, id)
		}
		if current == nil || string(key) != string(last) {
			s, ok := f.shapes[string(key)]
			if !ok {
				s = &shape{}
				f.shapes[string(key)] = s
				ids := make([]uint32, len(key)/4)
				for j := range ids {
					ids[j] = binary.LittleEndian.Uint32(key[4*j:])
				}
				found, fields = append(found, s), append(fields, own{ids})
			}
			current = s
			last = append(last[:0], key...)
		}
		f.shapeOf[i] = current
	}
	resolved := make([][]record.Name, len(found))
	for i, s := range found {
		resolved[i] = f.resolve(s, fields[i].ids)
	}
	// Only now is it known which common fields are overridden anywhere.
	for i, s := range found {
		f.finishShape(s, resolved[i])
	}
}

// resolve gives each own field of a shape its builder.
func (f *fromBatch) resolve(s *shape, ids []uint32) []record.Name {
	used := make(map[string]bool, len(ids))
	names := make([]record.Name, len(ids))
	s.cols = make([]int, len(ids))
	for j, id := range ids {
		name := unused(f.batch.Name(id), used)
		used[name.Dotted] = true
		names[j] = name
		s.cols[j] = f.builderOf(name.Dotted)
	}
	for i := range f.commons {
		if m := &f.commons[i]; m.builder < 0 && used[m.name.Dotted] {
			m.builder = f.builder[m.name.Dotted]
		}
	}
	return names
}

func (f *fromBatch) builderOf(dotted string) int {
	i, ok := f.builder[dotted]
	if !ok {
		i = len(f.builders)
		f.builder[dotted] = i
		f.builders = append(f.builders, column.Builder{})
		f.dotted = append(f.dotted, dotted)
	}
	return i
}

func (f *fromBatch) finishShape(s *shape, own []record.Name) {
	has := make(map[int]bool, len(s.cols))
	for _, b := range s.cols {
		has[b] = true
	}
	var numbers []uint32
	for i := range f.commons {
		m := &f.commons[i]
		if m.builder >= 0 {
			if has[m.builder] {
				continue // the row's own field wins
			}
			s.fill = append(s.fill, i)
		}
		numbers = append(numbers, f.chunk.nameNumber(f.names, m.name))
	}
	for _, name := range own {
		numbers = append(numbers, f.chunk.nameNumber(f.names, name))
	}
	s.number = f.chunk.shapeNumber(f.chunked, numbers)
}

func (c *Chunk) nameNumber(known map[string]uint32, name record.Name) uint32 {
	n, ok := known[name.Path]
	if !ok {
		n = uint32(len(c.Names))
		known[name.Path] = n
		c.Names = append(c.Names, name)
	}
	return n
}

func (c *Chunk) shapeNumber(known map[string]uint32, fields []uint32) uint32 {
	key := make([]byte, 0, 4*len(fields))
	for _, f := range fields {
		key = binary.LittleEndian.AppendUint32(key, f)
	}
	n, ok := known[string(key)]
	if !ok {
		n = uint32(len(c.Shapes))
		known[string(key)] = n
		c.Shapes = append(c.Shapes, fields)
	}
	return n
}

// order returns the rows by time, nil when they already are.
func (f *fromBatch) order() []uint32 {
	n := f.batch.Len()
	sorted := true
	for i := 1; i < n && sorted; i++ {
		sorted = f.batch.Time(i-1) <= f.batch.Time(i)
	}
	if sorted {
		return nil
	}
	refs := make([]Ref, n)
	for i := range refs {
		refs[i] = Ref{Time: f.batch.Time(i), Row: uint32(i)}
	}
	sortByTime(refs)
	order := make([]uint32, n)
	for i, r := range refs {
		order[i] = r.Row
	}
	return order
}

func (f *fromBatch) fill(order []uint32) {
	b, c := f.batch, f.chunk
	c.Times = make([]int64, b.Len())
	if len(c.Shapes) > 1 {
		c.ShapeOf = make([]uint32, b.Len())
	}
	if f.uniform != nil {
		f.fillColumns(order, f.uniform)
		return
	}
	f.reserve()
	for at := range c.Times {
		i := at
		if order != nil {
			i = int(order[at])
		}
		s := f.shapeOf[i]
		c.Times[at] = b.Time(i)
		if c.ShapeOf != nil {
			c.ShapeOf[at] = s.number
		}
		n := 0
		for j := range b.Fields(i) {
			if _, v := b.Field(i, j); v.Kind != record.Missing {
				f.builders[s.cols[n]].Add(uint32(at), v)
				n++
			}
		}
		for _, m := range s.fill {
			f.builders[f.commons[m].builder].Add(uint32(at), f.commons[m].value)
		}
	}
}

// fillColumns is fill for rows that all have the same fields, whose texts take so many
// bytes: one column after the other.
func (f *fromBatch) fillColumns(order []uint32, sizes []int) {
	b, c := f.batch, f.chunk
	row := func(at int) int {
		if order == nil {
			return at
		}
		return int(order[at])
	}
	for at := range c.Times {
		c.Times[at] = b.Time(row(at))
	}
	for j, col := range f.shapeOf[0].cols {
		builder := &f.builders[col]
		builder.Reserve(len(c.Times), sizes[j])
		for at := range c.Times {
			_, v := b.Field(row(at), j)
			builder.Add(uint32(at), v)
		}
	}
}

// reserve tells the builders what will come.
func (f *fromBatch) reserve() {
	counts, sizes := make([]int, len(f.builders)), make([]int, len(f.builders))
	for i, s := range f.shapeOf {
		n := 0
		for j := range f.batch.Fields(i) {
			if _, v := f.batch.Field(i, j); v.Kind != record.Missing {
				counts[s.cols[n]]++
				sizes[s.cols[n]] += column.PlainSize(v)
				n++
			}
		}
		for _, m := range s.fill {
			col := f.commons[m].builder
			counts[col]++
			sizes[col] += column.PlainSize(f.commons[m].value)
		}
	}
	for i := range f.builders {
		f.builders[i].Reserve(counts[i], sizes[i])
	}
}
