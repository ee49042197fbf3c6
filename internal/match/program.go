package match

import (
	"slices"
	"sync"
	"unicode"
)

// program is a pattern as a nondeterministic automaton over runes: what an
// Automaton makes its states of. It is immutable and shared by all of them.
//
// The runes that no instruction tells apart are one class. Bytes that are not
// UTF-8 are runes too: U+FFFD in a regular expression, as the regexp package has
// it, and runes of their own (invalid+byte) in all other patterns.
type program struct {
	code  []instruction
	start uint32
	// asks are the facts that an instruction may ask of what was before it.
	asks facts
	// distinct: bytes that are not UTF-8 are runes of their own.
	distinct bool

	// cuts are where classes begin: the runes from cuts[i] up to cuts[i+1] are of
	// the class classOf[i].
	cuts    []rune
	classOf []uint16
	classes int // the end of the text is one more, with this number
	// byteClass is the class of each ASCII byte; of other bytes it is classes+1,
	// for which no state knows a transition.
	byteClass [256]uint16
	// short is the class of the runes of two bytes, which need no search.
	short [0x800]uint16
	// high are the classes of runes that are not ASCII.
	high []uint16

	member []bool  // of set s and class c at s*classes+c
	facts  []facts // of each class and of the end
	shift  uint    // 1<<shift entries make a row of an Automaton's table
}

// instruction is one step: a rune of a set is read, or something looked at, or
// neither.
type instruction struct {
	op       opcode
	look     look
	set      uint32
	out, alt uint32
}

type opcode uint8

const (
	opFail  opcode = iota // no way on
	opRune                // reads a rune of set, goes on at out
	opLook                // goes on at out where look holds
	opSplit               // goes on at out and at alt
	opJump                // goes on at out
	opMatch
)

// look is a condition on what is before and after a place in the text.
type look uint8

const (
	beginText look = iota
	beginLine
	noWordBefore
	// From here on the next rune decides.
	endText
	endLine
	noWordAfter
	boundary
	noBoundary
)

func (l look) ahead() bool { return l >= endText }

// facts are what conditions want to know of a neighbouring rune.
type facts uint8

const (
	edgeText facts = 1 << iota // there is none
	edgeLine                   // there is none or it is a line feed
	wordRune
)

func (l look) holds(before, after facts) bool {
	switch l {
	case beginText:
		return before&edgeText != 0
	case beginLine:
		return before&edgeLine != 0
	case noWordBefore:
		return before&wordRune == 0
	case endText:
		return after&edgeText != 0
	case endLine:
		return after&edgeLine != 0
	case noWordAfter:
		return after&wordRune == 0
	case boundary:
		return (before^after)&wordRune != 0
	default:
		return (before^after)&wordRune == 0
	}
}

// before are the facts of what is before a place that the condition asks for.
func (l look) before() facts {
	switch l {
	case beginText:
		return edgeText
	case beginLine:
		return edgeLine
	case noWordBefore, boundary, noBoundary:
		return wordRune
	}
	return 0
}

// The limits of a program: patterns beyond them have no Automaton.
const (
	maxCode    = 10_000
	maxClasses = 10_000
	maxSplits  = 1 << 23 // cuts times sets
)

// builder collects a program.
type builder struct {
	code  []instruction
	sets  [][]rune // pairs of first and last rune, ascending
	known map[string]uint32
	// words: the runes of words, where a condition asks for them.
	words []rune
	lines bool
}

func newBuilder() *builder { return &builder{known: map[string]uint32{}} }

func (b *builder) add(in instruction) uint32 {
	b.code = append(b.code, in)
	return uint32(len(b.code) - 1)
}

// set returns the number of a set of runes given as pairs.
func (b *builder) set(pairs []rune) uint32 {
	pairs = tidy(pairs)
	var key []byte
	for _, r := range pairs {
		key = append(key, byte(r), byte(r>>8), byte(r>>16))
	}
	if id, ok := b.known[string(key)]; ok {
		return id
	}
	id := uint32(len(b.sets))
	b.known[string(key)] = id
	b.sets = append(b.sets, pairs)
	return id
}

// tidy sorts pairs of first and last rune and joins those that touch.
func tidy(pairs []rune) []rune {
	type span struct{ lo, hi rune }
	spans := make([]span, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		spans = append(spans, span{pairs[i], pairs[i+1]})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.lo - b.lo) })
	var out []rune
	for _, s := range spans {
		if n := len(out); n > 0 && s.lo <= out[n-1]+1 {
			out[n-1] = max(out[n-1], s.hi)
			continue
		}
		out = append(out, s.lo, s.hi)
	}
	return out
}

// foldSet is the runes equal to r without regard to case, r may be a byte that
// is not UTF-8.
func foldSet(r rune) []rune {
	set := []rune{r, r}
	if r >= invalid {
		return set
	}
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		set = append(set, o, o)
	}
	return set
}

// unicodeWords are the runes of IsWordRune as pairs.
var unicodeWords = sync.OnceValue(func() []rune {
	pairs := []rune{'_', '_'}
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			pairs = append(pairs, lo, hi)
			return
		}
		for r := lo; r <= hi; r += stride {
			pairs = append(pairs, r, r)
		}
	}
	for _, t := range []*unicode.RangeTable{unicode.L, unicode.N, unicode.M} {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return tidy(pairs)
})

// asciiWords are the runes of \w and \b in a regular expression.
var asciiWords = []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}

var lineFeed = []rune{'\n', '\n'}

// program finishes the program that begins at start; nil where it is too large.
func (b *builder) program(start uint32, distinct bool) *program {
	if len(b.code) > maxCode {
		return nil
	}
	p := &program{code: b.code, start: start, distinct: distinct}
	p.prune(b.sets)
	for i := range p.code {
		if p.code[i].op == opLook {
			p.asks |= p.code[i].look.before()
		}
	}
	if !p.partition(b) {
		return nil
	}
	for p.shift = 1; 1<<p.shift < p.classes+2; p.shift++ {
	}
	return p
}

// prune turns what cannot lead to a match into opFail, so that the states which
// hold nothing else are Dead.
func (p *program) prune(sets [][]rune) {
	live := make([]bool, len(p.code))
	for changed := true; changed; {
		changed = false
		for pc := len(p.code) - 1; pc >= 0; pc-- {
			if live[pc] {
				continue
			}
			switch in := &p.code[pc]; in.op {
			case opMatch:
				live[pc] = true
			case opRune:
				live[pc] = live[in.out] && len(sets[in.set]) > 0
			case opLook, opJump:
				live[pc] = live[in.out]
			case opSplit:
				live[pc] = live[in.out] || live[in.alt]
			}
			changed = changed || live[pc]
		}
	}
	for pc := range p.code {
		if !live[pc] {
			p.code[pc] = instruction{op: opFail}
		}
	}
}
