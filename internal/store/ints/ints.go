// Package ints encodes vectors of 64-bit integers and of codes (numbers of
// templates and of dictionary entries) as streams, in the mode that is smallest for
// them: byte planes, packed bits, differences, logarithmic buckets, a dictionary or
// ranks of recency.
//
// Up the way internal/store/typed and internal/store/text use it for what they
// recognise in texts; down the way internal/store/stream takes the bytes.
//
// # Format
//
// A vector of n numbers is a structure and the streams it names. n is not stored. The
// structure begins with
//
//	byte    mode, plus 64 if a divisor follows
//	varint  the least value
//	uvarint top: (greatest - least) / divisor, at least 1; not in modes 0, 1, 2
//	uvarint divisor, at least 2; only if announced, otherwise it is 1
//
// Each number is least + divisor * u, where u is from 0 to top. What follows depends
// on the mode. "Stream" means a uvarint: the number of the first stream; if there
// are several, the others have the numbers that follow it. Widths of 1 to 8 bytes
// are the fewest that hold the greatest number. Planes are one stream for each byte
// of the width, the lowest first, with one byte for each number.
//
//	0 constant     nothing: all are the least value. Also the empty vector.
//	1 up           nothing: u = 0, 1, 2, … n-1
//	2 down         nothing: u = n-1, … 2, 1, 0
//	3 inline       the packed u themselves, at most 24 bytes
//	4 planes       stream: the planes of u
//	5 packed       stream: the packed u
//	6 bucket       stream: the buckets of u, their low bits
//	7 up planes    uvarint least, byte width, stream: the planes of the n-1
//	               differences u[i+1]-u[i]-least; u[0] is 0
//	8 delta planes uvarint u[0], byte width, stream: the planes of the n-1 zigzag
//	               differences z: u[i+1] = u[i] + (z>>1 ^ -(z&1))
//	9 up bucket    uvarint least, stream: buckets and low bits of what mode 7 has
//	10 delta bucket uvarint u[0], stream: buckets and low bits of what mode 8 has
//	11 dictionary  uvarint k, stream: one byte for each number, its place in the
//	               list; then the list of k different u as a vector of its own
//	12 recency     uvarint k, uvarint far, stream: one byte for each number; if far
//	               is not 0 two streams of far bytes, low and high; then the list of
//	               the k different u in order of their first occurrence, as a vector
//	               of its own
//
// Packed numbers have bits.Len(top) bits each, the first in the lowest bits of the
// first byte.
//
// Bucket: a number x < 16 is the byte x. Another one, with its highest bit at e, is
// the byte 16 + 4(e-4) + the two bits below the highest; the e-2 bits below these
// are packed into the stream of low bits.
//
// Recency: 0 is the next of the list, 1 to 64 is the number that occurred so many
// different numbers ago (1 is the last one), 255 is the one whose place in the list
// is next in the far streams.
//
// A vector of its own is a structure as this one, with mode 0 to 10, whose numbers
// are u as two's complement.
package ints

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"journalist/internal/store/stream"
)

const (
	constant byte = iota
	lineUp
	lineDown
	inline
	planes
	packed
	bucket
	upPlanes
	deltaPlanes
	upBucket
	deltaBucket
	dictionary
	recency
	modes

	hasDivisor byte = 64
)

// maxInline is the greatest number of bytes that stand in the structure: a stream
// would cost about so much for its place in the table.
const maxInline = 24

