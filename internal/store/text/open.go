package text

import (
	"fmt"

	"journalist/internal/match"
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/template"
	"journalist/internal/store/typed"
	"journalist/internal/wire"
)

// Open reads the structure of the tree that Encode put as stream id for n texts, and
// the templates' static texts. Errors wrap stream.ErrCorrupt or are the source's.
func Open(src stream.Source, id stream.ID, n int) (*Node, error) {
	raw, err := src.Stream(id)
	if err != nil {
		return nil, err
	}
	p := parser{d: stream.NewDecoder(raw), src: src, tree: &tree{}}
	if n < 0 || n > maxValues {
		p.d.Fail("%d texts, the limit is %d", n, maxValues)
	}
	root := p.node(n, 0)
	p.tree.chunks = make([]stream.ID, p.d.Count(1))
	for i := range p.tree.chunks {
		p.tree.chunks[i] = p.id()
	}
	if p.chunks != len(p.tree.chunks) {
		p.d.Fail("%d chunks of short texts, %d expected", len(p.tree.chunks), p.chunks)
	}
	if len(p.d.Data) > 0 {
		p.d.Fail("%d bytes after the tree", len(p.d.Data))
	}
	if p.err != nil {
		return nil, fmt.Errorf("texts' structure: %w", p.err)
	}
	if err := p.d.Err(); err != nil {
		return nil, fmt.Errorf("texts' structure: %w", err)
	}
	return root, nil
}

// parser reads a tree's structure. After the first error of d it goes on with zeros,
// which ends soon.
type parser struct {
	d    wire.Decoder
	src  stream.Source
	err  error // of src
	tree *tree

	chunks int // begun
	filled int // bytes of the last of them
	nodes  int
	slots  int
}

func (p *parser) id() stream.ID { return stream.ReadID(&p.d) }

// number reads a number that is at most limit.
func (p *parser) number(what string, limit uint64) int {
	n := p.d.Uvarint()
	if n > limit {
		p.d.Fail("%s of %d, the limit is %d", what, n, limit)
		return 0
	}
	return int(n)
}

func (p *parser) read(id stream.ID) []byte {
	if p.d.Err() != nil || p.err != nil {
		return nil
	}
	b, err := p.src.Stream(id)
	if err != nil {
		p.err = err
		p.d.Fail("unread") // ends the parsing
	}
	return b
}

func (p *parser) node(n, depth int) *Node {
	node := &Node{form: p.d.Byte(), n: n}
	if p.nodes++; p.nodes > maxNodes || depth > maxDepth {
		p.d.Fail("%d nodes, %d deep", p.nodes, depth)
	}
	if p.d.Err() != nil {
		return node
	}
	switch node.form {
	case formConst:
		node.constant(p.d.Bytes())
	case formConstStream:
		node.constant(p.read(p.id()))
	case formTyped:
		node.typed = typed.Read(&p.d, n)
		p.stats(node)
	case formDict:
		m := p.number("dictionary", uint64(n))
		if m == 0 {
			p.d.Fail("dictionary without entries")
		}
		e := p.node(m, depth+1)
		node.inner = []*Node{e}
		node.minLen, node.maxLen, node.chars, node.letters = e.minLen, e.maxLen, e.chars, e.letters
		node.codes = ints.Read(&p.d, n)
	case formTemplate:
		p.template(node, depth)
	case formShort:
		p.short(node)
	case formEnded:
		p.stats(node)
		node.stream = p.id()
	case formMeasured:
		p.stats(node)
		node.lens = ints.Read(&p.d, n)
		node.stream = p.id()
	default:
		p.d.Fail("node of kind %d", node.form)
	}
	return node
}

func (n *Node) constant(text []byte) {
	n.text = text
	n.minLen, n.maxLen = len(text), len(text)
	n.chars, n.letters = match.About(text)
}

func (p *parser) stats(n *Node) {
	n.minLen = p.number("length", MaxSize)
	n.maxLen = n.minLen + p.number("length", uint64(MaxSize-n.minLen))
	p.about(n)
}

func (p *parser) about(n *Node) {
	n.chars = match.Chars(p.number("classes", 1<<16-1))
	if n.chars&lettered != 0 {
		n.letters = match.Letters(p.number("letters", uint64(match.AllLetters)))
	}
}

func (p *parser) short(n *Node) {
	size := p.number("chunk", chunkSize)
	p.about(n)
	if size < n.n {
		p.d.Fail("%d texts in %d bytes", n.n, size)
		return
	}
	n.maxLen = size - n.n
	if p.chunks == 0 || p.filled+size > chunkSize {
		p.chunks++
		p.filled = 0
	}
	n.chunk = chunk{tree: p.tree, number: uint32(p.chunks - 1), off: uint32(p.filled), len: uint32(size)}
	p.filled += size
}

