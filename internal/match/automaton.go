package match

import (
	"encoding/binary"
	"slices"
)

// State is a state of one Automaton.
type State uint32

// The states that say all that there is to say.
const (
	Dead    State = 0 // nothing can match any more
	Matched State = 1 // whatever follows, it matches
)

// Automaton is a pattern as a deterministic automaton whose states are made when
// they are first needed. A text is matched by it in pieces: from Start over Run
// of every piece to Ends. It agrees with Pattern.Match on every text.
//
// What it says is reproducible only within itself: another Automaton of the same
// pattern numbers its states otherwise. It is used by one goroutine at a time.
type Automaton struct {
	p *program
	// table has a row of 1<<shift entries for every state: the row's beginning of
	// the state after a rune of each class, and after the end of the text; the last
	// used column is that of bytes which are not ASCII and stays unknown. Rows 0
	// and 1 are Dead and Matched, and lead to themselves.
	table    []uint32
	shift    uint
	start    State
	restarts bool // a match may begin later in the text, too
	states   []nfaStates
	index    map[string]uint32
	size     int // of all sets of states
	overflow bool

	// Scratch.
	mark          []uint32
	generation    uint32
	stack         []uint32
	current, next []uint32
	key           []byte

	skip    skipper
	reached reached
}

// nfaStates are the instructions that a state stands for: those that read a rune
// and, with ahead, conditions that the next rune decides, for which before is kept.
type nfaStates struct {
	set    []uint32
	before facts
	ahead  bool
}

// unknown in the table is odd, which no beginning of a row is.
const unknown = 1

// The limits: beyond them the Automaton overflows. A table takes 8 MiB at most, the
// sets of states 4 MiB.
const (
	maxStates = 10_000
	maxTable  = 2 << 20
	maxSets   = 1 << 20
)

// Automaton returns the pattern as an automaton, nil where the pattern is too
// large for one. It is made anew at every call and knows no states yet.
func (p *Pattern) Automaton() *Automaton {
	if prog := p.program(); prog != nil {
		return newAutomaton(prog)
	}
	return nil
}

func newAutomaton(p *program) *Automaton {
	a := &Automaton{p: p, shift: p.shift, index: map[string]uint32{}, mark: make([]uint32, len(p.code))}
	a.states = make([]nfaStates, 2)
	a.table = make([]uint32, 2<<a.shift, 64<<a.shift)
	for i := range 1 << a.shift {
		a.table[1<<a.shift|i] = 1 << a.shift
	}
	for _, before := range []facts{0, wordRune, edgeLine} {
		a.generation++
		set, matched := a.follow(nil, p.start, before, 0, false)
		a.restarts = a.restarts || matched || len(set) > 0
	}
	a.generation++
	set, matched := a.follow(nil, p.start, edgeText|edgeLine, 0, false)
	if matched {
		a.start = Matched
	} else {
		a.start = State(a.intern(set, edgeText|edgeLine) >> a.shift)
	}
	a.skip.row = unknown
	return a
}

// Start is the state at the beginning of a text.
func (a *Automaton) Start() State { return a.start }

// Overflow tells that the states became too many. Every answer since then is
// invalid; Pattern.Match must be used instead, with another Automaton or none.
func (a *Automaton) Overflow() bool { return a.overflow }

