package typed

import (
	"bytes"

	"journalist/internal/store/texts"
)

// affixes returns how many bytes all texts have in common at their beginning and at
// their end. Together they are at most as long as the shortest text.
func affixes(v texts.Vector) (prefix, suffix int) {
	first := v.At(0)
	prefix, suffix = min(len(first), maxAffix), min(len(first), maxAffix)
	shortest := len(first)
	look := func(b []byte) {
		shortest = min(shortest, len(b))
		prefix, suffix = min(prefix, len(b)), min(suffix, len(b))
		if !bytes.Equal(b[:prefix], first[:prefix]) {
			prefix = common(b[:prefix], first)
		}
		if !bytes.Equal(b[len(b)-suffix:], first[len(first)-suffix:]) {
			k := 0
			for b[len(b)-1-k] == first[len(first)-1-k] {
				k++
			}
			suffix = k
		}
	}
	for _, i := range samples(v) {
		look(v.At(i))
	}
	for i := 1; i < v.Len() && prefix+suffix > 0; i++ {
		look(v.At(i))
	}
	if prefix+suffix == 0 {
		return 0, 0
	}
	prefix = min(prefix, shortest)
	return prefix, min(suffix, shortest-prefix)
}

// common is how many bytes of b the text a begins with.
func common(b, a []byte) int {
	for i, c := range b {
		if a[i] != c {
			return i
		}
	}
	return len(b)
}

// aroundNumbers gives back to the numbers what affixes took of them: digits, a sign,
// and in whole also a point with digits before it (where whole < prefix).
func aroundNumbers(first []byte, prefix, suffix int) (p, whole, s int) {
	p, s = prefix, suffix
	for p > 0 && isDigit(first[p-1]) {
		p--
	}
	whole = p
	if p > 1 && first[p-1] == '.' && isDigit(first[p-2]) {
		q := p - 1
		for q > 0 && isDigit(first[q-1]) {
			q--
		}
		if q == 0 || first[q-1] != '.' {
			whole = q
		}
	}
	if p == 1 && first[0] == '-' {
		p = 0
	}
	if whole == 1 && first[0] == '-' {
		whole = 0
	}
	for s > 0 && isDigit(first[len(first)-s]) {
		s--
	}
	if s > 1 && first[len(first)-s] == '.' && isDigit(first[len(first)-s+1]) {
		for s--; s > 0 && isDigit(first[len(first)-s]); {
			s--
		}
	}
	return p, whole, s
}
