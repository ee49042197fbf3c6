package local

import (
	"encoding/binary"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// rows makes records of a chunk's lines. One goroutine uses it.
type rows struct {
	s       *Source
	batch   record.Batch
	in      *input
	message uint32
	offset  uint32
	tags    uint32
	spans   []lineSpan // of the rows, in their chunk
}

// begin begins with a chunk's lines.
func (r *rows) begin(in *input) {
	r.batch.Reset()
	r.in, r.spans = in, r.spans[:0]
	r.message, r.offset, r.tags = r.batch.NameID(record.FieldMessage), r.batch.NameID(record.FieldOffset), r.batch.NameID(record.FieldTags)
}

var splitTags = []byte(`["_split"]`)

// add adds a line: as a record of JSON, or as text where it is none.
func (r *rows) add(line []byte, offset int64, piece bool) {
	if r.in.json && !piece {
		if blank(line) || r.batch.AppendJSON(line, r.in.read) == nil {
			return
		}
	}
	r.batch.AddRow(r.in.read)
	r.batch.Add(r.message, record.StringValue(line))
	r.batch.Add(r.offset, record.IntValue(offset))
	if piece {
		r.batch.Add(r.tags, record.Value{Kind: record.JSON, Bytes: splitTags})
	}
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// common calls f with the fields that the file gives to row i, where it has none of
// its own of that name.
func (r *rows) common(i int, f func(name record.Name, v record.Value) bool) {
	for _, c := range r.in.common {
		if r.in.json && r.has(i, c.name.Dotted) {
			continue
		}
		if !f(c.name, c.value) {
			return
		}
	}
}

var hostName, fileName, messageName = record.MakeName(record.FieldHost), record.MakeName(record.FieldFile), record.MakeName(record.FieldMessage)

func (r *rows) has(i int, name string) bool {
	_, ok := r.batch.Find(i, name)
	return ok
}

// match tells whether row i is in a request.
func (r *rows) match(i int, q *scan.Request) bool {
	t := r.batch.Time(i)
	if t < q.From || t >= q.To {
		return false
	}
	if q.Filter == nil {
		return true
	}
	get := func(name string) (record.Value, bool) {
		switch name {
		case record.FieldTime:
			return record.IntValue(t), true
		case record.FieldDataset:
			return record.StringValue([]byte(record.DefaultDataset)), true
		}
		v, ok := r.batch.Find(i, name)
		if !ok {
			r.common(i, func(n record.Name, c record.Value) bool {
				if n.Dotted == name {
					v, ok = c, true
				}
				return !ok
			})
		}
		return v, ok
	}
	each := func(f func(string, record.Value) bool) {
		for j := range r.batch.Fields(i) {
			id, v := r.batch.Field(i, j)
			if !f(r.batch.Name(id).Dotted, v) {
				return
			}
		}
		r.common(i, func(n record.Name, v record.Value) bool { return f(n.Dotted, v) })
	}
	return scan.Eval(q.Filter, get, each)
}

// builder makes a block of rows that come one after the other. One goroutine uses it;
// the block is valid until reset.
type builder struct {
	whole  bool
	block  scan.Block
	index  map[string]int // of columns, by dotted name
	shape  []record.Name  // of the row that is being made
	shapes map[string]uint32
	key    []byte
	ids    map[string]uint32 // numbers of field paths, for keys of shapes
	bytes  int
}

func (b *builder) reset(q *scan.Request) {
	b.whole = q.Whole
	b.block = scan.Block{Times: b.block.Times[:0], Places: b.block.Places[:0], Columns: b.block.Columns[:0], Shapes: b.block.Shapes[:0], ShapeOf: b.block.ShapeOf[:0], Dataset: record.DefaultDataset}
	if b.index == nil {
		b.index, b.shapes, b.ids = map[string]int{}, map[string]uint32{}, map[string]uint32{}
	}
	clear(b.index)
	clear(b.shapes)
	if len(b.ids) > 4*record.MaxFields {
		clear(b.ids)
	}
	b.bytes = 0
	if !q.Whole {
		for _, name := range q.Columns {
			b.column(name)
		}
	}
}

// column makes a column, in the memory of one that is gone.
func (b *builder) column(name string) *scan.Column {
	n := len(b.block.Columns)
	b.index[name] = n
	if n < cap(b.block.Columns) {
		b.block.Columns = b.block.Columns[:n+1]
	} else {
		b.block.Columns = append(b.block.Columns, scan.Column{})
	}
	c := &b.block.Columns[n]
	*c = scan.Column{Name: name, Kinds: c.Kinds[:0], Offsets: append(c.Offsets[:0], 0), Data: c.Data[:0]}
	return c
}

// row begins a row.
func (b *builder) row(time int64) {
	b.block.Times = append(b.block.Times, time)
	b.shape = b.shape[:0]
}

// add gives the row a field; of two with the same dotted name the first stays.
func (b *builder) add(name record.Name, v record.Value) bool {
	i, ok := b.index[name.Dotted]
	if !ok {
		if !b.whole {
			return true
		}
		b.column(name.Dotted)
		i = len(b.block.Columns) - 1
	}
	c := &b.block.Columns[i]
	row := len(b.block.Times) - 1
	if len(c.Kinds) > row {
		return true
	}
	pad(c, row)
	c.Kinds = append(c.Kinds, v.Kind)
	switch v.Kind {
	case record.Int, record.Bool:
		c.Data = binary.LittleEndian.AppendUint64(c.Data, uint64(v.Int))
	default:
		c.Data = append(c.Data, v.Bytes...)
	}
	c.Offsets = append(c.Offsets, uint32(len(c.Data)))
	b.bytes += len(v.Bytes) + 16
	if b.whole {
		b.shape = append(b.shape, name)
	}
	return true
}

// pad gives the rows before row that lack the field a missing value.
func pad(c *scan.Column, row int) {
	for len(c.Kinds) < row {
		c.Kinds = append(c.Kinds, record.Missing)
		c.Offsets = append(c.Offsets, uint32(len(c.Data)))
	}
}

// endRow ends a row.
func (b *builder) endRow() {
	if !b.whole {
		return
	}
	b.key = b.key[:0]
	for _, n := range b.shape {
		id, ok := b.ids[n.Path]
		if !ok {
			id = uint32(len(b.ids))
			b.ids[n.Path] = id
		}
		b.key = binary.LittleEndian.AppendUint32(b.key, id)
	}
	i, ok := b.shapes[string(b.key)]
	if !ok {
		i = uint32(len(b.block.Shapes))
		b.shapes[string(b.key)] = i
		b.block.Shapes = append(b.block.Shapes, append([]record.Name(nil), b.shape...))
	}
	b.block.ShapeOf = append(b.block.ShapeOf, i)
}

// end returns the block.
func (b *builder) end() *scan.Block {
	n := len(b.block.Times)
	for i := range b.block.Columns {
		c := &b.block.Columns[i]
		if c.Name == record.FieldDataset && !b.whole {
			c.Form, c.Values = scan.Consts, []record.Value{record.StringValue([]byte(record.DefaultDataset))}
		}
		pad(c, n)
		c.Len = n
	}
	if !b.whole {
		b.block.Shapes, b.block.ShapeOf = nil, nil
	}
	return &b.block
}

// places gives the rows of the block their places: by chunks, then by lines.
func (b *builder) places(chunk int) {
	for i := range b.block.Times {
		b.block.Places = append(b.block.Places, uint64(chunk)<<32|uint64(i))
	}
}

// fieldValue is a field that is not the record's own.
type fieldValue struct {
	name  record.Name
	value record.Value
}

// addFrom adds row i of r, with more fields.
func (b *builder) addFrom(r *rows, i int, more ...fieldValue) {
	b.row(r.batch.Time(i))
	for j := range r.batch.Fields(i) {
		id, v := r.batch.Field(i, j)
		b.add(r.batch.Name(id), v)
	}
	r.common(i, b.add)
	for _, m := range more {
		b.add(m.name, m.value)
	}
	b.endRow()
}

// addBlock adds row i of a block.
func (b *builder) addBlock(from *scan.Block, i int) {
	b.row(from.Times[i])
	if !b.whole {
		for j := range from.Columns {
			if v := from.Columns[j].Value(i); v.Kind != record.Missing {
				b.add(record.Name{Dotted: from.Columns[j].Name}, v)
			}
		}
		return
	}
	for _, name := range from.Shapes[from.ShapeOf[i]] {
		for j := range from.Columns {
			if from.Columns[j].Name == name.Dotted {
				b.add(name, from.Columns[j].Value(i))
				break
			}
		}
	}
	b.endRow()
}
