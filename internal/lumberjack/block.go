package lumberjack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"

	"journalist/internal/record"
	"journalist/internal/wire"
)

// The block is the payload of a 'B' frame: a run of lines of one source. Lengths
// and counts are unsigned varints, the read time is 8 bytes big endian.
//
//	byte      version: 2 when a row has fields of its own, else 1
//	byte      flags: bit 0 = resume; the others must be 0
//	16 bytes  source id
//	varint    from
//	varint    to - from
//	8 bytes   read time, nanoseconds since the epoch
//	varint    length of the fields section, which holds
//	            varint count, then per field: varint length, name, varint length, value
//	varint    rows
//	          per row: varint text length << 2 | form
//	            form 0  the row begins where the one before ended, its line end is 1 byte
//	            form 1  the same with a line end of 2 bytes
//	            form 2  varint start - end of the row before, varint span, byte marks follow
//	            form 3  as form 2, and varint length of the row's extra (version 2)
//	          the texts, one after another, without line ends, then the extras
//
// docs/format/lumberjack.md gives the reasons.
const (
	blockVersion       = 1
	blockVersionExtras = 2
	blockResume        = 1

	formLF       = 0
	formCRLF     = 1
	formExplicit = 2
	formExtra    = 3

	// blockHeader is more than any block's bytes besides fields, rows and texts.
	blockHeader = 2 + 16 + 2*binary.MaxVarintLen64 + 8 + 2*binary.MaxVarintLen64

	// allMarks are the marks this version knows.
	allMarks = record.LineSplit | record.LineUnterminated | record.LineTruncated
)

// Events is how many events of a window rows [lo,hi) of a block count for: their
// number, and one for a block without rows, which only moves the position.
func Events(lo, hi int) int { return max(hi-lo, 1) }

// PositionOf returns the part of the source that rows [lo,hi) of l cover: the
// first piece begins at l's From, the last one ends at l's To, and what lies
// between two rows belongs to the piece before.
func PositionOf(l *record.Lines, lo, hi int) (from, to uint64) {
	from, to = l.Position.From, l.Position.To
	if lo > 0 {
		from = l.Rows[lo].Start
	}
	if hi < len(l.Rows) {
		to = l.Rows[hi].Start
	}
	return from, to
}

// AppendBlock appends the block of rows [lo,hi) of l to dst.
func AppendBlock(dst []byte, l *record.Lines, lo, hi int, resume bool) []byte {
	from, to := PositionOf(l, lo, hi)
	flags := byte(0)
	if resume {
		flags = blockResume
	}
	extras := extrasOf(l, lo, hi)
	version := byte(blockVersion)
	if len(extras) > 0 {
		version = blockVersionExtras
	}
	dst = append(dst, version, flags)
	dst = append(dst, l.Position.ID[:]...)
	dst = binary.AppendUvarint(dst, from)
	dst = binary.AppendUvarint(dst, to-from)
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.ReadTime))
	dst = appendFields(dst, l.Fields)
	rows := l.Rows[lo:hi]
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	if len(extras) > 0 {
		dst = appendRowsWithExtras(dst, rows, extras, uint32(lo), from)
	} else {
		dst = appendRows(dst, rows, from)
	}
	for i := range rows {
		r := &rows[i]
		dst = append(dst, l.Data[r.Off:r.Off+r.Len]...)
	}
	for _, e := range extras {
		dst = append(dst, l.Data[e.Off:e.Off+e.Len]...)
	}
	return dst
}

// extrasOf returns the extras of rows [lo,hi).
func extrasOf(l *record.Lines, lo, hi int) []record.Extra {
	if len(l.Extras) == 0 {
		return nil
	}
	at := func(row int) int {
		return sort.Search(len(l.Extras), func(k int) bool { return int(l.Extras[k].Row) >= row })
	}
	return l.Extras[at(lo):at(hi)]
}

// appendRows appends what is said about rows of which none has an extra; end is
// where the block begins in the source.
func appendRows(dst []byte, rows []record.Line, end uint64) []byte {
	for i := range rows {
		r := &rows[i]
		switch {
		case r.Start == end && r.Marks == 0 && r.Span == r.Len+1:
			dst = binary.AppendUvarint(dst, uint64(r.Len)<<2|formLF)
		case r.Start == end && r.Marks == 0 && r.Span == r.Len+2:
			dst = binary.AppendUvarint(dst, uint64(r.Len)<<2|formCRLF)
		default:
			dst = appendExplicit(dst, r, end, formExplicit)
		}
		end = r.Start + uint64(r.Span)
	}
	return dst
}

