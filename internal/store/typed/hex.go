package typed

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
	"journalist/internal/wire"
)

const (
	// minHex is how long hexadecimal numbers are at least: shorter ones are words.
	minHex = 8
	// maxWidth is the most bytes that a hash has.
	maxWidth = 1024
	// maxHex is the longest hexadecimal number that is an integer.
	maxHex = 16
	// uuidSize is the length of a UUID, 8-4-4-4-12.
	uuidSize = 36
)

// digitTable says of each byte which hexadecimal digit it is; 0xFF: none.
type digitTable [256]byte

func hexDigits(letters string) (t digitTable) {
	for i := range t {
		t[i] = 0xFF
	}
	for i := range 10 {
		t['0'+i] = byte(i)
	}
	for i := range len(letters) {
		t[letters[i]] = byte(10 + i)
	}
	return t
}

var (
	lowerTable, upperTable = hexDigits("abcdef"), hexDigits("ABCDEF")
	lowerHex, upperHex     = &lowerTable, &upperTable
)

// run is how many digits b begins with.
func run(b []byte, t *digitTable) int {
	for i, c := range b {
		if t[c] == 0xFF {
			return i
		}
	}
	return len(b)
}

// isDash says where a UUID has its dashes.
func isDash(i int) bool { return i == 8 || i == 13 || i == 18 || i == 23 }

func isUUID(b []byte, t *digitTable) bool {
	if len(b) < uuidSize {
		return false
	}
	for i, c := range b[:uuidSize] {
		if isDash(i) != (c == '-') || c != '-' && t[c] == 0xFF {
			return false
		}
	}
	return true
}

// findHex finds the hexadecimal number in a text: a UUID, or the longest run of
// digits.
func findHex(b []byte, t *digitTable) (from, to int, uuid bool) {
	for at := 0; at < len(b); at++ {
		n := run(b[at:], t)
		if n == 8 && isUUID(b[at:], t) {
			return at, at + uuidSize, true
		}
		if n > to-from {
			from, to = at, at+n
		}
		at += n
	}
	return from, to, false
}

func appendHex(dst []byte, w *stream.Writer, v texts.Vector) ([]byte, bool) {
	first := v.At(0)
	for i, t := range [...]*digitTable{lowerHex, upperHex} {
		from, to, uuid := findHex(first, t)
		open := from >= 2 && first[from-2] == '0' && first[from-1]|0x20 == 'x'
		if from > maxAffix || len(first)-to > maxAffix || to-from < minHex && !open || from == to {
			continue
		}
		h := hexForm{table: t, upper: byte(i), prefix: first[:from], suffix: first[to:], width: to - from, uuid: uuid, open: open}
		if out, ok := h.append(dst, w, v); ok {
			return out, true
		}
	}
	return dst, false
}

// hexForm is how the hexadecimal numbers of a vector are written.
type hexForm struct {
	table          *digitTable
	upper          byte
	prefix, suffix []byte
	width          int
	uuid           bool
	open           bool // begins with 0x: may have any length
}

// cut returns the digits of a text.
func (h *hexForm) cut(b []byte) (digits []byte, ok bool) {
	if len(b) <= len(h.prefix)+len(h.suffix) || !bytes.HasPrefix(b, h.prefix) || !bytes.HasSuffix(b, h.suffix) {
		return nil, false
	}
	b = b[len(h.prefix) : len(b)-len(h.suffix)]
	return b, len(b) == h.width || h.open && len(b) <= maxHex && !h.uuid
}

