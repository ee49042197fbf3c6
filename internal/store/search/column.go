package search

import (
	"journalist/internal/match"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
	"journalist/internal/store/texts"
)

// column is the values of slots, of which as much is read as is asked for.
type column struct {
	node   *text.Node
	needed bool
	at     int // the first value of the row in turn

	asTexts, asNumbers bool    // how it is needed
	numbers            []int64 // whole numbers

	values texts.Vector // all, or the distinct ones of a dictionary
	codes  []uint32     // of a dictionary: which of the values each one is
	ready  bool         // values are read
	memos  []memo

	looked bool // for the pattern's literals
	barren bool // there are none
}

// memo says for the distinct values of a dictionary to which state each leads from
// one state, as far as that was asked for.
type memo struct {
	from match.State
	to   []match.State
	// exits are the states that they lead to, each once, if all was asked for and
	// they are few.
	exits []match.State
	all   bool
}

// maxExits is how many of them are few.
const maxExits = 256

// maxMemos is from how many states a column remembers what its values lead to.
const maxMemos = 8

func (c *column) reset(node *text.Node) { *c = column{node: node, memos: c.memos[:0]} }

// readValues reads the values, of a dictionary the distinct ones.
func (c *column) readValues(src stream.Source) error {
	if c.ready {
		return nil
	}
	n := c.node
	if n.Kind() == text.Dict {
		n = n.Entries()
	}
	v, err := n.Texts(src)
	if err != nil {
		return err
	}
	if v.Len() != n.Len() {
		return stream.Corrupt("column of %d values, %d expected", v.Len(), n.Len())
	}
	c.values, c.ready = v, true
	return nil
}

// lacks tells whether none of the values holds the literals that a pattern needs.
func (c *column) lacks(s *Search, src stream.Source) (bool, error) {
	if c.looked {
		return c.barren, nil
	}
	if !s.mayHold(c.node) {
		c.looked, c.barren = true, true
		return true, nil
	}
	if err := c.readValues(src); err != nil {
		return false, err
	}
	c.looked = true
	if v := c.values; v.Len() > 0 {
		c.barren = !s.pattern.MayMatchIn(v.Data[v.Offsets[0]:v.Offsets[v.Len()]])
	}
	return c.barren, nil
}

// read reads what the rows need.
func (c *column) read(src stream.Source, mem *arena) error {
	if c.asNumbers {
		if err := c.readNumbers(src, mem); err != nil {
			return err
		}
	}
	if !c.asTexts {
		return nil
	}
	if err := c.readValues(src); err != nil || c.node.Kind() != text.Dict {
		return err
	}
	before := len(mem.codes)
	codes, err := c.node.Codes(src, mem.codes)
	if err != nil {
		return err
	}
	mem.codes, c.codes = codes, codes[before:]
	if len(c.codes) != c.node.Len() {
		return stream.Corrupt("%d codes for %d values", len(c.codes), c.node.Len())
	}
	return nil
}

func (c *column) readNumbers(src stream.Source, mem *arena) error {
	values, _ := c.node.Typed().Numbers()
	before := len(mem.numbers)
	all, err := values.Decode(src, mem.numbers)
	if err != nil {
		return err
	}
	mem.numbers, c.numbers = all, all[before:]
	if len(c.numbers) != c.node.Len() {
		return stream.Corrupt("column of %d numbers, %d expected", len(c.numbers), c.node.Len())
	}
	return nil
}

// run returns the state after value i.
func (c *column) run(a *match.Automaton, from match.State, i int, mem *arena) match.State {
	if c.codes != nil {
		return c.after(a, c.memoOf(from, mem), from, int(c.codes[i]))
	}
	return a.Run(from, c.values.At(i))
}

// memoOf finds what is remembered of a state, nil where there are too many.
func (c *column) memoOf(from match.State, mem *arena) []match.State {
	for i := range c.memos {
		if c.memos[i].from == from {
			return c.memos[i].to
		}
	}
	if len(c.memos) == maxMemos {
		return nil
	}
	to := mem.unknowns(c.values.Len())
	c.memos = append(c.memos, memo{from: from, to: to})
	return to
}

// exits returns the states to which the distinct values lead; false where they are
// too many to tell.
func (c *column) exits(a *match.Automaton, from match.State, mem *arena) ([]match.State, bool) {
	to := c.memoOf(from, mem)
	if to == nil {
		return nil, false
	}
	var m *memo
	for i := range c.memos {
		if c.memos[i].from == from {
			m = &c.memos[i]
		}
	}
	if m.all {
		return m.exits, m.exits != nil
	}
	m.all = true
	mem.bump()
	var exits []match.State
	for i := range to {
		s := c.after(a, to, from, i)
		if mem.fresh(s) {
			if len(exits) == maxExits {
				return nil, false
			}
			exits = append(exits, s)
		}
	}
	m.exits = exits
	return exits, true
}

// after returns the state after a distinct value.
func (c *column) after(a *match.Automaton, memo []match.State, from match.State, code int) match.State {
	if memo == nil {
		return a.Run(from, c.values.At(code))
	}
	if s := memo[code]; s != unknown {
		return s
	}
	s := a.Run(from, c.values.At(code))
	memo[code] = s
	return s
}

// arena is memory for the columns of one node. What was taken from it stays valid
// until its reset.
type arena struct {
	codes   []uint32
	numbers []int64
	states  []match.State
	stateSet
}

func (m *arena) reset() { m.codes, m.numbers, m.states = m.codes[:0], m.numbers[:0], m.states[:0] }

// unknowns returns n states that are unknown.
func (m *arena) unknowns(n int) []match.State {
	if cap(m.states)-len(m.states) < n {
		m.states = make([]match.State, 0, max(n, 2*cap(m.states), 1<<12))
	}
	from := len(m.states)
	m.states = m.states[:from+n]
	some := m.states[from:]
	for i := range some {
		some[i] = unknown
	}
	return some
}
