package match

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// finder looks for one literal without regard to case (or, with exact, as it is).
//
// Where the literal allows it, it compares eight positions of the text at once:
// the two rarest bytes of the literal are looked for at their distance, case is
// taken off by one OR, and only where both agree the whole literal is compared.
// That is exact for ASCII letters and for runes without case. The two runes
// outside of ASCII that fold into it (K and ſ) are looked for rune by rune, and
// only in texts that contain their first byte. Literals with other cased runes
// are always compared rune by rune.
type finder struct {
	folded []byte // the literal, folded; with exact as it is
	runes  []rune // folded, for comparing rune by rune
	// plain: bytes.Index finds every occurrence.
	plain bool
	// runewise: only comparing rune by rune is right.
	runewise bool
	// oddK, oddS: the literal has k or s, which K and ſ fold to.
	oddK, oddS bool
	// rare is the longest part in ASCII of a literal that is compared rune by rune:
	// where it is absent nothing need be compared. It may be nil.
	rare *finder
	// first marks the bytes with which a text equal to the literal may begin.
	first [4]uint64

	off1, off2   int
	mask1, mask2 uint64
	pat1, pat2   uint64
}

func newFinder(literal []byte, exact bool) *finder {
	f := &finder{}
	if exact {
		f.folded = bytes.Clone(literal)
		f.plain = true
		return f
	}
	f.folded = AppendFold(nil, literal)
	f.plain = true
	for rest := f.folded; len(rest) > 0; {
		r, n := foldedRune(rest)
		rest = rest[n:]
		f.runes = append(f.runes, r)
		if r >= invalid {
			f.runewise = true
			continue
		}
		if unicode.SimpleFold(r) == r {
			continue
		}
		f.plain = false
		if r >= utf8.RuneSelf {
			f.runewise = true
		}
		f.oddK = f.oddK || r == 'k'
		f.oddS = f.oddS || r == 's'
	}
	if f.runewise {
		f.plain = false
		f.rare = newRare(f.folded)
	}
	f.markFirst()
	f.chooseRare()
	return f
}

func newRare(folded []byte) *finder {
	var best []byte
	for from, i := 0, 0; i <= len(folded); i++ {
		if i < len(folded) && folded[i] < utf8.RuneSelf {
			continue
		}
		if i-from > len(best) {
			best = folded[from:i]
		}
		from = i + 1
	}
	if len(best) < 2 {
		return nil
	}
	return newFinder(best, false)
}

// may tells whether the literal, which is in ASCII, may be in text.
func (f *finder) may(text []byte) bool {
	start, _ := f.index(text, 0, false)
	return start >= 0 || f.mayBeOdd(text)
}

func (f *finder) markFirst() {
	if len(f.runes) == 0 {
		return
	}
	mark := func(c byte) { f.first[c>>6] |= 1 << (c & 63) }
	r := f.runes[0]
	if r >= invalid {
		mark(byte(r - invalid))
		return
	}
	for o := r; ; {
		var b [utf8.UTFMax]byte
		utf8.EncodeRune(b[:], o)
		mark(b[0])
		if o = unicode.SimpleFold(o); o == r {
			return
		}
	}
}

// common lists bytes by how often they stand in log lines, commonest first,
// both cases of a letter together. What is not listed is rarer.
const common = " etaoinsr012345lcdp:.68-m79u/f=h\"g,bywv_[]kx()j;@z'q{}|<>%+#&*?$!~^\\`\t"

var rarity = func() (t [256]int) {
	for c := range t {
		t[c] = len(common) + 1
	}
	for i := range len(common) {
		t[common[i]] = i
	}
	return t
}()

func (f *finder) chooseRare() {
	if len(f.folded) == 0 {
		return
	}
	at := func(skip int) int {
		best := -1
		for i, c := range f.folded {
			if i != skip && (best < 0 || rarity[c] > rarity[f.folded[best]]) {
				best = i
			}
		}
		return best
	}
	f.off1 = at(-1)
	f.off2 = f.off1
	if len(f.folded) > 1 {
		f.off2 = at(f.off1)
	}
	f.pat1, f.mask1 = lane(f.folded[f.off1])
	f.pat2, f.mask2 = lane(f.folded[f.off2])
}

const (
	lanes   = 0x0101010101010101
	highBit = 0x80 * lanes
)

// lane repeats c eight times; OR with mask takes the case off the text's bytes.
func lane(c byte) (pattern, mask uint64) {
	if 'a' <= c && c <= 'z' {
		mask = 0x20 * lanes
	}
	return uint64(c) * lanes, mask
}

// mayBeOdd tells that the text may hold K or ſ where the literal has k or s, so
// that a fast search that found nothing must be repeated rune by rune.
func (f *finder) mayBeOdd(text []byte) bool {
	return f.oddK && bytes.IndexByte(text, 0xe2) >= 0 || f.oddS && bytes.IndexByte(text, 0xc5) >= 0
}