func appendExplicit(dst []byte, r *record.Line, end, form uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.Len)<<2|form)
	dst = binary.AppendUvarint(dst, r.Start-end)
	dst = binary.AppendUvarint(dst, uint64(r.Span))
	return append(dst, byte(r.Marks))
}

// appendRowsWithExtras is appendRows for rows of which some have extras; first is
// the number of rows[0] in the run.
func appendRowsWithExtras(dst []byte, rows []record.Line, extras []record.Extra, first uint32, end uint64) []byte {
	for i := range rows {
		if len(extras) > 0 && extras[0].Row == first+uint32(i) {
			dst = appendExplicit(dst, &rows[i], end, formExtra)
			dst = binary.AppendUvarint(dst, uint64(extras[0].Len))
			extras = extras[1:]
		} else {
			dst = appendRows(dst, rows[i:i+1], end)
		}
		end = rows[i].Start + uint64(rows[i].Span)
	}
	return dst
}

// appendFields appends the fields section: its length, then its content.
func appendFields(dst []byte, fields []record.Pair) []byte {
	n := uvarintLen(uint64(len(fields)))
	for _, f := range fields {
		n += uvarintLen(uint64(len(f.Name))) + len(f.Name) + uvarintLen(uint64(len(f.Value))) + len(f.Value)
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, uint64(len(fields)))
	for _, f := range fields {
		dst = binary.AppendUvarint(dst, uint64(len(f.Name)))
		dst = append(dst, f.Name...)
		dst = binary.AppendUvarint(dst, uint64(len(f.Value)))
		dst = append(dst, f.Value...)
	}
	return dst
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// blockSize is at least what AppendBlock needs for rows [lo,hi) when all rows are
// contiguous; it sizes buffers.
func blockSize(l *record.Lines, lo, hi int) int {
	n := blockHeader + 4*(hi-lo)
	for _, f := range l.Fields {
		n += len(f.Name) + len(f.Value) + 8
	}
	for i := lo; i < hi; i++ {
		n += int(l.Rows[i].Len)
	}
	for _, e := range extrasOf(l, lo, hi) {
		n += int(e.Len) + 8
	}
	return n
}

// BlockDecoder decodes blocks into the same Lines again and again. The fields of
// a block that has the same as the one before are not decoded again but shared.
// It is used by one goroutine.
type BlockDecoder struct {
	lines  record.Lines
	raw    []byte // the fields section that lines.Fields was decoded from
	fields []record.Pair
}

// Decode decodes a block of at most maxRows rows. The Lines are valid until the
// next Decode and refer to p; their Fields may be kept, because a new slice is
// made when they change. No byte sequence makes it panic or allocate more than a
// small multiple of len(p).
func (d *BlockDecoder) Decode(p []byte, maxRows int) (*record.Lines, error) {
	c := wire.Decoder{Data: p, Kind: errBlock}
	version := c.Byte()
	if version != blockVersion && version != blockVersionExtras && c.Err() == nil {
		return nil, fmt.Errorf("block version %d, this program reads %d and %d", version, blockVersion, blockVersionExtras)
	}
	flags := c.Byte()
	if flags&^blockResume != 0 {
		return nil, fmt.Errorf("block with unknown flags %#x", flags)
	}
	l := &d.lines
	l.Position = record.Position{Resume: flags&blockResume != 0}
	copy(l.Position.ID[:], c.Take(16))
	l.Position.From = c.Uvarint()
	length := c.Uvarint()
	if length > math.MaxInt64 || l.Position.From > math.MaxInt64-length {
		c.Fail("position beyond 2^63")
	}
	l.Position.To = l.Position.From + length
	if t := c.Take(8); t != nil {
		l.ReadTime = int64(binary.BigEndian.Uint64(t))
	}
	raw := c.Take(c.Uvarint())
	rows := c.Uvarint()
	if c.Err() == nil && (rows > uint64(len(c.Data)) || rows > uint64(maxRows)) {
		c.Fail("%d rows in %d bytes, the window has %d events left", rows, len(c.Data), maxRows)
	}
	if c.Err() == nil && l.Position.ID.IsZero() {
		c.Fail("source id is zero")
	}
	if c.Err() == nil {
		d.setFields(&c, raw)
	}
	if c.Err() == nil {
		d.rows(&c, int(rows), version == blockVersionExtras)
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	return l, nil
}

// errBlock is the kind of a block's decoding errors; the reader adds the place.
var errBlock = errors.New("block")

// setFields decodes the fields section, unless it is the one decoded last; what is
// wrong with it fails the block.
func (d *BlockDecoder) setFields(block *wire.Decoder, raw []byte) {
	if d.raw != nil && bytes.Equal(raw, d.raw) {
		d.lines.Fields = d.fields
		return
	}
	c := wire.Decoder{Data: raw, Kind: errBlock}
	n := c.Uvarint()
	if n > record.MaxFields || n > uint64(len(c.Data))/2 && c.Err() == nil {
		block.Fail("%d fields in %d bytes", n, len(c.Data))
		return
	}
	fields := make([]record.Pair, 0, n)
	total := 0
	for ; n > 0 && c.Err() == nil; n-- {
		name, value := c.Take(c.Uvarint()), c.Take(c.Uvarint())
		if len(name) > record.MaxName || len(value) > record.MaxValue {
			block.Fail("field of %d+%d bytes", len(name), len(value))
			return
		}
		total += len(name) + len(value)
		fields = append(fields, record.Pair{Name: string(name), Value: string(value)})
	}
	if c.Err() == nil && (len(c.Data) != 0 || total > record.MaxRecord) {
		block.Fail("fields section of %d bytes does not fit", len(raw))
		return
	}
	if err := c.Err(); err != nil {
		block.Fail("fields section: %v", err)
		return
	}
	d.raw = append(d.raw[:0], raw...)
	if d.raw == nil {
		d.raw = []byte{}
	}
	d.fields, d.lines.Fields = fields, fields
}

// rows decodes n rows and takes what is left as their texts and extras.
func (d *BlockDecoder) rows(c *wire.Decoder, n int, extras bool) {
	l := &d.lines
	l.Rows, l.Extras = l.Rows[:0], l.Extras[:0]
	if cap(l.Rows) < n {
		l.Rows = make([]record.Line, 0, n)
	}
	p, end := c.Data, l.Position.From
	var off, extra uint64 // bytes of texts and of extras so far
	for ; n > 0; n-- {
		var v uint64
		if len(p) > 0 && p[0] < 0x80 {
			v, p = uint64(p[0]), p[1:]
		} else if len(p) > 1 && p[1] < 0x80 {
			v, p = uint64(p[0]&0x7f)|uint64(p[1])<<7, p[2:]
		} else {
			c.Data = p
			v = c.Uvarint()
			p = c.Data
		}
		size := v >> 2
		if size > record.MaxValue {
			c.Fail("line of %d bytes, %d are allowed", size, record.MaxValue)
			return
		}
		row := record.Line{Start: end, Off: uint32(off), Len: uint32(size)}
		switch v & 3 {
		case formLF:
			row.Span = uint32(size) + 1
		case formCRLF:
			row.Span = uint32(size) + 2
		case formExplicit, formExtra:
			c.Data = p
			gap, span, marks := c.Uvarint(), c.Uvarint(), record.LineMarks(c.Byte())
			if gap > l.Position.To-end || span > math.MaxUint32 || marks&^allMarks != 0 {
				c.Fail("row %d with gap %d, span %d, marks %#x", len(l.Rows), gap, span, marks)
			}
			row.Start, row.Span, row.Marks = end+gap, uint32(span), marks
			if v&3 == formExtra {
				extra += d.extra(c, extras, extra)
			}
			p = c.Data
		}
		end = row.Start + uint64(row.Span)
		off += size
		if c.Err() == nil && (end > l.Position.To || off+extra > uint64(len(p))) {
			c.Fail("row %d ends at %d of %d in the source and at text byte %d of %d", len(l.Rows), end, l.Position.To, off, len(p))
		}
		if c.Err() != nil {
			return
		}
		l.Rows = append(l.Rows, row)
	}
	if off+extra != uint64(len(p)) {
		c.Fail("%d bytes of text, the rows have %d", len(p), off+extra)
		return
	}
	for i := range l.Extras {
		l.Extras[i].Off += uint32(off) // they follow the texts
	}
	l.Data = p
}

// extra decodes the length of a row's extra, which begins at byte at of all
// extras, and returns it.
func (d *BlockDecoder) extra(c *wire.Decoder, allowed bool, at uint64) uint64 {
	n, row := c.Uvarint(), len(d.lines.Rows)
	if c.Err() == nil && (!allowed || n == 0 || n > record.MaxRecord || at+n > uint64(len(c.Data))) {
		c.Fail("row %d with %d bytes of fields, %d are allowed and %d left", row, n, record.MaxRecord, len(c.Data))
	}
	if c.Err() != nil {
		return 0
	}
	d.lines.Extras = append(d.lines.Extras, record.Extra{Row: uint32(row), Off: uint32(at), Len: uint32(n)})
	return n
}
