package typed

import (
	"math/bits"
	"slices"
)

// magnitude is v without its sign.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

var unsignedPowers = func() (t [20]uint64) {
	t[0] = 1
	for i := 1; i < len(t); i++ {
		t[i] = t[i-1] * 10
	}
	return t
}()

// digitSteps gives the number of digits of u < 2^32 without a branch: an entry for
// each length in bits, to which u is added, has that number in its upper half.
var digitSteps = func() (t [33]uint64) {
	for n := range t {
		least := uint64(1) << max(n-1, 0)
		d := uint64(1)
		for p := uint64(10); p <= least; p *= 10 {
			d++
		}
		// The next power of ten lies within this length, or behind it.
		next := uint64(1)
		for range d {
			next *= 10
		}
		t[n] = d << 32
		if next < 2*least {
			t[n] = (d+1)<<32 - next
		}
	}
	return t
}()

// digits is how many decimal digits u has.
func digits(u uint64) int {
	if u < 1<<32 {
		return int((u + digitSteps[bits.Len32(uint32(u))]) >> 32)
	}
	// 1233/4096 is a little more than log10(2).
	n := bits.Len64(u) * 1233 >> 12
	if n < len(unsignedPowers) && u >= unsignedPowers[n] {
		n++
	}
	return n
}

const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// appendPadded appends u in decimal digits, with zeros in front up to width.
func appendPadded(dst []byte, u uint64, width int) []byte {
	n := max(digits(u), width)
	at := len(dst)
	if cap(dst)-at < n {
		dst = slices.Grow(dst, n)
	}
	dst = dst[:at+n]
	putPadded(dst[at:], u)
	return dst
}

// putPadded fills b with u in decimal digits, with zeros in front; it has room for
// them.
func putPadded(b []byte, u uint64) {
	n := len(b)
	for n >= 2 {
		p := u % 100 * 2
		u /= 100
		b[n-1], b[n-2] = pairs[p+1], pairs[p]
		n -= 2
	}
	if n > 0 {
		b[0] = byte('0' + u)
	}
}

// appendDecimal appends v/10^most, without trailing zeros so far as at least least
// decimals remain.
func appendDecimal(dst []byte, v int64, most, least int) []byte {
	u := magnitude(v)
	if v < 0 {
		dst = append(dst, '-')
	}
	for most > least && u%10 == 0 {
		u /= 10
		most--
	}
	if most == 0 {
		return appendPadded(dst, u, 1)
	}
	dst = appendPadded(dst, u, most+1)
	point := len(dst) - most
	dst = append(dst, 0)
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst
}

// appendHexNumber appends u in hexadecimal digits, with zeros in front up to width.
func appendHexNumber(dst []byte, u uint64, width int, letters byte) []byte {
	n := max((bits.Len64(u)+3)/4, width)
	at := len(dst)
	if cap(dst)-at < n {
		dst = slices.Grow(dst, n)
	}
	dst = dst[:at+n]
	for i := at + n - 1; i >= at; i-- {
		c := byte(u & 15)
		if c < 10 {
			dst[i] = '0' + c
		} else {
			dst[i] = letters + c
		}
		u >>= 4
	}
	return dst
}