// encoder holds one vector on its way and the memory for it.
type encoder struct {
	w      *stream.Writer
	class  stream.Class
	nested bool // the list of another vector: no lists of its own

	low    int64
	top    uint64
	div    uint64
	frame  []uint64 // u of each number
	sorted bool
	delta  []uint64 // the differences of the frame as modes 7 or 8 have them
	least  uint64   // of mode 7

	buf   []byte
	aux   []byte
	trial []byte
	index index
	costs []cost
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// Append encodes vs: it puts the streams into w and appends the structure to dst.
// Nothing of vs is kept.
func Append(dst []byte, w *stream.Writer, vs []int64) []byte {
	return appendVector(dst, w, stream.Ints, false, vs)
}

// AppendCodes is Append for codes, which have an order of no meaning.
func AppendCodes(dst []byte, w *stream.Writer, codes []uint32) []byte {
	return appendVector(dst, w, stream.Codes, false, codes)
}

func appendVector[T int64 | uint32](dst []byte, w *stream.Writer, c stream.Class, nested bool, vs []T) []byte {
	if len(vs) == 0 {
		return append(dst, constant, 0)
	}
	lo, hi := vs[0], vs[0]
	for _, v := range vs {
		lo, hi = min(lo, v), max(hi, v)
	}
	if lo == hi {
		return binary.AppendVarint(append(dst, constant), int64(lo))
	}
	if mode, step := line(vs); mode != constant {
		return appendHead(dst, mode, int64(lo), 0, step)
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.w, e.class, e.nested = w, c, nested
	defer func() { e.w = nil }()
	e.low, e.top, e.div = int64(lo), uint64(hi)-uint64(lo), 1
	e.frame = grow(e.frame, len(vs))
	e.sorted = true
	last := lo
	for i, v := range vs {
		e.frame[i] = uint64(v) - uint64(lo)
		if v < last {
			e.sorted = false
		}
		last = v
	}
	if c == stream.Ints {
		e.div = reduce(e.frame)
		e.top /= e.div
	}
	if size := packedLen(len(vs), bits.Len64(e.top)); size <= maxInline {
		dst = appendHead(dst, inline, e.low, e.top, e.div)
		return appendPacked(dst, e.frame, bits.Len64(e.top))
	}
	return e.append(dst)
}

// line tells whether vs rises or falls by one step, without ever wrapping around.
func line[T int64 | uint32](vs []T) (mode byte, step uint64) {
	first, last := vs[0], vs[len(vs)-1]
	mode, step = lineUp, uint64(vs[1])-uint64(first)
	if vs[1] < first {
		mode, step = lineDown, uint64(first)-uint64(vs[1])
	}
	if span := max(first, last); step == 0 || (uint64(span)-uint64(min(first, last)))/step != uint64(len(vs)-1) {
		return constant, 0
	}
	want := uint64(first)
	for _, v := range vs {
		if uint64(v) != want {
			return constant, 0
		}
		if mode == lineUp {
			want += step
		} else {
			want -= step
		}
	}
	return mode, step
}

func appendHead(dst []byte, mode byte, low int64, top, div uint64) []byte {
	if div > 1 {
		mode |= hasDivisor
	}
	dst = binary.AppendVarint(append(dst, mode), low)
	if m := mode &^ hasDivisor; m != lineUp && m != lineDown {
		dst = binary.AppendUvarint(dst, top)
	}
	if div > 1 {
		dst = binary.AppendUvarint(dst, div)
	}
	return dst
}

// append encodes the frame in the cheapest mode that can hold it.
func (e *encoder) append(dst []byte) []byte {
	for _, c := range e.choose() {
		if out, ok := e.as(c.mode, dst); ok {
			return out
		}
	}
	out, _ := e.as(planes, dst)
	return out
}

func (e *encoder) as(mode byte, dst []byte) ([]byte, bool) {
	switch mode {
	case upPlanes, upBucket, deltaPlanes, deltaBucket:
		e.differences(e.frame)
	case dictionary:
		return e.appendDictionary(dst)
	case recency:
		return e.appendRecency(dst)
	}
	dst = appendHead(dst, mode, e.low, e.top, e.div)
	switch mode {
	case planes:
		return e.putPlanes(dst, e.frame, width(e.top)), true
	case packed:
		e.buf = appendPacked(e.buf[:0], e.frame, bits.Len64(e.top))
		return stream.AppendID(dst, e.w.Put(stream.Raw, e.buf)), true
	case bucket:
		return e.putBuckets(dst, e.frame), true
	}
	if mode == upPlanes || mode == upBucket {
		dst = binary.AppendUvarint(dst, e.least)
	} else {
		dst = binary.AppendUvarint(dst, e.frame[0])
	}
	if mode == upBucket || mode == deltaBucket {
		return e.putBuckets(dst, e.delta), true
	}
	wide := width(highest(e.delta))
	return e.putPlanes(append(dst, byte(wide)), e.delta, wide), true
}

// differences fills e.delta: of a sorted vector the differences minus the least of
// them, otherwise zigzag.
func (e *encoder) differences(us []uint64) {
	e.delta = grow(e.delta, len(us)-1)
	if !e.sorted {
		for i := range e.delta {
			d := int64(us[i+1] - us[i])
			e.delta[i] = uint64(d<<1) ^ uint64(d>>63)
		}
		return
	}
	e.least = us[1] - us[0]
	for i := range e.delta {
		d := us[i+1] - us[i]
		e.delta[i] = d
		e.least = min(e.least, d)
	}
	if e.least > 0 {
		for i := range e.delta {
			e.delta[i] -= e.least
		}
	}
}

func (e *encoder) putPlanes(dst []byte, us []uint64, width int) []byte {
	var first stream.ID
	for p := range width {
		e.buf = appendPlane(e.buf[:0], us, p)
		if id := e.w.Put(e.class, e.buf); p == 0 {
			first = id
		}
	}
	return stream.AppendID(dst, first)
}

func (e *encoder) putBuckets(dst []byte, us []uint64) []byte {
	e.buf, e.aux = appendBuckets(e.buf[:0], e.aux[:0], us)
	first := e.w.Put(e.class, e.buf)
	e.w.Put(stream.Raw, e.aux)
	return stream.AppendID(dst, first)
}

func (e *encoder) appendDictionary(dst []byte) ([]byte, bool) {
	list, ok := e.index.list(e.frame, e.top, 256, &e.buf)
	if !ok {
		return dst, false
	}
	dst = appendHead(dst, dictionary, e.low, e.top, e.div)
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	dst = stream.AppendID(dst, e.w.Put(e.class, e.buf))
	return appendVector(dst, e.w, e.class, true, signed(list)), true
}

func (e *encoder) appendRecency(dst []byte) ([]byte, bool) {
	r, ok := e.index.recent(e.frame, e.top, len(e.frame)/2, &e.buf, &e.aux)
	if !ok {
		return dst, false
	}
	dst = appendHead(dst, recency, e.low, e.top, e.div)
	dst = binary.AppendUvarint(dst, uint64(len(r)))
	dst = binary.AppendUvarint(dst, uint64(len(e.aux)/2))
	dst = stream.AppendID(dst, e.w.Put(e.class, e.buf))
	if len(e.aux) > 0 {
		e.w.Put(e.class, e.aux[:len(e.aux)/2])
		e.w.Put(e.class, e.aux[len(e.aux)/2:])
	}
	return appendVector(dst, e.w, e.class, true, signed(r)), true
}

func signed(us []uint64) []int64 {
	out := make([]int64, len(us))
	for i, u := range us {
		out[i] = int64(u)
	}
	return out
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

func highest(us []uint64) (top uint64) {
	for _, u := range us {
		top = max(top, u)
	}
	return top
}

// width is the number of bytes that hold u.
func width(u uint64) int { return (bits.Len64(u) + 7) / 8 }
