package exec

import (
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// fieldsStep hides the fields that a projection leaves out from the steps behind it.
// The rows keep their time.
type fieldsStep struct {
	keep []string // nil: all but drop
	drop map[string]bool
}

func (s *fieldsStep) sets() []string { return nil }
func (s *fieldsStep) cuts() bool     { return false }

func (s *fieldsStep) source(names []string, whole bool) ([]string, bool) {
	if whole && s.keep == nil {
		return nil, true
	}
	if whole {
		return s.keep, false
	}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !s.shows([]string{n}) }), false
}

func (s *fieldsStep) shown(name string) bool {
	return (s.keep == nil || contains(s.keep, name)) && !s.drop[name]
}

// shows tells whether all these fields are seen behind the step as before it. Whole
// rows always have their time and dataset.
func (s *fieldsStep) shows(names []string) bool {
	return (&plan{keep: s.keep, drop: s.drop}).has(names)
}

func (s *fieldsStep) runner() runner { return &fieldsRunner{fieldsStep: s} }

type fieldsRunner struct {
	*fieldsStep
	out scan.Block
}

func (x *fieldsRunner) run(b *scan.Block) (*scan.Block, error) {
	columns, shapes := x.out.Columns[:0], x.out.Shapes[:0]
	for i := range b.Columns {
		if x.shown(b.Columns[i].Name) {
			columns = append(columns, b.Columns[i])
		}
	}
	for _, s := range b.Shapes {
		kept := make([]record.Name, 0, len(s))
		for _, n := range s {
			if x.shown(n.Dotted) {
				kept = append(kept, n)
			}
		}
		shapes = append(shapes, kept)
	}
	x.out = *b
	x.out.Columns, x.out.Shapes = columns, shapes
	if x.keep != nil && !contains(x.keep, record.FieldDataset) {
		x.out.Dataset = ""
	}
	return &x.out, nil
}

// limitStep lets the first rows through, by one worker and in the order that they
// come, and then ends the scan.
type limitStep struct{ n int }

func (s *limitStep) sets() []string { return nil }
func (s *limitStep) cuts() bool     { return true }

func (s *limitStep) source(names []string, whole bool) ([]string, bool) { return names, whole }

func (s *limitStep) runner() runner { return &limitRunner{left: s.n} }

type limitRunner struct{ left int }

func (l *limitRunner) run(b *scan.Block) (*scan.Block, error) {
	if l.left == 0 {
		return b, errEnough
	}
	b = firstRows(b, l.left)
	l.left -= b.Len()
	return b, nil
}

// arrange lets one worker see the rows in their order where a step wants that.
func (p *plan) arrange(r *scan.Request) {
	if !p.ordered {
		return
	}
	r.Parallel, r.Order = 1, scan.NewestFirst
	if first, ok := p.steps[0].(*limitStep); ok {
		r.Limit = first.n
	}
}
