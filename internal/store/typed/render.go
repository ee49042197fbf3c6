package typed

import (
	"encoding/binary"
	"math/bits"
)

// slack is the room that what is rendered needs behind its end: it is stored in words
// of eight and more bytes, and what is too much of them is overwritten by what comes
// next.
const slack = 96

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

// digits is how many decimal digits u has.
func digits(u uint64) int {
	// 1233/4096 is a little more than log10(2).
	n := bits.Len64(u) * 1233 >> 12
	if n < len(unsignedPowers) && u >= unsignedPowers[n] {
		n++
	}
	return max(n, 1)
}

const (
	tenTo8    = 100_000_000
	zeroBytes = 0x3030303030303030 // "00000000"
)

// digits8 returns the decimal digits of u < 10^8, each a byte from 0 to 9, the first
// one in the lowest byte.
func digits8(u uint64) uint64 {
	u = u/10000 | u%10000<<32                // two numbers of four digits
	h := u * 5243 >> 19 & 0x0000007f0000007f // their hundreds: 5243/2^19 is about 1/100
	u = h | (u-100*h)<<16                    // four numbers of two digits
	t := u * 103 >> 10 & 0x000f000f000f000f  // their tens: 103/2^10 is about 1/10
	return t | (u-10*t)<<8
}

func store8(b []byte, at int, u uint64) {
	binary.LittleEndian.PutUint64(b[at:], u)
}

// putUint writes u at b[at:] in decimal digits, with zeros in front up to width, which
// is at least 1, and returns where it ends.
func putUint(b []byte, at int, u uint64, width int) int {
	if u < tenTo8 && width <= 8 {
		x := digits8(u)
		skip := min(bits.TrailingZeros64(x)>>3, 8-width)
		store8(b, at, (x|zeroBytes)>>(8*uint(skip)&63))
		return at + 8 - skip
	}
	return putLong(b, at, u, width)
}

func putLong(b []byte, at int, u uint64, width int) int {
	if high := u / tenTo8; high > 0 || width > 8 {
		at = putUint(b, at, high, max(width-8, 1))
	}
	store8(b, at, digits8(u%tenTo8)|zeroBytes)
	return at + 8
}

// putDecimal writes v/10^most at b[at:], without trailing zeros so far as at least
// least decimals remain, and returns where it ends.
func putDecimal(b []byte, at int, v int64, most, least int) int {
	b[at] = '-'
	at += int(uint64(v) >> 63)
	whole, fraction := split10(magnitude(v), most)
	at = putUint(b, at, whole, 1)
	b[at] = '.'
	n := most
	if most <= 8 {
		x := digits8(fraction) >> (8 * uint(8-most) & 63)
		store8(b, at+1, x|zeroBytes)
		n = max((bits.Len64(x)+7)>>3, least)
	} else {
		putUint(b, at+1, fraction, most)
		for n > least && b[at+n] == '0' {
			n--
		}
	}
	if n == 0 {
		return at
	}
	return at + 1 + n
}

// split10 divides by 10^n. That is fast for the usual n.
func split10(u uint64, n int) (quotient, rest uint64) {
	switch n {
	case 1:
		return u / 10, u % 10
	case 2:
		return u / 100, u % 100
	case 3:
		return u / 1000, u % 1000
	case 6:
		return u / 1e6, u % 1e6
	}
	p := unsignedPowers[n]
	return u / p, u % p
}

// Offsets from "0" plus ten to the letters.
const (
	lowerLetters = 'a' - '0' - 10
	upperLetters = 'A' - '0' - 10
)

// hex8 returns the hexadecimal digits of four bytes, those of the lowest first, which
// are the eight bytes from the lowest on.
func hex8(u uint32, letters uint64) uint64 {
	x := uint64(u)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x>>4 | x<<8) & 0x0f0f0f0f0f0f0f0f
	above9 := (x + 0x0606060606060606) >> 4 & 0x0101010101010101
	return x + zeroBytes + above9*letters
}

// putHex writes u at b[at:] in hexadecimal digits, with zeros in front up to width,
// which is from 1 to 16, and returns where it ends.
func putHex(b []byte, at int, u uint64, width int, letters uint64) int {
	n := max((bits.Len64(u)+3)/4, width)
	low := hex8(bits.ReverseBytes32(uint32(u)), letters)
	if n <= 8 {
		store8(b, at, low>>(8*uint(8-n)&63))
		return at + n
	}
	store8(b, at, hex8(bits.ReverseBytes32(uint32(u>>32)), letters)>>(8*uint(16-n)&63))
	store8(b, at+n-8, low)
	return at + n
}

// putBytes writes bytes at b[at:] in hexadecimal digits and returns where it ends.
func putBytes(b []byte, at int, raw []byte, letters uint64) int {
	for ; len(raw) >= 4; raw = raw[4:] {
		store8(b, at, hex8(binary.LittleEndian.Uint32(raw), letters))
		at += 8
	}
	for _, c := range raw {
		store8(b, at, hex8(uint32(c), letters))
		at += 2
	}
	return at
}

// putUUID writes the 16 bytes of a UUID at b[at:] and returns where it ends.
func putUUID(b []byte, at int, raw []byte, letters uint64) int {
	x, y := binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[8:16])
	b = b[at : at+uuidSize+8]
	second, third := hex8(uint32(x>>32), letters), hex8(uint32(y), letters)
	store8(b, 0, hex8(uint32(x), letters))
	store8(b, 9, second)
	store8(b, 14, second>>32)
	store8(b, 19, third)
	store8(b, 24, third>>32)
	store8(b, 28, hex8(uint32(y>>32), letters))
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return at + uuidSize
}

// octets are the decimal digits of a byte and a point, and in the highest byte how
// long that is.
var octets = func() (t [256]uint64) {
	for i := range t {
		var b [2 * slack]byte
		n := putUint(b[:], 0, uint64(i), 1)
		b[n] = '.'
		t[i] = uint64(binary.LittleEndian.Uint32(b[:])) | uint64(n+1)<<56
	}
	return t
}()

// smallInts are the decimal digits of a number, and in the highest byte how many.
var smallInts = func() (t [1000]uint32) {
	for i := range t {
		var b [2 * slack]byte
		n := putUint(b[:], 0, uint64(i), 1)
		t[i] = binary.LittleEndian.Uint32(b[:])&(1<<(8*n)-1) | uint32(n)<<24
	}
	return t
}()

// putSmall writes v, which has its place in smallInts, at b[at:] and returns where it
// ends.
func putSmall(b []byte, at int, v int64) int {
	x := smallInts[v]
	binary.LittleEndian.PutUint32(b[at:], x)
	return at + int(x>>24)
}

// putIPv4 writes an address at b[at:] and returns where it ends.
func putIPv4(b []byte, at int, v uint32) int {
	for shift := 24; shift >= 0; shift -= 8 {
		o := octets[v>>uint(shift)&255]
		binary.LittleEndian.PutUint32(b[at:], uint32(o))
		at += int(o >> 56)
	}
	return at - 1
}
