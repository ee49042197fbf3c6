package match

import (
	"unicode"
	"unicode/utf8"
)

// Two runes are equal without regard to case when Unicode's simple case folding
// says so (unicode.SimpleFold, the same relation that (?i) has in a regular
// expression). Fold chooses one rune of each such class. Oddities to know: the
// Kelvin sign U+212A folds to k and the long s U+017F to s; final and other sigma
// are one; ß and ẞ are one, but neither equals "ss"; the Turkish dotted capital
// İ and dotless ı equal only themselves. The folded form may have another length
// in UTF-8 than the original.

// tableSize covers Latin, Greek, Cyrillic and Armenian; the rest is looked up.
const tableSize = 0x590

var foldTable = func() (t [tableSize]uint16) {
	for r := range rune(tableSize) {
		t[r] = uint16(foldSlow(r))
	}
	return t
}()

// lower maps ASCII capitals to small letters and every other byte to itself.
var lower = func() (t [256]byte) {
	for c := range t {
		t[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			t[c] += 'a' - 'A'
		}
	}
	return t
}()

// wordByte is IsWordByte as a table.
var wordByte = func() (t [256]bool) {
	for c := range utf8.RuneSelf {
		t[c] = IsWordByte(byte(c))
	}
	return t
}()

// Fold returns the rune that stands for all runes equal to r without regard to
// case: the small letter, where there is one.
func Fold(r rune) rune {
	if uint32(r) < tableSize {
		return rune(foldTable[r])
	}
	return foldSlow(r)
}

func foldSlow(r rune) rune {
	first := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		first = min(first, o)
	}
	// The small letter of the first of the class, unless it lies outside of it.
	small := unicode.ToLower(first)
	for o := unicode.SimpleFold(first); ; o = unicode.SimpleFold(o) {
		if o == small {
			return small
		}
		if o == first {
			return first
		}
	}
}

// AppendFold appends text without its case to dst. Bytes that are not UTF-8 stay
// as they are.
func AppendFold(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			dst = append(dst, lower[c])
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, c)
		} else {
			dst = utf8.AppendRune(dst, Fold(r))
		}
		i += n
	}
	return dst
}

// invalid is the "rune" of a byte that is not UTF-8; it equals only the same byte.
const invalid = unicode.MaxRune + 1

// foldedRune decodes and folds the first rune of b, which is not empty.
func foldedRune(b []byte) (rune, int) {
	if c := b[0]; c < utf8.RuneSelf {
		return rune(lower[c]), 1
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n == 1 {
		return invalid + rune(b[0]), 1
	}
	return Fold(r), n
}

// lastFoldedRune is foldedRune at the end of b.
func lastFoldedRune(b []byte) (rune, int) {
	if c := b[len(b)-1]; c < utf8.RuneSelf {
		return rune(lower[c]), 1
	}
	r, n := utf8.DecodeLastRune(b)
	if r == utf8.RuneError && n == 1 {
		return invalid + rune(b[len(b)-1]), 1
	}
	return Fold(r), n
}
