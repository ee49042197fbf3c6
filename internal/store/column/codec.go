package column

import (
	"encoding/binary"

	"journalist/internal/record"
	"journalist/internal/store/stream"
	"journalist/internal/wire"
)

// ErrCorrupt is wrapped by every error that says that encoded data are not what
// was written.
var ErrCorrupt = stream.ErrCorrupt

// Decoder reads encoded data; see wire.Decoder.
type Decoder struct{ wire.Decoder }

// NewDecoder reads data, which it does not copy.
func NewDecoder(data []byte) Decoder {
	return Decoder{wire.Decoder{Data: data, Kind: ErrCorrupt}}
}

// AppendValue appends a value: its kind, then a varint or a length and bytes.
func AppendValue(dst []byte, v record.Value) []byte {
	dst = append(dst, byte(v.Kind))
	switch v.Kind {
	case record.Int, record.Bool:
		return binary.AppendVarint(dst, v.Int)
	case record.Number, record.String, record.JSON:
		return wire.AppendBytes(dst, v.Bytes)
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
