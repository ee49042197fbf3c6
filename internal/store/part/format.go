// Package part writes and reads parts: immutable files of row groups, each of at
// most 64 Ki rows of one dataset, as columns.
//
// Up the way internal/store makes parts of memtables and of smaller parts and
// scans them; down the way internal/store/column encodes each column. The format
// is described in docs/format/part.md.
package part

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/wire"
)

// The limits of a row group.
const (
	// MaxRows is the most rows of a group.
	MaxRows = 1 << 16
	// MaxBytes is about the most that a group's columns occupy in memory.
	MaxBytes = 8 << 20

	maxRowsRead = 1 << 20 // what a reader believes
)

const (
	magic    = "JPRT"
	version  = 1
	headSize = 8
	tailSize = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// GroupInfo is what the footer says of a row group.
type GroupInfo struct {
	Off, Len    int64 // where it lies in the file
	Rows        int
	First, Last int64 // times
	Bytes       int64 // in memory, about
	dir         column.Ref
}

// directory is what a group says of its columns.
type directory struct {
	rows    int
	times   column.Ref
	shapes  column.Ref // names and shapes
	nshapes int
	shapeOf column.Ref
	entries []column.Entry // sorted by name
	rest    restEntry
}

// restEntry is the pool of fields that are too rare for a column of their own.
type restEntry struct {
	values              int // 0: there is no pool
	kinds               column.KindMask
	names               column.Ref // names with their number of values
	rows, kindOf, sizes column.Ref
	data, filter        column.Ref
}

func (d *directory) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(d.rows))
	b = d.times.Append(b)
	b = d.shapes.Append(b)
	b = binary.AppendUvarint(b, uint64(d.nshapes))
	b = d.shapeOf.Append(b)
	b = binary.AppendUvarint(b, uint64(len(d.entries)))
	for i := range d.entries {
		b = d.entries[i].Append(b)
	}
	b = binary.AppendUvarint(b, uint64(d.rest.values))
	if d.rest.values == 0 {
		return b
	}
	b = append(b, byte(d.rest.kinds))
	for _, r := range d.rest.refs() {
		b = r.Append(b)
	}
	return b
}

func (r *restEntry) refs() []*column.Ref {
	return []*column.Ref{&r.names, &r.rows, &r.kindOf, &r.sizes, &r.data, &r.filter}
}

func decodeDirectory(raw []byte, rows int) (*directory, error) {
	d := column.NewDecoder(raw)
	dir := &directory{rows: int(d.Uvarint())}
	if dir.rows != rows {
		d.Fail("directory of %d rows, the footer says %d", dir.rows, rows)
	}
	dir.times, dir.shapes = column.ReadRef(&d), column.ReadRef(&d)
	nshapes := d.Uvarint()
	if nshapes == 0 || nshapes > uint64(rows) {
		d.Fail("%d shapes for %d rows", nshapes, rows)
	}
	dir.nshapes = int(nshapes)
	dir.shapeOf = column.ReadRef(&d)
	for n := d.Count(10); n > 0 && d.Err() == nil; n-- {
		dir.entries = append(dir.entries, column.ReadEntry(&d, rows))
	}
	if !slices.IsSortedFunc(dir.entries, func(a, b column.Entry) int { return cmp.Compare(a.Name, b.Name) }) {
		d.Fail("columns are not sorted")
	}
	if n := d.Uvarint(); n > 0 {
		if n > column.MaxBlock {
			d.Fail("%d rare values", n)
		}
		dir.rest.values = int(n)
		dir.rest.kinds = column.KindMask(d.Byte())
		for _, r := range dir.rest.refs() {
			*r = column.ReadRef(&d)
		}
	}
	if d.Err() == nil && len(d.Data) > 0 {
		d.Fail("%d bytes after the directory", len(d.Data))
	}
	return dir, d.Err()
}

func (d *directory) entry(name string) *column.Entry {
	i, ok := slices.BinarySearchFunc(d.entries, name, func(e column.Entry, name string) int { return cmp.Compare(e.Name, name) })
	if !ok {
		return nil
	}
	return &d.entries[i]
}

// Names and shapes of a group's records, as one block: the count and the paths of
// the names, then for each shape the count and numbers of its fields.
func encodeShapes(names []record.Name, shapes [][]uint32) []byte {
	b := binary.AppendUvarint(nil, uint64(len(names)))
	for _, n := range names {
		b = wire.AppendBytes(b, n.Path)
	}
	for _, s := range shapes {
		b = binary.AppendUvarint(b, uint64(len(s)))
		for _, f := range s {
			b = binary.AppendUvarint(b, uint64(f))
		}
	}
	return b
}

func decodeShapes(raw []byte, n int) ([]record.Name, [][]uint32, error) {
	d := column.NewDecoder(raw)
	names := make([]record.Name, d.Count(1))
	for i := range names {
		names[i] = record.MakeName(string(d.Bytes()))
	}
	if n > len(d.Data) {
		d.Fail("%d shapes in %d bytes", n, len(d.Data))
		return nil, nil, d.Err()
	}
	shapes := make([][]uint32, n)
	for i := range shapes {
		s := make([]uint32, d.Count(1))
		for j := range s {
			f := d.Uvarint()
			if f >= uint64(len(names)) {
				d.Fail("field %d of %d", f, len(names))
			}
			s[j] = uint32(f)
		}
		shapes[i] = s
	}
	if d.Err() == nil && len(d.Data) > 0 {
		d.Fail("%d bytes after the shapes", len(d.Data))
	}
	return names, shapes, d.Err()
}

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

// rest is the decoded pool.
type rest struct {
	names  []string // sorted
	starts []uint32 // name i's values are [starts[i], starts[i+1])
	rows   []uint32
	kinds  []record.Kind
	offs   []uint32
	data   []byte
}

// col returns the pooled column of a name, nil when it has none.
func (r *rest) col(name string) *column.Col {
	i, ok := slices.BinarySearch(r.names, name)
	if !ok {
		return nil
	}
	from, to := r.starts[i], r.starts[i+1]
	return &column.Col{
		Column: scan.Column{Name: name, Form: scan.Plain, Len: int(to - from), Kinds: r.kinds[from:to], Offsets: r.offs[from : to+1], Data: r.data},
		Rows:   r.rows[from:to],
	}
}
