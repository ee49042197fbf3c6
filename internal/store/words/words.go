// Package words is the filter that keeps a search away from row groups: it knows
// for certain that a word, two neighbouring words of one token, or a part of a token
// occurs in none of the values that templates do not say.
//
// Up the way internal/store/text hands out those values and internal/store/part
// stores the filter beside a column; internal/store/search asks it for the words of
// a pattern. Down the way lies internal/match, which says what a word is.
//
// # Keys
//
// A value has two sorts of keys: its words, as match.EachWord reports them (folded,
// cut at match.MaxWord bytes), and its pairs: two words with exactly one of the
// bytes . @ % + - between them. Pairs make addresses and identifiers rare: every
// group has 58, 218 and 211, few have 58.218 and 218.211. A key is stored only as
// its 64-bit hash (see Hash and Pair).
//
// Parts of tokens are known by their grams: three neighbouring bytes, each one of 40
// classes: the ten digits, the 26 letters in either case (U+212A is a k, U+017F an s),
// the bytes . - and _, and, in one class, @ % and +. They serve for what is not a whole
// word of a pattern.
//
// # Bytes
//
// A Bloom filter is a run of blocks of 32 bytes. Of a key's hash h the upper half
// of the 128-bit product h × (number of blocks) chooses the block; each of its
// eight 32-bit little-endian words has the bit set whose number is the five upper
// bits of the low 32 bits of uint32(h) × salt, with one salt a word:
//
//	47b6137b 44974d91 8824ad5b a2b7289d 705495c7 2df1424b 9efc4947 5c6bfb31
//
// A filter of no bytes holds no key.
//
// The grams are a bit each: that of the classes a, b and c, counted from 0 in the
// order above, is number 1600a + 40b + c, and number n is bit n%8 (the lowest is 0) of
// byte n/8. Those of three digits are never set, zero bytes at the end are left out.
//
// The hash of a word: over its bytes in groups of eight, little endian, the last
// one filled up with zeros, each group x with x | (x & 4040404040404040) >> 1,
// h = (h ^ x) × 9fb21c651e98df25, h ^= h >> 32, from h = 9e3779b97f4a7c15 ^ (length
// in bytes); then h ^= h >> 29, h ×= d6e8feb86659fd93, h ^= h >> 32. The hash of a
// pair: (a, b hashes of its words, s the byte between them) that last line over
// (a rotated left by 23) × 9fb21c651e98df25 + b ^ s << 56.
package words

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"journalist/internal/match"
	"journalist/internal/store/texts"
)

const (
	seed  = 0x9e3779b97f4a7c15
	prime = 0x9fb21c651e98df25
	last  = 0xd6e8feb86659fd93

	bit6 = 0x4040404040404040
)

// Hash is the key of a folded word, as match.EachWord reports it.
func Hash(word []byte) uint64 {
	h := uint64(seed) ^ uint64(len(word))
	for ; len(word) >= 8; word = word[8:] {
		h = mix(h, binary.LittleEndian.Uint64(word))
	}
	if len(word) > 0 {
		h = mix(h, tail(word))
	}
	return finish(h)
}

// Pair is the key of two words with the byte sep between them, made of the words'
// keys.
func Pair(a uint64, sep byte, b uint64) uint64 {
	return finish(bits.RotateLeft64(a, 23)*prime + b ^ uint64(sep)<<56)
}

// mix takes eight bytes into a hash. It takes the case off ASCII letters, so that
// words need not be folded first. (It makes a _ a 7f, which no word has, and some
// bytes above 7f equal, which does no harm.)
func mix(h, x uint64) uint64 {
	x |= x & bit6 >> 1
	h = (h ^ x) * prime
	return h ^ h>>32
}

func finish(h uint64) uint64 {
	h ^= h >> 29
	h *= last
	return h ^ h>>32
}

// tail is up to seven bytes as a number.
func tail(b []byte) (x uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		x = x<<8 | uint64(b[i])
	}
	return x
}

// hashASCII is Hash of data[from:to], of which only the case may not be folded.
func hashASCII(data []byte, from, to int) uint64 {
	h := uint64(seed) ^ uint64(to-from)
	for ; to-from >= 8; from += 8 {
		h = mix(h, binary.LittleEndian.Uint64(data[from:]))
	}
	if from < to {
		if from+8 <= len(data) {
			h = mix(h, binary.LittleEndian.Uint64(data[from:])&(1<<(8*(to-from))-1))
		} else {
			h = mix(h, tail(data[from:to]))
		}
	}
	return finish(h)
}

