package column

import (
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
	"journalist/internal/store/words"
	"journalist/internal/wire"
)

// Entry is what a row group's directory knows of one column: enough to decide many
// predicates without reading a stream. It is immutable.
type Entry struct {
	Name  string
	Form  scan.Form
	Kinds KindMask
	Len   int // values

	Const    record.Value // Consts
	Distinct int          // Dict
	Min, Max int64        // Ints

	// Streams is how many streams the column has; they are numbered one after the
	// other, in the order of columns.
	Streams int

	sparse byte
	rows   *ints.Head // sparseList
	bitmap stream.ID  // sparseBitmap

	codes  *ints.Head // Dict: codes; Ints: the numbers; Plain: the kinds, where several occur
	counts *ints.Head // Dict of few values: how many rows have each
	// values is where the texts are: of a Plain column's values, of a Dict's where
	// asTexts, else of all its values as EncodeValues wrote them.
	values  stream.ID
	asTexts bool

	hasFilter, hasGrams bool
	filter, grams       stream.ID
}

// How the rows of a column are written that not every row has.
const (
	sparseNot    = 0
	sparseList   = 1
	sparseBitmap = 2
)

// Full tells whether every row has a value.
func (e *Entry) Full() bool { return e.sparse == sparseNot }

// Texts tells whether the column is one of strings that can be searched as they are
// encoded.
func (e *Entry) Texts() bool { return e.Form == scan.Plain && e.Kinds == 1<<record.String }

// Filter returns the filter of the column's values, nil where it has none.
func (e *Entry) Filter(src stream.Source) (*words.Filter, error) {
	if !e.hasFilter {
		return nil, nil
	}
	f := &words.Filter{NoGrams: !e.hasGrams}
	var err error
	if f.Words, err = src.Stream(e.filter); err != nil || !e.hasGrams {
		return f, err
	}
	f.Grams, err = readGrams(src, e.grams)
	return f, err
}

func readGrams(src stream.Source, id stream.ID) (words.Grams, error) {
	b, err := src.Stream(id)
	if len(b) > words.MaxGrams {
		return nil, stream.Corrupt("%d bytes of grams", len(b))
	}
	return b, err
}

// Common is where the filter is over the words of a row group that no column's own
// filter has; see Encoder.AppendCommon.
type Common struct{ words, grams stream.ID }

// ReadCommon reads what Encoder.AppendCommon appended.
func ReadCommon(d *Decoder) Common {
	return Common{stream.ReadID(&d.Decoder), stream.ReadID(&d.Decoder)}
}

// First is the first of its streams.
func (c Common) First() stream.ID { return min(c.words, c.grams) }

// Filter reads the filter.
func (c Common) Filter(src stream.Source) (*words.Filter, error) {
	var f words.Filter
	var err error
	if f.Words, err = src.Stream(c.words); err == nil {
		f.Grams, err = readGrams(src, c.grams)
	}
	return &f, err
}

// IsFilter tells whether a stream of the column belongs to its filter.
func (e *Entry) IsFilter(id stream.ID) bool {
	return e.hasFilter && id == e.filter || e.hasGrams && id == e.grams
}

// Number identifies the column's texts within its row group.
func (e *Entry) Number() uint32 { return uint32(e.values) }

// Node opens the texts of a Plain column.
func (e *Entry) Node(src stream.Source) (*text.Node, error) {
	return text.Open(src, e.values, e.Len)
}

func readSparse(d *wire.Decoder, e *Entry, rows int) {
	switch e.sparse = d.Byte(); e.sparse {
	case sparseNot:
		if e.Len != rows {
			d.Fail("column %q has %d values in %d rows", e.Name, e.Len, rows)
		}
	case sparseList:
		e.rows = ints.Read(d, e.Len)
	case sparseBitmap:
		e.bitmap = stream.ReadID(d)
	default:
		d.Fail("column %q is sparse in the way %d", e.Name, e.sparse)
	}
}

// ReadEntry reads what Encoder.Append wrote, of a group of so many rows. It reads no
// stream.
func ReadEntry(d *Decoder, rows int) Entry {
	e := Entry{Name: string(d.Bytes()), Form: scan.Form(d.Byte()), Kinds: KindMask(d.Byte())}
	n := d.Uvarint()
	if n > uint64(rows) || n == 0 {
		d.Fail("column %q has %d values in %d rows", e.Name, n, rows)
		return e
	}
	e.Len = int(n)
	readSparse(&d.Decoder, &e, rows)
	e.readForm(d)
	streams := d.Uvarint()
	if streams > stream.MaxStreams {
		d.Fail("column %q has %d streams", e.Name, streams)
	}
	e.Streams = int(streams)
	return e
}

func (e *Entry) readForm(d *Decoder) {
	n := e.Len
	switch e.Form {
	case scan.Consts:
		e.Const = d.Value()
		return
	case scan.Dict:
		distinct := d.Uvarint()
		if distinct > uint64(n) || distinct == 0 || distinct > maxDict {
			d.Fail("column %q has %d distinct values of %d", e.Name, distinct, n)
			return
		}
		e.Distinct = int(distinct)
		flags := d.Byte()
		e.asTexts = flags&dictTexts != 0
		e.values = stream.ReadID(&d.Decoder)
		e.codes = ints.Read(&d.Decoder, n)
		if flags&dictCounts != 0 {
			e.counts = ints.Read(&d.Decoder, e.Distinct)
		}
		return
	case scan.Ints:
		e.codes = ints.Read(&d.Decoder, n)
		if d.Err() == nil {
			e.Min, e.Max = e.codes.Min(), e.codes.Max()
		}
		return
	case scan.Plain:
	default:
		d.Fail("column %q has the form %d", e.Name, e.Form)
		return
	}
	flags := d.Byte()
	if flags&plainKinds != 0 {
		e.codes = ints.Read(&d.Decoder, n)
	}
	e.values = stream.ReadID(&d.Decoder)
	if flags&plainFilter != 0 {
		e.hasFilter = true
		e.filter = stream.ReadID(&d.Decoder)
	}
	if flags&plainGrams != 0 {
		e.hasGrams = e.hasFilter
		e.grams = stream.ReadID(&d.Decoder)
	}
}

