package column

import (
	"encoding/binary"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
	"journalist/internal/store/texts"
	"journalist/internal/store/words"
	"journalist/internal/wire"
)

// Encoder writes columns. It keeps scratch memory; one goroutine uses it.
type Encoder struct {
	words words.Set
	// common has the words of what is not in a column's own filter: templates,
	// dictionaries and constants of all columns since Begin.
	common words.Set
	texts  texts.Vector
	codes  []uint32
}

// What a Dict's and a Plain column's entry says of what follows.
const (
	dictTexts  = 1 // the values are strings, encoded as texts
	dictCounts = 2 // the rows of each value are counted

	plainKinds  = 1 // values of several kinds
	plainFilter = 2 // there are strings or arrays, and so a word filter
	plainGrams  = 4 // and the grams of package words
)

const (
	// countedDict is the most values of a Dict whose rows are counted.
	countedDict = 256
	// textDict is the least number of strings that pay for a node of texts.
	textDict = 16
)

// Begin begins a row group.
func (x *Encoder) Begin() { x.common.Reset() }

// AppendCommon ends a row group: it writes the filter over the words that no column's
// own filter has.
func (x *Encoder) AppendCommon(dst []byte, w *stream.Writer) []byte {
	dst = stream.AppendID(dst, w.Put(stream.Raw, x.common.Bloom(0)))
	return stream.AppendID(dst, w.Put(stream.Codes, x.common.Grams()))
}

// Append writes the streams of a column of a group of so many rows and appends its
// entry to dst.
func (x *Encoder) Append(dst []byte, w *stream.Writer, c *Col, rows int) []byte {
	return x.append(dst, w, c.Pack(), rows)
}

// AppendPlain is Append for a column of as many values as rows that is to stay
// Plain.
func (x *Encoder) AppendPlain(dst []byte, w *stream.Writer, c *Col) []byte {
	return x.append(dst, w, c, c.Len)
}

func (x *Encoder) append(dst []byte, w *stream.Writer, c *Col, rows int) []byte {
	before := w.Len()
	dst = wire.AppendBytes(dst, c.Name)
	dst = append(dst, byte(c.Form), byte(c.KindsOf()))
	dst = binary.AppendUvarint(dst, uint64(c.Len))
	dst = x.appendRows(dst, w, c.Rows, rows)
	switch c.Form {
	case scan.Consts:
		AddWords(&x.common, c)
		dst = AppendValue(dst, c.Values[0])
	case scan.Ints:
		dst = ints.Append(dst, w, c.Ints)
	case scan.Dict:
		dst = x.appendDict(dst, w, c)
	default:
		dst = x.appendPlain(dst, w, c)
	}
	return binary.AppendUvarint(dst, uint64(w.Len()-before))
}

func (x *Encoder) appendRows(dst []byte, w *stream.Writer, rows []uint32, n int) []byte {
	switch {
	case rows == nil:
		return append(dst, sparseNot)
	case len(rows)*16 < n:
		return ints.AppendCodes(append(dst, sparseList), w, rows)
	}
	bitmap := make([]byte, (n+7)/8)
	for _, r := range rows {
		bitmap[r/8] |= 1 << (r % 8)
	}
	return stream.AppendID(append(dst, sparseBitmap), w.Put(stream.Codes, bitmap))
}

func (x *Encoder) appendDict(dst []byte, w *stream.Writer, c *Col) []byte {
	AddWords(&x.common, c)
	dst = binary.AppendUvarint(dst, uint64(len(c.Values)))
	flags := byte(0)
	if len(c.Values) <= countedDict {
		flags |= dictCounts
	}
	if len(c.Values) >= textDict && c.KindsOf() == 1<<record.String {
		flags |= dictTexts
	}
	dst = append(dst, flags)
	if flags&dictTexts != 0 {
		x.texts.Reset()
		for _, v := range c.Values {
			x.texts.Add(v.Bytes)
		}
		dst = stream.AppendID(dst, text.Encode(w, x.texts, text.Options{}))
	} else {
		dst = stream.AppendID(dst, w.Put(stream.Texts, EncodeValues(c.Values)))
	}
	dst = ints.AppendCodes(dst, w, c.Codes)
	if flags&dictCounts != 0 {
		counts := make([]int64, len(c.Values))
		for _, code := range c.Codes {
			counts[code]++
		}
		dst = ints.Append(dst, w, counts)
	}
	return dst
}

func (x *Encoder) appendPlain(dst []byte, w *stream.Writer, c *Col) []byte {
	kinds := c.KindsOf()
	flags := byte(0)
	if kinds&(kinds-1) != 0 {
		flags |= plainKinds
	}
	if kinds&Text != 0 {
		flags |= plainFilter | plainGrams
	}
	dst = append(dst, flags)
	if flags&plainKinds != 0 {
		x.codes = x.codes[:0]
		for _, k := range c.Kinds {
			x.codes = append(x.codes, uint32(k))
		}
		dst = ints.AppendCodes(dst, w, x.codes)
	}
	x.words.Reset()
	var o text.Options
	v := texts.Vector{Data: c.Data, Offsets: c.Offsets}
	if kinds == 1<<record.String {
		o.Variable, o.Static = x.words.AddValues, x.common.AddValue
	} else {
		if kinds&^(Text|1<<record.Number) != 0 {
			v = x.asTexts(c)
		}
		AddWords(&x.words, c)
	}
	dst = stream.AppendID(dst, text.Encode(w, v, o))
	if flags&plainFilter != 0 {
		dst = stream.AppendID(dst, w.Put(stream.Raw, x.words.Bloom(0)))
		dst = stream.AppendID(dst, w.Put(stream.Codes, x.words.Grams()))
	}
	return dst
}

// asTexts writes integers and booleans of a Plain column as texts.
func (x *Encoder) asTexts(c *Col) texts.Vector {
	x.texts.Reset()
	for i := range c.Len {
		x.texts.Data = c.Value(i).AppendText(x.texts.Data)
		x.texts.End()
	}
	return x.texts
}

// AddWords adds the words of all strings and array elements of a column.
func AddWords(set *words.Set, c *Col) {
	if c.Form == scan.Consts || c.Form == scan.Dict {
		for _, v := range c.Values {
			addWords(set, v)
		}
		return
	}
	for i := range c.Len {
		addWords(set, c.Value(i))
	}
}

func addWords(set *words.Set, v record.Value) {
	switch v.Kind {
	case record.String:
		set.AddValue(v.Bytes)
	case record.JSON:
		scan.Leaves(v.Bytes, func(leaf record.Value) bool {
			var buf [32]byte
			if leaf.Kind == record.Int || leaf.Kind == record.Bool {
				leaf.Bytes = leaf.AppendText(buf[:0])
			}
			set.AddValue(leaf.Bytes)
			return true
		})
	}
}
