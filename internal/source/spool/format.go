package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"journalist/internal/record"
	"journalist/internal/wire"
)

// The files' format (docs/format/spool.md). A segment is a header and frames:
//
//	6 bytes  "SPOOL" 'S'
//	byte     version (1)
//	16 bytes identity of the queue
//	8 bytes  position of the first frame in the queue, little endian
//	4 bytes  CRC-32C of the above
//
//	frame: 4 bytes length of the payload, 4 bytes its CRC-32C, payload
//	payload: sequence number, read time (signed),
//	         fields: count, then name, value
//	         rows: count, then byte marks, text, extra
//
// Numbers are varints, names and texts are lengths with bytes. A frame's position
// in the queue is the segment's plus the bytes between the header and it.
const (
	formatVersion = 1
	magicSegment  = "SPOOLS"
	magicState    = "SPOOLQ"
	headerSize    = len(magicSegment) + 1 + 16 + 8 + 4
	frameHeader   = 8
	// maxFrame bounds what a reader allocates for a frame. A row is at most
	// record.MaxValue of text and record.MaxRecord of extra.
	maxFrame = record.MaxValue + record.MaxRecord + 2<<20
	// softFrame is where a writer begins another frame.
	softFrame = 256 << 10
)

// ErrCorrupt is wrapped by all errors about the content of the spool's files.
var ErrCorrupt = errors.New("corrupt spool")

// ErrVersion is a sound file of another format, which is left alone.
var ErrVersion = errors.New("spool has format version")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHeader(dst []byte, magic string, id record.SourceID, at uint64) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, formatVersion)
	dst = append(dst, id[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, at)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func readHeader(b []byte, magic string) (id record.SourceID, at uint64, err error) {
	if len(b) < headerSize {
		return id, 0, fmt.Errorf("%w: %d bytes, the header alone has %d", ErrCorrupt, len(b), headerSize)
	}
	n := len(magic)
	switch {
	case string(b[:n]) != magic:
		return id, 0, fmt.Errorf("%w: not a file of a spool", ErrCorrupt)
	case crc32.Checksum(b[:headerSize-4], castagnoli) != binary.LittleEndian.Uint32(b[headerSize-4:]):
		return id, 0, fmt.Errorf("%w: header checksum is wrong", ErrCorrupt)
	case b[n] != formatVersion:
		return id, 0, fmt.Errorf("%w %d, this program reads %d: use the newer scribe that wrote it", ErrVersion, b[n], formatVersion)
	}
	copy(id[:], b[n+1:])
	return id, binary.LittleEndian.Uint64(b[n+17:]), nil
}

// appendFrame appends a frame with the rows of l from lo on, as many as fit, and
// returns the first that does not.
func appendFrame(dst []byte, seq uint64, l *record.Lines, lo int) ([]byte, int) {
	start := len(dst)
	dst = append(dst, make([]byte, frameHeader)...)
	dst = binary.AppendUvarint(dst, seq)
	dst = binary.AppendVarint(dst, l.ReadTime)
	dst = binary.AppendUvarint(dst, uint64(len(l.Fields)))
	for _, f := range l.Fields {
		dst = wire.AppendBytes(dst, f.Name)
		dst = wire.AppendBytes(dst, f.Value)
	}
	hi, size := lo, 0
	for hi < len(l.Rows) && (hi == lo || size < softFrame) {
		size += int(l.Rows[hi].Len) + len(l.ExtraOf(hi)) + 8
		hi++
	}
	dst = binary.AppendUvarint(dst, uint64(hi-lo))
	for i := lo; i < hi; i++ {
		dst = append(dst, byte(l.Rows[i].Marks))
		dst = wire.AppendBytes(dst, l.Text(i))
		dst = wire.AppendBytes(dst, l.ExtraOf(i))
	}
	payload := dst[start+frameHeader:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(payload, castagnoli))
	return dst, hi
}

// frame is a decoded frame; all of it lies in the buffer that it was read from.
type frame struct {
	seq      uint64
	readTime int64
	fields   []byte // as encoded, with the count
	rows     []byte // as encoded, without the count
	count    int
}

// cutFrame returns the payload of the frame at the beginning of b and the frame's
// length; 0 when b ends before the frame does.
func cutFrame(b []byte) (payload []byte, n int, err error) {
	if len(b) < frameHeader {
		return nil, 0, nil
	}
	size := binary.LittleEndian.Uint32(b)
	if size > maxFrame {
		return nil, 0, fmt.Errorf("%w: frame of %d bytes", ErrCorrupt, size)
	}
	n = frameHeader + int(size)
	if len(b) < n {
		return nil, 0, nil
	}
	payload = b[frameHeader:n:n]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, 0, fmt.Errorf("%w: checksum of a frame is wrong", ErrCorrupt)
	}
	return payload, n, nil
}

func decodeFrame(payload []byte) (f frame, err error) {
	d := wire.Decoder{Data: payload, Kind: ErrCorrupt}
	f.seq, f.readTime = d.Uvarint(), d.Varint()
	before := d.Data
	for n := d.Count(2); n > 0; n-- {
		d.Bytes()
		d.Bytes()
	}
	f.fields = before[:len(before)-len(d.Data)]
	f.count = d.Count(3)
	f.rows = d.Data
	return f, d.Err()
}

// decodeFields reads what decodeFrame went over.
func decodeFields(b []byte) []record.Pair {
	d := wire.Decoder{Data: b, Kind: ErrCorrupt}
	out := make([]record.Pair, 0, d.Count(2))
	for range cap(out) {
		out = append(out, record.Pair{Name: string(d.Bytes()), Value: string(d.Bytes())})
	}
	return out
}

// appendRows appends the rows of a frame to l. The frame lies in l.Data and ends at
// its byte end; at is the position in the queue of the first byte of l.Data.
func (f *frame) appendRows(l *record.Lines, end int, at uint64) error {
	d := wire.Decoder{Data: f.rows, Kind: ErrCorrupt}
	offset := func(b []byte) uint32 { return uint32(end - len(d.Data) - len(b)) }
	for range f.count {
		start := end - len(d.Data)
		row := record.Line{Start: at + uint64(start), Marks: record.LineMarks(d.Byte())}
		text := d.Bytes()
		row.Off, row.Len = offset(text), uint32(len(text))
		extra := d.Bytes()
		if d.Err() != nil || len(text) > record.MaxValue || len(extra) > record.MaxRecord {
			d.Fail("row %d of a frame is over the limits", len(l.Rows))
			return d.Err()
		}
		if len(extra) > 0 {
			l.Extras = append(l.Extras, record.Extra{Row: uint32(len(l.Rows)), Off: offset(extra), Len: uint32(len(extra))})
		}
		row.Span = uint32(end - len(d.Data) - start)
		l.Rows = append(l.Rows, row)
	}
	if len(d.Data) > 0 {
		d.Fail("%d bytes behind the last row of a frame", len(d.Data))
	}
	return d.Err()
}
