package exec

import (
	"maps"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// planner takes pipes into a plan's scan, one after the other.
type planner struct {
	q      *query
	p      *plan
	c      compiler
	pulled pulled
	// ownLimit: the query says itself how many rows there are.
	ownLimit bool
}

// takeAll takes pipes as long as they can go into the scan; it returns the others.
func (s *planner) takeAll(pipes []lang.Pipe) ([]lang.Pipe, error) {
	for i, pipe := range pipes {
		steps := len(s.p.steps)
		taken, err := s.take(pipe)
		if taken {
			s.tell(pipe, steps)
		}
		switch {
		case err != nil:
			return nil, err
		case !taken:
			return pipes[i:], nil
		case s.p.stats != nil || s.p.special != nil:
			return pipes[i+1:], nil
		}
	}
	return nil, nil
}

// take says whether a pipe is part of the scan now.
func (s *planner) take(pipe lang.Pipe) (bool, error) {
	switch pipe := pipe.(type) {
	case *lang.Where:
		return s.where(pipe)
	case *lang.Dedup:
		return s.dedup(pipe), nil
	case *lang.Extract:
		return s.makes(pipe, pipe.Fields())
	case *lang.Eval:
		return s.makes(pipe, []string{pipe.Name})
	case *lang.Fields:
		return s.fields(pipe), nil
	case *lang.Sort:
		return s.sort(pipe), nil
	case *lang.Limit:
		s.ownLimit = true
		if s.p.limit == 0 || pipe.N < s.p.limit {
			s.p.limit = pipe.N
		}
		return true, nil
	case *lang.Stats:
		return s.stats(pipe, nil)
	case *lang.Timechart:
		return s.stats(&lang.Stats{Pos: pipe.Pos, Aggs: pipe.Aggs, By: pipe.By}, pipe)
	case *lang.Facets, *lang.Patterns, *lang.Comparison:
		return s.special(pipe), nil
	}
	return false, nil
}

// rowByRow tells whether the rows may still be changed one by one: none has been
// chosen by its place yet.
func (s *planner) rowByRow() bool { return s.p.sort == nil && s.p.limit == 0 }

func (s *planner) where(pipe *lang.Where) (bool, error) {
	if !s.rowByRow() {
		return false, nil
	}
	x, err := s.c.filter(pipe.Filter)
	if err != nil {
		return false, err
	}
	var names []string
	whole := fieldsOf(x, func(n string) { names = append(names, n) })
	p := s.p
	if p.hidesTime(names) {
		return false, nil
	}
	if p.shows(names, whole) && (len(p.steps) == 0 || !p.ordered && !whole && !p.sets(names) && !p.hides(names)) {
		s.pulled.pull(x)
		return true, nil
	}
	if !p.shows(names, whole) {
		p.hide()
	}
	p.steps = append(p.steps, &whereStep{filter: x})
	return true, nil
}

func (s *planner) dedup(pipe *lang.Dedup) bool {
	if !s.rowByRow() || !s.p.has(pipe.Names) {
		return false
	}
	s.p.steps, s.p.ordered = append(s.p.steps, &dedupStep{names: pipe.Names, budget: &s.q.budget}), true
	return true
}

// makes takes a pipe that sets fields. They are seen from there on, whatever was
// left out before.
func (s *planner) makes(pipe lang.Pipe, names []string) (bool, error) {
	p := s.p
	if !s.rowByRow() {
		return false, nil
	}
	step, err := s.q.step(pipe)
	if err != nil {
		return false, err
	}
	if used, _ := step.source(nil, false); p.hidesTime(used) {
		return false, nil
	}
	step.source(nil, true) // what was asked just now is not what is wanted
	p.hide()
	p.steps = append(p.steps, step)
	if p.keep != nil {
		p.keep = append(without(p.keep, names), names...)
	}
	if p.drop != nil {
		p.drop = maps.Clone(p.drop)
		for _, n := range names {
			delete(p.drop, n)
		}
	}
	return true, nil
}

// fields notes a projection of the rows; of two projections the second counts, where
// the first leaves it what it wants.
func (s *planner) fields(f *lang.Fields) bool {
	p := s.p
	switch {
	case !f.Drop:
		if p.hidesTime(f.Names) || !p.has(f.Names) && !s.rowByRow() {
			return false
		}
		if !p.has(f.Names) {
			p.hide()
		}
		p.choice = choiceOf(f)
	case p.keep != nil:
		kept := without(p.keep, f.Names)
		if len(kept) == 0 {
			return false // rows without columns: there is nothing to count them by
		}
		p.keep = kept
	default:
		both := choiceOf(f)
		maps.Copy(both.drop, p.drop)
		p.choice = both
	}
	return true
}

func (s *planner) sort(pipe *lang.Sort) bool {
	if !s.rowByRow() || s.p.ordered || !s.p.has(sortFields(pipe.By)) {
		return false
	}
	s.p.sort = pipe.By
	return true
}

// stats takes what groups the rows; chart is the timechart that it is part of, or
// nil. No projection, dedup or limit before it keeps rows in memory.
func (s *planner) stats(pipe *lang.Stats, chart *lang.Timechart) (bool, error) {
	p := s.p
	if p.sort != nil {
		return false, nil
	}
	ifs, err := s.q.conditions(pipe, s.c)
	if err != nil {
		return false, err
	}
	names, whole := usedBy(pipe, ifs)
	// Rows without their time are another matter: a chart of them is an error.
	if chart != nil && !p.has([]string{record.FieldTime}) || p.hidesTime(names) {
		return false, nil
	}
	if !p.shows(names, whole) {
		p.hide()
	}
	if p.limit > 0 {
		p.steps, p.ordered = append(p.steps, &limitStep{n: p.limit}), true
	}
	p.choice, p.limit = choice{}, 0
	p.stats, p.chart, s.ownLimit = pipe, chart, true
	return true, nil
}

// special takes a pipe that describes the rows.
func (s *planner) special(pipe lang.Pipe) bool {
	p := s.p
	if !s.rowByRow() || p.ordered {
		return false
	}
	if !p.all() {
		x, ok := pipe.(*lang.Patterns)
		if !ok || p.hidesTime([]string{x.Field}) {
			return false
		}
		if !p.has([]string{x.Field}) {
			p.hide()
		}
		p.choice = choice{}
	}
	p.special, s.ownLimit = pipe, true
	return true
}

// shows tells whether a filter or function sees the same with the projection as
// without it.
func (p *plan) shows(names []string, whole bool) bool {
	return p.has(names) && (!whole || p.all())
}

// hidesTime tells whether the time is among these fields and was left out: blocks have
// it all the same, so that only rows in memory can be without it.
func (p *plan) hidesTime(names []string) bool {
	return contains(names, record.FieldTime) && !p.has([]string{record.FieldTime})
}

// hide makes a step of the projection, for what comes behind it and must not see
// more.
func (p *plan) hide() {
	if !p.all() {
		p.steps = append(p.steps, &fieldsStep{p.choice})
	}
}

// hides tells whether a step leaves one of these fields out.
func (p *plan) hides(names []string) bool {
	for _, s := range p.steps {
		if f, ok := s.(*fieldsStep); ok && !f.has(names) {
			return true
		}
	}
	return false
}

// usedBy are the fields that a stats looks at, the time among them; whole: all.
func usedBy(s *lang.Stats, ifs []scan.Expr) (names []string, whole bool) {
	add := func(n string) {
		if n != "" {
			names = append(names, n)
		}
	}
	for _, k := range s.By {
		add(k.Field)
	}
	for i, a := range s.Aggs {
		add(a.Field)
		whole = fieldsOf(ifs[i], add) || whole
	}
	return names, whole
}
