package match

import "unicode/utf8"

// skipper knows the state in which a search rests until something of interest
// comes, and the bytes that do not end the rest.
type skipper struct {
	ready bool
	row   uint32 // unknown where there is none
	stay  [256]bool
}

// From this length on it is worth a loop that skips.
const worthSkipping = 32

// prepareSkip looks for the state after a byte of no interest: the start or what
// comes next to it.
func (a *Automaton) prepareSkip() {
	a.skip.ready = true
	row := uint32(a.start) << a.shift
	for range 3 {
		if row <= 1<<a.shift || a.overflow {
			return
		}
		weight := 0
		for c := range utf8.RuneSelf {
			next, _ := a.runRune(row, []byte{byte(c)})
			a.skip.stay[c] = next == row
			if next == row {
				weight += len(common) + 2 - rarity[c]
			}
		}
		if weight > restful {
			a.skip.row = row
			break
		}
		row, _ = a.runRune(row, []byte{' '})
	}
	high := a.skip.row != unknown
	for _, c := range a.p.high {
		if high && a.table[a.skip.row+uint32(c)] == unknown {
			a.step(a.skip.row, c)
		}
		high = high && a.table[a.skip.row+uint32(c)] == a.skip.row
	}
	for c := utf8.RuneSelf; c < len(a.skip.stay); c++ {
		a.skip.stay[c] = high
	}
}

// restful is the weight of the bytes that stay from which on skipping pays: nine
// tenths of all.
var restful = func() int {
	sum := 0
	for c := range utf8.RuneSelf {
		sum += len(common) + 2 - rarity[c]
	}
	return sum * 9 / 10
}()

// runSkipping is Run for longer texts.
func (a *Automaton) runSkipping(row uint32, b []byte) State {
	if !a.skip.ready {
		a.prepareSkip()
	}
	matched := uint32(1) << a.shift
	classes, stay, rest := &a.p.byteClass, &a.skip.stay, a.skip.row
	table := a.table
	for i := 0; i < len(b); i++ {
		if row == rest {
			for i < len(b) && stay[b[i]] {
				i++
			}
			if i == len(b) {
				break
			}
		}
		next := table[row+uint32(classes[b[i]])]
		if next <= matched {
			if next == unknown {
				var n int
				next, n = a.runRune(row, b[i:])
				table = a.table
				i += n - 1
			}
			if next <= matched {
				return State(next >> a.shift)
			}
		}
		row = next
	}
	return State(row >> a.shift)
}
