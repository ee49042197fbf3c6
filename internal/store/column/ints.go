package column

import (
	"encoding/binary"
	"math/bits"
)

// Integers are encoded as
//
//	byte    0 = each minus the least (frame of reference), 1 = differences, each
//	        minus the least difference
//	uvarint count
//	varint  base: the least value, or the first value
//	varint  least difference (mode 1 only)
//	uvarint divisor: all that follow were divided by it
//	byte    width in bytes, 0 to 8
//	planes  the lowest byte of all, then the next byte of all, …
//
// Byte planes keep what changes slowly apart from what changes fast, so that the
// block's compression finds it. The divisor turns times of whole milliseconds or
// seconds into small numbers.
const (
	intsFrame = 0
	intsDelta = 1
)

// AppendInts appends vs, uncompressed: it is meant for AppendBlock.
func AppendInts(dst []byte, vs []int64) []byte {
	if len(vs) == 0 {
		return append(dst, intsFrame, 0, 0, 1, 0)
	}
	lo, hi := vs[0], vs[0]
	for _, v := range vs {
		lo, hi = min(lo, v), max(hi, v)
	}
	frame := make([]uint64, len(vs))
	for i, v := range vs {
		frame[i] = uint64(v) - uint64(lo)
	}
	fdiv, fwidth := reduce(frame)
	if span := uint64(hi) - uint64(lo); len(vs) > 2 && span < 1<<62 {
		least := vs[1] - vs[0]
		for i := 1; i < len(vs); i++ {
			least = min(least, vs[i]-vs[i-1])
		}
		delta := make([]uint64, len(vs)-1)
		for i := range delta {
			delta[i] = uint64(vs[i+1] - vs[i] - least)
		}
		ddiv, dwidth := reduce(delta)
		if dwidth < fwidth || dwidth == fwidth && dwidth > 0 && deltaIsSmaller(frame, delta, dwidth) {
			dst = append(dst, intsDelta)
			dst = binary.AppendUvarint(dst, uint64(len(vs)))
			dst = binary.AppendVarint(dst, vs[0])
			dst = binary.AppendVarint(dst, least)
			dst = binary.AppendUvarint(dst, ddiv)
			return appendPlanes(append(dst, byte(dwidth)), delta, dwidth)
		}
	}
	dst = append(dst, intsFrame)
	dst = binary.AppendUvarint(dst, uint64(len(vs)))
	dst = binary.AppendVarint(dst, lo)
	dst = binary.AppendUvarint(dst, fdiv)
	return appendPlanes(append(dst, byte(fwidth)), frame, fwidth)
}

// reduce divides the numbers by what divides them all and returns the divisor and
// how many bytes the greatest still needs.
func reduce(us []uint64) (div uint64, width int) {
	var g, top uint64
	for _, u := range us {
		if top = max(top, u); g != 1 {
			g = gcd(u, g)
		}
	}
	if g > 1 {
		for i := range us {
			us[i] /= g
		}
		top /= g
	}
	return max(g, 1), (bits.Len64(top) + 7) / 8
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// deltaIsSmaller compresses a sample of both, because at equal width only that
// tells.
func deltaIsSmaller(frame, delta []uint64, width int) bool {
	const sample = 2048
	if len(delta) > sample {
		at := (len(delta) - sample) / 2
		frame, delta = frame[at:at+sample], delta[at:at+sample]
	}
	raw := appendPlanes(nil, frame, width)
	f := AppendBlock(nil, raw)
	d := AppendBlock(nil, appendPlanes(raw[:0], delta, width))
	return len(d) < len(f)
}

func appendPlanes(dst []byte, us []uint64, width int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, len(us)*width)...)
	for p := range width {
		plane := dst[at+p*len(us):][:len(us)]
		for i, u := range us {
			plane[i] = byte(u >> (8 * p))
		}
	}
	return dst
}

// DecodeInts reads what AppendInts wrote; there must be n numbers.
func DecodeInts(data []byte, n int) ([]int64, error) {
	d := NewDecoder(data)
	mode, count, base := d.Byte(), d.Uvarint(), uint64(d.Varint())
	var least uint64
	if mode == intsDelta {
		least = uint64(d.Varint())
	}
	div, width := d.Uvarint(), uint64(d.Byte())
	if d.Err() != nil {
		return nil, d.Err()
	}
	if mode > intsDelta || width > 8 || count != uint64(n) {
		d.Fail("integers of mode %d, width %d: %d of them, %d expected", mode, width, count, n)
		return nil, d.Err()
	}
	stored := n
	if mode == intsDelta {
		stored = max(n-1, 0)
	}
	planes := d.Take(uint64(stored) * width)
	if d.Err() != nil || len(d.Data) != 0 {
		d.Fail("%d bytes after the integers", len(d.Data))
		return nil, d.Err()
	}
	out := make([]int64, n)
	vals := out[n-stored:]
	for p := range int(width) {
		for i, b := range planes[p*stored:][:stored] {
			vals[i] |= int64(b) << (8 * p)
		}
	}
	if mode == intsFrame {
		for i, u := range vals {
			vals[i] = int64(base + uint64(u)*div)
		}
		return out, nil
	}
	if n > 0 {
		out[0] = int64(base)
	}
	for i := 1; i < n; i++ {
		out[i] = int64(uint64(out[i-1]) + least + uint64(out[i])*div)
	}
	return out, nil
}
