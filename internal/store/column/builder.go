package column

import (
	"bytes"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// Builder collects the values of one field. The zero value is ready. It is used by
// one goroutine.
type Builder struct {
	rows  []uint32
	next  uint32 // the row that would keep the column without gaps
	gaps  bool
	n     int
	plain bool // not all values are Int: ints is unused

	ints    []int64
	kinds   []record.Kind // nil while all are String
	offsets []uint32
	data    []byte

	room, size int // reserved
}

// Add appends a value; rows ascend from call to call. The bytes are copied.
func (b *Builder) Add(row uint32, v record.Value) {
	if v.Kind == record.Missing {
		return
	}
	if row != b.next && !b.gaps {
		b.gaps = true
		b.rows = make([]uint32, b.n, b.n+16)
		for i := range b.rows {
			b.rows[i] = uint32(i)
		}
	}
	if b.gaps {
		b.rows = append(b.rows, row)
	}
	b.next = row + 1
	if !b.plain {
		if v.Kind == record.Int {
			if b.ints == nil && b.room > 0 {
				b.ints = make([]int64, 0, b.room)
			}
			b.ints = append(b.ints, v.Int)
			b.n++
			return
		}
		b.toPlain()
	}
	if v.Kind != record.String && b.kinds == nil {
		b.kinds = slices.Repeat([]record.Kind{record.String}, b.n)
	}
	if b.kinds != nil {
		b.kinds = append(b.kinds, v.Kind)
	}
	b.data = AppendPlain(b.data, v)
	b.offsets = append(b.offsets, uint32(len(b.data)))
	b.n++
}

// Reserve makes room for n values of altogether size bytes, where the caller knows
// them: a column keeps its memory for long.
func (b *Builder) Reserve(n, size int) { b.room, b.size = n, size }

func (b *Builder) toPlain() {
	b.plain = true
	b.offsets = append(make([]uint32, 0, max(b.room+1, b.n+16)), 0)
	b.data = make([]byte, 0, b.size+8*b.n)
	if b.n == 0 {
		return
	}
	b.kinds = slices.Repeat([]record.Kind{record.Int}, b.n)
	for _, n := range b.ints {
		b.data = AppendPlain(b.data, record.IntValue(n))
		b.offsets = append(b.offsets, uint32(len(b.data)))
	}
	b.ints = nil
}

// Finish returns the column of a run of so many rows, or nil when no value was
// added. The builder must not be used again.
func (b *Builder) Finish(name string, rows int) *Col {
	if b.n == 0 {
		return nil
	}
	c := &Col{Rows: b.rows}
	c.Name, c.Len = name, b.n
	if !b.gaps && b.n < rows { // the last rows have no value
		c.Rows = make([]uint32, b.n)
		for i := range c.Rows {
			c.Rows[i] = uint32(i)
		}
	}
	if !b.plain {
		c.Form, c.Ints = scan.Ints, b.ints
		return c
	}
	c.Form, c.Kinds, c.Offsets, c.Data = scan.Plain, b.kinds, b.offsets, b.data
	return c
}

// Const returns a column that has the same value in every row.
func Const(name string, rows int, v record.Value) *Col {
	v.Bytes = bytes.Clone(v.Bytes)
	return &Col{Column: scan.Column{Name: name, Form: scan.Consts, Len: rows, Values: []record.Value{v}}}
}

// maxDict is the most distinct values of a dictionary.
const maxDict = 1 << 12

// Pack returns the column in the form that is smallest: Consts when all values are
// the same, Dict when few are distinct, else as it is. The answer shares memory
// with c.
func (c *Col) Pack() *Col {
	if c.Form != scan.Plain && c.Form != scan.Ints || c.Len == 0 {
		return c
	}
	if c.Form == scan.Ints {
		return c.packInts()
	}
	limit := min(maxDict, c.Len/4+1)
	codes := make([]uint32, 0, c.Len)
	var values []record.Value
	index := make(map[string]uint32, 64)
	last := uint32(0)
	var key []byte
	for i := range c.Len {
		k, b := c.Kind(i), c.Bytes(i)
		if len(values) > 0 && values[last].Kind == k && k >= record.Number && bytes.Equal(values[last].Bytes, b) {
			codes = append(codes, last)
			continue
		}
		key = append(append(key[:0], byte(k)), b...)
		code, ok := index[string(key)]
		if !ok {
			if len(values) == limit || len(b) > 4096 {
				return c
			}
			code = uint32(len(values))
			index[string(key)] = code
			values = append(values, c.Value(i))
		}
		codes = append(codes, code)
		last = code
		// A column of ever new values is recognised early.
		if i == 512 && len(values) > 400 {
			return c
		}
	}
	if len(values) == 1 {
		return c.with(scan.Consts, values, nil)
	}
	return c.with(scan.Dict, values, codes)
}

// packInts makes a dictionary of few distinct integers: codes, states, ports asked
// for by name.
func (c *Col) packInts() *Col {
	const most = 256
	codes := make([]uint32, c.Len)
	index := make(map[int64]uint32, 16)
	var values []record.Value
	last, code := int64(0), uint32(0)
	for i, n := range c.Ints {
		if i == 0 || n != last {
			var ok bool
			if code, ok = index[n]; !ok {
				if len(values) == min(most, c.Len/4+1) || i < 512 && len(values) > 200 {
					return c
				}
				code = uint32(len(values))
				index[n] = code
				values = append(values, record.IntValue(n))
			}
			last = n
		}
		codes[i] = code
	}
	if len(values) == 1 {
		return c.with(scan.Consts, values, nil)
	}
	return c.with(scan.Dict, values, codes)
}

func (c *Col) with(form scan.Form, values []record.Value, codes []uint32) *Col {
	return &Col{Column: scan.Column{Name: c.Name, Form: form, Len: c.Len, Values: values, Codes: codes}, Rows: c.Rows}
}
