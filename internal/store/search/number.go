package search

import (
	"slices"

	"journalist/internal/match"
	"journalist/internal/store/text"
	"journalist/internal/store/typed"
)

// coreChars are the classes of bytes that the values of typed texts consist of,
// between what all texts begin and end with.
func coreChars(n *text.Node) match.Chars {
	digits := match.CharDigit
	switch n.TypedKind() {
	case typed.Int, typed.Digits:
		digits |= match.CharDash
	case typed.Decimal:
		digits |= match.CharDash | match.CharDot
	case typed.IPv4:
		digits |= match.CharDot
	case typed.Hex, typed.Hash:
		digits |= match.CharHexLower | match.CharHexUpper
	case typed.UUID:
		digits |= match.CharHexLower | match.CharHexUpper | match.CharDash
	default:
		return n.Chars()
	}
	return digits & n.Chars()
}

// maxNumbers is how many numbers a list may have that decides a range: more of them
// are found faster by the automaton.
const maxNumbers = 32

// maxSteps is how far numbers.walk looks for them.
const maxSteps = 1000

// numbers says which whole numbers lead from one state of the automaton to others.
type numbers struct {
	auto  *match.Automaton
	edges map[match.State]*[10]match.State

	// Of one question.
	states []match.State
	places map[match.State]int
	ends   []bool // a number may end in this state
	useful []bool // or a longer one that goes through it
	back   [][]int32
	found  []int64
	steps  int
}

func (d *numbers) after(s match.State) *[10]match.State {
	if e := d.edges[s]; e != nil {
		return e
	}
	e := new([10]match.State)
	for i := range e {
		e[i] = d.auto.Run(s, []byte{'0' + byte(i)})
	}
	if d.edges == nil || len(d.edges) > 1<<14 {
		d.edges = map[match.State]*[10]match.State{}
	}
	d.edges[s] = e
	return e
}

// list returns the numbers from lo to hi, neither negative, that lead from a state
// to one which accept takes, written with at least width digits; false where they
// are too many to list.
func (d *numbers) list(from match.State, lo, hi int64, width int, accept func(match.State) bool) ([]int64, bool) {
	d.states, d.ends, d.found = append(d.states[:0], from), append(d.ends[:0], false), d.found[:0]
	d.steps = 0
	clear(d.places)
	if d.places == nil {
		d.places = map[match.State]int{}
	}
	for i := range d.back {
		d.back[i] = d.back[i][:0]
	}
	// All states that digits lead to, and which ways lead back from them.
	for i := 0; i < len(d.states); i++ {
		for _, next := range d.after(d.states[i]) {
			if next == match.Dead {
				continue
			}
			j, ok := d.places[next]
			if !ok {
				if j = len(d.states); j > maxSet || next == match.Matched {
					return nil, false
				}
				d.places[next] = j
				d.states = append(d.states, next)
				d.ends = append(d.ends, accept(next))
			}
			for len(d.back) <= j {
				d.back = append(d.back, nil)
			}
			d.back[j] = append(d.back[j], int32(i))
		}
	}
	d.useful = append(d.useful[:0], make([]bool, len(d.states))...)
	for i, end := range d.ends {
		if end {
			d.mark(i)
		}
	}
	if !d.walk(from, 0, 0, lo, hi, width) {
		return nil, false
	}
	slices.Sort(d.found)
	return slices.Clone(d.found), true
}

func (d *numbers) mark(i int) {
	if d.useful[i] {
		return
	}
	d.useful[i] = true
	if i < len(d.back) {
		for _, j := range d.back[i] {
			d.mark(int(j))
		}
	}
}

// walk finds the numbers that begin with the digits that made v. It is false where
// that takes too long or they are too many.
func (d *numbers) walk(s match.State, v int64, digits int, lo, hi int64, width int) bool {
	if d.steps++; d.steps > maxSteps {
		return false
	}
	for digit, next := range d.after(s) {
		if digits > 0 && v == 0 && width == 1 {
			return true // no zeros in front
		}
		j, ok := d.places[next]
		if next == match.Dead || !ok || !d.useful[j] {
			continue
		}
		w := 10*v + int64(digit)
		if w > hi || digits == 18 {
			continue
		}
		if d.ends[j] && w >= lo && digits+1 >= width && (digits+1 == width || leading(w, digits+1)) {
			if len(d.found) == maxNumbers {
				return false
			}
			d.found = append(d.found, w)
		}
		if !d.walk(next, w, digits+1, lo, hi, width) {
			return false
		}
	}
	return true
}

// leading tells whether v needs so many digits.
func leading(v int64, digits int) bool {
	for range digits - 1 {
		v /= 10
	}
	return v > 0
}
