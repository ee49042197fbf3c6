package text

import (
	"encoding/binary"
	"fmt"
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

// pick keeps the values rows only.
func (c *cursor) pick(rows []uint32) {
	switch {
	case c.same:
	case c.codes == nil:
		c.codes = rows
	default:
		codes := make([]uint32, len(rows))
		for i, r := range rows {
			codes[i] = c.codes[r]
		}
		c.codes = codes
	}
	c.n = len(rows)
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
	at := 0
	for i := range c.n {
		k := i
		if c.same {
			k = 0
		} else if c.codes != nil {
			k = int(c.codes[i])
		}
		at = put(v.Data, at, c.data, c.offsets[k], c.offsets[k+1]-c.sep)
		v.Offsets[i+1] = uint32(at)
	}
	v.Data = v.Data[:at]
	return v, nil
}

// slack is how many bytes put may write behind what it was to write: a short copy of
// a fixed length is much faster than one of an exact length.
const slack = 16

// put copies src[from:to] to dst[at:] and returns where it ends. dst has slack.
func put(dst []byte, at int, src []byte, from, to uint32) int {
	if to-from <= slack && int(from)+slack <= len(src) && at+slack <= len(dst) {
		*(*[slack]byte)(dst[at:]) = *(*[slack]byte)(src[from:])
		return at + int(to-from)
	}
	return at + copy(dst[at:], src[from:to])
}

func tooLong(size int) error {
	return fmt.Errorf("%w: texts of %d bytes, the limit is %d", stream.ErrCorrupt, size, MaxSize)
}

// splitEnded finds the texts of data, which end with a zero byte each.
func splitEnded(data []byte, n int) ([]uint32, error) {
	if len(data) < n || len(data) > 0 && data[len(data)-1] != 0 {
		return nil, fmt.Errorf("%w: %d ended texts in %d bytes", stream.ErrCorrupt, n, len(data))
	}
	offsets := make([]uint32, n+1)
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
				return nil, fmt.Errorf("%w: more than %d ended texts", stream.ErrCorrupt, n)
			}
			offsets[k] = uint32(i + 1)
			k++
		}
	}
	if k != n+1 {
		return nil, fmt.Errorf("%w: %d ended texts, %d expected", stream.ErrCorrupt, k-1, n)
	}
	return offsets, nil
}

// splitMeasured finds the texts of data by their lengths.
func splitMeasured(data []byte, lengths []int64) ([]uint32, error) {
	offsets := make([]uint32, len(lengths)+1)
	at := int64(0)
	for i, n := range lengths {
		if n < 0 || n > int64(len(data))-at {
			return nil, fmt.Errorf("%w: text of %d bytes, %d left", stream.ErrCorrupt, n, int64(len(data))-at)
		}
		at += n
		offsets[i+1] = uint32(at)
	}
	if at != int64(len(data)) {
		return nil, fmt.Errorf("%w: texts of %d bytes in %d", stream.ErrCorrupt, at, len(data))
	}
	return offsets, nil
}
