package text

import (
	"fmt"
	"slices"
	"sync"

	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// Texts decodes all values. They must not be changed: they may share memory with the
// source's streams.
func (n *Node) Texts(src stream.Source) (texts.Vector, error) {
	return n.decode(src, nil, true)
}

// Take decodes the values of some rows, which ascend, each once. It decodes no more
// than it needs. The values must not be changed.
func (n *Node) Take(src stream.Source, rows []uint32) (texts.Vector, error) {
	for i, r := range rows {
		if int(r) >= n.n || i > 0 && rows[i-1] >= r {
			return texts.Vector{}, fmt.Errorf("rows to take are not ascending numbers below %d", n.n)
		}
	}
	return n.decode(src, rows, false)
}

func (n *Node) decode(src stream.Source, rows []uint32, all bool) (texts.Vector, error) {
	d := decoders.Get().(*decoder)
	defer d.done()
	d.src = src
	c, err := d.values(n, rows, all, true)
	if err != nil {
		return texts.Vector{}, err
	}
	return c.vector()
}

// decoder is one decoding of a node. It lends memory to what is decoded on the way;
// what is handed out in the end has memory of its own, or a stream's.
type decoder struct {
	src     stream.Source
	vectors lender[texts.Vector]
	numbers lender[[]uint32]
	lengths []int64
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// maxKept is about how many bytes a decoder keeps for the next time.
const maxKept = 16 << 20

// done gives the memory back.
func (d *decoder) done() {
	d.src = nil
	d.vectors.lent, d.numbers.lent = 0, 0
	kept := 8 * cap(d.lengths)
	for _, v := range d.vectors.all {
		kept += cap(v.Data) + 4*cap(v.Offsets)
	}
	for _, s := range d.numbers.all {
		kept += 4 * cap(*s)
	}
	if kept <= maxKept {
		decoders.Put(d)
	}
}

// lender owns pieces of memory and lends one after the other.
type lender[T any] struct {
	all  []*T
	lent int
}

func (l *lender[T]) lend() *T {
	if l.lent == len(l.all) {
		l.all = append(l.all, new(T))
	}
	l.lent++
	return l.all[l.lent-1]
}

// list lends room for n numbers, whose values are what they are.
func (d *decoder) list(n int) []uint32 {
	l := d.numbers.lend()
	if cap(*l) < n {
		*l = make([]uint32, n)
	}
	return (*l)[:n]
}

// values decodes the values of some rows of a node, or all. If they are to be handed
// out they do not stand in memory that is lent, unless they must be copied for that
// anyway.
func (d *decoder) values(n *Node, rows []uint32, all, out bool) (cursor, error) {
	if !all && len(rows) == 0 {
		return cursor{offsets: []uint32{0}}, nil
	}
	switch n.form {
	case formConst, formConstStream:
		c := cursor{data: n.text, offsets: []uint32{0, uint32(len(n.text))}, n: n.n, same: true}
		if !all {
			c.n = len(rows)
		}
		return c, nil
	case formDict:
		return d.dict(n, rows, all)
	case formTemplate:
		return d.template(n, rows, all, out)
	case formTyped:
		return d.typed(n, rows, all, out)
	}
	c, err := d.plain(n)
	if err == nil && !all {
		d.pick(&c, rows)
	}
	return c, err
}

func (d *decoder) typed(n *Node, rows []uint32, all, out bool) (cursor, error) {
	var own texts.Vector
	room := &own
	if !out {
		room = d.vectors.lend()
	}
	var v texts.Vector
	var err error
	if all {
		v, err = n.typed.TextsInto(d.src, *room)
		if err == nil && v.Len() != n.n {
			err = stream.Corrupt("%d typed texts, %d expected", v.Len(), n.n)
		}
	} else {
		v, err = n.typed.TakeInto(d.src, rows, *room)
	}
	*room = v
	return direct(v), err
}

// plain decodes all values of a Plain.
func (d *decoder) plain(n *Node) (cursor, error) {
	var data []byte
	var err error
	if n.form == formShort {
		data, err = n.chunk.read(d.src)
	} else {
		data, err = d.src.Stream(n.stream)
	}
	if err != nil {
		return cursor{}, err
	}
	if n.form == formMeasured {
		if d.lengths, err = n.lens.Decode(d.src, d.lengths[:0]); err != nil {
			return cursor{}, err
		}
		// These offsets may be handed out.
		offsets, err := splitMeasured(data, d.lengths)
		return cursor{data: data, offsets: offsets, n: n.n}, err
	}
	if len(data) < n.n {
		return cursor{}, stream.Corrupt("%d ended texts in %d bytes", n.n, len(data))
	}
	offsets := d.list(n.n + 1)
	return cursor{data: data, offsets: offsets, n: n.n, sep: 1}, splitEnded(data, offsets)
}

// Ended returns the values of a Plain as they are stored: each with a zero byte behind
// it, and with none within. It is false where they are stored in another way. They must
// not be changed.
func (n *Node) Ended(src stream.Source) (data []byte, ok bool, err error) {
	switch n.form {
	case formShort:
		data, err = n.chunk.read(src)
		return data, true, err
	case formEnded:
		data, err = src.Stream(n.stream)
		return data, true, err
	}
	return nil, false, nil
}

func (c *chunk) read(src stream.Source) ([]byte, error) {
	b, err := src.Stream(c.tree.chunks[c.number])
	if err != nil {
		return nil, err
	}
	if uint64(c.off)+uint64(c.len) > uint64(len(b)) {
		return nil, stream.Corrupt("chunk of %d bytes ends before its texts", len(b))
	}
	return b[c.off : c.off+c.len], nil
}

// codes returns which entry each value of a Dict is, in memory that is lent.
func (d *decoder) codes(n *Node) ([]uint32, error) {
	room := d.numbers.lend()
	codes, err := n.Codes(d.src, (*room)[:0])
	*room = codes
	return codes, err
}

// dict decodes values of a Dict. They are never in the order and number in which they
// could be handed out.
func (d *decoder) dict(n *Node, rows []uint32, all bool) (cursor, error) {
	codes, err := d.codes(n)
	if err != nil {
		return cursor{}, err
	}
	entries := n.inner[0]
	if all || len(rows) >= entries.n {
		c, err := d.values(entries, nil, true, false)
		if err != nil {
			return c, err
		}
		d.pick(&c, codes)
		if !all {
			d.pick(&c, rows)
		}
		return c, nil
	}
	wanted := d.list(len(rows))
	for i, r := range rows {
		wanted[i] = codes[r]
	}
	distinct := append(d.list(len(rows))[:0], wanted...)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	c, err := d.values(entries, distinct, false, false)
	if err != nil {
		return c, err
	}
	for i, code := range wanted {
		k, _ := slices.BinarySearch(distinct, code)
		wanted[i] = uint32(k)
	}
	d.pick(&c, wanted)
	return c, nil
}

// pick keeps the values rows of c only.
func (d *decoder) pick(c *cursor, rows []uint32) {
	switch {
	case c.same:
	case c.codes == nil:
		c.codes = rows
	default:
		codes := d.list(len(rows))
		for i, r := range rows {
			codes[i] = c.codes[r]
		}
		c.codes = codes
	}
	c.n = len(rows)
}
