package search

import (
	"unicode/utf8"

	"journalist/internal/match"
	"journalist/internal/store/text"
)

// maxSet is how many states a set may have: with more of them planning costs more
// than looking.
const maxSet = 64

// sets is a set of states of the automaton that is led over slots and pieces.
type sets struct {
	auto *match.Automaton
	now  []match.State

	next   []match.State
	states []match.State // scratch
	stateSet
}

// stateSet tells which states it was asked about before.
type stateSet struct {
	seen []uint32 // of each state: the turn in which it was asked about last
	turn uint32
}

// bump forgets all states.
func (s *stateSet) bump() {
	if s.turn++; s.turn == 0 {
		clear(s.seen)
		s.turn = 1
	}
}

// fresh tells whether a state is asked about for the first time.
func (s *stateSet) fresh(state match.State) bool {
	if int(state) >= len(s.seen) {
		s.seen = append(s.seen, make([]uint32, int(state)+64-len(s.seen))...)
	}
	if s.seen[state] == s.turn {
		return false
	}
	s.seen[state] = s.turn
	return true
}

func (s *sets) reset() {
	s.now = s.now[:0]
	s.bump()
}

func (s *sets) add(state match.State) {
	if s.fresh(state) {
		s.now = append(s.now, state)
	}
}

// cross leads the set over a value of a node. It is false where there are too many
// ways.
func (s *sets) cross(n *text.Node) bool {
	switch n.Kind() {
	case text.Const:
		s.run(n.Text())
		return true
	case text.Typed: // what it has before and after is static, too
		prefix, suffix := n.Typed().Affixes()
		s.run(prefix)
		affixes := len(prefix) + len(suffix)
		ok := s.classes(coreChars(n), n.MinLen()-affixes, n.MaxLen()-affixes)
		s.run(suffix)
		return ok
	}
	return s.classes(n.Chars(), n.MinLen(), n.MaxLen())
}

// classes leads the set over bytes of some classes, so many at least and at most.
func (s *sets) classes(chars match.Chars, atLeast, most int) bool {
	s.bump()
	s.next = s.next[:0]
	for _, from := range s.now {
		var ok bool
		if s.states, ok = s.auto.ReachWithin(from, chars, max(0, atLeast), most, s.states[:0]); !ok {
			return false
		}
		for _, state := range s.states {
			if s.fresh(state) {
				s.next = append(s.next, state)
			}
		}
	}
	s.now, s.next = s.next, s.now
	return len(s.now) > 0 && len(s.now) <= maxSet
}

// run leads the set over a piece of static text. Most states soon come to the same.
func (s *sets) run(piece []byte) {
	for len(s.now) > 1 && len(piece) > 0 {
		n := 1
		if piece[0] >= utf8.RuneSelf { // such runs are not cut
			for n < len(piece) && piece[n] >= utf8.RuneSelf {
				n++
			}
		}
		s.bump()
		kept := s.now[:0]
		for _, state := range s.now {
			if state > match.Matched {
				state = s.auto.Run(state, piece[:n])
			}
			if s.fresh(state) {
				kept = append(kept, state)
			}
		}
		s.now = kept
		piece = piece[n:]
		if done(kept) {
			return
		}
	}
	if len(s.now) == 1 && len(piece) > 0 && s.now[0] > match.Matched {
		s.now[0] = s.auto.Run(s.now[0], piece)
	}
}

// done tells that no byte changes the set any more.
func done(set []match.State) bool {
	for _, state := range set {
		if state > match.Matched {
			return false
		}
	}
	return true
}
