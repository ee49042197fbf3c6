package match

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
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
	// keys are in every text that matches.
	keys keys
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
	e.keys = keysOf(c.needs)
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
