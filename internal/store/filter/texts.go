package filter

import (
	"sync"

	"journalist/internal/match"
	"journalist/internal/scan"
	"journalist/internal/store/search"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
	"journalist/internal/store/words"
)

// Texts is a column of strings as it is encoded: a pattern is looked for in its
// templates, and only where they leave it open in the values.
type Texts struct {
	Node   *text.Node
	Source stream.Source
	// Filter is over what the templates do not say; nil: there is none.
	Filter *words.Filter
	// Rows reads which rows have a value; nil: all have.
	Rows func() ([]uint32, error)
}

func (t *Texts) filter() search.Filter {
	if t.Filter == nil {
		return nil
	}
	return t.Filter
}

// pattern is a pattern made ready.
type pattern struct {
	keys []words.Key // of the words that every match contains
	// A search has an automaton that belongs to one goroutine.
	searches sync.Pool
}

func newPattern(p *match.Pattern) *pattern {
	return &pattern{keys: words.KeysOf(p), searches: sync.Pool{New: func() any { return search.New(p) }}}
}

// decide tells what templates and the word filter decide.
func (p *pattern) decide(t *Texts, full bool) Truth {
	s := p.searches.Get().(*search.Search)
	defer p.searches.Put(s)
	switch d := s.Decide(t.Node, t.filter()); {
	case d == search.None:
		return No
	case d == search.All && full:
		return Yes
	}
	return Maybe
}

// apply removes from sel the rows whose text does not match.
func (p *pattern) apply(t *Texts, sel Bitmap) error {
	s := p.searches.Get().(*search.Search)
	defer p.searches.Put(s)
	if t.Rows == nil {
		hit := make(Bitmap, len(sel))
		if err := s.Rows(t.Node, t.Source, t.filter(), sel, hit); err != nil {
			return err
		}
		sel.and(hit)
		return nil
	}
	rows, err := t.Rows()
	if err != nil {
		return err
	}
	want, some := NewBitmap(len(rows)), false
	for i, row := range rows {
		if sel.Has(row) {
			want.Set(uint32(i))
			some = true
		}
	}
	hit := NewBitmap(len(rows))
	if some {
		if err := s.Rows(t.Node, t.Source, t.filter(), want, hit); err != nil {
			return err
		}
	}
	sel.clear()
	for i, row := range rows {
		if want.Has(uint32(i)) && hit.Has(uint32(i)) {
			sel.Set(row)
		}
	}
	return nil
}

// count counts the rows that match.
func (p *pattern) count(t *Texts) (int, error) {
	s := p.searches.Get().(*search.Search)
	defer p.searches.Put(s)
	return s.Count(t.Node, t.Source, t.filter())
}

// Count counts the rows for which the predicate holds; ok is false where it has to
// find them for that. It is for a group all of whose rows are asked for.
func (v *Evaluation) Count() (n int, ok bool, err error) {
	switch e := v.f.expr.(type) {
	case scan.Text:
		if e.Field == "" {
			return 0, false, nil
		}
		if t, err := v.decideText(e); err != nil || t == No {
			return 0, err == nil, err
		}
		t, err := v.r.Texts(e.Field)
		if err != nil {
			return 0, false, err
		}
		if t != nil {
			n, err := v.f.patterns[e.Pattern].count(t)
			return n, err == nil, err
		}
		return v.countValues(e.Field, e.Matches)
	case scan.Compare:
		return v.countValues(e.Field, e.Matches)
	}
	return 0, false, nil
}
