// Package column holds one field of a run of rows: how it is built in memory, how
// it is encoded into blocks, and the word filter that lets a search skip it.
//
// It is the lowest floor of internal/store. Up the way internal/store/chunk builds
// columns from batches; internal/store/part writes them as blocks and reads them
// back; internal/store/filter evaluates predicates on them.
package column

import (
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// Col is one field of a run of rows. Its Column holds the values of the rows that
// have the field, in order of rows, and never a Missing one. A Col is immutable
// once built and may be read by several goroutines.
type Col struct {
	scan.Column
	// Rows says which rows have the field, ascending; nil means all of them, so
	// that value i is row i's.
	Rows []uint32
}

// Size is about what the column occupies in memory.
func (c *Col) Size() int64 {
	n := int64(192 + len(c.Name) + len(c.Data) + 4*len(c.Offsets) + len(c.Kinds) + 8*len(c.Ints) + 4*len(c.Codes) + 4*len(c.Rows))
	for i := range c.Values {
		n += 40 + int64(len(c.Values[i].Bytes))
	}
	return n
}

// Bytes returns the bytes of value i of a Plain column.
func (c *Col) Bytes(i int) []byte { return c.Data[c.Offsets[i]:c.Offsets[i+1]] }

// Kind returns the kind of value i.
func (c *Col) Kind(i int) record.Kind {
	switch c.Form {
	case scan.Consts:
		return c.Values[0].Kind
	case scan.Dict:
		return c.Values[c.Codes[i]].Kind
	case scan.Ints:
		return record.Int
	}
	if c.Kinds == nil {
		return record.String
	}
	return c.Kinds[i]
}

// Slot returns the number of row's value, or -1 when the row has none.
func (c *Col) Slot(row uint32) int {
	if c.Rows == nil {
		return int(row)
	}
	if i, ok := slices.BinarySearch(c.Rows, row); ok {
		return i
	}
	return -1
}

// Cursor walks through a column by ascending row.
type Cursor struct {
	Col *Col // nil: no row has the field
	at  int
}

// Slot is Col.Slot for rows that never descend from call to call.
func (c *Cursor) Slot(row uint32) int {
	if c.Col == nil {
		return -1
	}
	rows := c.Col.Rows
	if rows == nil {
		return int(row)
	}
	for c.at < len(rows) && rows[c.at] < row {
		c.at++
	}
	if c.at < len(rows) && rows[c.at] == row {
		return c.at
	}
	return -1
}

// KindMask is a set of record.Kind.
type KindMask uint8

// Has tells whether the set has k.
func (m KindMask) Has(k record.Kind) bool { return m&(1<<k) != 0 }

// Text is the set of the kinds that a search without a field looks at.
const Text KindMask = 1<<record.String | 1<<record.JSON

// KindsOf returns the set of kinds that occur in the column.
func (c *Col) KindsOf() KindMask {
	var m KindMask
	switch c.Form {
	case scan.Consts, scan.Dict:
		for i := range c.Values {
			m |= 1 << c.Values[i].Kind
		}
	case scan.Ints:
		m = 1 << record.Int
	default:
		if c.Kinds == nil {
			return 1 << record.String
		}
		for _, k := range c.Kinds {
			m |= 1 << k
		}
	}
	return m
}

// AppendPlain appends what a Plain column holds of a value.
func AppendPlain(dst []byte, v record.Value) []byte {
	switch v.Kind {
	case record.Int, record.Bool:
		n := uint64(v.Int)
		return append(dst, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
	case record.Number, record.String, record.JSON:
		return append(dst, v.Bytes...)
	}
	return dst
}

// PlainSize is how many bytes AppendPlain appends.
func PlainSize(v record.Value) int {
	switch v.Kind {
	case record.Int, record.Bool:
		return 8
	}
	return len(v.Bytes)
}
