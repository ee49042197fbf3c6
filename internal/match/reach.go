package match

import (
	"slices"
	"unicode/utf8"
)

// maxReached is how many states Reach reports at most.
const maxReached = 256

// Lengths from maxCounted runes on are not told apart.
const maxCounted = 64

// reached is what Reach found before.
type reached struct {
	of      map[reachKey]reachSpan
	states  []State
	classes map[Chars][]uint16
	now     []State  // scratch
	next    []State  // scratch
	seen    []uint32 // of each state, the turn that saw it last
	turn    uint32
}

type reachKey struct {
	from          State
	chars         Chars
	atLeast, most uint8 // runes; most is maxCounted where there is no limit
}

type reachSpan struct {
	from, to int
	ok       bool
}

// Reach forgets what it found when that is more than so many states, or was found
// for more than so many questions.
const (
	maxRemembered = 1 << 18
	maxQuestions  = 1 << 16
)

// Reach appends to dst all states that a run of one or more bytes of these
// classes may lead to from s, Dead and Matched included, each once. A run holds
// whole runes; with CharHigh, any rune and any byte that is not ASCII. With ok
// false they are too many, or the Automaton has overflowed. What it found it
// remembers.
func (a *Automaton) Reach(s State, chars Chars, dst []State) (states []State, ok bool) {
	return a.reach(reachKey{s, chars, 1, maxCounted}, dst)
}

// ReachWithin is Reach for runs of atLeast to most bytes; with atLeast 0 the state s
// itself is among those reached. It may report a few states too many: beyond 64
// bytes lengths are not told apart, and with CharHigh a rune may take four bytes or
// one.
func (a *Automaton) ReachWithin(s State, chars Chars, atLeast, most int, dst []State) (states []State, ok bool) {
	if chars&CharHigh != 0 {
		atLeast = (atLeast + utf8.UTFMax - 1) / utf8.UTFMax
	}
	if atLeast > most || most < 0 {
		return dst, !a.overflow
	}
	return a.reach(reachKey{s, chars, uint8(max(0, min(atLeast, maxCounted))), uint8(min(most, maxCounted))}, dst)
}

func (a *Automaton) reach(key reachKey, dst []State) (states []State, ok bool) {
	if key.chars == 0 || key.most == 0 {
		if key.atLeast == 0 {
			dst = append(dst, key.from)
		}
		return dst, !a.overflow
	}
	if key.from <= Matched {
		return append(dst, key.from), !a.overflow
	}
	r := &a.reached
	span, known := r.of[key]
	if !known {
		if r.of == nil || len(r.states) > maxRemembered || len(r.of) > maxQuestions {
			r.of, r.states = map[reachKey]reachSpan{}, r.states[:0]
		}
		span.from = len(r.states)
		span.ok = a.search(key)
		if !span.ok {
			r.states = r.states[:span.from]
		}
		span.to = len(r.states)
		r.of[key] = span
	}
	return append(dst, r.states[span.from:span.to]...), span.ok && !a.overflow
}

// search adds the states that are reached to those remembered, breadth first.
func (a *Automaton) search(key reachKey) bool {
	r := &a.reached
	classes := a.classesOf(key.chars)
	r.now = append(r.now[:0], key.from)
	for range int(key.atLeast) - 1 { // exactly one rune more each time
		r.turn++
		var ok bool
		if r.next, ok = a.advance(r.now, classes, r.next[:0], maxReached); !ok {
			return false
		}
		slices.Sort(r.next)
		r.now, r.next = r.next, r.now
		if slices.Equal(r.now, r.next) {
			break // so will be all that come
		}
	}
	r.turn++
	first := len(r.states)
	rounds := int(key.most) - max(int(key.atLeast), 1) + 1
	if key.most == maxCounted {
		rounds = maxReached + 1 // until nothing new comes
	}
	if key.atLeast == 0 {
		a.fresh(key.from)
		r.states = append(r.states, key.from)
	}
	for ; rounds > 0 && len(r.now) > 0; rounds-- {
		from := len(r.states)
		var ok bool
		if r.states, ok = a.advance(r.now, classes, r.states, first+maxReached); !ok {
			return false
		}
		r.now = append(r.now[:0], r.states[from:]...)
	}
	return true
}

// advance appends to dst the states after one rune of the classes that were not
// seen this turn; ok is false when dst would hold more than most.
func (a *Automaton) advance(from []State, classes []uint16, dst []State, most int) (states []State, ok bool) {
	for _, s := range from {
		row := uint32(s) << a.shift
		for _, c := range classes {
			next := a.table[row+uint32(c)]
			if next == unknown {
				if next = a.step(row, c); a.overflow {
					return dst, false
				}
			}
			if to := State(next >> a.shift); a.fresh(to) {
				if len(dst) == most {
					return dst, false
				}
				dst = append(dst, to)
			}
		}
	}
	return dst, true
}

// fresh tells whether a state is seen for the first time this turn.
func (a *Automaton) fresh(s State) bool {
	r := &a.reached
	for int(s) >= len(r.seen) {
		r.seen = append(r.seen, 0)
	}
	if r.seen[s] == r.turn {
		return false
	}
	r.seen[s] = r.turn
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