func (h *hexForm) append(dst []byte, w *stream.Writer, v texts.Vector) ([]byte, bool) {
	for _, i := range samples(v) {
		b, ok := h.cut(v.At(i))
		if !ok || !h.uuid && run(b, h.table) != len(b) {
			return dst, false
		}
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	if h.width <= maxHex {
		return h.appendInts(dst, w, v, sc)
	}
	width := h.width / 2
	if h.uuid {
		width = 16
	}
	if !h.uuid && h.width%2 == 1 || width > maxWidth {
		return dst, false
	}
	n := v.Len()
	sc.raw = sc.raw[:0]
	for i := range n {
		b, ok := h.cut(v.At(i))
		if !ok {
			return dst, false
		}
		if h.uuid {
			sc.raw, ok = appendUUIDBytes(sc.raw, b, h.table)
		} else {
			sc.raw, ok = appendHexBytes(sc.raw, b, h.table)
		}
		if !ok {
			return dst, false
		}
	}
	kind := Hash
	if h.uuid {
		kind = UUID
	}
	dst = append(appendHead(dst, kind, h.prefix, h.suffix), h.upper)
	return sc.appendBytes(dst, w, width), true
}

// appendInts encodes numbers of at most 16 digits. They have all the same length, or
// those that are longer than the shortest begin with no zero.
func (h *hexForm) appendInts(dst []byte, w *stream.Writer, v texts.Vector, sc *scratch) ([]byte, bool) {
	n := v.Len()
	sc.vs = grow(sc.vs, n)
	width := h.width
	for i := range n {
		b, ok := h.cut(v.At(i))
		if !ok {
			return dst, false
		}
		var u uint64
		for _, c := range b {
			x := h.table[c]
			if x == 0xFF {
				return dst, false
			}
			u = u<<4 | uint64(x)
		}
		width = min(width, len(b))
		sc.vs[i] = int64(u)
	}
	if h.open {
		for i := range n {
			b, _ := h.cut(v.At(i))
			if len(b) > width && b[0] == '0' {
				return dst, false
			}
		}
	}
	dst = append(appendHead(dst, Hex, h.prefix, h.suffix), h.upper)
	dst = binary.AppendUvarint(dst, uint64(width))
	return ints.Append(dst, w, sc.vs), true
}

func appendHexBytes(dst, b []byte, t *digitTable) (out []byte, ok bool) {
	for i := 0; i+1 < len(b); i += 2 {
		x, y := t[b[i]], t[b[i+1]]
		if x|y > 15 {
			return dst, false
		}
		dst = append(dst, x<<4|y)
	}
	return dst, true
}

func appendUUIDBytes(dst, b []byte, t *digitTable) (out []byte, ok bool) {
	if len(b) != uuidSize || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return dst, false
	}
	for _, part := range [...][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}} {
		if dst, ok = appendHexBytes(dst, b[part[0]:part[1]], t); !ok {
			return dst, false
		}
	}
	return dst, true
}

// Forms of bytes.
const (
	together = 0
	split    = 1
	listed   = 2
)

// appendBytes encodes sc.raw, values of width bytes: as a list of the different ones,
// if many come again.
func (sc *scratch) appendBytes(dst []byte, w *stream.Writer, width int) []byte {
	dst = binary.AppendUvarint(dst, uint64(width))
	if sc.list(width) {
		dst = binary.AppendUvarint(append(dst, listed), uint64(len(sc.uniq)/width))
		dst = ints.AppendCodes(dst, w, sc.ns)
		sc.raw, sc.uniq = sc.uniq, sc.raw
	}
	return sc.appendDifferent(dst, w, width)
}

// list puts the different values into sc.uniq and the number of each into sc.ns. ok
// is false if less than a quarter of them comes again.
func (sc *scratch) list(width int) (ok bool) {
	n := len(sc.raw) / width
	size, shift := 16, 60
	for size < 2*n {
		size, shift = size*2, shift-1
	}
	sc.slots, sc.ns, sc.uniq = grow(sc.slots, size), grow(sc.ns, n), sc.uniq[:0]
	clear(sc.slots)
	count := uint32(0)
	for i := range n {
		b := sc.raw[i*width : i*width+width]
		slot := xxhash.Sum64(b) >> shift
		for sc.slots[slot] != 0 && !bytes.Equal(sc.uniq[int(sc.slots[slot]-1)*width:][:width], b) {
			slot = (slot + 1) & uint64(size-1)
		}
		if sc.slots[slot] == 0 {
			if count++; int(count) > n/4*3 {
				return false
			}
			sc.slots[slot] = count
			sc.uniq = append(sc.uniq, b...)
		}
		sc.ns[i] = sc.slots[slot] - 1
	}
	return true
}

