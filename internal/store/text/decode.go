package text

import (
	"fmt"
	"slices"

	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// Texts decodes all values. They must not be changed: they may share memory with the
// source's streams.
func (n *Node) Texts(src stream.Source) (texts.Vector, error) {
	c, err := n.values(src, nil, true)
	if err != nil {
		return texts.Vector{}, err
	}
	return c.vector()
}

// Take decodes the values of some rows, which ascend, each once. It decodes no more
// than it needs. The values must not be changed.
func (n *Node) Take(src stream.Source, rows []uint32) (texts.Vector, error) {
	for i, r := range rows {
		if int(r) >= n.n || i > 0 && rows[i-1] >= r {
			return texts.Vector{}, fmt.Errorf("rows to take are not ascending numbers below %d", n.n)
		}
	}
	c, err := n.values(src, rows, false)
	if err != nil {
		return texts.Vector{}, err
	}
	return c.vector()
}

// values decodes the values of some rows, or all.
func (n *Node) values(src stream.Source, rows []uint32, all bool) (cursor, error) {
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
		return n.dictValues(src, rows, all)
	case formTemplate:
		return n.templateValues(src, rows, all)
	}
	if n.form == formTyped {
		return n.typedValues(src, rows, all)
	}
	c, err := n.plainValues(src)
	if err == nil && !all {
		c.pick(rows)
	}
	return c, err
}

func (n *Node) typedValues(src stream.Source, rows []uint32, all bool) (cursor, error) {
	if all {
		v, err := n.typed.Texts(src)
		if err == nil && v.Len() != n.n {
			err = fmt.Errorf("%w: %d typed texts, %d expected", stream.ErrCorrupt, v.Len(), n.n)
		}
		return direct(v), err
	}
	v, err := n.typed.Take(src, rows)
	return direct(v), err
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

// plainValues decodes all values of a Plain.
func (n *Node) plainValues(src stream.Source) (cursor, error) {
	var data []byte
	var err error
	if n.form == formShort {
		data, err = n.chunk.read(src)
	} else {
		data, err = src.Stream(n.stream)
	}
	if err != nil {
		return cursor{}, err
	}
	if n.form == formMeasured {
		lengths, err := n.lens.Decode(src, nil)
		if err != nil {
			return cursor{}, err
		}
		offsets, err := splitMeasured(data, lengths)
		return cursor{data: data, offsets: offsets, n: n.n}, err
	}
	offsets, err := splitEnded(data, n.n)
	return cursor{data: data, offsets: offsets, n: n.n, sep: 1}, err
}

func (c *chunk) read(src stream.Source) ([]byte, error) {
	b, err := src.Stream(c.tree.chunks[c.number])
	if err != nil {
		return nil, err
	}
	if uint64(c.off)+uint64(c.len) > uint64(len(b)) {
		return nil, fmt.Errorf("%w: chunk of %d bytes ends before its texts", stream.ErrCorrupt, len(b))
	}
	return b[c.off : c.off+c.len], nil
}

func (n *Node) dictValues(src stream.Source, rows []uint32, all bool) (cursor, error) {
	codes, err := n.Codes(src, nil)
	if err != nil {
		return cursor{}, err
	}
	entries := n.inner[0]
	if all || len(rows) >= entries.n {
		c, err := entries.values(src, nil, true)
		if err != nil {
			return c, err
		}
		c.pick(codes)
		if !all {
			c.pick(rows)
		}
		return c, nil
	}
	wanted := make([]uint32, len(rows))
	for i, r := range rows {
		wanted[i] = codes[r]
	}
	distinct := slices.Clone(wanted)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	c, err := entries.values(src, distinct, false)
	if err != nil {
		return c, err
	}
	for i, code := range wanted {
		k, _ := slices.BinarySearch(distinct, code)
		wanted[i] = uint32(k)
	}
	c.pick(wanted)
	return c, nil
}
