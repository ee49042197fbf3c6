package ints

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"

	"journalist/internal/store/stream"
	"journalist/internal/wire"
)

// Head is a vector of which only the structure was read. It is immutable, may be
// used by several goroutines, and shares the memory that it was read from.
type Head struct {
	mode  byte
	wide  uint8 // of planes of differences
	n     int
	low   int64
	top   uint64
	div   uint64
	first uint64 // u[0], or the least difference
	at    stream.ID
	raw   []byte // inline
	far   int
	list  *Head
}

// Read reads the structure of a vector of n numbers. Whether it is sound, d.Err says.
func Read(d *wire.Decoder, n int) *Head { return read(d, n, false) }

func read(d *wire.Decoder, n int, nested bool) *Head {
	h := &Head{n: n, div: 1}
	b := d.Byte()
	h.mode = b &^ hasDivisor
	h.low = d.Varint()
	if h.mode == constant {
		if b != constant {
			d.Fail("integers: a divisor of a constant")
		}
		return h
	}
	if h.mode >= modes || nested && h.mode >= dictionary || n < 2 {
		d.Fail("%d integers of mode %d", n, b)
		return h
	}
	if h.mode == lineUp || h.mode == lineDown {
		h.top = uint64(n - 1)
	} else {
		h.top = d.Uvarint()
	}
	if b&hasDivisor != 0 {
		h.div = d.Uvarint()
	}
	over, span := bits.Mul64(h.top, h.div)
	if over != 0 || span == 0 || span > math.MaxInt64-uint64(h.low) {
		d.Fail("integers from %d on, up to %d times %d more", h.low, h.top, h.div)
		return h
	}
	switch h.mode {
	case lineUp, lineDown:
		return h
	case inline:
		size := packedLen(n, bits.Len64(h.top))
		if n > 8*maxInline || size > maxInline {
			d.Fail("%d integers inline", n)
			return h
		}
		h.raw = d.Take(uint64(size))
		return h
	case upPlanes, deltaPlanes:
		h.first = d.Uvarint()
		if h.wide = d.Byte(); h.wide > 8 {
			d.Fail("integers of %d bytes", h.wide)
		}
	case upBucket, deltaBucket:
		h.first = d.Uvarint()
	case dictionary, recency:
		h.readList(d)
		return h
	}
	h.at = readID(d)
	return h
}

func (h *Head) readList(d *wire.Decoder) {
	k, limit := d.Uvarint(), uint64(256)
	if h.mode == recency {
		limit = maxRecency
		far := d.Uvarint()
		if far > uint64(h.n) {
			d.Fail("%d places among %d integers", far, h.n)
		}
		h.far = int(far)
	}
	if k > limit || k > uint64(h.n) {
		d.Fail("a list of %d for %d integers", k, h.n)
	}
	h.at = readID(d)
	if d.Err() == nil {
		h.list = read(d, int(k), true)
	}
}

func readID(d *wire.Decoder) stream.ID {
	id := d.Uvarint()
	if id > math.MaxInt32 {
		d.Fail("stream %d", id)
	}
	return stream.ID(id)
}

// Len is how many numbers there are.
func (h *Head) Len() int { return h.n }

// Min is the least number; 0 if there is none.
func (h *Head) Min() int64 { return h.low }

// Max is the greatest number; 0 if there is none.
func (h *Head) Max() int64 { return int64(uint64(h.low) + h.top*h.div) }

// Mode names the way in which the vector is encoded, for statistics.
func (h *Head) Mode() string { return modeNames[h.mode] }

var modeNames = [modes]string{
	"constant", "up", "down", "inline", "planes", "packed", "bucket", "up planes",
	"delta planes", "up bucket", "delta bucket", "dictionary", "recency",
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: integers: %s", stream.ErrCorrupt, fmt.Sprintf(format, args...))
}

// Decode appends the numbers to dst. All of them are within [Min, Max].
func (h *Head) Decode(src stream.Source, dst []int64) ([]int64, error) {
	if h.mode > lineDown && h.mode != inline {
		// Streams are checked before anything is allocated for them.
		parts, err := h.parts(src)
		if err != nil {
			return dst, err
		}
		dst = slices.Grow(dst, h.n)
		out := dst[len(dst) : len(dst)+h.n]
		if err := h.join(src, parts, out); err != nil {
			return dst, err
		}
		if !h.scale(out) {
			return dst, corrupt("one above %d", h.Max())
		}
		return dst[:len(dst)+h.n], nil
	}
	dst = slices.Grow(dst, h.n)
	out := dst[len(dst) : len(dst)+h.n]
	switch h.mode {
	case constant:
		for i := range out {
			out[i] = h.low
		}
	case lineUp:
		for i := range out {
			out[i] = int64(uint64(h.low) + uint64(i)*h.div)
		}
	case lineDown:
		for i := range out {
			out[i] = int64(uint64(h.low) + uint64(h.n-1-i)*h.div)
		}
	case inline:
		unpack(out, h.raw, bits.Len64(h.top))
		if !h.scale(out) {
			return dst, corrupt("one above %d", h.Max())
		}
	}
	return dst[:len(dst)+h.n], nil
}

