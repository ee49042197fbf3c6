package match

import (
	"slices"
	"unicode/utf8"
)

// The runes that no set and no condition of a program tells apart are one class, so
// that a table of transitions has a column for each class and not for each rune.

// partition finds the classes of runes; false where they are too many.
func (p *program) partition(b *builder) bool {
	sets := slices.Clone(b.sets)
	if b.words != nil {
		sets = append(sets, b.words)
	}
	if b.lines {
		sets = append(sets, lineFeed)
	}
	p.cuts = append(p.cuts, 0, utf8.RuneSelf, invalid)
	for _, set := range sets {
		for i := 0; i < len(set); i += 2 {
			p.cuts = append(p.cuts, set[i], set[i+1]+1)
		}
	}
	slices.Sort(p.cuts)
	p.cuts = slices.Compact(p.cuts)
	if len(p.cuts) > maxClasses || len(p.cuts)*len(sets) > maxSplits {
		return false
	}
	p.classOf = make([]uint16, len(p.cuts))
	p.classes = 1
	var ids []int
	for _, set := range sets { // each set cuts every class in two
		ids = ids[:0]
		for range 2 * p.classes {
			ids = append(ids, -1)
		}
		p.classes = 0
		p.eachCut(set, func(i int, in bool) {
			k := 2 * int(p.classOf[i])
			if in {
				k++
			}
			if ids[k] < 0 {
				ids[k] = p.classes
				p.classes++
			}
			p.classOf[i] = uint16(ids[k])
		})
	}
	p.member = make([]bool, len(b.sets)*p.classes)
	for s, set := range b.sets {
		of := p.member[s*p.classes:]
		p.eachCut(set, func(i int, in bool) { of[p.classOf[i]] = in })
	}
	p.facts = make([]facts, p.classes+1)
	p.facts[p.classes] = edgeText | edgeLine
	p.mark(b.words, wordRune)
	if b.lines {
		p.mark(lineFeed, edgeLine)
	}
	p.tables()
	return true
}

// eachCut tells f of every cut whether set has its runes.
func (p *program) eachCut(set []rune, f func(i int, in bool)) {
	j := 0
	for i, r := range p.cuts {
		for j < len(set) && set[j+1] < r {
			j += 2
		}
		f(i, j < len(set) && set[j] <= r)
	}
}

func (p *program) mark(set []rune, f facts) {
	p.eachCut(set, func(i int, in bool) {
		if in {
			p.facts[p.classOf[i]] |= f
		}
	})
}

// tables fills in what finds classes quickly.
func (p *program) tables() {
	seen := make([]bool, p.classes)
	for i, r := range p.cuts {
		if c := p.classOf[i]; r >= utf8.RuneSelf && !seen[c] {
			seen[c] = true
			p.high = append(p.high, c)
		}
	}
	i := 0
	for r := range rune(len(p.short)) {
		for i+1 < len(p.cuts) && p.cuts[i+1] <= r {
			i++
		}
		p.short[r] = p.classOf[i]
	}
	for c := range p.byteClass {
		p.byteClass[c] = uint16(p.classes + 1)
		if c < utf8.RuneSelf {
			p.byteClass[c] = p.short[c]
		}
	}
}

// rune returns the class of the first rune of b, which is not empty, and its
// length.
func (p *program) rune(b []byte) (uint16, int) {
	if c := b[0]; c < utf8.RuneSelf {
		return p.byteClass[c], 1
	}
	r, n := utf8.DecodeRune(b)
	if r < rune(len(p.short)) {
		return p.short[r], n
	}
	if p.distinct && n == 1 {
		r = invalid + rune(b[0])
	}
	i, j := 0, len(p.cuts)
	for j-i > 1 {
		if m := int(uint(i+j) >> 1); p.cuts[m] <= r {
			i = m
		} else {
			j = m
		}
	}
	return p.classOf[i], n
}
