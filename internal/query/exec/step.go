package exec

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// step changes rows on their way from the source to whoever collects, sorts or
// groups them. The plan has the steps, each worker its own runner of each.
type step interface {
	// source turns the columns (or all, with whole) that are wanted behind the step
	// into those that are wanted before it.
	source(names []string, whole bool) ([]string, bool)
	// sets are the fields that the step makes.
	sets() []string
	// cuts tells whether rows are left out.
	cuts() bool
	runner() runner
}

// runner runs a step on the blocks of one worker. The block it returns is valid
// as long as the one it got, and until the next call.
type runner interface {
	run(b *scan.Block) (*scan.Block, error)
}

// chain is one worker's runners, in order.
type chain []runner

func (p *plan) chain() chain {
	c := make(chain, 0, len(p.steps))
	for _, s := range p.steps {
		c = append(c, s.runner())
	}
	return c
}

func (c chain) apply(b *scan.Block) (*scan.Block, error) {
	for _, r := range c {
		var err error
		if b, err = r.run(b); err != nil || b.Len() == 0 {
			return b, err
		}
	}
	return b, nil
}

// scanSteps scans and lets the plan's steps change the blocks, for each of the request's
// workers; add takes what is left of a block of one of them.
func (q *query) scanSteps(ctx context.Context, what string, p *plan, r *scan.Request, add func(worker int, b *scan.Block) error) error {
	chains := make([]chain, max(1, r.Parallel))
	for i := range chains {
		chains[i] = p.chain()
	}
	return q.scan(ctx, what, r, func(b *scan.Block) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		worker := b.Worker
		b, err := chains[worker].apply(b)
		if err != nil || b.Len() == 0 {
			return err
		}
		return add(worker, b)
	})
}

// source are the columns to ask the source for so that those wanted come out of
// the steps.
func (p *plan) source(names []string, whole bool) ([]string, bool) {
	for _, s := range slices.Backward(p.steps) {
		names, whole = s.source(names, whole)
	}
	if whole {
		return nil, true
	}
	return columns(names), false
}

// cuts tells whether the steps leave rows out.
func (p *plan) cuts() bool { return slices.ContainsFunc(p.steps, step.cuts) }

// sets tells whether a step makes one of these fields.
func (p *plan) sets(names []string) bool {
	return slices.ContainsFunc(p.steps, func(s step) bool {
		return slices.ContainsFunc(s.sets(), func(n string) bool { return contains(names, n) })
	})
}

// without returns the names that are not among those left out.
func without(names, out []string) []string {
	kept := make([]string, 0, len(names))
	for _, n := range names {
		if !contains(out, n) {
			kept = append(kept, n)
		}
	}
	return kept
}

// whereStep keeps the rows that satisfy a filter over fields that steps made.
type whereStep struct{ filter scan.Expr }

func (s *whereStep) sets() []string { return nil }
func (s *whereStep) cuts() bool     { return true }

func (s *whereStep) source(names []string, whole bool) ([]string, bool) {
	names = slices.Clone(names)
	all := fieldsOf(s.filter, func(n string) { names = append(names, n) })
	return names, whole || all
}

func (s *whereStep) runner() runner { return &whereRunner{filter: s.filter} }

type whereRunner struct {
	filter scan.Expr
	view   view
	rows   []int
}

func (w *whereRunner) run(b *scan.Block) (*scan.Block, error) {
	w.view.reset(b)
	w.rows = w.rows[:0]
	for i := range w.view.n {
		if w.view.eval(w.filter, i) {
			w.rows = append(w.rows, i)
		}
	}
	return pick(b, w.rows), nil
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

// pick returns a block of some of the rows, in order.
func pick(b *scan.Block, rows []int) *scan.Block {
	if len(rows) == b.Len() {
		return b
	}
	out := *b
	out.Times, out.Places = pickSlice(b.Times, rows), pickSlice(b.Places, rows)
	out.ShapeOf = pickSlice(b.ShapeOf, rows)
	out.Columns = make([]scan.Column, len(b.Columns))
	for i := range b.Columns {
		out.Columns[i] = pickColumn(&b.Columns[i], rows)
	}
	return &out
}

func pickSlice[T any](s []T, rows []int) []T {
	if s == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = s[r]
	}
	return out
}

func pickColumn(c *scan.Column, rows []int) scan.Column {
	out := *c
	out.Len = len(rows)
	switch c.Form {
	case scan.Dict:
		out.Codes = pickSlice(c.Codes, rows)
	case scan.Ints:
		out.Ints = pickSlice(c.Ints, rows)
	case scan.Plain:
		out.Kinds = pickSlice(c.Kinds, rows)
		out.Offsets, out.Data = append(make([]uint32, 0, len(rows)+1), 0), nil
		for _, r := range rows {
			out.Data = append(out.Data, c.Data[c.Offsets[r]:c.Offsets[r+1]]...)
			out.Offsets = append(out.Offsets, uint32(len(out.Data)))
		}
	}
	return out
}