// scale turns each u into its number; ok is false if one is greater than top.
func (h *Head) scale(out []int64) (ok bool) {
	low, top, div := uint64(h.low), h.top, h.div
	if div == 1 {
		for i, v := range out {
			if uint64(v) > top {
				return false
			}
			out[i] = int64(low + uint64(v))
		}
		return true
	}
	for i, v := range out {
		if uint64(v) > top {
			return false
		}
		out[i] = int64(low + uint64(v)*div)
	}
	return true
}

// parts gets the streams and checks their lengths, so far as they are known.
func (h *Head) parts(src stream.Source) ([][]byte, error) {
	count, size := 1, h.n
	switch h.mode {
	case planes:
		count = width(h.top)
	case packed:
		size = packedLen(h.n, bits.Len64(h.top))
	case bucket:
		count = 2
	case upPlanes, deltaPlanes:
		count, size = int(h.wide), h.n-1
	case upBucket, deltaBucket:
		count, size = 2, h.n-1
	case recency:
		if h.far > 0 {
			count = 3
		}
	}
	parts := make([][]byte, count)
	for i := range parts {
		b, err := src.Stream(h.at + stream.ID(i))
		if err != nil {
			return nil, err
		}
		want := size
		if i > 0 {
			switch h.mode {
			case bucket, upBucket, deltaBucket:
				want = len(b)
			case recency:
				want = h.far
			}
		}
		if len(b) != want {
			return nil, corrupt("stream %d of mode %s has %d bytes, %d expected", h.at+stream.ID(i), h.Mode(), len(b), want)
		}
		parts[i] = b
	}
	return parts, nil
}

// join puts the u of all numbers into out.
func (h *Head) join(src stream.Source, parts [][]byte, out []int64) error {
	ok := true
	switch h.mode {
	case planes:
		joinPlanes(out, parts)
	case packed:
		unpack(out, parts[0], bits.Len64(h.top))
	case bucket:
		ok = unbucket(out, parts[0], parts[1])
	case upPlanes, deltaPlanes:
		if h.wide == 0 {
			clear(out[1:])
		} else {
			joinPlanes(out[1:], parts)
		}
		h.sum(out)
	case upBucket, deltaBucket:
		ok = unbucket(out[1:], parts[0], parts[1])
		h.sum(out)
	default:
		list, err := h.list.Decode(src, nil)
		if err != nil {
			return err
		}
		if h.mode == dictionary {
			ok = lookUp(out, list, parts[0])
			break
		}
		var low, high []byte
		if h.far > 0 {
			low, high = parts[1], parts[2]
		}
		ok = unrecent(out, list, parts[0], low, high)
	}
	if !ok {
		return corrupt("streams of mode %s do not fit each other", h.Mode())
	}
	return nil
}

// sum adds up the differences that stand in out[1:].
func (h *Head) sum(out []int64) {
	ds := out[1:]
	if h.mode == upPlanes || h.mode == upBucket {
		out[0] = 0
		u, least := int64(0), int64(h.first)
		for i, d := range ds {
			u += d + least
			ds[i] = u
		}
		return
	}
	out[0] = int64(h.first)
	u := int64(h.first)
	for i, z := range ds {
		u += int64(uint64(z)>>1) ^ -(z & 1)
		ds[i] = u
	}
}

func lookUp(out, list []int64, codes []byte) (ok bool) {
	for i, c := range codes {
		if int(c) >= len(list) {
			return false
		}
		out[i] = list[c]
	}
	return true
}

var wideScratch = sync.Pool{New: func() any { return new([]int64) }}

// DecodeCodes appends the codes to dst; one that is not below limit is an error.
func (h *Head) DecodeCodes(src stream.Source, limit uint32, dst []uint32) ([]uint32, error) {
	if h.n == 0 {
		return dst, nil
	}
	if h.low < 0 || h.Max() >= int64(limit) {
		return dst, corrupt("code %d of %d", h.Max(), limit)
	}
	if h.mode == planes && h.div == 1 {
		parts, err := h.parts(src)
		if err != nil {
			return dst, err
		}
		dst = slices.Grow(dst, h.n)
		out := dst[len(dst) : len(dst)+h.n]
		joinPlanes(out, parts)
		low, top := uint32(h.low), uint32(h.top)
		for i, u := range out {
			if u > top {
				return dst, corrupt("code above %d", h.Max())
			}
			out[i] = u + low
		}
		return dst[:len(dst)+h.n], nil
	}
	scratch := wideScratch.Get().(*[]int64)
	defer wideScratch.Put(scratch)
	vs, err := h.Decode(src, (*scratch)[:0])
	if err != nil {
		return dst, err
	}
	*scratch = vs
	dst = slices.Grow(dst, h.n)
	for _, v := range vs {
		dst = append(dst, uint32(v))
	}
	return dst, nil
}