// appendDifferent encodes sc.raw all together, where compression finds what comes
// again, or each byte that is not noise as a stream of its own and the noise as it
// is.
func (sc *scratch) appendDifferent(dst []byte, w *stream.Writer, width int) []byte {
	n := len(sc.raw) / width
	sample := min(n, max(1024, n/32))
	part := sc.raw[(n-sample)/2*width:][:sample*width]
	sc.aux = stream.AppendBlock(sc.aux[:0], part)
	whole := float64(len(sc.aux))
	flags := make([]byte, (width+7)/8)
	apart := 0.0
	var block []byte
	for at := range width {
		sc.aux = appendColumn(sc.aux[:0], part, at, width)
		block = stream.AppendBlock(block[:0], sc.aux)
		if len(block) < sample*31/32 {
			flags[at/8] |= 1 << (at % 8)
			apart += float64(len(block))
		} else {
			apart += float64(sample)
		}
	}
	if whole < apart {
		dst = append(dst, together)
		return stream.AppendID(dst, w.Put(stream.Texts, sc.raw))
	}
	dst = append(append(dst, split), flags...)
	var first stream.ID
	put := 0
	note := func(id stream.ID) {
		if put == 0 {
			first = id
		}
		put++
	}
	rest := make([]byte, 0, len(sc.raw))
	for at := range width {
		if flags[at/8]&(1<<(at%8)) != 0 {
			sc.aux = appendColumn(sc.aux[:0], sc.raw, at, width)
			note(w.Put(stream.Ints, sc.aux))
		}
	}
	if put < width {
		for i := 0; i < len(sc.raw); i += width {
			for at, c := range sc.raw[i : i+width] {
				if flags[at/8]&(1<<(at%8)) == 0 {
					rest = append(rest, c)
				}
			}
		}
		note(w.Put(stream.Raw, rest))
	}
	return stream.AppendID(dst, first)
}

func appendColumn(dst, raw []byte, at, width int) []byte {
	dst = slices.Grow(dst, len(raw)/width)
	for i := at; i < len(raw); i += width {
		dst = append(dst, raw[i])
	}
	return dst
}

// bytesHead is the structure of bytes.
type bytesHead struct {
	width int
	count int        // how many values there are, in the list if there is one
	codes *ints.Head // of each value, if there is a list
	form  byte
	flags []byte
	at    stream.ID
}

func readBytes(d *wire.Decoder, n int) (h bytesHead) {
	width := d.Uvarint()
	if width == 0 || width > maxWidth {
		d.Fail("hashes of %d bytes", width)
		return h
	}
	h.width, h.count, h.form = int(width), n, d.Byte()
	if h.form == listed {
		k := d.Uvarint()
		if k > uint64(n) {
			d.Fail("%d different among %d hashes", k, n)
			return h
		}
		h.count, h.codes, h.form = int(k), ints.Read(d, n), d.Byte()
	}
	if h.form > split {
		d.Fail("hashes in form %d", h.form)
	}
	if h.form == split {
		h.flags = d.Take((width + 7) / 8)
	}
	h.at = stream.ReadID(d)
	return h
}

// decode returns the values or those of the list, one after the other; they may be
// the stream's.
func (h *bytesHead) decode(src stream.Source) ([]byte, error) {
	n := h.count
	if h.form == together {
		return take(src, h.at, n*h.width)
	}
	columns := make([][]byte, 0, h.width)
	places := make([]int, 0, h.width)
	id := h.at
	for at := range h.width {
		if h.flags[at/8]&(1<<(at%8)) == 0 {
			continue
		}
		b, err := take(src, id, n)
		if err != nil {
			return nil, err
		}
		columns, places = append(columns, b), append(places, at)
		id++
	}
	var rest []byte
	var err error
	if few := h.width - len(columns); few > 0 {
		if rest, err = take(src, id, n*few); err != nil || len(columns) == 0 {
			return rest, err
		}
	}
	out := make([]byte, n*h.width)
	for k, b := range columns {
		at := places[k]
		for _, c := range b {
			out[at] = c
			at += h.width
		}
	}
	for at := range h.width {
		if h.flags[at/8]&(1<<(at%8)) != 0 {
			continue
		}
		few := h.width - len(columns)
		for from, to := 0, at; to < len(out); from, to = from+few, to+h.width {
			out[to] = rest[from]
		}
		rest = rest[1:]
	}
	return out, nil
}

// take gets a stream of a known length.
func take(src stream.Source, id stream.ID, size int) ([]byte, error) {
	b, err := src.Stream(id)
	if err == nil && len(b) != size {
		return nil, corrupt("stream %d has %d bytes, %d expected", id, len(b), size)
	}
	return b, err
}