func (p *parser) template(n *Node, depth int) {
	count := p.d.Count(1)
	forms := p.forms(count)
	if forms == nil {
		return
	}
	n.forms = forms
	columns := p.slotColumns(forms.all)
	var values []uint64
	if p.d.Err() == nil {
		values = p.rows(forms.all, columns, n.n)
	}
	if count > 1 {
		n.codes = ints.Read(&p.d, n.n)
	}
	if p.d.Err() != nil {
		return
	}
	n.inner = make([]*Node, columns)
	for i := range n.inner {
		n.inner[i] = p.node(int(values[i]), depth+1)
	}
	n.bounds()
}

// forms reads the pieces of so many templates and makes room for their slots.
func (p *parser) forms(count int) *templates {
	raw := p.read(p.id())
	pieces, ended := 0, 0
	for _, c := range raw {
		if c <= 1 {
			pieces++
			ended += int(1 - c)
		}
	}
	slots := pieces - ended
	p.slots += slots
	if ended != count || count == 0 || raw[len(raw)-1] != 0 || slots > len(p.d.Data) || p.slots > maxSlots || count > maxSlots {
		p.d.Fail("%d templates with %d slots, %d expected", ended, p.slots, count)
		return nil
	}
	f := &templates{all: make([]template.Template, count), static: make([]byte, 0, len(raw)+slack), ends: make([]uint32, count)}
	allPieces, allSlots := make([][]byte, pieces), make([]template.Slot, slots)
	t, k, first := 0, 0, 0 // template, piece, the template's first piece
	from := 0              // where the piece begins
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c > 2 {
			f.static = append(f.static, c)
			continue
		}
		if c == 2 {
			i++
			if c = raw[i] - '0'; c > 2 {
				p.d.Fail("escaped byte %d in static text", raw[i])
				return nil
			}
			f.static = append(f.static, c)
			continue
		}
		allPieces[k] = f.static[from:len(f.static):len(f.static)]
		f.static = append(f.static, 0)
		from = len(f.static)
		k++
		if c == 0 {
			form := &f.all[t]
			form.Pieces = allPieces[first:k:k]
			form.Slots, allSlots = allSlots[:k-first-1:k-first-1], allSlots[k-first-1:]
			f.ends[t] = uint32(from)
			first = k
			t++
		}
	}
	return f
}

// slotColumns reads where each slot's values come from and returns the number of
// columns.
func (p *parser) slotColumns(forms []template.Template) int {
	columns := uint64(0)
	for t := range forms {
		slots := forms[t].Slots
		for i := range slots {
			x := p.d.Uvarint()
			s := template.Slot{Copy: -1}
			switch {
			case x == 0:
				s.Column = int(columns)
				columns++
			case x&1 == 1 && x>>1 < columns:
				s.Column = int(x >> 1)
			case x&1 == 0 && x>>1-1 < uint64(i):
				s.Copy = int(x>>1 - 1)
			default:
				p.d.Fail("slot %d of template %d refers to %d", i, t, x)
				return 0
			}
			slots[i] = s
		}
	}
	return int(columns)
}

// rows reads how many values follow each template and returns how many each column
// has.
func (p *parser) rows(forms []template.Template, columns, n int) []uint64 {
	values := make([]uint64, columns)
	rows, sum := uint64(n), uint64(0)
	for t := range forms {
		form := &forms[t]
		x := p.d.Uvarint()
		if t == 0 {
			x = uint64(n) - x
		}
		if x > rows {
			p.d.Fail("template %d has more rows than the one before", t)
			return values
		}
		rows -= x
		sum += rows
		form.Rows = int(rows)
		for _, s := range form.Slots {
			if s.Copy >= 0 {
				continue
			}
			if values[s.Column] += rows; values[s.Column] > maxValues {
				p.d.Fail("column with more than %d values", maxValues)
				return values
			}
		}
	}
	if sum != uint64(n) {
		p.d.Fail("templates with %d rows, %d expected", sum, n)
	}
	return values
}

// bounds sets a template node's lengths and classes from its pieces and columns.
func (n *Node) bounds() {
	n.minLen = MaxSize
	for t := range n.forms.all {
		form := &n.forms.all[t]
		shortest, longest := 0, 0
		for _, b := range form.Pieces {
			shortest += len(b)
			chars, letters := match.About(b)
			n.chars |= chars
			n.letters |= letters
		}
		longest = shortest
		for _, s := range form.Slots {
			for s.Copy >= 0 {
				s = form.Slots[s.Copy]
			}
			shortest += n.inner[s.Column].minLen
			longest += n.inner[s.Column].maxLen
		}
		n.minLen, n.maxLen = min(n.minLen, shortest), max(n.maxLen, longest)
	}
	n.maxLen = min(n.maxLen, MaxSize)
	for _, c := range n.inner {
		n.chars |= c.chars
		n.letters |= c.letters
	}
}
