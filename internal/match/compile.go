package match

import (
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// compileLiteral makes the program of a literal that is found anywhere; left and
// right demand the end of a word there.
func compileLiteral(folded []byte, left, right bool) *program {
	if len(folded) > utf8.UTFMax*maxCode {
		return nil
	}
	b := newBuilder()
	if left {
		b.look(noWordBefore)
	}
	b.literal(folded)
	if right {
		b.look(noWordAfter)
	}
	b.add(instruction{op: opMatch})
	if left || right {
		b.words = unicodeWords()
	}
	return b.program(0, true)
}

// compileWildcard makes the program of literals with any run of runes between
// them, of which the first begins the text and the last ends it.
func compileWildcard(parts []*finder) *program {
	size := 0
	for _, f := range parts {
		size += len(f.folded)
	}
	if size > utf8.UTFMax*maxCode {
		return nil
	}
	b := newBuilder()
	b.look(beginText)
	for i, f := range parts {
		if i > 0 {
			if i == len(parts)-1 && len(f.folded) == 0 {
				break // whatever follows
			}
			// any: a rune and again any, or the part
			any := b.add(instruction{op: opSplit})
			b.code[any].out = b.add(instruction{op: opRune, set: b.set([]rune{0, invalid + 0xff}), out: any})
			b.code[any].alt = uint32(len(b.code))
		}
		b.literal(f.folded)
		if i == len(parts)-1 {
			b.look(endText)
		}
	}
	b.add(instruction{op: opMatch})
	return b.program(0, true)
}

// look adds a condition, whatever comes next goes on after it.
func (b *builder) look(l look) {
	b.add(instruction{op: opLook, look: l, out: uint32(len(b.code) + 1)})
}

// literal adds the runes of a literal, whatever comes next goes on after it.
func (b *builder) literal(folded []byte) {
	for len(folded) > 0 {
		r, n := foldedRune(folded)
		folded = folded[n:]
		b.add(instruction{op: opRune, set: b.set(foldSet(r)), out: uint32(len(b.code) + 1)})
	}
}

// compileRegexp makes the program of a regular expression; nil where that is not
// possible.
func compileRegexp(tree *syntax.Regexp) *program {
	prog, err := syntax.Compile(tree)
	if err != nil || len(prog.Inst) > maxCode {
		return nil
	}
	b := newBuilder()
	for i := range prog.Inst {
		in := &prog.Inst[i]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			b.add(instruction{op: opSplit, out: in.Out, alt: in.Arg})
		case syntax.InstCapture, syntax.InstNop:
			b.add(instruction{op: opJump, out: in.Out})
		case syntax.InstMatch:
			b.add(instruction{op: opMatch})
		case syntax.InstEmptyWidth:
			l, ok := b.condition(syntax.EmptyOp(in.Arg))
			if !ok {
				return nil
			}
			b.add(instruction{op: opLook, look: l, out: in.Out})
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			b.add(instruction{op: opRune, set: b.set(runesOf(in)), out: in.Out})
		default:
			b.add(instruction{op: opFail})
		}
	}
	return b.program(uint32(prog.Start), false)
}

func (b *builder) condition(op syntax.EmptyOp) (l look, ok bool) {
	switch op {
	case syntax.EmptyBeginText:
		return beginText, true
	case syntax.EmptyEndText:
		return endText, true
	case syntax.EmptyBeginLine:
		b.lines = true
		return beginLine, true
	case syntax.EmptyEndLine:
		b.lines = true
		return endLine, true
	case syntax.EmptyWordBoundary:
		b.words = asciiWords
		return boundary, true
	case syntax.EmptyNoWordBoundary:
		b.words = asciiWords
		return noBoundary, true
	}
	return 0, false
}

// runesOf is the set of an instruction that reads a rune.
func runesOf(in *syntax.Inst) []rune {
	switch {
	case in.Op == syntax.InstRuneAny:
		return []rune{0, unicode.MaxRune}
	case in.Op == syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	case len(in.Rune) == 1 && syntax.Flags(in.Arg)&syntax.FoldCase != 0:
		return foldSet(in.Rune[0])
	case len(in.Rune) == 1:
		return []rune{in.Rune[0], in.Rune[0]}
	}
	return in.Rune
}
