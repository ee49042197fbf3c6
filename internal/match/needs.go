package match

import (
	"regexp/syntax"
	"unicode/utf8"
)

// keysOf are those of the literals that are always needed.
func keysOf(needs [][]literal) keys {
	var k keys
	for _, any := range needs {
		if l := any[0]; len(any) == 1 {
			k.add([]byte(l.text), !l.closedLeft, !l.closedRight)
		}
	}
	return k
}

type literal struct {
	text string
	fold bool
	// closedLeft, closedRight: no word goes on at that end of it.
	closedLeft, closedRight bool
}

// condition is what a text must contain for an expression to match.
type condition struct {
	needs [][]literal // all of these, of each any
	// whole: the condition is not only necessary but sufficient. It is so for one
	// literal or a choice of literals.
	whole bool
}

// The limits keep the check of literals cheaper than the expression.
const (
	maxNeeds   = 8
	maxChoices = 16
)

func required(re *syntax.Regexp) condition {
	switch re.Op {
	case syntax.OpLiteral:
		return requiredLiteral(re)
	case syntax.OpCapture:
		return required(re.Sub[0])
	case syntax.OpPlus:
		return required(re.Sub[0]) // once or more contains it once
	case syntax.OpRepeat:
		if re.Min > 0 {
			c := required(re.Sub[0])
			c.whole = false
			return c
		}
	case syntax.OpConcat:
		return requiredSequence(re)
	case syntax.OpAlternate:
		return requiredChoice(re)
	}
	return condition{}
}

func requiredSequence(re *syntax.Regexp) condition {
	var c condition
	for i, sub := range re.Sub {
		inner := required(sub)
		for sub.Op == syntax.OpCapture {
			sub = sub.Sub[0]
		}
		if n := len(inner.needs); n > 0 && sub.Op == syntax.OpLiteral {
			// Whatever was cut off at an end is U+FFFD, which is of no word.
			first, last := &inner.needs[0][0], &inner.needs[n-1][0]
			first.closedLeft = first.closedLeft || i > 0 && separates(re.Sub[i-1], false)
			last.closedRight = last.closedRight || i+1 < len(re.Sub) && separates(re.Sub[i+1], true)
		}
		for _, n := range inner.needs {
			if len(c.needs) < maxNeeds {
				c.needs = append(c.needs, n)
			}
		}
	}
	c.whole = len(re.Sub) == 1 && required(re.Sub[0]).whole
	return c
}

// separates tells that no word goes on into what re matches, at its beginning or at
// its end. The boundary \b does not: it takes letters outside of ASCII for no words.
func separates(re *syntax.Regexp, beginning bool) bool {
	end := func(n int) int {
		if beginning {
			return 0
		}
		return n - 1
	}
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return true
	case syntax.OpLiteral:
		return !IsWordRune(re.Rune[end(len(re.Rune))])
	case syntax.OpCharClass:
		const most = 64 // runes
		n := 0
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if n++; n > most || IsWordRune(r) {
					return false
				}
			}
		}
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return separates(re.Sub[0], beginning)
	case syntax.OpRepeat:
		return re.Min > 0 && separates(re.Sub[0], beginning)
	case syntax.OpConcat:
		return len(re.Sub) > 0 && separates(re.Sub[end(len(re.Sub))], beginning)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !separates(sub, beginning) {
				return false
			}
		}
		return true
	}
	return false
}

// requiredLiteral cuts the literal at U+FFFD, which the regexp package also finds
// in bytes that are not UTF-8.
func requiredLiteral(re *syntax.Regexp) condition {
	fold := re.Flags&syntax.FoldCase != 0
	c := condition{whole: true}
	l := literal{fold: fold}
	add := func() {
		if len(l.text) > 0 && len(c.needs) < maxNeeds {
			c.needs = append(c.needs, []literal{l})
		}
	}
	for _, r := range re.Rune {
		if r == utf8.RuneError || !utf8.ValidRune(r) {
			c.whole = false
			l.closedRight = true
			add()
			l = literal{fold: fold, closedLeft: true}
			continue
		}
		l.text += string(r)
	}
	add()
	c.whole = c.whole && len(c.needs) == 1
	return c
}

func requiredChoice(re *syntax.Regexp) condition {
	var choices []literal
	whole := true
	for _, sub := range re.Sub {
		c := required(sub)
		if len(c.needs) == 0 {
			return condition{}
		}
		// Of each branch the need with the longest shortest literal.
		best, bestLen := 0, -1
		for i, n := range c.needs {
			short := len(n[0].text)
			for _, l := range n {
				short = min(short, len(l.text))
			}
			if short > bestLen {
				best, bestLen = i, short
			}
		}
		choices = append(choices, c.needs[best]...)
		whole = whole && c.whole && len(c.needs) == 1
		if len(choices) > maxChoices {
			return condition{}
		}
	}
	return condition{needs: [][]literal{choices}, whole: whole}
}
