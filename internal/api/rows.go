package api

import (
	"journalist/internal/record"
	"journalist/internal/scan"
)

// rowWriter writes blocks as JSON objects, one a line. What the rows of a shape
// have in common (keys, commas, braces) is put together once for each block. It is
// used by one goroutine.
type rowWriter struct {
	source bool // add _source, the record as it came

	columns map[string]int
	plans   []rowPlan
	text    []byte // what the plans' texts are cut from
}

// rowPlan is how rows of one shape are written.
type rowPlan struct {
	ready  bool
	flat   []rowPiece
	nested []rowPiece
	tail   []byte // after the last value of nested
}

// rowPiece is a text and the column whose value follows it.
type rowPiece struct {
	text   []byte
	column int
}

// begin prepares for the rows of a block.
func (rw *rowWriter) begin(b *scan.Block) {
	rw.text = rw.text[:0]
	if rw.columns == nil {
		rw.columns = map[string]int{}
	}
	clear(rw.columns)
	for i := range b.Columns {
		rw.columns[b.Columns[i].Name] = i
	}
	n := max(1, len(b.Shapes))
	for len(rw.plans) < n {
		rw.plans = append(rw.plans, rowPlan{})
	}
	for i := range rw.plans[:n] {
		p := &rw.plans[i]
		p.ready, p.flat, p.nested, p.tail = false, p.flat[:0], p.nested[:0], nil
	}
}

// append appends row i of the block that begin was called with.
func (rw *rowWriter) append(dst []byte, b *scan.Block, i int) []byte {
	if b.Times == nil {
		return rw.appendColumns(dst, b, i)
	}
	dst = append(dst, `{"@timestamp":"`...)
	dst = record.AppendTime(dst, b.Times[i])
	dst = append(dst, `","dataset":`...)
	dst = record.AppendJSONString(dst, b.Dataset)
	if b.ShapeOf == nil {
		return append(rw.appendFlatColumns(dst, b, i), '}', '\n')
	}
	p := &rw.plans[b.ShapeOf[i]]
	if !p.ready {
		rw.plan(p, b.Shapes[b.ShapeOf[i]])
	}
	for _, piece := range p.flat {
		v := b.Columns[piece.column].Value(i)
		if v.Kind == record.Missing {
			continue
		}
		dst = append(dst, piece.text...)
		dst = appendJSON(dst, v)
	}
	if rw.source {
		dst = append(dst, `,"_source":`...)
		dst = rw.appendSource(dst, b, i)
	}
	return append(dst, '}', '\n')
}

// appendSource appends row i's record as it came, nested, with its time.
func (rw *rowWriter) appendSource(dst []byte, b *scan.Block, i int) []byte {
	dst = append(dst, `{"@timestamp":"`...)
	dst = record.AppendTime(dst, b.Times[i])
	dst = append(dst, '"')
	if b.ShapeOf == nil {
		return append(rw.appendFlatColumns(dst, b, i), '}')
	}
	p := &rw.plans[b.ShapeOf[i]]
	if !p.ready {
		rw.plan(p, b.Shapes[b.ShapeOf[i]])
	}
	for _, piece := range p.nested {
		dst = append(dst, piece.text...)
		dst = appendJSON(dst, b.Columns[piece.column].Value(i))
	}
	dst = append(dst, p.tail...)
	return append(dst, '}')
}

// appendColumns writes a row of an answer that has its columns only.
func (rw *rowWriter) appendColumns(dst []byte, b *scan.Block, i int) []byte {
	p := &rw.plans[0]
	if !p.ready {
		p.ready = true
		for c := range b.Columns {
			first := byte(',')
			if c == 0 {
				first = '{'
			}
			p.flat = append(p.flat, rowPiece{rw.key(first, b.Columns[c].Name), c})
		}
	}
	if len(p.flat) == 0 {
		dst = append(dst, '{')
	}
	for _, piece := range p.flat {
		dst = append(dst, piece.text...)
		dst = appendValue(dst, &b.Columns[piece.column], i)
	}
	return append(dst, '}', '\n')
}

