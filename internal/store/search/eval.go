package search

import (
	"slices"

	"journalist/internal/match"
	"journalist/internal/store/stream"
	"journalist/internal/store/template"
	"journalist/internal/store/text"
)

// evaluator decides about the rows of a template node for which the plan says maybe.
// It is used anew for each node and keeps its memory.
type evaluator struct {
	search *Search
	auto   *match.Automaton
	src    stream.Source
	tokens tokens

	forms   []template.Template
	columns []column
	arena   arena
	numbers numbers

	work  []formWork // of each template
	slots []slotWork
	moves []move

	ids    []uint32
	counts []int32
	wanted []bool
	got    []uint64
}

// formWork is what a row of a template asks for.
type formWork struct {
	verdict verdict
	// idle: the row asks for nothing, and no value that others need is its.
	idle           bool
	slots          int // where its slots begin, if it asks for values
	moveLo, moveHi int // which columns go on, and how far
}

// slotWork says where a slot's value lies: so many values after the first that its
// column has for the row. It remembers what became of the state it was asked about
// last by the piece after it.
type slotWork struct {
	column  int32
	offset  int32
	in, out match.State
}

type move struct{ column, by int32 }

// unknown is the number of no state.
const unknown = ^match.State(0)

func (e *evaluator) begin(s *Search, n *text.Node, src stream.Source) {
	e.search, e.auto, e.src, e.forms = s, s.auto, src, n.Templates()
	nodes := n.Columns()
	if cap(e.columns) < len(nodes) {
		e.columns = append(e.columns[:cap(e.columns)], make([]column, len(nodes)-cap(e.columns))...)
	}
	e.columns = e.columns[:len(nodes)]
	for i, node := range nodes {
		e.columns[i].reset(node)
	}
	e.arena.reset()
	e.numbers.auto = s.auto
}

// end lets go of what belongs to the node.
func (e *evaluator) end() {
	e.src, e.forms = nil, nil
	for i := range e.columns {
		e.columns[i].reset(nil)
	}
}

// refine decides what the distinct values of dictionaries, the bounds of numbers and
// the literals of the pattern decide: it takes away ranges of one slot that no value
// satisfies. Templates that are not wanted are left alone.
func (e *evaluator) refine(p *planner, wanted []bool) error {
	for t, v := range p.verdicts {
		if v != maybe || wanted != nil && !wanted[t] {
			continue
		}
		form := &e.forms[t]
		ranges := p.rangesOf(t)
		left := false
		for i := range ranges {
			r := &ranges[i]
			if r.from == r.to {
				may, err := e.anyValue(r, form)
				if err != nil {
					return err
				}
				if !may {
					r.to = r.from - 1
				}
			}
			left = left || r.from <= r.to
		}
		if !left {
			p.verdicts[t] = no
		}
	}
	return nil
}

// anyValue tells whether a value that the slot's column has may satisfy the range.
func (e *evaluator) anyValue(r *slotRange, form *template.Template) (bool, error) {
	c := &e.columns[columnOf(form, r.from)]
	kind := c.node.Kind()
	if kind == text.Typed && !e.anyNumber(c, r, form) {
		return false, nil
	}
	if r.numbers == nil && e.tokens.ask(e.auto) && !e.tokens.decides(e.auto, r, form) {
		if lacks, err := c.lacks(e.search, e.src); lacks || err != nil {
			return false, err
		}
	}
	if kind == text.Dict {
		return e.anyEntry(c, *r, form)
	}
	return true, nil
}

// anyEntry tells whether a text of the dictionary satisfies the range.
func (e *evaluator) anyEntry(c *column, r slotRange, form *template.Template) (bool, error) {
	if err := c.readValues(e.src); err != nil {
		return false, err
	}
	exits, ok := c.exits(e.auto, r.state, &e.arena)
	if !ok {
		return true, nil
	}
	last := r.to == len(form.Slots)-1
	for _, s := range exits {
		s = e.auto.Run(s, form.Pieces[r.to+1])
		if s == match.Matched || last && e.auto.Ends(s) {
			return true, nil
		}
	}
	return false, nil
}

