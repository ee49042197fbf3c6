package column

import (
	"encoding/binary"
	"math/bits"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/wire"
)

// Entry is what a row group's directory knows of one column: enough to decide many
// predicates without reading a block.
type Entry struct {
	Name  string
	Form  scan.Form
	Kinds KindMask
	Len   int // values
	// Sparse: 0 every row has a value, 1 Rows holds a list of row numbers, 2 a
	// bitmap.
	Sparse byte

	Const    record.Value // Consts
	Distinct int          // Dict
	Min, Max int64        // Ints

	Rows    Ref // row numbers of a sparse column
	Values  Ref // Dict: the values; Plain: the kinds, where not all are String
	Codes   Ref // Dict: codes; Ints: the numbers; Plain: lengths
	Data    Ref // Plain: the bytes
	Filter  Ref // word filter
	Filters int // 1 when the column has texts and so a filter that can be asked
}

const (
	sparseList   = 1
	sparseBitmap = 2
)

// Encode writes a column of a group of so many rows: put gets each block and says
// where it went. words is scratch memory.
func Encode(c *Col, rows int, words *Words, put func(block []byte) Ref) Entry {
	c = c.Pack()
	e := Entry{Name: c.Name, Form: c.Form, Kinds: c.KindsOf(), Len: c.Len}
	if c.Rows != nil {
		e.Sparse, e.Rows = encodeRows(c.Rows, rows, put)
	}
	block := func(raw []byte) Ref { return put(AppendBlock(nil, raw)) }
	switch c.Form {
	case scan.Consts:
		e.Const = c.Values[0]
		return e
	case scan.Dict:
		e.Distinct = len(c.Values)
		e.Values = block(EncodeValues(c.Values))
		e.Codes = block(AppendUint32s(nil, c.Codes))
	case scan.Ints:
		e.Min, e.Max = c.Ints[0], c.Ints[0]
		for _, n := range c.Ints {
			e.Min, e.Max = min(e.Min, n), max(e.Max, n)
		}
		e.Codes = block(AppendInts(nil, c.Ints))
		return e
	default:
		if c.Kinds != nil {
			kinds := make([]byte, len(c.Kinds))
			for i, k := range c.Kinds {
				kinds[i] = byte(k)
			}
			e.Values = block(kinds)
		}
		lengths := make([]uint32, c.Len)
		for i := range lengths {
			lengths[i] = c.Offsets[i+1] - c.Offsets[i]
		}
		e.Codes = block(AppendUint32s(nil, lengths))
		e.Data = block(c.Data[c.Offsets[0]:c.Offsets[c.Len]])
	}
	if e.Kinds&Text != 0 {
		words.Reset()
		words.AddCol(c)
		e.Filters = 1
		if b := words.Bloom(); b != nil {
			e.Filter = put(AppendRaw(nil, b))
		}
	}
	return e
}

// EncodeValues writes a list of values, for a block.
func EncodeValues(vs []record.Value) []byte {
	raw := binary.AppendUvarint(nil, uint64(len(vs)))
	for _, v := range vs {
		raw = AppendValue(raw, v)
	}
	return raw
}

func encodeRows(rows []uint32, n int, put func([]byte) Ref) (byte, Ref) {
	if len(rows)*16 < n {
		return sparseList, put(AppendBlock(nil, AppendUint32s(nil, rows)))
	}
	bitmap := make([]byte, (n+7)/8)
	for _, r := range rows {
		bitmap[r/8] |= 1 << (r % 8)
	}
	return sparseBitmap, put(AppendBlock(nil, bitmap))
}

// AppendUint32s is AppendInts for small numbers.
func AppendUint32s(dst []byte, us []uint32) []byte {
	vs := make([]int64, len(us))
	for i, u := range us {
		vs[i] = int64(u)
	}
	return AppendInts(dst, vs)
}

// DecodeUint32s reads what AppendUint32s wrote: n numbers below limit.
func DecodeUint32s(data []byte, n int, limit uint32) ([]uint32, error) {
	vs, err := DecodeInts(data, n)
	if err != nil {
		return nil, err
	}
	us := make([]uint32, n)
	for i, v := range vs {
		if v < 0 || v >= int64(limit) {
			d := NewDecoder(nil)
			d.Fail("number %d is not below %d", v, limit)
			return nil, d.Err()
		}
		us[i] = uint32(v)
	}
	return us, nil
}

// Append writes the entry.
func (e *Entry) Append(dst []byte) []byte {
	dst = wire.AppendBytes(dst, e.Name)
	dst = append(dst, byte(e.Form), byte(e.Kinds), e.Sparse, byte(e.Filters))
	dst = binary.AppendUvarint(dst, uint64(e.Len))
	switch e.Form {
	case scan.Consts:
		dst = AppendValue(dst, e.Const)
	case scan.Dict:
		dst = binary.AppendUvarint(dst, uint64(e.Distinct))
	case scan.Ints:
		dst = binary.AppendVarint(dst, e.Min)
		dst = binary.AppendVarint(dst, e.Max)
	}
	for _, r := range []Ref{e.Rows, e.Values, e.Codes, e.Data, e.Filter} {
		dst = r.Append(dst)
	}
	return dst
}

