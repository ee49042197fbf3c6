package column

import (
	"encoding/binary"
	"errors"
	"fmt"

	"journalist/internal/record"
)

// ErrCorrupt is wrapped by every error that says that encoded data are not what
// was written.
var ErrCorrupt = errors.New("corrupt data")

// Decoder reads encoded data and remembers the first error. No input makes it
// panic; counts are checked against what is left before anything is allocated.
type Decoder struct {
	Data []byte
	err  error
}

// Err returns the first error.
func (d *Decoder) Err() error { return d.err }

// Fail notes an error, if it is the first.
func (d *Decoder) Fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
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

// Uint32 and Uint64 read little-endian integers.
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

// AppendValue appends a value: its kind, then a varint or a length and bytes.
func AppendValue(dst []byte, v record.Value) []byte {
	dst = append(dst, byte(v.Kind))
	switch v.Kind {
	case record.Int, record.Bool:
		return binary.AppendVarint(dst, v.Int)
	case record.Number, record.String, record.JSON:
		return AppendBytes(dst, v.Bytes)
	}
	return dst
}

// Value reads what AppendValue wrote.
func (d *Decoder) Value() record.Value {
	v := record.Value{Kind: record.Kind(d.Byte())}
	switch v.Kind {
	case record.Int, record.Bool:
		v.Int = d.Varint()
	case record.Number, record.String, record.JSON:
		v.Bytes = d.Bytes()
	case record.Null:
	default:
		d.Fail("value of kind %d", v.Kind)
	}
	return v
}
