package exec

import (
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// choice is which fields "fields" leaves of the rows.
type choice struct {
	keep []string        // nil: all but drop
	drop map[string]bool // nil: none
}

func choiceOf(f *lang.Fields) choice {
	if !f.Drop {
		return choice{keep: distinct(f.Names)}
	}
	drop := make(map[string]bool, len(f.Names))
	for _, n := range f.Names {
		drop[n] = true
	}
	return choice{drop: drop}
}

// all tells whether nothing is left out.
func (c *choice) all() bool { return c.keep == nil && c.drop == nil }

// leaves tells whether a field is left.
func (c *choice) leaves(name string) bool {
	return (c.keep == nil || contains(c.keep, name)) && !c.drop[name]
}

// has tells whether the rows still have all these fields. Whole rows always have their
// time and dataset.
func (c *choice) has(names []string) bool {
	for _, n := range names {
		if c.keep != nil && !contains(c.keep, n) || c.drop[n] && n != record.FieldTime && n != record.FieldDataset {
			return false
		}
	}
	return true
}

// of is what is left of a shape.
func (c *choice) of(shape []record.Name) []record.Name {
	kept := make([]record.Name, 0, len(shape))
	for _, n := range shape {
		if c.leaves(n.Dotted) {
			kept = append(kept, n)
		}
	}
	return kept
}

// strip makes out a block without the fields that are left out. The rows keep their
// time.
func (c *choice) strip(out, b *scan.Block) {
	columns, shapes := out.Columns[:0], out.Shapes[:0]
	for i := range b.Columns {
		if c.leaves(b.Columns[i].Name) {
			columns = append(columns, b.Columns[i])
		}
	}
	for _, s := range b.Shapes {
		shapes = append(shapes, c.of(s))
	}
	*out = *b
	out.Columns, out.Shapes = columns, shapes
	if c.keep != nil && !contains(c.keep, record.FieldDataset) {
		out.Dataset = ""
	}
}

// projection turns the blocks of a scan into those of the answer. One goroutine
// uses it.
type projection struct {
	choice
	view view
	out  scan.Block
}

// newProjection also tells the request which columns are needed.
func newProjection(p *plan, r *scan.Request) *projection {
	r.Columns, r.Whole = p.source(p.keep, p.keep == nil)
	return &projection{choice: p.choice}
}

// run makes a projection a runner.
func (pr *projection) run(b *scan.Block) (*scan.Block, error) { return pr.apply(b), nil }

func (pr *projection) apply(b *scan.Block) *scan.Block {
	switch {
	case pr.keep != nil:
		pr.kept(b)
	case len(pr.drop) > 0:
		pr.strip(&pr.out, b)
	default:
		return b
	}
	return &pr.out
}

// kept makes a block of the columns that are kept, also of those that no row has.
func (pr *projection) kept(b *scan.Block) {
	n := b.Len()
	pr.view.reset(b)
	pr.out = scan.Block{Dataset: b.Dataset, Columns: pr.out.Columns[:0]}
	for _, name := range pr.keep {
		if name == record.FieldTime && b.Times != nil {
			pr.out.Columns = append(pr.out.Columns, scan.Column{Name: name, Form: scan.Ints, Time: true, Len: n, Ints: b.Times})
			continue
		}
		if c := pr.view.column(name); c != nil {
			pr.out.Columns = append(pr.out.Columns, *c)
		} else {
			pr.out.Columns = append(pr.out.Columns, scan.Column{Name: name, Form: scan.Consts, Len: n, Values: make([]record.Value, 1)})
		}
	}
}

// fieldsStep hides the fields that a projection leaves out from the steps behind it.
type fieldsStep struct{ choice }

func (s *fieldsStep) sets() []string { return nil }
func (s *fieldsStep) cuts() bool     { return false }

func (s *fieldsStep) source(names []string, whole bool) ([]string, bool) {
	switch {
	case !whole:
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !s.has([]string{n}) }), false
	case s.keep == nil:
		return nil, true
	}
	return s.keep, false
}

func (s *fieldsStep) runner() runner { return &fieldsRunner{choice: s.choice} }

type fieldsRunner struct {
	choice
	out scan.Block
}

func (x *fieldsRunner) run(b *scan.Block) (*scan.Block, error) {
	x.strip(&x.out, b)
	return &x.out, nil
}
