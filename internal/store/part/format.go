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
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/wire"
)

// The limits of a row group.
const (
	// MaxRows is the most rows of a group.
	MaxRows = 1 << 16
	// MaxBytes is about the most that a group's columns occupy in memory; see Cut.
	MaxBytes = 8 << 20

	maxRowsRead = 1 << 20 // what a reader believes
	maxRareRead = 1 << 24
)

const (
	magic    = "JPRT"
	version  = 2
	headSize = 8
	tailSize = 12
)

// GroupInfo is what the footer says of a row group.
type GroupInfo struct {
	Off, Len    int64 // where it lies in the file
	Rows        int
	First, Last int64 // times
	Bytes       int64 // in memory, about
	dir         stream.Ref
}

// directory is what a group says of its streams and columns. It is immutable and
// may be used by several goroutines.
type directory struct {
	rows    int
	table   *stream.Table
	times   *ints.Head
	shapes  stream.ID // names and shapes
	nshapes int
	shapeOf *ints.Head     // nil when there is one shape
	first   stream.ID      // of the columns
	entries []column.Entry // sorted by name
	rest    restEntry
	common  column.Common
}

// restEntry is the pool of fields that are too rare for a column of their own: their
// values in order of names and rows, as one column.
type restEntry struct {
	values int          // 0: there is no pool
	names  stream.ID    // names with their number of values
	rows   *ints.Head   // row of each value
	pool   column.Entry // the values; its kinds are always written
}

// A directory is, in this order: rows, the streams' table, times, shapes, columns,
// rare values, common filter; see docs/format/part.md.
func decodeDirectory(raw []byte, rows int) (*directory, error) {
	d := column.NewDecoder(raw)
	dir := &directory{rows: int(d.Uvarint())}
	if dir.rows != rows {
		d.Fail("directory of %d rows, the footer says %d", dir.rows, rows)
	}
	dir.table = stream.ReadTable(&d.Decoder)
	if d.Err() != nil {
		return nil, d.Err()
	}
	dir.times = ints.Read(&d.Decoder, rows)
	dir.shapes = stream.ReadID(&d.Decoder)
	nshapes := d.Uvarint()
	if nshapes == 0 || nshapes > uint64(rows) {
		d.Fail("%d shapes for %d rows", nshapes, rows)
	}
	dir.nshapes = int(nshapes)
	if nshapes > 1 {
		dir.shapeOf = ints.Read(&d.Decoder, rows)
	}
	if first := d.Uvarint(); first > uint64(dir.table.Len()) {
		d.Fail("the columns begin with stream %d of %d", first, dir.table.Len())
	} else {
		dir.first = stream.ID(first)
	}
	for n := d.Count(5); n > 0 && d.Err() == nil; n-- {
		dir.entries = append(dir.entries, column.ReadEntry(&d, rows))
	}
	if !slices.IsSortedFunc(dir.entries, func(a, b column.Entry) int { return cmp.Compare(a.Name, b.Name) }) {
		d.Fail("columns are not sorted")
	}
	if n := d.Uvarint(); n > 0 && d.Err() == nil {
		if n > maxRareRead {
			d.Fail("%d rare values", n)
			return nil, d.Err()
		}
		dir.rest.values = int(n)
		dir.rest.names = stream.ReadID(&d.Decoder)
		dir.rest.rows = ints.Read(&d.Decoder, int(n))
		dir.rest.pool = column.ReadEntry(&d, int(n))
		if d.Err() == nil && (!dir.rest.pool.Full() || dir.rest.pool.Form != scan.Plain || dir.rest.pool.Len != int(n)) {
			d.Fail("rare values are not plain")
		}
	}
	dir.common = column.ReadCommon(&d)
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