// Classes of bytes.
const (
	separator = iota // of words
	joint            // a separator that makes a pair of its neighbours
	wordByte
	high // not ASCII
)

var classOf = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf:
			t[c] = high
		case match.IsWordByte(byte(c)):
			t[c] = wordByte
		}
	}
	for _, c := range match.PairSeparators {
		t[c] = joint
	}
	return t
}()

// AddValue adds the keys of a value.
func (s *Set) AddValue(value []byte) { s.addSpan(value, 0, len(value)) }

// AddValues adds the keys of many values. Neighbours often begin alike, as the times of
// lines do: of such a value only what comes then is looked at.
func (s *Set) AddValues(v texts.Vector) {
	var before []byte
	for i := 1; i < len(v.Offsets); i++ {
		from, to := int(v.Offsets[i-1]), int(v.Offsets[i])
		if to-from <= 8 {
			s.addSpan(v.Data, from, to)
			continue
		}
		value := v.Data[from:to]
		if string(value) == string(before) {
			continue
		}
		if known := prefix(before, value); known > 0 {
			from += beforeToken(value, known)
		}
		before = value
		s.addSpan(v.Data, from, to)
	}
}

// prefix is how many bytes a and b begin with alike, rounded down to eight: less is not
// worth it.
func prefix(a, b []byte) (n int) {
	for n+8 <= min(len(a), len(b)) && binary.LittleEndian.Uint64(a[n:]) == binary.LittleEndian.Uint64(b[n:]) {
		n += 8
	}
	return n
}

// beforeToken returns the greatest place up to i that no word, pair or gram of the
// value reaches across.
func beforeToken(value []byte, i int) int {
	for i > 0 && (classOf[value[i-1]] != separator || gramClass[value[i-1]] != noGram) {
		i--
	}
	return i
}

// addSpan adds the keys of data[from:to]. What lies behind may be read, but says
// nothing.
func (s *Set) addSpan(data []byte, from, to int) {
	if n := to - from; n <= 8 && n > 0 && from+8 <= len(data) {
		x := binary.LittleEndian.Uint64(data[from:])
		if n < 8 {
			x &= 1<<(8*n) - 1
		}
		if digits(x, n) {
			s.Add(finish(mix(seed^uint64(n), x)))
			return
		}
	}
	s.grams.add(data[from:to])
	var before uint64 // the word that ended at end
	end := -2
	for i := from; i < to; {
		switch classOf[data[i]] {
		case wordByte:
		case high:
			s.addSlow(data[from:to], i-from, end-from, before)
			return
		default:
			i++
			continue
		}
		start := i
		for i++; i < to && classOf[data[i]] == wordByte; i++ {
		}
		if i < to && classOf[data[i]] == high || i-start > match.MaxWord {
			s.addSlow(data[from:to], start-from, end-from, before)
			return
		}
		h := hashASCII(data, start, i)
		s.Add(h)
		if end+1 == start && classOf[data[end]] == joint {
			s.Add(Pair(before, data[end], h))
		}
		before, end = h, i
	}
}

// digits tells whether the n low bytes of x, above which all is zero, are digits.
func digits(x uint64, n int) bool {
	const zeros, sixes, tops = 0x3030303030303030, 0x0606060606060606, 0xf0f0f0f0f0f0f0f0
	if n < 8 {
		x |= zeros << (8 * n)
	}
	return x&tops == zeros && (x+sixes)&tops == zeros
}

// addSlow adds the keys of value from byte i on, leaving it to match what a word is.
// The word before, if any, ended at end.
func (s *Set) addSlow(value []byte, i, end int, before uint64) {
	for i < len(value) {
		start := i
		for i < len(value) {
			r, n := rune(value[i]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRune(value[i:])
			}
			if r == utf8.RuneError && n == 1 || !match.IsWordRune(r) {
				if i == start {
					i += n
				}
				break
			}
			i += n
		}
		match.EachWord(value[start:i], func(word []byte) {
			h := Hash(word)
			s.Add(h)
			if end >= 0 && end+1 == start && classOf[value[end]] == joint {
				s.Add(Pair(before, value[end], h))
			}
			before, end = h, i
		})
	}
}
