package match

import (
	"bytes"
	"sync"
)

// Pattern is a compiled pattern; immutable, safe for concurrent use. Words,
// prefixes, substrings and wildcards ignore case as Fold says.
//
// A word boundary lies where a word rune (see IsWordRune) and anything else, or
// an end of the text, meet. It is demanded only where the pattern itself begins
// or ends with a word rune: the phrase "[error]" is found in "x[Error]y". An empty
// pattern matches every text.
type Pattern struct {
	kind Kind
	text string
	fold bool // of a Regexp

	find *finder // Word, Prefix, Substring
	// left and right: a boundary is demanded at that end.
	left, right bool

	wild *wildcard
	re   *expression

	keys keys
	// program compiles the pattern for an Automaton, once; nil: it is too large.
	program func() *program
}

// NewWord makes a pattern for a word or a phrase.
func NewWord(text string) *Pattern {
	p := newLiteral(Word, text)
	folded := p.find.folded
	p.left, p.right = wordAfter(folded, 0), wordBefore(folded, len(folded))
	p.keys.add(folded, false, false)
	p.compileLiteral()
	return p
}

// NewPrefix makes a pattern for the beginning of a word, or for a phrase whose
// last word may go on.
func NewPrefix(text string) *Pattern {
	p := newLiteral(Prefix, text)
	p.left = wordAfter(p.find.folded, 0)
	p.keys.add(p.find.folded, false, true)
	p.compileLiteral()
	return p
}

// NewSubstring makes a pattern that matches anywhere in a text.
func NewSubstring(text string) *Pattern {
	p := newLiteral(Substring, text)
	p.keys.add(p.find.folded, true, true)
	p.compileLiteral()
	return p
}

func (p *Pattern) compileLiteral() {
	p.program = sync.OnceValue(func() *program { return compileLiteral(p.find.folded, p.left, p.right) })
}

func newLiteral(kind Kind, text string) *Pattern {
	return &Pattern{kind: kind, text: text, find: newFinder([]byte(text), false)}
}

// NewWildcard makes a pattern that the whole text must match; each * stands for
// any run of bytes, also for none. There is no escape for *.
func NewWildcard(text string) *Pattern {
	w := newWildcard([]byte(text))
	compile := sync.OnceValue(func() *program { return compileWildcard(w.parts) })
	return &Pattern{kind: Wildcard, text: text, wild: w, keys: w.keys(), program: compile}
}

// NewRegexp compiles a regular expression in RE2's syntax, which matches anywhere
// in a text; fold ignores case. The error says what is wrong with it.
func NewRegexp(expr string, fold bool) (*Pattern, error) {
	re, err := newExpression(expr, fold)
	if err != nil {
		return nil, err
	}
	return &Pattern{kind: Regexp, text: expr, fold: fold, re: re, keys: re.keys, program: re.program}, nil
}

// Kind is the pattern's kind.
func (p *Pattern) Kind() Kind { return p.kind }

// Text is the text the pattern was made from.
func (p *Pattern) Text() string { return p.text }

// Fold tells whether case does not matter.
func (p *Pattern) Fold() bool { return p.kind != Regexp || p.fold }

// Match tells whether b matches. It keeps nothing of b and, while an automaton still
// learns a regular expression aside, allocates nothing.
func (p *Pattern) Match(b []byte) bool {
	switch p.kind {
	case Wildcard:
		return p.wild.match(b)
	case Regexp:
		return p.re.match(b)
	}
	f := p.find
	if f.runewise {
		return p.matchLiteral(b, true)
	}
	return p.matchLiteral(b, false) || f.mayBeOdd(b) && p.matchLiteral(b, true)
}

// MayMatchIn tells whether a text may match that lies anywhere in b, which may be
// many texts one after the other: where it is false, none of them does. It looks for
// the literals that the pattern needs, and only for those.
func (p *Pattern) MayMatchIn(b []byte) bool {
	switch p.kind {
	case Wildcard:
		for _, f := range p.wild.parts {
			if len(f.folded) > 0 && !f.joinable() && !f.contains(b) {
				return false
			}
		}
		return true
	case Regexp:
		return containsAll(p.re.first, b) // they hold valid UTF-8 only
	}
	return p.find.joinable() || p.find.contains(b)
}

// Each calls f with where a match begins in b, for matches that do not overlap, and goes
// on from where f says. It is for words, prefixes and substrings that are not empty.
func (p *Pattern) Each(b []byte, f func(at int) (next int)) {
	slow := p.find.runewise || p.find.mayBeOdd(b)
	for from := 0; from < len(b); {
		start, end := p.find.index(b, from, slow)
		switch {
		case start < 0:
			return
		case !(p.left && wordBefore(b, start)) && !(p.right && wordAfter(b, end)):
			from = max(start+1, f(start))
		default:
			_, n := foldedRune(b[start:])
			from = start + n
		}
	}
}

func (p *Pattern) matchLiteral(b []byte, slow bool) bool {
	for from := 0; ; {
		start, end := p.find.index(b, from, slow)
		if start < 0 {
			return false
		}
		if !(p.left && wordBefore(b, start)) && !(p.right && wordAfter(b, end)) {
			return true
		}
		// Only a pattern with a word rune at an end gets here, so start < end. The
		// next occurrence may overlap this one.
		if from = start + 1; slow {
			_, n := foldedRune(b[start:])
			from = start + n
		}
	}
}

// wildcard is literals with any run of bytes between them. The first one must
// begin the text and the last one end it; both may be empty.
type wildcard struct {
	parts              []*finder
	runewise, mayBeOdd bool
}

func newWildcard(text []byte) *wildcard {
	w := &wildcard{}
	split := bytes.Split(text, []byte("*"))
	for i, part := range split {
		if len(part) == 0 && i > 0 && i < len(split)-1 {
			continue // ** is *
		}
		f := newFinder(part, false)
		w.parts = append(w.parts, f)
		w.runewise = w.runewise || f.runewise
		w.mayBeOdd = w.mayBeOdd || f.oddK || f.oddS
	}
	return w
}

func (w *wildcard) match(b []byte) bool {
	if w.runewise {
		return w.run(b, true)
	}
	if w.run(b, false) {
		return true
	}
	if w.mayBeOdd {
		for _, f := range w.parts {
			if f.mayBeOdd(b) {
				return w.run(b, true)
			}
		}
	}
	return false
}

func (w *wildcard) run(b []byte, slow bool) bool {
	n, ok := w.parts[0].prefix(b, slow)
	if !ok {
		return false
	}
	if len(w.parts) == 1 {
		return n == len(b)
	}
	b = b[n:]
	last := len(w.parts) - 1
	if n, ok = w.parts[last].suffix(b, slow); !ok {
		return false
	}
	b = b[:len(b)-n]
	// The leftmost place of each is the best for those after it.
	for _, f := range w.parts[1:last] {
		start, end := f.index(b, 0, slow)
		if start < 0 {
			return false
		}
		b = b[end:]
	}
	return true
}

func (w *wildcard) keys() keys {
	var k keys
	last := len(w.parts) - 1
	for i, f := range w.parts {
		k.add(f.folded, i > 0, i < last)
	}
	return k
}