// Opened is what was read of a column before, so far as it was: of a Dict what
// DictValues returned, of a Plain what Node did.
type Opened struct {
	Values []record.Value
	Node   *text.Node
}

// Decode reads the column of a group of so many rows, but for what is known.
func (e *Entry) Decode(rows int, src stream.Source, known Opened) (*Col, error) {
	c := &Col{Column: scan.Column{Name: e.Name, Form: e.Form, Len: e.Len}}
	var err error
	if c.Rows, err = e.DecodeRows(rows, src); err != nil {
		return nil, err
	}
	switch e.Form {
	case scan.Consts:
		c.Values = []record.Value{e.Const}
	case scan.Dict:
		if c.Values = known.Values; c.Values == nil {
			if c.Values, err = e.DictValues(src); err != nil {
				return nil, err
			}
		}
		c.Codes, err = e.codes.DecodeCodes(src, uint32(e.Distinct), nil)
	case scan.Ints:
		c.Ints, err = e.codes.Decode(src, nil)
	default:
		err = e.decodePlain(c, src, known.Node)
	}
	return c, err
}

// DecodeRows returns the rows that have a value, nil when all have.
func (e *Entry) DecodeRows(rows int, src stream.Source) ([]uint32, error) {
	switch e.sparse {
	case sparseList:
		out, err := e.rows.DecodeCodes(src, uint32(rows), nil)
		if err != nil {
			return nil, err
		}
		for i := 1; i < len(out); i++ {
			if out[i] <= out[i-1] {
				return nil, stream.Corrupt("rows of column %q do not ascend", e.Name)
			}
		}
		return out, nil
	case sparseBitmap:
		raw, err := src.Stream(e.bitmap)
		if err != nil {
			return nil, err
		}
		return readBitmap(raw, e, rows)
	}
	return nil, nil
}

// DictValues reads the values of a Dict column alone.
func (e *Entry) DictValues(src stream.Source) ([]record.Value, error) {
	if !e.asTexts {
		raw, err := src.Stream(e.values)
		if err != nil {
			return nil, err
		}
		return DecodeValues(raw, e.Distinct)
	}
	n, err := text.Open(src, e.values, e.Distinct)
	if err != nil {
		return nil, err
	}
	v, err := n.Texts(src)
	if err != nil {
		return nil, err
	}
	out := make([]record.Value, e.Distinct)
	for i := range out {
		out[i] = record.StringValue(v.At(i))
	}
	return out, nil
}

// Counts returns how many rows have each value of a Dict column, nil where that is
// not known without counting.
func (e *Entry) Counts(src stream.Source) ([]int64, error) {
	if e.counts == nil {
		return nil, nil
	}
	counts, err := e.counts.Decode(src, nil)
	if err != nil {
		return nil, err
	}
	sum := int64(0)
	for _, n := range counts {
		if n < 0 || n > int64(e.Len) {
			return nil, stream.Corrupt("%d rows of column %q have a value", n, e.Name)
		}
		sum += n
	}
	if sum != int64(e.Len) {
		return nil, stream.Corrupt("%d rows of column %q have values, %d expected", sum, e.Name, e.Len)
	}
	return counts, nil
}

func (e *Entry) decodePlain(c *Col, src stream.Source, node *text.Node) (err error) {
	if node == nil {
		if node, err = e.Node(src); err != nil {
			return err
		}
	}
	v, err := node.Texts(src)
	if err != nil {
		return err
	}
	kinds, err := e.kinds(src)
	if err != nil {
		return err
	}
	if c.Data, c.Offsets, err = fromTexts(v, kinds, e.uniform()); err != nil {
		return err
	}
	switch {
	case kinds != nil:
		c.Kinds = kinds
	case e.uniform() != record.String:
		c.Kinds = make([]record.Kind, e.Len)
		for i := range c.Kinds {
			c.Kinds[i] = e.uniform()
		}
	}
	return nil
}

// uniform is the kind of all values, String where several occur.
func (e *Entry) uniform() record.Kind {
	for k := record.Null; k <= record.JSON; k++ {
		if e.Kinds == 1<<k {
			return k
		}
	}
	return record.String
}

// kinds returns the kind of each value, nil when all have the same.
func (e *Entry) kinds(src stream.Source) ([]record.Kind, error) {
	if e.codes == nil {
		return nil, nil
	}
	raw, err := e.codes.DecodeCodes(src, 256, nil)
	if err != nil {
		return nil, err
	}
	out := make([]record.Kind, len(raw))
	for i, k := range raw {
		out[i] = record.Kind(k)
		if !e.Kinds.Has(out[i]) {
			return nil, stream.Corrupt("column %q has a value of kind %d", e.Name, k)
		}
	}
	return out, nil
}
