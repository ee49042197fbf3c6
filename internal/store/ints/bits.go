package ints

import (
	"encoding/binary"
	"math/bits"
)

// packedLen is the number of bytes that n numbers of width bits take.
func packedLen(n, width int) int { return (n*width + 7) / 8 }

// bitWriter packs bits, the first in the lowest bits of the first byte.
type bitWriter struct {
	out  []byte
	acc  uint64
	fill int
}

// put appends the lowest width bits of u, above which there must be none.
func (w *bitWriter) put(u uint64, width int) {
	w.acc |= u << w.fill
	w.fill += width
	if w.fill >= 64 {
		w.out = binary.LittleEndian.AppendUint64(w.out, w.acc)
		w.fill -= 64
		w.acc = u >> (width - w.fill)
	}
}

// end writes what is left and returns all.
func (w *bitWriter) end() []byte {
	for ; w.fill > 0; w.fill -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
	return w.out
}

func appendPacked(dst []byte, us []uint64, width int) []byte {
	w := bitWriter{out: dst}
	for _, u := range us {
		w.put(u, width)
	}
	return w.end()
}

// maxLoad is the most bits that one load of eight bytes surely has from any bit on.
const maxLoad = 57

// bitsAt returns the width bits, at most maxLoad, that begin at bit pos. What lies
// behind the end reads as 0.
func bitsAt(src []byte, pos, width int) uint64 {
	at := pos >> 3
	var x uint64
	if at+8 <= len(src) {
		x = binary.LittleEndian.Uint64(src[at:])
	} else {
		for i := len(src) - 1; i >= at; i-- {
			x = x<<8 | uint64(src[i])
		}
	}
	return x >> (pos & 7) & (1<<width - 1)
}

// longBitsAt is bitsAt for any width up to 64.
func longBitsAt(src []byte, pos, width int) uint64 {
	if width <= maxLoad {
		return bitsAt(src, pos, width)
	}
	return bitsAt(src, pos, 32) | bitsAt(src, pos+32, width-32)<<32
}

// unpack fills out from src, which has packedLen(len(out), width) bytes.
func unpack[T number](out []T, src []byte, width int) {
	pos, i := 0, 0
	if width <= maxLoad {
		mask := uint64(1)<<width - 1
		for ; i < len(out) && pos>>3+8 <= len(src); i++ {
			out[i] = T(binary.LittleEndian.Uint64(src[pos>>3:]) >> (pos & 7) & mask)
			pos += width
		}
	}
	for ; i < len(out); i++ {
		out[i] = T(longBitsAt(src, pos, width))
		pos += width
	}
}

// A number below direct is its own bucket.
const direct = 16

// appendBuckets appends one byte for each number to codes, and what that byte does
// not say to low. Numbers of the same size look alike in codes and are compressed
// well there; the low bits are noise and are not tried.
func appendBuckets(codes, low []byte, us []uint64) (c, l []byte) {
	w := bitWriter{out: low}
	for _, u := range us {
		if u < direct {
			codes = append(codes, byte(u))
			continue
		}
		e := bits.Len64(u) - 1
		codes = append(codes, byte(direct+4*(e-4)+int(u>>(e-2)&3)))
		w.put(u&(1<<(e-2)-1), e-2)
	}
	return codes, w.end()
}

// bucketForm is what a code says: the number but for so many low bits.
type bucketForm struct {
	base  uint64
	width uint8
}

var bucketForms = func() (t [256]bucketForm) {
	for c := range t {
		t[c].base = uint64(c)
		if c >= direct {
			t[c].width = uint8((c-direct)/4 + 4 - 2)
			t[c].base = uint64(4|c&3) << t[c].width
		}
	}
	return t
}()

// unbucket fills out, which is as long as codes, and returns the greatest number; ok
// says that low had as many bits as the codes ask for.
func unbucket[T number](out []T, codes, low []byte) (most uint64, ok bool) {
	pos := 0
	out = out[:len(codes)]
	for i, c := range codes {
		form := &bucketForms[c]
		width := int(form.width)
		at := pos >> 3
		var u uint64
		if at <= len(low)-8 && width <= maxLoad {
			u = binary.LittleEndian.Uint64(low[at:])>>(pos&7)&(1<<(width&63)-1) | form.base
		} else {
			u = longBitsAt(low, pos, width) | form.base
		}
		pos += width
		most = max(most, u)
		out[i] = T(u)
	}
	return most, packedLen(1, pos) == len(low)
}
