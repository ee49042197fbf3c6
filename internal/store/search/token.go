package search

import (
	"unicode/utf8"

	"journalist/internal/match"
	"journalist/internal/store/template"
)

// tokens knows of patterns whose matches lie within one token. A slot between bytes
// that belong to no token can only decide if its values hold the literals that such
// a pattern needs, and to look for these in all values at once is much faster than to
// run the automaton over each.
type tokens struct {
	asked  bool
	within bool
	rest   match.State // after a byte that belongs to no token
}

// isToken tells which bytes belong to tokens, see package template.
var isToken = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= utf8.RuneSelf || match.IsWordByte(byte(c))
	}
	for _, c := range ".@%+-" {
		t[c] = true
	}
	return t
}()

// ask finds out whether every byte that belongs to no token makes the automaton
// forget what was before, or ends a match as the end of the text would.
func (t *tokens) ask(a *match.Automaton) bool {
	if t.asked {
		return t.within
	}
	t.asked = true
	start := a.Start()
	t.rest = a.Run(start, []byte{' '})
	states, ok := a.Reach(start, ^match.Chars(0), nil)
	if !ok || t.rest <= match.Matched {
		return false
	}
	for _, s := range append(states, start) {
		for c := range utf8.RuneSelf {
			if isToken[c] {
				continue
			}
			next := a.Run(s, []byte{byte(c)})
			if next != t.rest && (next != match.Matched || !a.Ends(s)) {
				return false
			}
		}
	}
	t.within = true
	return true
}

// decides tells whether a value that holds none of the pattern's literals may
// satisfy a range of one slot: because a token goes on at the slot's ends, because a
// match has begun before, or because the piece after it matches by itself.
func (t *tokens) decides(a *match.Automaton, r *slotRange, form *template.Template) bool {
	before, after := form.Pieces[r.from], form.Pieces[r.to+1]
	last := r.to == len(form.Slots)-1
	switch {
	case r.state != t.rest && r.state != a.Start(),
		len(before) == 0 && r.from > 0, len(before) > 0 && isToken[before[len(before)-1]],
		len(after) == 0 && !last, len(after) > 0 && isToken[after[0]]:
		return true
	}
	for _, s := range [2]match.State{r.state, t.rest} {
		s = a.Run(s, after)
		if s == match.Matched || last && a.Ends(s) {
			return true
		}
	}
	return false
}
