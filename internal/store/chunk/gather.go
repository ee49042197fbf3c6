package chunk

import (
	"cmp"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
)

// Concat is Gather of all rows.
func Concat(chunks []*Chunk) *Chunk { return Gather(Order(chunks), chunks) }

// from is a column of one of the chunks that are gathered.
type from struct {
	src uint32
	col *column.Col
}

type gatherer struct {
	refs   []Ref
	chunks []*Chunk
	out    *Chunk
	used   []bool
	// at is each chunk's rows' place in the answer plus one, 0 for rows that are
	// not in it; made when a sparse column first needs it.
	at [][]uint32
}

// Gather makes one chunk of the given rows, in that order, which must be Order's
// (or a part of it). All chunks are of one dataset.
func Gather(refs []Ref, chunks []*Chunk) *Chunk {
	g := &gatherer{refs: refs, chunks: chunks, out: &Chunk{}, used: make([]bool, len(chunks))}
	g.out.Times = make([]int64, len(refs))
	for i, r := range refs {
		g.out.Times[i] = r.Time
		g.used[r.Src] = true
	}
	columns := map[string][]from{}
	for s, c := range chunks {
		if g.used[s] {
			g.out.Dataset = c.Dataset
			for _, col := range c.Cols {
				columns[col.Name] = append(columns[col.Name], from{uint32(s), col})
			}
		}
	}
	for name, list := range columns {
		if col := g.column(name, list); col != nil {
			g.out.Cols = append(g.out.Cols, col)
		}
	}
	g.shapes()
	return g.out.Finish()
}

func (g *gatherer) column(name string, list []from) *column.Col {
	values, sparse := 0, false
	for _, f := range list {
		values += f.col.Len
		sparse = sparse || f.col.Rows != nil
	}
	full := !sparse && len(list) == g.sources()
	if full && list[0].col.Form == scan.Consts && same(list) {
		return column.Const(name, len(g.refs), list[0].col.Values[0])
	}
	if 8*values < len(g.refs) {
		return g.sparse(name, list)
	}
	cursors := make([]column.Cursor, len(g.chunks))
	for _, f := range list {
		cursors[f.src].Col = f.col
	}
	if full && all(list, func(c *column.Col) bool { return c.Form == scan.Ints }) {
		ints := make([]int64, len(g.refs))
		for i, r := range g.refs {
			ints[i] = cursors[r.Src].Col.Ints[r.Row]
		}
		return &column.Col{Column: scan.Column{Name: name, Form: scan.Ints, Len: len(ints), Ints: ints}}
	}
	if full && all(list, func(c *column.Col) bool { return c.Form == scan.Plain && c.Kinds == nil }) {
		return g.strings(name, cursors)
	}
	var b column.Builder
	b.Reserve(min(values, len(g.refs)), 0)
	for i, r := range g.refs {
		if s := cursors[r.Src].Slot(r.Row); s >= 0 {
			b.Add(uint32(i), cursors[r.Src].Col.Value(s))
		}
	}
	return b.Finish(name, len(g.refs))
}

func (g *gatherer) sources() int {
	n := 0
	for _, u := range g.used {
		if u {
			n++
		}
	}
	return n
}

func all(list []from, ok func(*column.Col) bool) bool {
	return !slices.ContainsFunc(list, func(f from) bool { return !ok(f.col) })
}

func same(list []from) bool {
	v := list[0].col.Values[0]
	return all(list, func(c *column.Col) bool {
		return c.Form == scan.Consts && c.Values[0].Kind == v.Kind && c.Values[0].Int == v.Int && string(c.Values[0].Bytes) == string(v.Bytes)
	})
}

func (g *gatherer) strings(name string, cursors []column.Cursor) *column.Col {
	size := 0
	for _, r := range g.refs {
		c := cursors[r.Src].Col
		size += int(c.Offsets[r.Row+1] - c.Offsets[r.Row])
	}
	data := make([]byte, 0, size)
	offsets := make([]uint32, 1, len(g.refs)+1)
	for _, r := range g.refs {
		data = append(data, cursors[r.Src].Col.Bytes(int(r.Row))...)
		offsets = append(offsets, uint32(len(data)))
	}
	return &column.Col{Column: scan.Column{Name: name, Form: scan.Plain, Len: len(g.refs), Offsets: offsets, Data: data}}
}

// sparse gathers a rare field from its values instead of from all rows.
func (g *gatherer) sparse(name string, list []from) *column.Col {
	g.place()
	type entry struct {
		row  uint32
		from int
		slot int
	}
	var entries []entry
	for i, f := range list {
		at := g.at[f.src]
		for s := range f.col.Len {
			row := s
			if f.col.Rows != nil {
				row = int(f.col.Rows[s])
			}
			if at[row] > 0 {
				entries = append(entries, entry{at[row] - 1, i, s})
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.row, b.row) })
	var b column.Builder
	for _, e := range entries {
		b.Add(e.row, list[e.from].col.Value(e.slot))
	}
	return b.Finish(name, len(g.refs))
}

func (g *gatherer) place() {
	if g.at != nil {
		return
	}
	g.at = make([][]uint32, len(g.chunks))
	for s, c := range g.chunks {
		if g.used[s] {
			g.at[s] = make([]uint32, c.Len())
		}
	}
	for i, r := range g.refs {
		g.at[r.Src][r.Row] = uint32(i) + 1
	}
}

// shapes joins the chunks' shapes; only those that occur are kept.
func (g *gatherer) shapes() {
	names, shapes := map[string]uint32{}, map[string]uint32{}
	number := make([][]uint32, len(g.chunks)) // chunk's shape -> new number plus one
	of := make([]uint32, len(g.refs))
	for i, r := range g.refs {
		c := g.chunks[r.Src]
		if number[r.Src] == nil {
			number[r.Src] = make([]uint32, len(c.Shapes))
		}
		s := uint32(0)
		if c.ShapeOf != nil {
			s = c.ShapeOf[r.Row]
		}
		if number[r.Src][s] == 0 {
			fields := make([]uint32, len(c.Shapes[s]))
			for j, f := range c.Shapes[s] {
				fields[j] = g.out.nameNumber(names, c.Names[f])
			}
			number[r.Src][s] = g.out.shapeNumber(shapes, fields) + 1
		}
		of[i] = number[r.Src][s] - 1
	}
	if len(g.out.Shapes) > 1 {
		g.out.ShapeOf = of
	}
}

// Shape returns the fields of row i, in the order they came.
func (c *Chunk) Shape(i int) []record.Name {
	s := uint32(0)
	if c.ShapeOf != nil {
		s = c.ShapeOf[i]
	}
	names := make([]record.Name, len(c.Shapes[s]))
	for j, f := range c.Shapes[s] {
		names[j] = c.Names[f]
	}
	return names
}

// RowSizes is about how many bytes each row takes.
func (c *Chunk) RowSizes() []uint32 {
	const value = 8 // a number, or the offset and the kind of a text
	sizes := make([]uint32, c.Len())
	for i := range sizes {
		sizes[i] = value
	}
	for _, col := range c.Cols {
		for i := range col.Len {
			n := uint32(value)
			switch col.Form {
			case scan.Plain:
				n += col.Offsets[i+1] - col.Offsets[i]
			case scan.Dict, scan.Consts:
				n = 4
			}
			if col.Rows != nil {
				sizes[col.Rows[i]] += n + 4
			} else {
				sizes[i] += n
			}
		}
	}
	return sizes
}