// Run returns the state after b from state s. A run of bytes of 0x80 and above
// must not be cut: it begins and ends in the same call.
func (a *Automaton) Run(s State, b []byte) State {
	row := uint32(s) << a.shift
	matched := uint32(1) << a.shift
	if row <= matched {
		return s
	}
	if len(b) >= worthSkipping {
		return a.runSkipping(row, b)
	}
	classes, table := &a.p.byteClass, a.table
	for i := 0; i < len(b); i++ {
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

// runRune is Run for the first rune of b, of which it returns the length.
func (a *Automaton) runRune(row uint32, b []byte) (uint32, int) {
	c, n := a.p.rune(b)
	next := a.table[row+uint32(c)]
	if next == unknown {
		next = a.step(row, c)
	}
	return next, n
}

// Ends tells whether a text that ends in state s matches.
func (a *Automaton) Ends(s State) bool {
	if s <= Matched {
		return s == Matched
	}
	row, end := uint32(s)<<a.shift, uint16(a.p.classes)
	next := a.table[row+uint32(end)]
	if next == unknown {
		next = a.step(row, end)
	}
	return next != 0
}

// Match tells whether b matches, in one piece.
func (a *Automaton) Match(b []byte) bool { return a.Ends(a.Run(a.start, b)) }

// step finds the state after a rune of class c and notes it in the table.
func (a *Automaton) step(row uint32, c uint16) uint32 {
	if a.overflow {
		return 0
	}
	next := a.after(row>>a.shift, c)
	if !a.overflow {
		a.table[row+uint32(c)] = next
	}
	return next
}

func (a *Automaton) after(state uint32, c uint16) uint32 {
	p := a.p
	s := &a.states[state]
	now, neighbour := s.set, p.facts[c]
	if s.ahead {
		a.generation++
		a.current = a.current[:0]
		matched := false
		for _, pc := range s.set {
			in := &p.code[pc]
			if in.op == opRune {
				a.current = append(a.current, pc)
			} else if in.look.holds(s.before, neighbour) {
				if a.current, matched = a.follow(a.current, in.out, s.before, neighbour, true); matched {
					return 1 << a.shift
				}
			}
		}
		now = a.current
	}
	if int(c) == p.classes {
		return 0
	}
	a.generation++
	next := a.next[:0]
	matched := false
	for _, pc := range now {
		in := &p.code[pc]
		if !p.member[int(in.set)*p.classes+int(c)] {
			continue
		}
		if next, matched = a.follow(next, in.out, neighbour, 0, false); matched {
			return 1 << a.shift
		}
	}
	// A match may begin here, too.
	next, matched = a.follow(next, p.start, neighbour, 0, false)
	a.next = next
	if matched {
		return 1 << a.shift
	}
	return a.intern(next, neighbour)
}

// follow adds to set what instruction pc leads to without a rune being read:
// instructions that read one and, unless known says that after is known, the
// conditions which depend on it. It tells whether the pattern has matched. What
// was seen in this generation already is left out.
func (a *Automaton) follow(set []uint32, pc uint32, before, after facts, known bool) ([]uint32, bool) {
	stack := append(a.stack[:0], pc)
	for len(stack) > 0 {
		pc = stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if a.mark[pc] == a.generation {
			continue
		}
		a.mark[pc] = a.generation
		switch in := &a.p.code[pc]; in.op {
		case opRune:
			set = append(set, pc)
		case opMatch:
			return set, true
		case opJump:
			stack = append(stack, in.out)
		case opSplit:
			stack = append(stack, in.out, in.alt)
		case opLook:
			if !known && in.look.ahead() {
				set = append(set, pc)
			} else if in.look.holds(before, after) {
				stack = append(stack, in.out)
			}
		}
	}
	a.stack = stack
	return set, false
}

// intern returns the row of the state that stands for set.
func (a *Automaton) intern(set []uint32, before facts) uint32 {
	if len(set) == 0 && !a.restarts {
		return 0
	}
	ahead := false
	for _, pc := range set {
		ahead = ahead || a.p.code[pc].op == opLook
	}
	if before &= a.p.asks; !ahead {
		before = 0
	}
	slices.Sort(set)
	a.key = append(a.key[:0], byte(before))
	for _, pc := range set {
		a.key = binary.AppendUvarint(a.key, uint64(pc))
	}
	if row, ok := a.index[string(a.key)]; ok {
		return row
	}
	if len(a.states) >= maxStates || len(a.table)+1<<a.shift > maxTable || a.size+len(set) > maxSets {
		a.overflow = true
		return 0
	}
	row := uint32(len(a.table))
	for range 1 << a.shift {
		a.table = append(a.table, unknown)
	}
	a.states = append(a.states, nfaStates{set: slices.Clone(set), before: before, ahead: ahead})
	a.size += len(set)
	a.index[string(a.key)] = row
	return row
}
