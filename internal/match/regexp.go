package match

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode/utf8"
)

// expression is a regular expression behind the literals it needs: a text that
// lacks one is refused without running the automaton, which costs several times as
// much.
type expression struct {
	re *regexp.Regexp
	// needs must all hold; each holds when one of its literals is in the text.
	needs [][]*finder
	// first are those of needs that are looked for before the automaton runs.
	first [][]*finder
	// whole: the literals decide alone.
	whole bool
	// program compiles the expression for an Automaton, once; nil: it is too large.
	program func() *program
	// spares tell what the literals leave open; re does where they cannot.
	spares spares
}

func newExpression(expr string, fold bool) (*expression, error) {
	flags := syntax.Perl
	compile := expr
	if fold {
		flags |= syntax.FoldCase
		compile = "(?i)" + expr
	}
	tree, err := syntax.Parse(expr, flags)
	if err != nil {
		return nil, regexpError(expr, err)
	}
	re, err := regexp.Compile(compile)
	if err != nil {
		return nil, regexpError(expr, err)
	}
	tree = tree.Simplify()
	e := &expression{re: re, program: sync.OnceValue(func() *program { return compileRegexp(tree) })}
	c := required(tree)
	for _, any := range c.needs {
		var fs []*finder
		for _, l := range any {
			fs = append(fs, newFinder([]byte(l.text), !l.fold))
		}
		e.needs = append(e.needs, fs)
	}
	e.whole = c.whole
	e.first = chooseFirst(e.needs)
	return e, nil
}

func regexpError(expr string, err error) error {
	var s *syntax.Error
	if errors.As(err, &s) {
		return fmt.Errorf("regular expression /%s/: %s: %q", expr, s.Code, s.Expr)
	}
	return fmt.Errorf("regular expression /%s/: %w", expr, err)
}

// chooseFirst chooses the needs that cost little and refuse much: at most two, the
// longest, and no choice of more than two literals. An automaton costs no more than
// a few searches for literals.
func chooseFirst(needs [][]*finder) [][]*finder {
	var first [][]*finder
	for _, any := range needs {
		if len(any) <= 2 {
			first = append(first, any)
		}
	}
	shortest := func(any []*finder) int {
		n := len(any[0].folded)
		for _, f := range any {
			n = min(n, len(f.folded))
		}
		return n
	}
	slices.SortStableFunc(first, func(a, b []*finder) int { return shortest(b) - shortest(a) })
	return first[:min(2, len(first))]
}

func (e *expression) match(b []byte) bool {
	if !containsAll(e.first, b) {
		return false
	}
	if e.whole && len(e.first) > 0 {
		return true
	}
	if matched, ok := e.spares.match(e.program, b); ok {
		return matched
	}
	return containsAll(e.needs, b) && (e.whole || e.re.Match(b))
}

func containsAll(needs [][]*finder, b []byte) bool {
	for _, any := range needs {
		if !contains(any, b) {
			return false
		}
	}
	return true
}

func contains(any []*finder, b []byte) bool {
	for _, f := range any {
		if f.contains(b) {
			return true
		}
	}
	return false
}

// keys are those of the literals that are always needed; the expression may go
// on with the same word at both ends of each.
func (e *expression) keys() keys {
	var k keys
	for _, any := range e.needs {
		if len(any) == 1 {
			k.add(any[0].folded, true, true)
		}
	}
	return k
}

type literal struct {
	text string
	fold bool
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
		var c condition
		for _, sub := range re.Sub {
			for _, n := range required(sub).needs {
				if len(c.needs) < maxNeeds {
					c.needs = append(c.needs, n)
				}
			}
		}
		c.whole = len(re.Sub) == 1 && required(re.Sub[0]).whole
		return c
	case syntax.OpAlternate:
		return requiredChoice(re)
	}
	return condition{}
}

// requiredLiteral cuts the literal at U+FFFD, which the regexp package also finds
// in bytes that are not UTF-8.
func requiredLiteral(re *syntax.Regexp) condition {
	fold := re.Flags&syntax.FoldCase != 0
	c := condition{whole: true}
	var text []byte
	add := func() {
		if len(text) > 0 && len(c.needs) < maxNeeds {
			c.needs = append(c.needs, []literal{{string(text), fold}})
		}
		text = nil
	}
	for _, r := range re.Rune {
		if r == utf8.RuneError || !utf8.ValidRune(r) {
			c.whole = false
			add()
			continue
		}
		text = utf8.AppendRune(text, r)
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
