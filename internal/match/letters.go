package match

import (
	"encoding/binary"
	"math/bits"
)

// Letters is a set of letters, a to z in the lowest 26 bits. Capitals are the same, and
// so is what else folds to one. A store notes which letters occur in some texts, so that
// a search for a literal can tell that it need not look at them.
type Letters uint32

// AllLetters is the set of all.
const AllLetters Letters = 1<<26 - 1

// HexLetters are a to f.
const HexLetters Letters = 1<<6 - 1

// letterOf is the letters that a byte may be, or be the first byte of.
var letterOf = func() (t [256]Letters) {
	for c := 'a'; c <= 'z'; c++ {
		t[c] = 1 << (c - 'a')
		t[c-'a'+'A'] = t[c]
	}
	t[0xe2] = t['k'] // the Kelvin sign
	t[0xc5] = t['s'] // the long s
	return t
}()

// LettersOf returns the letters that occur in b, and perhaps k or s besides where b is
// not in ASCII.
func LettersOf(b []byte) Letters {
	var m Letters
	for _, c := range b {
		m |= letterOf[c]
	}
	return m
}

// Has tells whether all of some letters are in the set.
func (m Letters) Has(some Letters) bool { return m&some == some }

// Len is the number of letters.
func (m Letters) Len() int { return bits.OnesCount32(uint32(m)) }

// About returns the classes that occur in b and its letters, as CharsOf and LettersOf do.
func About(b []byte) (Chars, Letters) {
	const zeros, sixes, tops = 0x3030303030303030, 0x0606060606060606, 0xf0f0f0f0f0f0f0f0
	var m uint64
	for ; len(b) >= 8; b = b[8:] {
		// Much of what is asked about is numbers.
		if x := binary.LittleEndian.Uint64(b); x&tops == zeros && (x+sixes)&tops == zeros {
			m |= aboutOf['0']
			continue
		}
		m |= aboutOf[b[0]] | aboutOf[b[1]] | aboutOf[b[2]] | aboutOf[b[3]] |
			aboutOf[b[4]] | aboutOf[b[5]] | aboutOf[b[6]] | aboutOf[b[7]]
	}
	for _, c := range b {
		m |= aboutOf[c]
	}
	return Chars(m), Letters(m >> 32)
}

var aboutOf = func() (t [256]uint64) {
	for c := range t {
		t[c] = uint64(CharOf[c]) | uint64(letterOf[c])<<32
	}
	return t
}()
