// Package wire reads and writes the little things that all our binary formats
// consist of: varints, little-endian integers, lengths with bytes.
//
// It is a leaf: internal/record's batches, internal/lumberjack's blocks,
// internal/registry's entries and internal/store's files are decoded with it.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCorrupt is wrapped by a Decoder's errors when its Kind is not set.
var ErrCorrupt = errors.New("corrupt data")

// Decoder reads Data from the front and remembers the first error; after it
// everything reads as zero. No input makes it panic, and counts are checked
// against what is left before anything is allocated. One goroutine uses it.
type Decoder struct {
	Data []byte
	// Kind is wrapped by the error: whose data are corrupt.
	Kind error
	err  error
}

// Err returns the first error.
func (d *Decoder) Err() error { return d.err }

// Fail notes an error, if it is the first.
func (d *Decoder) Fail(format string, args ...any) {
	if d.err == nil {
		kind := d.Kind
		if kind == nil {
			kind = ErrCorrupt
		}
		d.err = fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
	}
	d.Data = nil
}

// Take returns the next n bytes, sharing the decoder's memory.
func (d *Decoder) Take(n uint64) []byte {
	if n > uint64(len(d.Data)) {
		d.Fail("%d bytes wanted, %d left", n, len(d.Data))
		return nil
	}
	p := d.Data[:n:n]
	d.Data = d.Data[n:]
	return p
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if p := d.Take(1); p != nil {
		return p[0]
	}
	return 0
}

// Uint32 reads four bytes, little endian.
func (d *Decoder) Uint32() uint32 {
	if p := d.Take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

// Uint64 reads eight bytes, little endian.
func (d *Decoder) Uint64() uint64 {
	if p := d.Take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// Uvarint reads an unsigned varint.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.Data)
	if n <= 0 {
		d.Fail("bad varint")
		return 0
	}
	d.Data = d.Data[n:]
	return v
}

// Varint reads a signed varint.
func (d *Decoder) Varint() int64 {
	v, n := binary.Varint(d.Data)
	if n <= 0 {
		d.Fail("bad varint")
		return 0
	}
	d.Data = d.Data[n:]
	return v
}

// Bytes reads a length and so many bytes.
func (d *Decoder) Bytes() []byte { return d.Take(d.Uvarint()) }

// Count reads how many items follow, each of at least size bytes.
func (d *Decoder) Count(size uint64) int {
	n := d.Uvarint()
	if n > uint64(len(d.Data))/size {
		d.Fail("%d items in %d bytes", n, len(d.Data))
		return 0
	}
	return int(n)
}

// AppendBytes appends a length and the bytes.
func AppendBytes[T string | []byte](dst []byte, b T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}
