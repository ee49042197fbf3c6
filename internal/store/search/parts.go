package search

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"journalist/internal/match"
	"journalist/internal/store/template"
	"journalist/internal/store/text"
	"journalist/internal/store/words"
)

// part is a piece of a word that every matching text has. It lies whole in one value
// or in one static piece, whichever bytes the templates take for tokens.
type part struct {
	find    *match.Pattern // folded, as a substring
	text    []byte
	letters match.Letters
	chars   match.Chars // besides letters
	length  int         // at least, of a text that has it
}

// maxParts is how many are looked for; the longest tell the most.
const maxParts = 4

// partsOf finds the parts of a pattern's keys that have letters.
func partsOf(keys []words.Key) []part {
	var parts []part
	for _, k := range keys {
		for _, word := range bytes.FieldsFunc(k.Text, func(r rune) bool { return r < utf8.RuneSelf && !match.IsWordByte(byte(r)) }) {
			if p, ok := newPart(word); ok && !slices.ContainsFunc(parts, func(q part) bool { return bytes.Equal(q.text, word) }) {
				parts = append(parts, p)
			}
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return len(b.text) - len(a.text) })
	return parts[:min(len(parts), maxParts)]
}

func newPart(word []byte) (part, bool) {
	p := part{text: word, length: utf8.RuneCount(word)}
	for i, c := range word {
		if c >= utf8.RuneSelf { // what it was before it was folded is not known
			continue
		}
		if l := match.LettersOf(word[i : i+1]); l != 0 {
			p.letters |= l
		} else {
			p.chars |= match.CharOf[c]
		}
	}
	if p.letters.Len() < 2 {
		return part{}, false
	}
	p.find = match.NewSubstring(string(word))
	return p, true
}

// in tells whether a value of the node may have the part.
func (p *part) in(n *text.Node) bool {
	if n.Kind() == text.Const {
		return p.find.Match(n.Text())
	}
	return n.MaxLen() >= p.length && n.Letters().Has(p.letters) && n.Chars()&p.chars == p.chars
}

// mayHold tells whether a value of the node may have all parts of the pattern.
func (s *Search) mayHold(n *text.Node) bool {
	for i := range s.parts {
		if !s.parts[i].in(n) {
			return false
		}
	}
	return true
}

// candidates finds the templates whose texts may have all keys and parts: in their
// static text, or in the values of a slot. It is false where all may.
func (s *Search) candidates(n *text.Node) bool {
	p := &s.plan
	static, ends := n.Static()
	known := false
	keep := func(found []int) { // those of found only
		known = true
		p.next = append(p.next[:0], make([]bool, len(ends))...)
		for _, t := range found {
			p.next[t] = p.candidate[t]
		}
		p.candidate, p.next = p.next, p.candidate
	}
	p.candidate = append(p.candidate[:0], make([]bool, len(ends))...)
	for t := range p.candidate {
		p.candidate[t] = true
	}
	for i, k := range s.keys {
		if !s.absent[i] || k.Text == nil {
			continue
		}
		if s.finders[i] == nil {
			s.finders[i] = match.NewSubstring(string(k.Text))
		}
		p.found = narrow(p.found[:0], s.finders[i], static, ends, 0, len(ends))
		keep(p.found)
	}
	forms := n.Templates()
	for i := range s.parts {
		part := &s.parts[i]
		p.live = p.live[:0]
		for _, c := range n.Columns() {
			p.live = append(p.live, part.in(c))
		}
		p.found = narrow(p.found[:0], part.find, static, ends, 0, len(ends))
		for t := range forms {
			if p.candidate[t] && hasLive(&forms[t], p.live) {
				p.found = append(p.found, t)
			}
		}
		keep(p.found)
	}
	return known
}

// hasLive tells whether one of the slots' columns is live.
func hasLive(form *template.Template, live []bool) bool {
	for _, s := range form.Slots {
		if s.Copy < 0 && live[s.Column] {
			return true
		}
	}
	return false
}
