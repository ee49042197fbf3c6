package text

import (
	"encoding/binary"
	"math/bits"

	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// cursor is a list of texts as they were decoded, before anybody needs them one
// after the other in one buffer. Value i is the text number codes[i], or i where
// codes is nil, or always the first.
type cursor struct {
	data    []byte
	offsets []uint32
	codes   []uint32
	n       int
	same    bool
	sep     uint32 // so many bytes at the end of a text do not belong to it
	pos     int    // for who takes value after value
	total   int    // size, where it was asked for
}

func direct(v texts.Vector) cursor {
	return cursor{data: v.Data, offsets: v.Offsets, n: v.Len()}
}

// size is the number of bytes of all values.
func (c *cursor) size() int {
	switch {
	case c.n == 0:
		return 0
	case c.same:
		return c.n * int(c.offsets[1]-c.offsets[0]-c.sep)
	case c.codes == nil:
		return int(c.offsets[c.n]-c.offsets[0]) - c.n*int(c.sep)
	}
	sum := 0
	for _, k := range c.codes {
		sum += int(c.offsets[k+1] - c.offsets[k] - c.sep)
	}
	return sum
}

// vector returns the values in one buffer, which may be the one they are in.
func (c *cursor) vector() (texts.Vector, error) {
	if !c.same && c.codes == nil && c.sep == 0 {
		return texts.Vector{Data: c.data, Offsets: c.offsets}, nil
	}
	size := c.size()
	if size > MaxSize {
		return texts.Vector{}, tooLong(size)
	}
	v := texts.Vector{Data: make([]byte, size+slack), Offsets: make([]uint32, c.n+1)}
	at, src, ends := 0, c.padded(), v.Offsets[1:]
	switch {
	case c.same:
		for i := range ends {
			at += copy(v.Data[at:], c.data)
			ends[i] = uint32(at)
		}
	case c.codes != nil:
		for i, k := range c.codes[:len(ends)] {
			at = put(v.Data, at, src, c.offsets[k], c.offsets[k+1]-c.sep)
			ends[i] = uint32(at)
		}
	default:
		from := c.offsets[0]
		for i, to := range c.offsets[1 : len(ends)+1] {
			at = put(v.Data, at, src, from, to-c.sep)
			ends[i] = uint32(at)
			from = to
		}
	}
	v.Data = v.Data[:at:at]
	return v, nil
}

// slack is how many bytes put may write behind what it was to write: short copies of
// a fixed length are much faster than one of an exact length.
const slack = 32

// padded is the data with what follows in its memory, so that put may read on.
func (c *cursor) padded() []byte { return c.data[:min(len(c.data)+slack, cap(c.data))] }

// put copies src[from:to] to dst[at:] and returns where it ends. dst has slack.
func put(dst []byte, at int, src []byte, from, to uint32) int {
	n := int(to - from)
	if n <= 16 && int(from)+16 <= len(src) {
		*(*[16]byte)(dst[at:]) = *(*[16]byte)(src[from:])
		return at + n
	}
	return at + putLong(dst[at:], src[from:], n)
}

func putLong(dst, src []byte, n int) int {
	if n <= 32 && len(src) >= 32 {
		*(*[32]byte)(dst) = *(*[32]byte)(src)
		return n
	}
	return copy(dst, src[:n])
}

func tooLong(size int) error {
	return stream.Corrupt("texts of %d bytes, the limit is %d", size, MaxSize)
}

// splitEnded finds the texts of data, which end with a zero byte each: offsets has
// room for one more than they are.
func splitEnded(data []byte, offsets []uint32) error {
	n := len(offsets) - 1
	if len(data) > 0 && data[len(data)-1] != 0 {
		return stream.Corrupt("%d ended texts, the last of which has no end", n)
	}
	offsets[0] = 0
	k, i := 1, 0
	for ; i+8 <= len(data) && k+8 <= len(offsets); i += 8 {
		x := binary.LittleEndian.Uint64(data[i:])
		const low = 0x7f7f7f7f7f7f7f7f
		for zeros := ^((x&low + low) | x | low); zeros != 0; zeros &= zeros - 1 {
			offsets[k] = uint32(i + bits.TrailingZeros64(zeros)/8 + 1)
			k++
		}
	}
	for ; i < len(data); i++ {
		if data[i] == 0 {
			if k > n {
				return stream.Corrupt("more than %d ended texts", n)
			}
			offsets[k] = uint32(i + 1)
			k++
		}
	}
	if k != n+1 {
		return stream.Corrupt("%d ended texts, %d expected", k-1, n)
	}
	return nil
}

// splitMeasured finds the texts of data by their lengths.
func splitMeasured(data []byte, lengths []int64) ([]uint32, error) {
	offsets := make([]uint32, len(lengths)+1)
	at := int64(0)
	for i, n := range lengths {
		if n < 0 || n > int64(len(data))-at {
			return nil, stream.Corrupt("text of %d bytes, %d left", n, int64(len(data))-at)
		}
		at += n
		offsets[i+1] = uint32(at)
	}
	if at != int64(len(data)) {
		return nil, stream.Corrupt("texts of %d bytes in %d", at, len(data))
	}
	return offsets, nil
}