// ReadEntry reads what Entry.Append wrote, of a group of so many rows.
func ReadEntry(d *Decoder, rows int) Entry {
	e := Entry{Name: string(d.Bytes()), Form: scan.Form(d.Byte()), Kinds: KindMask(d.Byte()), Sparse: d.Byte(), Filters: int(d.Byte())}
	n := d.Uvarint()
	if n > uint64(rows) || n == 0 || e.Sparse == 0 && n != uint64(rows) || e.Sparse > sparseBitmap || e.Filters > 1 {
		d.Fail("column %q has %d values in %d rows", e.Name, n, rows)
	}
	e.Len = int(n)
	switch e.Form {
	case scan.Consts:
		e.Const = d.Value()
	case scan.Dict:
		distinct := d.Uvarint()
		if distinct > n {
			d.Fail("column %q has %d distinct values of %d", e.Name, distinct, n)
		}
		e.Distinct = int(distinct)
	case scan.Ints:
		e.Min, e.Max = d.Varint(), d.Varint()
	case scan.Plain:
	default:
		d.Fail("column %q has the form %d", e.Name, e.Form)
	}
	for _, r := range []*Ref{&e.Rows, &e.Values, &e.Codes, &e.Data, &e.Filter} {
		*r = ReadRef(d)
	}
	return e
}

// Getter returns the bytes of a block, checked against its checksum and opened.
type Getter func(Ref) ([]byte, error)

// Decode reads the column of a group of so many rows.
func (e *Entry) Decode(rows int, get Getter) (*Col, error) {
	c := &Col{Column: scan.Column{Name: e.Name, Form: e.Form, Len: e.Len}}
	var err error
	if e.Sparse != 0 {
		if c.Rows, err = e.decodeRows(rows, get); err != nil {
			return nil, err
		}
	}
	switch e.Form {
	case scan.Consts:
		c.Values = []record.Value{e.Const}
	case scan.Dict:
		if c.Values, err = e.DictValues(get); err != nil {
			return nil, err
		}
		raw, err := get(e.Codes)
		if err != nil {
			return nil, err
		}
		c.Codes, err = DecodeUint32s(raw, e.Len, uint32(len(c.Values)))
		return c, err
	case scan.Ints:
		raw, err := get(e.Codes)
		if err != nil {
			return nil, err
		}
		c.Ints, err = DecodeInts(raw, e.Len)
		return c, err
	default:
		return c, e.decodePlain(c, get)
	}
	return c, nil
}

func (e *Entry) decodeRows(rows int, get Getter) ([]uint32, error) {
	raw, err := get(e.Rows)
	if err != nil {
		return nil, err
	}
	d := NewDecoder(nil)
	if e.Sparse == sparseList {
		out, err := DecodeUint32s(raw, e.Len, uint32(rows))
		if err != nil {
			return nil, err
		}
		for i := 1; i < len(out); i++ {
			if out[i] <= out[i-1] {
				d.Fail("rows of column %q do not ascend", e.Name)
				return nil, d.Err()
			}
		}
		return out, nil
	}
	if len(raw) != (rows+7)/8 {
		d.Fail("bitmap of column %q has %d bytes for %d rows", e.Name, len(raw), rows)
		return nil, d.Err()
	}
	out := make([]uint32, 0, e.Len)
	for i, b := range raw {
		for ; b != 0; b &= b - 1 {
			out = append(out, uint32(8*i+bits.TrailingZeros8(b)))
		}
	}
	if len(out) != e.Len || len(out) > 0 && int(out[len(out)-1]) >= rows {
		d.Fail("bitmap of column %q has %d rows, %d expected", e.Name, len(out), e.Len)
		return nil, d.Err()
	}
	return out, nil
}

// DictValues reads the values of a Dict column alone.
func (e *Entry) DictValues(get Getter) ([]record.Value, error) {
	raw, err := get(e.Values)
	if err != nil {
		return nil, err
	}
	return DecodeValues(raw, e.Distinct)
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

func (e *Entry) decodePlain(c *Col, get Getter) error {
	raw, err := get(e.Codes)
	if err != nil {
		return err
	}
	if c.Data, err = get(e.Data); err != nil {
		return err
	}
	var kinds []byte
	if e.Values.Len != 0 {
		if kinds, err = get(e.Values); err != nil {
			return err
		}
	}
	c.Offsets, c.Kinds, err = DecodePlain(raw, kinds, c.Data, e.Len)
	return err
}

// DecodePlain checks the parts of n Plain values: their encoded lengths, their
// kinds (nil: all String) and their bytes.
func DecodePlain(lengths, kinds, data []byte, n int) ([]uint32, []record.Kind, error) {
	sizes, err := DecodeUint32s(lengths, n, MaxBlock+1)
	if err != nil {
		return nil, nil, err
	}
	d := NewDecoder(nil)
	offsets := make([]uint32, n+1)
	var at uint64
	for i, size := range sizes {
		if at += uint64(size); at > uint64(len(data)) {
			break
		}
		offsets[i+1] = uint32(at)
	}
	if at != uint64(len(data)) {
		d.Fail("%d bytes of values, %d needed", len(data), at)
		return nil, nil, d.Err()
	}
	if kinds == nil {
		return offsets, nil, nil
	}
	if len(kinds) != n {
		d.Fail("%d kinds for %d values", len(kinds), n)
		return nil, nil, d.Err()
	}
	out := make([]record.Kind, n)
	for i, k := range kinds {
		out[i] = record.Kind(k)
		if err := checkKind(out[i], offsets[i+1]-offsets[i]); err != nil {
			return nil, nil, err
		}
	}
	return offsets, out, nil
}

func checkKind(k record.Kind, n uint32) error {
	var d Decoder
	switch k {
	case record.Int, record.Bool:
		if n != 8 {
			d.Fail("%s of %d bytes", k, n)
		}
	case record.Null:
		if n != 0 {
			d.Fail("null of %d bytes", n)
		}
	case record.Number, record.String, record.JSON:
	default:
		d.Fail("value of kind %d", k)
	}
	return d.Err()
}
