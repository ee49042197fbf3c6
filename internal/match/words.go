package match

import (
	"unicode"
	"unicode/utf8"
)

// MaxWord is how many bytes of a (folded) word EachWord and Words report: of a
// longer word they report the longest beginning of whole runes that fits, both
// alike.
const MaxWord = 128

// IsWordRune tells whether a rune belongs to a word: letters and digits of all
// scripts, the marks that combine with them, and the underscore.
func IsWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 0 && wordByte[r]
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.M)
}

// EachWord calls f with every word of text: the runs of word runes, folded and
// cut at MaxWord bytes. Bytes that are not UTF-8 separate words. The word is
// valid only during the call. It is what an index of words must hold, so that
// every word of Pattern.Words is found in it.
func EachWord(text []byte, f func(word []byte)) {
	var buf [MaxWord]byte
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf && !wordByte[c] {
			i++
			continue
		}
		start := i
		for i < len(text) && wordByte[text[i]] {
			i++
		}
		if i < len(text) && text[i] >= utf8.RuneSelf {
			w, n := foldWord(buf[:0], text[start:])
			if n > 0 {
				f(w)
			} else { // a separator that is not ASCII
				_, n = utf8.DecodeRune(text[start:])
			}
			i = start + n
			continue
		}
		w := text[start:min(i, start+MaxWord)]
		for j, c := range w {
			buf[j] = lower[c]
		}
		f(buf[:len(w)])
	}
}

// foldWord folds the word at the beginning of text into w, which has room for
// MaxWord bytes, and returns how many bytes of text it takes.
func foldWord(w, text []byte) ([]byte, int) {
	full := false
	i := 0
	for i < len(text) {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 || !IsWordRune(r) {
			break
		}
		r = Fold(r)
		full = full || len(w)+utf8.RuneLen(r) > MaxWord
		if !full {
			w = utf8.AppendRune(w, r)
		}
		i += n
	}
	return w, i
}

// wordBefore tells whether a word rune ends at text[:i].
func wordBefore(text []byte, i int) bool {
	if i == 0 {
		return false
	}
	if c := text[i-1]; c < utf8.RuneSelf {
		return wordByte[c]
	}
	r, n := utf8.DecodeLastRune(text[:i])
	return (r != utf8.RuneError || n > 1) && IsWordRune(r)
}

// wordAfter tells whether a word rune begins at text[i:].
func wordAfter(text []byte, i int) bool {
	if i == len(text) {
		return false
	}
	if c := text[i]; c < utf8.RuneSelf {
		return wordByte[c]
	}
	r, n := utf8.DecodeRune(text[i:])
	return (r != utf8.RuneError || n > 1) && IsWordRune(r)
}
