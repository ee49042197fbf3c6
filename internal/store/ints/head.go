package ints

import (
	"math"
	"math/bits"

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
	h.at = stream.ReadID(d)
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
	h.at = stream.ReadID(d)
	if d.Err() == nil {
		h.list = read(d, int(k), true)
	}
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
	return stream.Corrupt("integers: "+format, args...)
}
