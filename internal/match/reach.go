package match

import "unicode/utf8"

// maxReached is how many states Reach reports at most.
const maxReached = 256

// reached is what Reach found before.
type reached struct {
	of      map[reachKey]reachSpan
	states  []State
	classes map[Chars][]uint16
	seen    []uint32 // of each state, the search that saw it last
	search  uint32
}

type reachKey struct {
	from  State
	chars Chars
}

type reachSpan struct {
	from, to int
	ok       bool
}

// maxRemembered is from how many states on Reach forgets what it found.
const maxRemembered = 1 << 18

// Reach appends to dst all states that a run of one or more bytes of these
// classes may lead to from s, Dead and Matched included, each once. A run holds
// whole runes; with CharHigh, any rune and any byte that is not ASCII. With ok
// false they are too many, or the Automaton has overflowed. What it found it
// remembers.
func (a *Automaton) Reach(s State, chars Chars, dst []State) (states []State, ok bool) {
	if chars == 0 {
		return dst, !a.overflow
	}
	if s <= Matched {
		return append(dst, s), true
	}
	r := &a.reached
	key := reachKey{s, chars}
	span, known := r.of[key]
	if !known {
		if len(r.states) > maxRemembered || r.of == nil {
			r.of, r.states = map[reachKey]reachSpan{}, r.states[:0]
		}
		span.from = len(r.states)
		span.ok = a.search(s, chars)
		if !span.ok {
			r.states = r.states[:span.from]
		}
		span.to = len(r.states)
		r.of[key] = span
	}
	return append(dst, r.states[span.from:span.to]...), span.ok && !a.overflow
}

// search adds the states reached from s to those remembered, breadth first.
func (a *Automaton) search(s State, chars Chars) bool {
	r := &a.reached
	classes := a.classesOf(chars)
	r.search++
	first := len(r.states)
	for at := first - 1; at < len(r.states); at++ {
		if at >= first {
			s = r.states[at]
		}
		if s <= Matched {
			continue
		}
		row := uint32(s) << a.shift
		for _, c := range classes {
			next := a.table[row+uint32(c)]
			if next == unknown {
				if next = a.step(row, c); a.overflow {
					return false
				}
			}
			to := State(next >> a.shift)
			for int(to) >= len(r.seen) {
				r.seen = append(r.seen, 0)
			}
			if r.seen[to] == r.search {
				continue
			}
			r.seen[to] = r.search
			if len(r.states)-first == maxReached {
				return false
			}
			r.states = append(r.states, to)
		}
	}
	return true
}

// classesOf are the classes of runes that these classes of bytes make.
func (a *Automaton) classesOf(chars Chars) []uint16 {
	if list, ok := a.reached.classes[chars]; ok {
		return list
	}
	seen := make([]bool, a.p.classes)
	var list []uint16
	add := func(c uint16) {
		if !seen[c] {
			seen[c] = true
			list = append(list, c)
		}
	}
	for c := range utf8.RuneSelf {
		if CharOf[c]&chars != 0 {
			add(a.p.byteClass[c])
		}
	}
	if chars&CharHigh != 0 {
		for _, c := range a.p.high {
			add(c)
		}
	}
	if a.reached.classes == nil {
		a.reached.classes = map[Chars][]uint16{}
	}
	a.reached.classes[chars] = list
	return list
}