// appendFlatColumns writes the fields of a block that has times but no shapes.
func (rw *rowWriter) appendFlatColumns(dst []byte, b *scan.Block, i int) []byte {
	for c := range b.Columns {
		col := &b.Columns[c]
		if v := col.Value(i); v.Kind != record.Missing && !reserved(col.Name) {
			dst = append(dst, ',')
			dst = record.AppendJSONString(dst, col.Name)
			dst = append(dst, ':')
			dst = appendValue(dst, col, i)
		}
	}
	return dst
}

func appendValue(dst []byte, c *scan.Column, i int) []byte {
	v := c.Value(i)
	if c.Time && v.Kind == record.Int {
		dst = append(dst, '"')
		dst = record.AppendTime(dst, v.Int)
		return append(dst, '"')
	}
	return appendJSON(dst, v)
}

// appendJSON appends a value on one line: arrays come as they came, and between
// their elements line ends may stand, which are nothing but space there.
func appendJSON(dst []byte, v record.Value) []byte {
	from := len(dst)
	dst = v.AppendJSON(dst)
	if v.Kind == record.JSON {
		for i, c := range dst[from:] {
			if c == '\n' || c == '\r' {
				dst[from+i] = ' '
			}
		}
	}
	return dst
}

// reserved names are keys of every row; a record's own field of that name is only
// in _source.
func reserved(name string) bool { return name == record.FieldTime || name == record.FieldDataset }

// key makes `,"name":`.
func (rw *rowWriter) key(first byte, name string) []byte {
	from := len(rw.text)
	rw.text = append(rw.text, first)
	rw.text = record.AppendJSONString(rw.text, name)
	rw.text = append(rw.text, ':')
	return rw.text[from:len(rw.text):len(rw.text)]
}

// plan prepares a shape: its fields once each, in their order, and nested as they
// came.
func (rw *rowWriter) plan(p *rowPlan, shape []record.Name) {
	p.ready = true
	for i, name := range shape {
		c, ok := rw.columns[name.Dotted]
		if !ok || reserved(name.Dotted) || repeated(shape[:i], name.Dotted) {
			continue
		}
		p.flat = append(p.flat, rowPiece{rw.key(',', name.Dotted), c})
	}
	if !rw.source {
		return
	}
	root := new(node)
	for _, name := range shape {
		if c, ok := rw.columns[name.Dotted]; ok {
			root.add(name.Levels(), c)
		}
	}
	p.tail = root.render(p, nil, true)
}

// repeated finds a duplicate key. Shapes are short, or rare.
func repeated(shape []record.Name, dotted string) bool {
	for i := range shape {
		if shape[i].Dotted == dotted {
			return true
		}
	}
	return false
}

// node is a level of a nested record: a value, an object, or (after a collision)
// both, which are then written one after the other.
type node struct {
	key      string
	column   int
	leaf     bool
	children []*node
}

func (n *node) add(levels []string, column int) {
	for depth, key := range levels {
		last := depth == len(levels)-1
		var next *node
		for _, c := range n.children {
			if c.key == key && c.leaf == last {
				next = c
				break
			}
		}
		if next == nil {
			next = &node{key: key, leaf: last, column: column}
			n.children = append(n.children, next)
		}
		n = next
	}
}

// render turns a tree into pieces. text is what was not yet put before a value;
// what remains after the last one is returned. The root's first key needs a comma,
// because "@timestamp" stands before it.
func (n *node) render(p *rowPlan, text []byte, root bool) []byte {
	for i, c := range n.children {
		if i > 0 || root {
			text = append(text, ',')
		}
		text = record.AppendJSONString(text, c.key)
		text = append(text, ':')
		if c.leaf {
			p.nested = append(p.nested, rowPiece{text, c.column})
			text = nil
			continue
		}
		text = append(text, '{')
		text = c.render(p, text, false)
		text = append(text, '}')
	}
	return text
}
