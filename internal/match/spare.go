package match

import "sync/atomic"

// spares are the Automatons of one pattern that are not in use, so that Match,
// called by many goroutines, does not begin to learn the states at every call.
type spares struct {
	slots [16]atomic.Pointer[Automaton]
	// none: the pattern is too large for an automaton, or one overflowed.
	none atomic.Bool
}

// get returns an Automaton, nil where there should be none.
func (s *spares) get(program func() *program) *Automaton {
	if s.none.Load() {
		return nil
	}
	for i := range s.slots {
		if s.slots[i].Load() == nil {
			continue
		}
		if a := s.slots[i].Swap(nil); a != nil {
			return a
		}
	}
	p := program()
	if p == nil {
		s.none.Store(true)
		return nil
	}
	return newAutomaton(p)
}

// put takes back what get returned.
func (s *spares) put(a *Automaton) {
	for i := range s.slots {
		if s.slots[i].Load() == nil && s.slots[i].CompareAndSwap(nil, a) {
			return
		}
	}
}

// match tells whether b matches; ok is false where no automaton can tell.
func (s *spares) match(program func() *program, b []byte) (matched, ok bool) {
	a := s.get(program)
	if a == nil {
		return false, false
	}
	matched = a.Match(b)
	if a.overflow {
		s.none.Store(true)
		return false, false
	}
	s.put(a)
	return matched, true
}