// anyNumber tells whether one of the numbers that a column may have satisfies the
// range, and notes which ones do if they are few.
func (e *evaluator) anyNumber(c *column, r *slotRange, form *template.Template) bool {
	typed := c.node.Typed()
	values, width := typed.Numbers()
	if values == nil || values.Min() < 0 {
		return true
	}
	last := r.to == len(form.Slots)-1
	prefix, suffix := typed.Affixes()
	start := e.auto.Run(r.state, prefix)
	list, ok := e.numbers.list(start, values.Min(), values.Max(), width, func(s match.State) bool {
		s = e.auto.Run(e.auto.Run(s, suffix), form.Pieces[r.to+1])
		return s == match.Matched || last && e.auto.Ends(s)
	})
	if !ok {
		return true
	}
	r.numbers = list
	return len(list) > 0
}

// templates adds the matching rows of a template node to hit. It is false where the
// automaton's states became too many.
func (s *Search) templates(n *text.Node, p *planner, src stream.Source, want []uint64, found *result) (bool, error) {
	e := &s.eval
	e.begin(s, n, src)
	defer e.end()
	var wanted []bool
	if want != nil { // what has no wanted row needs no values
		if err := e.readIDs(n); err != nil {
			return false, err
		}
		wanted = e.wantedForms(want)
	}
	if err := e.refine(p, wanted); err != nil {
		return false, err
	}
	if s.overflow() {
		return false, nil
	}
	if t := p.truth(); t != Some {
		if t == All {
			found.addAll(n.Len(), want)
		}
		return true, nil
	}
	if want == nil && found.hit == nil && p.settled() {
		for t, v := range p.verdicts {
			if v == yes {
				found.count += e.forms[t].Rows
			}
		}
		return true, nil
	}
	if want == nil {
		if err := e.readIDs(n); err != nil {
			return false, err
		}
	}
	if !e.prepare(p, wanted) {
		return true, nil
	}
	for i := range e.columns {
		if err := e.columns[i].read(src, &e.arena); err != nil {
			return false, err
		}
	}
	e.rows(p, n.Len(), want)
	if s.overflow() {
		return false, nil
	}
	found.add(e.got)
	return true, nil
}

// readIDs reads the rows' templates and checks that each has as many as it says:
// the columns have values for these.
func (e *evaluator) readIDs(n *text.Node) error {
	ids, err := n.IDs(e.src, e.ids[:0])
	if err != nil {
		return err
	}
	e.ids = ids
	if len(ids) != n.Len() {
		return stream.Corrupt("templates of %d rows, %d expected", len(ids), n.Len())
	}
	e.counts = append(e.counts[:0], make([]int32, max(len(e.forms), len(e.columns)))...)
	for _, t := range ids {
		if int(t) >= len(e.forms) {
			return stream.Corrupt("row of template %d of %d", t, len(e.forms))
		}
		e.counts[t]++
	}
	for t := range e.forms {
		if int(e.counts[t]) != e.forms[t].Rows {
			return stream.Corrupt("%d rows of template %d, %d expected", e.counts[t], t, e.forms[t].Rows)
		}
	}
	return nil
}

// wantedForms tells which templates have a wanted row.
func (e *evaluator) wantedForms(want []uint64) []bool {
	e.wanted = append(e.wanted[:0], make([]bool, len(e.forms))...)
	for i, t := range e.ids {
		if want[i>>6]>>(i&63)&1 != 0 {
			e.wanted[t] = true
		}
	}
	return e.wanted
}