// index returns the first occurrence of the literal in text at or after from, or
// -1; slow compares rune by rune.
func (f *finder) index(text []byte, from int, slow bool) (start, end int) {
	if slow {
		return f.indexRunes(text, from)
	}
	if f.plain {
		if i := bytes.Index(text[from:], f.folded); i >= 0 {
			return from + i, from + i + len(f.folded)
		}
		return -1, -1
	}
	if i := f.indexFast(text, from); i >= 0 {
		return i, i + len(f.folded)
	}
	return -1, -1
}

func (f *finder) indexFast(text []byte, from int) int {
	last := len(text) - len(f.folded)
	if last-from < 7 {
		for i := from; i <= last; i++ {
			if lower[text[i+f.off1]] == f.folded[f.off1] && f.equal(text[i:]) {
				return i
			}
		}
		return -1
	}
	// All that the loop needs, so that it stays in registers.
	at1, at2 := text[f.off1:], text[f.off2:]
	mask1, pat1, mask2, pat2 := f.mask1, f.pat1, f.mask2, f.pat2
	i := from
	for ; i <= last-15; i += 16 { // two words at once
		b1, b2 := at1[i:i+16], at2[i:i+16]
		x := (binary.LittleEndian.Uint64(b1) | mask1) ^ pat1
		x |= (binary.LittleEndian.Uint64(b2) | mask2) ^ pat2
		y := (binary.LittleEndian.Uint64(b1[8:]) | mask1) ^ pat1
		y |= (binary.LittleEndian.Uint64(b2[8:]) | mask2) ^ pat2
		x, y = (x-lanes)&^x&highBit, (y-lanes)&^y&highBit
		if x|y == 0 {
			continue
		}
		if j := f.verify(text, i, x); j >= 0 {
			return j
		}
		if j := f.verify(text, i+8, y); j >= 0 {
			return j
		}
	}
	for ; i <= last; i += 8 {
		i = min(i, last-7) // the rest, overlapping what was looked at
		x := (binary.LittleEndian.Uint64(at1[i:]) | mask1) ^ pat1
		x |= (binary.LittleEndian.Uint64(at2[i:]) | mask2) ^ pat2
		if j := f.verify(text, i, (x-lanes)&^x&highBit); j >= 0 {
			return j
		}
	}
	return -1
}

// verify compares the literal at the lanes of z that are marked, counted from i.
// Lanes where both bytes agree are; a borrow may mark lanes above them, too.
func (f *finder) verify(text []byte, i int, z uint64) int {
	for ; z != 0; z &= z - 1 {
		if j := i + bits.TrailingZeros64(z)>>3; f.equal(text[j:]) {
			return j
		}
	}
	return -1
}

// equal tells whether text, which is long enough, begins with the literal, byte
// by byte.
func (f *finder) equal(text []byte) bool {
	text = text[:len(f.folded)]
	for i, c := range f.folded {
		if lower[text[i]] != c {
			return false
		}
	}
	return true
}

func (f *finder) indexRunes(text []byte, from int) (start, end int) {
	if len(f.runes) == 0 {
		return from, from
	}
	if f.rare != nil && !f.rare.may(text[from:]) {
		return -1, -1
	}
	for i := from; i < len(text); {
		c := text[i]
		if f.first[c>>6]&(1<<(c&63)) != 0 {
			if n, ok := f.prefixRunes(text[i:]); ok {
				return i, i + n
			}
		}
		if c < utf8.RuneSelf {
			i++
			continue
		}
		_, n := utf8.DecodeRune(text[i:])
		i += n
	}
	return -1, -1
}

// contains tells whether the literal is anywhere in text.
func (f *finder) contains(text []byte) bool {
	start, _ := f.index(text, 0, f.runewise)
	if start < 0 && !f.runewise && f.mayBeOdd(text) {
		start, _ = f.index(text, 0, true)
	}
	return start >= 0
}

// joinable tells that the literal, where it lies at an end of a text, may not be
// found any more once another text is joined to it there: bytes that are not UTF-8
// may become a rune.
func (f *finder) joinable() bool {
	return len(f.runes) > 0 && (f.runes[0] >= invalid || f.runes[len(f.runes)-1] >= invalid)
}

// prefixRunes tells whether text begins with the literal, and how long it is there.
func (f *finder) prefixRunes(text []byte) (int, bool) {
	n := 0
	for _, want := range f.runes {
		if n == len(text) {
			return 0, false
		}
		r, size := foldedRune(text[n:])
		if r != want {
			return 0, false
		}
		n += size
	}
	return n, true
}

// prefix is prefixRunes, byte by byte where that is allowed.
func (f *finder) prefix(text []byte, slow bool) (int, bool) {
	if slow {
		return f.prefixRunes(text)
	}
	return len(f.folded), len(text) >= len(f.folded) && f.equal(text)
}

// suffix tells whether text ends with the literal, and how long it is there.
func (f *finder) suffix(text []byte, slow bool) (int, bool) {
	if !slow {
		return len(f.folded), len(text) >= len(f.folded) && f.equal(text[len(text)-len(f.folded):])
	}
	n := 0
	for i := len(f.runes) - 1; i >= 0; i-- {
		if n == len(text) {
			return 0, false
		}
		r, size := lastFoldedRune(text[:len(text)-n])
		if r != f.runes[i] {
			return 0, false
		}
		n += size
	}
	return n, true
}
