package column

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"journalist/internal/record"
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// EncodeValues writes a list of values.
func EncodeValues(vs []record.Value) []byte {
	raw := binary.AppendUvarint(nil, uint64(len(vs)))
	for _, v := range vs {
		raw = AppendValue(raw, v)
	}
	return raw
}

// DecodeValues reads what EncodeValues wrote; there must be n values.
func DecodeValues(raw []byte, n int) ([]record.Value, error) {
	d := NewDecoder(raw)
	if count := d.Count(1); count != n {
		d.Fail("%d values, %d expected", count, n)
		return nil, d.Err()
	}
	out := make([]record.Value, n)
	for i := range out {
		out[i] = d.Value()
	}
	if d.Err() == nil && len(d.Data) > 0 {
		d.Fail("%d bytes after the values", len(d.Data))
	}
	return out, d.Err()
}

func readBitmap(raw []byte, e *Entry, rows int) ([]uint32, error) {
	if len(raw) != (rows+7)/8 {
		return nil, stream.Corrupt("bitmap of column %q has %d bytes for %d rows", e.Name, len(raw), rows)
	}
	out := make([]uint32, 0, e.Len)
	for i, b := range raw {
		for ; b != 0; b &= b - 1 {
			out = append(out, uint32(8*i+bits.TrailingZeros8(b)))
		}
	}
	if len(out) != e.Len || int(out[len(out)-1]) >= rows {
		return nil, stream.Corrupt("bitmap of column %q has %d rows, %d expected", e.Name, len(out), e.Len)
	}
	return out, nil
}

// fromTexts makes what a Plain column holds of texts: integers and booleans become
// eight bytes again. kinds is nil when all values are of the same kind.
func fromTexts(v texts.Vector, kinds []record.Kind, same record.Kind) (data []byte, offsets []uint32, err error) {
	rewrite := same == record.Int || same == record.Bool || same == record.Null
	for _, k := range kinds {
		rewrite = rewrite || k == record.Int || k == record.Bool || k == record.Null
	}
	if !rewrite {
		return v.Data, v.Offsets, nil
	}
	data = make([]byte, 0, v.Size()+8*v.Len())
	offsets = make([]uint32, 1, v.Len()+1)
	for i := range v.Len() {
		k := same
		if kinds != nil {
			k = kinds[i]
		}
		value, err := fromText(v.At(i), k)
		if err != nil {
			return nil, nil, err
		}
		data = AppendPlain(data, value)
		offsets = append(offsets, uint32(len(data)))
	}
	return data, offsets, nil
}

func fromText(b []byte, k record.Kind) (record.Value, error) {
	switch k {
	case record.Int:
		n, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return record.Value{}, stream.Corrupt("integer %q", b)
		}
		return record.IntValue(n), nil
	case record.Bool:
		switch string(b) {
		case "true":
			return record.BoolValue(true), nil
		case "false":
			return record.BoolValue(false), nil
		}
		return record.Value{}, stream.Corrupt("boolean %q", b)
	case record.Null:
		if len(b) > 0 {
			return record.Value{}, stream.Corrupt("null of %d bytes", len(b))
		}
	}
	return record.Value{Kind: k, Bytes: b}, nil
}
