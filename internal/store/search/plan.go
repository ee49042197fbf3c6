package search

import (
	"slices"

	"journalist/internal/match"
	"journalist/internal/store/template"
	"journalist/internal/store/text"
)

// verdict is what a template tells of the texts that follow it.
type verdict uint8

const (
	no verdict = iota
	yes
	maybe // its ranges tell
)

// slotRange is slots of a template that may decide: begun in state, a text matches
// when their values and the pieces after each lead to match.Matched, or, where the
// last slot is the template's, to a state in which a text may end. Every range of a
// template decides by itself.
type slotRange struct {
	from, to int // both included
	state    match.State
	// numbers, if not nil, are all the values that satisfy a range of one slot, whose
	// values are whole numbers.
	numbers []int64
}

// planner holds the plan of the last column, in case it is asked for again.
type planner struct {
	node   *text.Node
	absent []bool

	verdicts []verdict
	first    []int // of each template, its first range; one more at the end
	ranges   []slotRange

	// Of candidates: which templates are, and scratch.
	candidate, next, live []bool
	found                 []int
}

func (p *planner) truth() Truth {
	if len(p.verdicts) == 0 {
		return None
	}
	for _, v := range p.verdicts {
		if v == maybe || v != p.verdicts[0] {
			return Some
		}
	}
	if p.verdicts[0] == yes {
		return All
	}
	return None
}

// settled tells that no row need be looked at.
func (p *planner) settled() bool { return !slices.Contains(p.verdicts, maybe) }

func (p *planner) rangesOf(t int) []slotRange { return p.ranges[p.first[t]:p.first[t+1]] }

// planned returns the plan for a template node; false where there is no automaton.
func (s *Search) planned(n *text.Node, f Filter) (*planner, bool) {
	if s.auto == nil {
		return nil, false
	}
	s.ask(f)
	p := &s.plan
	if p.node == n && slices.Equal(p.absent, s.absent) {
		return p, true
	}
	forms := n.Templates()
	p.node = n
	p.absent = append(p.absent[:0], s.absent...)
	p.verdicts = append(p.verdicts[:0], make([]verdict, len(forms))...)
	p.first = append(p.first[:0], make([]int, len(forms)+1)...)
	p.ranges = p.ranges[:0]
	pruned := s.candidates(n)
	for t := range forms {
		p.first[t] = len(p.ranges)
		if !pruned || p.candidate[t] {
			p.verdicts[t] = s.template(&forms[t], n.Columns())
		}
	}
	p.first[len(forms)] = len(p.ranges)
	return p, !s.overflow()
}

// template plans one template and appends its ranges.
func (s *Search) template(form *template.Template, columns []*text.Node) verdict {
	p, set := &s.plan, &s.sets
	begun := len(p.ranges)
	start := s.auto.Run(s.auto.Start(), form.Pieces[0])
	last := len(form.Slots) - 1
	switch {
	case start == match.Matched || last < 0 && s.ends(start):
		return yes
	case start == match.Dead || last < 0:
		return no
	}
	from := 0        // the first slot since the state was known to be start
	matched := false // some ways since then have
	set.reset()
	set.add(start)
	for k := range form.Slots {
		if !set.cross(columns[columnOf(form, k)]) {
			p.ranges = append(p.ranges, slotRange{from: from, to: last, state: start})
			return maybe
		}
		set.run(form.Pieces[k+1])
		left := set.now[:0]
		for _, state := range set.now {
			if state == match.Matched || k == last && s.ends(state) {
				matched = true
			} else {
				left = append(left, state)
			}
		}
		set.now = left
		switch {
		case len(left) == 0: // whatever did not match before does now
			p.ranges = p.ranges[:begun]
			return yes
		case k == last && matched:
			p.ranges = append(p.ranges, slotRange{from: from, to: last, state: start})
		case len(left) == 1:
			if matched {
				p.ranges = append(p.ranges, slotRange{from: from, to: k, state: start})
			}
			from, start, matched = k+1, left[0], false
			if start == match.Dead {
				return verdictOf(len(p.ranges) - begun)
			}
		}
	}
	return verdictOf(len(p.ranges) - begun)
}

func verdictOf(ranges int) verdict {
	if ranges > 0 {
		return maybe
	}
	return no
}

// columnOf is the column that a slot's value comes from.
func columnOf(form *template.Template, slot int) int {
	return form.Slots[origin(form, slot)].Column
}

// origin is the slot itself, or the one it is a copy of.
func origin(form *template.Template, slot int) int {
	for form.Slots[slot].Copy >= 0 {
		slot = form.Slots[slot].Copy
	}
	return slot
}

// narrow appends those templates of [from, to) whose text matches. It looks into
// halves only of what matches as a whole, so that a word that is nowhere takes one
// look.
func narrow(dst []int, p *match.Pattern, static []byte, ends []uint32, from, to int) []int {
	if from == to || !p.Match(static[begin(ends, from):ends[to-1]]) {
		return dst
	}
	if to-from == 1 {
		return append(dst, from)
	}
	mid := (from + to) / 2
	return narrow(narrow(dst, p, static, ends, from, mid), p, static, ends, mid, to)
}

func begin(ends []uint32, t int) uint32 {
	if t == 0 {
		return 0
	}
	return ends[t-1]
}
