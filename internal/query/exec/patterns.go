package exec

import (
	"context"
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// Patterner is a Source that knows the patterns of its texts. Of all others the
// executor finds them itself, from the texts.
type Patterner interface {
	// Patterns returns the n patterns of a field with the most rows, of the rows that
	// a request matches, with an example of each where these are asked for. ok is
	// false where it leaves this to the executor.
	Patterns(ctx context.Context, r *scan.Request, field string, n int, examples bool) (found scan.Patterns, st scan.Stats, ok bool, err error)
}

const foldedNote = "there are more patterns than are kept at a time: the rarest are together in <_>"

// patterns groups the rows of a scan by their patterns.
func (q *query) patterns(ctx context.Context, p *plan, x *lang.Patterns) (*table, error) {
	found, err := q.findPatterns(ctx, p, x.Field, x.N, true)
	if err != nil {
		return nil, err
	}
	return q.patternsResult(found), nil
}

// findPatterns asks the source for patterns where it knows them.
func (q *query) findPatterns(ctx context.Context, p *plan, field string, n int, examples bool) (scan.Patterns, error) {
	r := p.request(q)
	if r == nil {
		return scan.Patterns{}, nil
	}
	r.Parallel = q.e.o.Parallel
	if src, ok := q.e.o.Source.(Patterner); ok && p.steps == nil {
		r.Trace = q.tracing(r, "patterns")
		found, st, ok, err := src.Patterns(ctx, r, field, n, examples)
		r.Trace.Answered(answered(ok))
		if ok || err != nil {
			q.stats.Add(st)
			return found, err
		}
		r.Trace = nil
	}
	return q.minePatterns(ctx, p, r, field, n)
}

// minePatterns finds the patterns in the texts, several workers at once.
func (q *query) minePatterns(ctx context.Context, p *plan, r *scan.Request, field string, n int) (scan.Patterns, error) {
	r.Columns, r.Whole = p.source([]string{field}, false)
	miners, chains := make([]*patternMiner, r.Parallel), make([]chain, r.Parallel)
	for i := range miners {
		miners[i], chains[i] = &patternMiner{field: field, budget: &q.budget}, p.chain()
	}
	err := q.scan(ctx, r, func(b *scan.Block) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		w := b.Worker
		b, err := chains[w].apply(b)
		if err != nil {
			return err
		}
		return miners[w].add(b)
	})
	if err != nil {
		return scan.Patterns{}, err
	}
	all := miners[0]
	for _, m := range miners[1:] {
		for _, x := range m.set.Top(m.set.Len()) {
			all.set.Add(&x)
		}
		all.set.Folded = all.set.Folded || m.set.Folded
	}
	return scan.Patterns{List: all.set.Top(n), Total: all.set.Len(), Folded: all.set.Folded}, nil
}

// patternsTable groups rows at hand.
func (q *query) patternsTable(t *table, x *lang.Patterns) (*table, error) {
	m := &patternMiner{field: x.Field, budget: &q.budget}
	if err := t.emit(m.add); err != nil {
		return nil, err
	}
	return q.patternsResult(scan.Patterns{List: m.set.Top(x.N), Total: m.set.Len(), Folded: m.set.Folded}), nil
}

func (q *query) patternsResult(found scan.Patterns) *table {
	t := &table{}
	for i, n := range lang.PatternColumns {
		t.cols = append(t.cols, tableColumn{name: n, time: i == 2 || i == 3})
	}
	for _, p := range found.List {
		first, last := record.IntValue(p.First), record.IntValue(p.Last)
		if p.First > p.Last { // of rows without times
			first, last = record.Value{Kind: record.Null}, record.Value{Kind: record.Null}
		}
		t.rows = append(t.rows, tableRow{values: []record.Value{
			record.StringValue([]byte(scan.FormText(p.Form))), record.IntValue(p.Count), first, last, record.StringValue([]byte(p.Example)),
		}})
	}
	if found.Total > len(found.List) {
		q.note("these are %d of %d patterns", len(found.List), found.Total)
	}
	if found.Folded {
		q.note(foldedNote)
	}
	return t
}

// patternMiner finds patterns in the texts of one worker's rows.
type patternMiner struct {
	field  string
	budget *budget
	set    scan.PatternSet

	view       view
	text, form []byte
	codes      []codeRows
	held       int64
}

// codeRows is what is counted of a value of a dictionary.
type codeRows struct {
	count       int64
	first, last int64
}

func (m *patternMiner) add(b *scan.Block) error {
	m.view.reset(b)
	col := m.view.column(m.field)
	if col == nil || m.view.n == 0 {
		return nil
	}
	times := m.view.times()
	if col.Form == scan.Plain || col.Form == scan.Ints {
		// From the newest on, so that few examples are copied.
		n := m.view.n
		up := times != nil && times[0] < times[n-1]
		for i := range n {
			at := noTime
			if up {
				i = n - 1 - i
			}
			if times != nil {
				at = codeRows{1, times[i], times[i]}
			}
			if err := m.value(col.Value(i), at); err != nil {
				return err
			}
		}
		return nil
	}
	m.codes = slices.Grow(m.codes[:0], len(col.Values))[:len(col.Values)]
	clear(m.codes)
	for i := range m.view.n {
		code := uint32(0)
		if col.Form == scan.Dict {
			code = col.Codes[i]
		}
		c := &m.codes[code]
		switch {
		case times == nil:
			c.first, c.last = noTime.first, noTime.last
		case c.count == 0:
			c.first, c.last = times[i], times[i]
		default:
			c.first, c.last = min(c.first, times[i]), max(c.last, times[i])
		}
		c.count++
	}
	for i, c := range m.codes {
		if c.count > 0 {
			if err := m.value(col.Values[i], c); err != nil {
				return err
			}
		}
	}
	return nil
}

// noTime is one row that has no time.
var noTime = codeRows{count: 1, first: 1, last: 0}

// value counts the rows of a value. Null has no text.
func (m *patternMiner) value(v record.Value, rows codeRows) error {
	text := v.Bytes
	switch v.Kind {
	case record.Missing, record.Null:
		return nil
	case record.Int, record.Bool:
		m.text = v.AppendText(m.text[:0])
		text = m.text
	}
	m.form = scan.AppendForm(m.form[:0], text)
	p := m.set.Get(m.form)
	p.Observe(text, rows.count, rows.first, rows.last)
	if n := int64(m.set.Len()) * patternBytes; n > m.held {
		n = max(n, m.held+64<<10)
		if err := m.budget.take(n-m.held, "patterns"); err != nil {
			return err
		}
		m.held = n
	}
	return nil
}

// patternBytes is about what a pattern with its example takes.
const patternBytes = 1200