// prepare says what is to do for the rows of each template and which columns are
// needed; false when there is nothing to do at all.
func (e *evaluator) prepare(p *planner, wanted []bool) bool {
	e.work = append(e.work[:0], make([]formWork, len(e.forms))...)
	for t, v := range p.verdicts {
		if wanted == nil || wanted[t] {
			e.work[t].verdict = v
		}
	}
	e.slots, e.moves = e.slots[:0], e.moves[:0]
	any := false
	for t := range e.work {
		work := &e.work[t]
		any = any || work.verdict != no
		if work.verdict == maybe {
			e.prepareSlots(&e.forms[t], p.rangesOf(t), work)
		}
	}
	if !any {
		return false
	}
	for t := range e.work {
		work := &e.work[t]
		work.moveLo = len(e.moves)
		for _, slot := range e.forms[t].Slots {
			if slot.Copy < 0 && e.columns[slot.Column].needed {
				e.addMove(work.moveLo, int32(slot.Column))
			}
		}
		work.moveHi = len(e.moves)
		work.idle = work.verdict == no && work.moveLo == work.moveHi
	}
	return true
}

// prepareSlots says where each slot of a template finds its value. counts says, for
// the time being, how many values of a column the slots before have taken.
func (e *evaluator) prepareSlots(form *template.Template, ranges []slotRange, work *formWork) {
	work.slots = len(e.slots)
	for _, slot := range form.Slots {
		if slot.Copy < 0 {
			e.counts[slot.Column] = 0
		}
	}
	for _, slot := range form.Slots {
		s := slotWork{in: unknown}
		if slot.Copy >= 0 {
			from := e.slots[work.slots+slot.Copy]
			s.column, s.offset = from.column, from.offset
		} else {
			s.column, s.offset = int32(slot.Column), e.counts[slot.Column]
			e.counts[slot.Column]++
		}
		e.slots = append(e.slots, s)
	}
	for i := range ranges {
		r := &ranges[i]
		for k := r.from; k <= r.to; k++ {
			c := &e.columns[e.slots[work.slots+k].column]
			c.needed = true
			if r.numbers == nil {
				c.asTexts = true
			} else {
				c.asNumbers = true
			}
		}
	}
}

func (e *evaluator) addMove(from int, column int32) {
	for i := from; i < len(e.moves); i++ {
		if e.moves[i].column == column {
			e.moves[i].by++
			return
		}
	}
	e.moves = append(e.moves, move{column, 1})
}

// rows decides row by row.
func (e *evaluator) rows(p *planner, n int, want []uint64) {
	e.got = append(e.got[:0], make([]uint64, (n+63)/64)...)
	for i, t := range e.ids {
		work := &e.work[t]
		if work.idle {
			continue
		}
		if work.verdict != no && (want == nil || want[i>>6]>>(i&63)&1 != 0) {
			if work.verdict == yes || e.row(&e.forms[t], work, p.rangesOf(int(t))) {
				e.got[i>>6] |= 1 << (i & 63)
			}
		}
		for _, m := range e.moves[work.moveLo:work.moveHi] {
			e.columns[m.column].at += int(m.by)
		}
	}
}

// row decides one row.
func (e *evaluator) row(form *template.Template, work *formWork, ranges []slotRange) bool {
	slots := e.slots[work.slots:][:len(form.Slots)]
	for i := range ranges {
		r := &ranges[i]
		if r.from > r.to {
			continue // taken away
		}
		if r.numbers != nil {
			slot := &slots[r.from]
			c := &e.columns[slot.column]
			if slices.Contains(r.numbers, c.numbers[c.at+int(slot.offset)]) {
				return true
			}
			continue
		}
		state := r.state
		for k := r.from; k <= r.to && state > match.Matched; k++ {
			slot := &slots[k]
			c := &e.columns[slot.column]
			state = c.run(e.auto, state, c.at+int(slot.offset), &e.arena)
			if slot.in != state {
				slot.in, slot.out = state, e.auto.Run(state, form.Pieces[k+1])
			}
			state = slot.out
		}
		if state == match.Matched || state != match.Dead && r.to == len(slots)-1 && e.auto.Ends(state) {
			return true
		}
	}
	return false
}
