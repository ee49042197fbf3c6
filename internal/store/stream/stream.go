// Package stream stores the many byte streams that the columns of a row group
// consist of: long ones as blocks of their own, short ones pooled with others of
// their class, because a block of its own would cost a short one more than it has.
//
// Up the way internal/store/text, internal/store/typed and internal/store/ints put
// streams and read them again by number; down the way internal/store/part writes
// the blocks into its file. The format is described in docs/format/part.md.
package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"journalist/internal/wire"
)

// ErrCorrupt is wrapped by every error that says that encoded data are not what
// was written.
var ErrCorrupt = errors.New("corrupt data")

// ID is the number of a stream within its row group, in the order they were put.
type ID uint32

// Class says what a stream is like. Short streams of one class share a block, so
// that like is compressed with like. It is stored: the numbers stay.
type Class uint8

// The classes.
const (
	Structure Class = iota // what columns consist of: kinds, parameters, numbers of streams
	Templates              // static texts of templates
	Codes                  // numbers of templates and of dictionary entries
	Ints                   // integers, as byte planes
	Texts                  // texts
	Raw                    // dense bytes that no compression makes smaller: it is not tried
	classes   = 6
)

// Source reads streams. The bytes must not be changed and stay valid as long as
// they are referred to. A missing or damaged stream is an error that wraps
// ErrCorrupt. One goroutine uses it at a time.
type Source interface {
	Stream(id ID) ([]byte, error)
}

// Ref says where a block stands within its row group and what its checksum is
// (CRC-32C). A Ref of length 0 means that there is no such block.
type Ref struct {
	Off, Len, Sum uint32
}

const (
	// own is the length from which a stream has a block of its own.
	own = 2 << 10
	// pool is the length at which a pool becomes a block. A reader of one short
	// stream opens so much.
	pool = 64 << 10
)

// Writer collects the streams of one row group. It is used by one goroutine.
type Writer struct {
	level   Level
	put     func(block []byte) Ref
	blocks  []Ref
	classOf []byte
	lengths []uint32
	pools   [classes][]byte
	out     []byte // memory for one block
}

// NewWriter makes a writer that hands finished blocks to put, which keeps nothing of
// them.
func NewWriter(put func(block []byte) Ref) *Writer { return &Writer{put: put} }

// Compress sets the level for the streams that are put from now on; Fast if it is
// not called.
func (w *Writer) Compress(l Level) { w.level = l }

// Put adds a stream of at most MaxBlock bytes and returns its number. b is not kept.
func (w *Writer) Put(c Class, b []byte) ID {
	id := ID(len(w.lengths))
	w.classOf = append(w.classOf, byte(c))
	w.lengths = append(w.lengths, uint32(len(b)))
	if len(b) >= own {
		w.block(c, b)
		return id
	}
	w.pools[c] = append(w.pools[c], b...)
	if len(w.pools[c]) >= pool {
		w.flush(c)
	}
	return id
}

// Len is how many streams were put.
func (w *Writer) Len() int { return len(w.lengths) }

func (w *Writer) flush(c Class) {
	if len(w.pools[c]) > 0 {
		w.block(c, w.pools[c])
		w.pools[c] = w.pools[c][:0]
	}
}

func (w *Writer) block(c Class, b []byte) {
	if c == Raw {
		w.out = AppendRaw(w.out[:0], b)
	} else {
		w.out = w.level.AppendBlock(w.out[:0], b)
	}
	w.blocks = append(w.blocks, w.put(w.out))
}

// Finish writes what is pooled and appends the table that a Reader needs to dst.
func (w *Writer) Finish(dst []byte) []byte {
	for c := range Class(classes) {
		w.flush(c)
	}
	dst = binary.AppendUvarint(dst, own)
	dst = binary.AppendUvarint(dst, pool)
	dst = wire.AppendBytes(dst, w.classOf)
	for _, n := range w.lengths {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	dst = binary.AppendUvarint(dst, uint64(len(w.blocks)))
	for _, r := range w.blocks {
		dst = r.Append(dst)
	}
	return dst
}

// Append writes the reference.
func (r Ref) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.Len))
	if r.Len == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(r.Off))
	return binary.LittleEndian.AppendUint32(dst, r.Sum)
}

// ReadRef reads what Ref.Append wrote.
func ReadRef(d *wire.Decoder) Ref {
	n := d.Uvarint()
	if n == 0 {
		return Ref{}
	}
	off := d.Uvarint()
	if n > 2*MaxBlock || off > 1<<31 {
		d.Fail("block of %d bytes at %d", n, off)
	}
	return Ref{Off: uint32(off), Len: uint32(n), Sum: d.Uint32()}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Corrupt makes an error that wraps ErrCorrupt.
func Corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// AppendID writes the number of a stream.
func AppendID(dst []byte, id ID) []byte { return binary.AppendUvarint(dst, uint64(id)) }

// ReadID reads what AppendID wrote.
func ReadID(d *wire.Decoder) ID {
	id := d.Uvarint()
	if id >= MaxStreams {
		d.Fail("stream %d", id)
		return 0
	}
	return ID(id)
}

// Checksum is the checksum of a block.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// NewDecoder reads data, which it does not copy; its errors wrap ErrCorrupt.
func NewDecoder(data []byte) wire.Decoder { return wire.Decoder{Data: data, Kind: ErrCorrupt} }