// firstRows returns a block of the first n rows.
func firstRows(b *scan.Block, n int) *scan.Block {
	if n >= b.Len() {
		return b
	}
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return pick(b, rows)
}

// setter puts columns that a step made into blocks, in the place of what was
// called so before.
type setter struct {
	names []string
	out   scan.Block

	shapes map[string]uint32 // of the block: old shape and which fields are there
	key    []byte
}

func (s *setter) set(b *scan.Block, cols []scan.Column) *scan.Block {
	columns := s.out.Columns[:0]
	for i := range b.Columns {
		if !contains(s.names, b.Columns[i].Name) {
			columns = append(columns, b.Columns[i])
		}
	}
	s.out = *b
	s.out.Columns = append(columns, cols...)
	if b.ShapeOf != nil {
		s.reshape(b, cols)
	}
	return &s.out
}

// reshape gives each whole row the fields that it has now.
func (s *setter) reshape(b *scan.Block, cols []scan.Column) {
	if s.shapes == nil {
		s.shapes = map[string]uint32{}
	}
	clear(s.shapes)
	s.out.Shapes, s.out.ShapeOf = nil, make([]uint32, len(b.ShapeOf))
	for i, old := range b.ShapeOf {
		s.key = binary.LittleEndian.AppendUint32(s.key[:0], old)
		for j := range cols {
			s.key = append(s.key, byte(min(cols[j].Value(i).Kind, 1)))
		}
		id, ok := s.shapes[string(s.key)]
		if !ok {
			id = uint32(len(s.out.Shapes))
			s.shapes[string(s.key)] = id
			s.out.Shapes = append(s.out.Shapes, s.shape(b.Shapes[old], cols, i))
		}
		s.out.ShapeOf[i] = id
	}
}

func (s *setter) shape(old []record.Name, cols []scan.Column, row int) []record.Name {
	names := make([]record.Name, 0, len(old)+len(cols))
	for _, n := range old {
		if !contains(s.names, n.Dotted) {
			names = append(names, n)
		}
	}
	for j := range cols {
		if cols[j].Value(row).Kind != record.Missing {
			names = append(names, record.MakeName(cols[j].Name))
		}
	}
	return names
}

// set puts fields into the rows of a table, in the place of what was called so
// before. make appends the values of a row, Missing where there is none; they are
// kept.
func (q *query) set(t *table, names []string, make func(dst []record.Value, r *tableRow) []record.Value) error {
	type shapeKey struct {
		first *record.Name
		n     int
		has   string
	}
	shapes := map[shapeKey][]record.Name{}
	keep, cols := []int{}, []tableColumn{}
	for i, c := range t.cols {
		if !contains(names, c.name) {
			keep, cols = append(keep, i), append(cols, c)
		}
	}
	for _, n := range names {
		cols = append(cols, tableColumn{name: n})
	}
	var made []record.Value
	for i := range t.rows {
		r := &t.rows[i]
		made = make(made[:0], r)
		var bytes int64
		for _, v := range made {
			bytes += size(v)
		}
		if err := q.budget.take(bytes, "fields of rows in memory"); err != nil {
			return err
		}
		var values []record.Value
		if !t.whole {
			for _, j := range keep {
				values = append(values, r.values[j])
			}
			r.values = append(values, made...)
			continue
		}
		key := shapeKey{n: len(r.shape)}
		if len(r.shape) > 0 {
			key.first = &r.shape[0]
		}
		var has []byte
		for j, n := range r.shape {
			if !contains(names, n.Dotted) {
				values = append(values, r.values[j])
			}
		}
		for _, v := range made {
			has = append(has, byte(min(v.Kind, 1)))
			if v.Kind != record.Missing {
				values = append(values, v)
			}
		}
		key.has = string(has)
		shape, ok := shapes[key]
		if !ok {
			for _, n := range r.shape {
				if !contains(names, n.Dotted) {
					shape = append(shape, n)
				}
			}
			for j, v := range made {
				if v.Kind != record.Missing {
					shape = append(shape, record.MakeName(names[j]))
				}
			}
			shapes[key] = shape
		}
		r.shape, r.values = shape, values
	}
	if !t.whole {
		t.cols = cols
	}
	return nil
}

// step makes a step of a pipe that changes rows one by one.
func (q *query) step(p lang.Pipe) (step, error) {
	switch p := p.(type) {
	case *lang.Extract:
		return q.extractStep(p)
	case *lang.Eval:
		return q.evalStep(p, q.compiler())
	}
	return nil, fmt.Errorf("exec: pipe %T", p)
}

// room is what the columns that a runner makes take; it stays with the query,
// since the next block's go to the same place.
type room struct {
	budget *budget
	held   int64
}

// need asks for as much as is not held yet.
func (r *room) need(n int) error {
	more := int64(n) - r.held
	if more <= 0 {
		return nil
	}
	more = max(more, 64<<10)
	r.held += more
	return r.budget.take(more, "fields that the query makes")
}
