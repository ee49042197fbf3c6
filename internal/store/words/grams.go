package words

import (
	"encoding/binary"
	"unicode/utf8"

	"journalist/internal/match"
)

// Grams tells for certain that three neighbouring bytes of one token are in no value
// of the set it was made from, without regard to case. The package comment describes
// its bytes. It is immutable.
type Grams []byte

const (
	gramClasses = 40
	gramBits    = gramClasses * gramClasses * gramClasses
	// MaxGrams is the most bytes of a Grams.
	MaxGrams = gramBits / 8
	noGram   = 0xff // the class of a byte that ends a token, or is not ASCII
)

// gramClass is the class of a byte; digits have the lowest ten.
var gramClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] = uint8(c - '0')
		case 'a' <= c && c <= 'z':
			t[c] = uint8(10 + c - 'a')
		case 'A' <= c && c <= 'Z':
			t[c] = uint8(10 + c - 'A')
		default:
			t[c] = noGram
		}
	}
	t['.'], t['-'], t['_'] = 36, 37, 38
	t['@'], t['%'], t['+'] = 39, 39, 39
	return t
}()

// gramSet collects Grams. It has more room than they need, so that a mask can take the
// place of a check.
type gramSet [1 << 10]uint64

// add adds the grams of a value.
func (s *gramSet) add(value []byte) {
	run := 0 // bytes since the token began
	var one, two uint
	for i := 0; i < len(value); i++ {
		k := gramClass[value[i]]
		if k == noGram {
			if value[i] < utf8.RuneSelf {
				run = 0
				continue
			}
			n := 0
			k, n = oddClass(value[i:])
			i += n - 1
			if k == noGram {
				run = 0
				continue
			}
		}
		if run++; run > 2 {
			g := two + one + uint(k)
			// Most are there already: what is not written is not waited for.
			if w := &s[g>>6&(1<<10-1)]; *w>>(g&63)&1 == 0 {
				*w |= 1 << (g & 63)
			}
		}
		two, one = one*gramClasses, uint(k)*gramClasses
	}
}

// oddClass is the class of the first rune of b, which is not in ASCII, and its length.
// The two that fold to an ASCII letter have its class.
func oddClass(b []byte) (uint8, int) {
	r, n := utf8.DecodeRune(b)
	if r = match.Fold(r); r < utf8.RuneSelf {
		return gramClass[r], n
	}
	return noGram, n
}

// gramsOf are the grams that every value has that contains the run, which is folded
// and consists of bytes that have a class. Grams of digits alone are left out.
func gramsOf(run []byte) (grams []uint16) {
	for i := 2; i < len(run); i++ {
		a, b, c := gramClass[run[i-2]], gramClass[run[i-1]], gramClass[run[i]]
		if a < 10 && b < 10 && c < 10 {
			continue
		}
		grams = append(grams, uint16((int(a)*gramClasses+int(b))*gramClasses+int(c)))
	}
	return grams
}

// digitsOnly are the grams that are never stored: nearly every column has them all.
var digitsOnly = func() (s gramSet) {
	for i := range 1000 {
		g := (i/100*gramClasses+i/10%10)*gramClasses + i%10
		s[g/64] |= 1 << (g % 64)
	}
	return s
}()

// Grams returns the grams of the set's values.
func (s *Set) Grams() Grams {
	b := make(Grams, 0, MaxGrams)
	for i, w := range s.grams {
		b = binary.LittleEndian.AppendUint64(b, w&^digitsOnly[i])
	}
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return b[:n]
}

// Within tells whether each of the grams is also one of two others.
func (b Grams) Within(x, y Grams) bool {
	for i, w := range b {
		if i < len(x) {
			w &^= x[i]
		}
		if i < len(y) {
			w &^= y[i]
		}
		if w != 0 {
			return false
		}
	}
	return true
}

// may tells whether a value may have all the grams.
func (b Grams) may(grams []uint16) bool {
	for _, g := range grams {
		if int(g/8) >= len(b) || b[g/8]>>(g%8)&1 == 0 {
			return false
		}
	}
	return true
}
