package part

import (
	"cmp"
	"encoding/binary"
	"slices"

	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/wire"
)

// own tells which columns get blocks of their own; the others are pooled, because
// a column costs some hundred bytes and several reads however few values it has.
func own(cols []*column.Col, rows int) []bool {
	const (
		few  = 64  // so many columns are never pooled
		most = 512 // columns of their own
	)
	out := make([]bool, len(cols))
	if len(cols) <= few {
		for i := range out {
			out[i] = true
		}
		return out
	}
	order := make([]int, len(cols))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cols[b].Len, cols[a].Len) })
	for rank, i := range order {
		out[i] = rank < most && (rank < few/2 || cols[i].Len > rows/64)
	}
	return out
}

// rareNames are the names of the pooled fields, sorted; the values of name i are
// [starts[i], starts[i+1]). It is immutable.
type rareNames struct {
	names  []string
	starts []uint32
}

func decodeRare(raw []byte, values int) (*rareNames, error) {
	d := column.NewDecoder(raw)
	r := &rareNames{starts: []uint32{0}}
	total := uint64(0)
	for count := d.Count(2); count > 0 && d.Err() == nil; count-- {
		r.names = append(r.names, string(d.Bytes()))
		total += d.Uvarint()
		if total > uint64(values) {
			d.Fail("%d rare values, %d expected", total, values)
		}
		r.starts = append(r.starts, uint32(total))
	}
	if d.Err() == nil && (total != uint64(values) || len(d.Data) > 0 || !slices.IsSorted(r.names)) {
		d.Fail("names of %d rare values, %d expected", total, values)
	}
	return r, d.Err()
}

// checkRows demands that the rows of each field ascend.
func (r *rareNames) checkRows(rows []uint32) error {
	for i := range r.names {
		for j := r.starts[i] + 1; j < r.starts[i+1]; j++ {
			if rows[j] <= rows[j-1] {
				return stream.Corrupt("rows of %q do not ascend", r.names[i])
			}
		}
	}
	return nil
}

// rareValues are the decoded values of the pooled fields.
type rareValues struct {
	rows   []uint32
	values *column.Col
}

// col returns the column of field i.
func (r *rareValues) col(n *rareNames, i int) *column.Col {
	from, to := n.starts[i], n.starts[i+1]
	c := &column.Col{Column: r.values.Column, Rows: r.rows[from:to]}
	c.Name, c.Len, c.Offsets = n.names[i], int(to-from), c.Offsets[from:to+1]
	if c.Kinds != nil {
		c.Kinds = c.Kinds[from:to]
	}
	return c
}

// appendRest pools the values of rare fields.
func (w *Writer) appendRest(dir []byte, streams *stream.Writer, cols []*column.Col) []byte {
	if len(cols) == 0 {
		return append(dir, 0)
	}
	names := binary.AppendUvarint(nil, uint64(len(cols)))
	var rows []uint32
	var pool column.Col
	pool.Form, pool.Offsets = scan.Plain, []uint32{0}
	for _, c := range cols {
		names = wire.AppendBytes(names, c.Name)
		names = binary.AppendUvarint(names, uint64(c.Len))
		for i := range c.Len {
			row := uint32(i)
			if c.Rows != nil {
				row = c.Rows[i]
			}
			v := c.Value(i)
			rows = append(rows, row)
			pool.Data = column.AppendPlain(pool.Data, v)
			pool.Offsets = append(pool.Offsets, uint32(len(pool.Data)))
			pool.Kinds = append(pool.Kinds, v.Kind)
		}
	}
	pool.Len = len(rows)
	dir = binary.AppendUvarint(dir, uint64(len(rows)))
	dir = binary.AppendUvarint(dir, uint64(streams.Put(stream.Structure, names)))
	dir = ints.AppendCodes(dir, streams, rows)
	return w.columns.AppendPlain(dir, streams, &pool)
}
