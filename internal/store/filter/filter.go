// Package filter evaluates a scan's predicate on columns: first on what the
// headers, dictionaries and word filters of a row group decide, then on the values
// of the columns that are needed, for the rows that are still in question.
//
// Up the way internal/store scans with it; down the way are internal/store/column's
// columns. What a predicate means is said by internal/scan.
package filter

import (
	"cmp"
	"slices"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/store/words"
)

// Head is what is known of a column without reading its values.
type Head struct {
	Present bool // some row has the field
	Full    bool // every row has it
	Form    scan.Form
	Kinds   column.KindMask
	Min     int64 // Ints
	Max     int64
}

// Rows are the rows to evaluate a predicate on: a row group of a part or a chunk
// in memory. One goroutine uses it at a time.
type Rows interface {
	Len() int
	Dataset() string
	// Times ascend.
	Times() ([]int64, error)
	// Bounds are the first and the last time.
	Bounds() (first, last int64)
	// Names lists the columns.
	Names() ([]string, error)
	Head(name string) (Head, error)
	// Values returns the distinct values of a Consts or Dict column.
	Values(name string) ([]record.Value, error)
	// Col returns the column, nil where no row has the field.
	Col(name string) (*column.Col, error)
	// Counts returns the distinct values of a column with the number of rows that
	// have each; ok only where that is known without reading the rows.
	Counts(name string) (values []record.Value, counts []int64, ok bool, err error)
	// Texts returns a column of strings as it is encoded, nil where it is not one
	// or is not encoded.
	Texts(name string) (*Texts, error)
	// Denies tells that certainly no text (a string or an element of an array) of
	// the column, or of any column where field is "", has all the keys.
	Denies(field string, keys []words.Key) (bool, error)
}

// Filter is a predicate made ready. It is immutable and may be used by several
// goroutines.
type Filter struct {
	expr     scan.Expr
	patterns map[*match.Pattern]*pattern
}

// New prepares a predicate; nil matches every row.
func New(e scan.Expr) *Filter {
	f := &Filter{expr: e, patterns: map[*match.Pattern]*pattern{}}
	if e == nil {
		f.expr = scan.Const(true)
	}
	f.prepare(f.expr)
	return f
}

func (f *Filter) prepare(e scan.Expr) {
	switch e := e.(type) {
	case scan.And:
		for _, x := range e {
			f.prepare(x)
		}
	case scan.Or:
		for _, x := range e {
			f.prepare(x)
		}
	case scan.Not:
		f.prepare(e.X)
	case scan.Text:
		f.patterns[e.Pattern] = newPattern(e.Pattern)
	}
}

// Truth is what a predicate is for all rows of a group.
type Truth uint8

// The truths.
const (
	Maybe Truth = iota // true for some rows, false for others, or unknown
	No                 // false for all
	Yes                // true for all
)

// Evaluation is a filter on its way over one group. It remembers what it found out;
// one goroutine uses it.
type Evaluation struct {
	f *Filter
	r Rows
	// texts is what was decided of the texts of a column.
	texts map[question]Truth
}

type question struct {
	field   string
	pattern *match.Pattern
}

// On begins to evaluate the filter on a group.
func (f *Filter) On(r Rows) *Evaluation {
	return &Evaluation{f: f, r: r, texts: map[question]Truth{}}
}

// Decide tells what headers, dictionaries and word filters decide.
func (v *Evaluation) Decide() (Truth, error) { return v.decide(v.f.expr) }

func (v *Evaluation) decide(e scan.Expr) (Truth, error) {
	switch e := e.(type) {
	case nil:
		return Yes, nil
	case scan.And:
		out := Yes
		for _, x := range byCost(e) {
			t, err := v.decide(x)
			if err != nil || t == No {
				return t, err
			}
			if t == Maybe {
				out = Maybe
			}
		}
		return out, nil
	case scan.Or:
		out := No
		for _, x := range byCost(e) {
			t, err := v.decide(x)
			if err != nil || t == Yes {
				return t, err
			}
			if t == Maybe {
				out = Maybe
			}
		}
		return out, nil
	case scan.Not:
		t, err := v.decide(e.X)
		switch t {
		case Yes:
			return No, err
		case No:
			return Yes, err
		}
		return t, err
	}
	return v.decideLeaf(e)
}

func (v *Evaluation) decideLeaf(e scan.Expr) (Truth, error) {
	switch e := e.(type) {
	case scan.Const:
		return truth(bool(e)), nil
	case scan.Exists:
		if e.Field == record.FieldDataset || e.Field == record.FieldTime {
			return Yes, nil
		}
		h, err := v.r.Head(e.Field)
		switch {
		case err != nil:
			return Maybe, err
		case !h.Present:
			return No, nil
		case h.Full:
			return Yes, nil
		}
		return Maybe, nil
	case scan.Text:
		if e.Field == "" {
			return v.decideAnywhere(e)
		}
		return v.decideText(e)
	case scan.Compare:
		return v.decideCompare(&e)
	case scan.In:
		return v.decideIn(e)
	}
	return Maybe, nil
}

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

// decideAnywhere decides a text that may stand in any field with texts.
func (v *Evaluation) decideAnywhere(e scan.Text) (Truth, error) {
	// Only a message may be something else than a text.
	h, err := v.r.Head(record.FieldMessage)
	if err != nil {
		return Maybe, err
	}
	if h.Kinds&^column.Text == 0 {
		if denied, err := v.r.Denies("", v.f.patterns[e.Pattern].keys); err != nil || denied {
			return No, err
		}
	}
	names, err := v.r.Names()
	if err != nil {
		return Maybe, err
	}
	out := No
	for _, name := range names {
		h, err := v.r.Head(name)
		if err != nil {
			return Maybe, err
		}
		if !anywhere(name, h) {
			continue
		}
		t, err := v.decideText(scan.Text{Field: name, Pattern: e.Pattern})
		if err != nil {
			return Maybe, err
		}
		if t == Yes && (h.Kinds&^column.Text == 0 || name == record.FieldMessage) {
			return Yes, nil
		}
		if t != No {
			out = Maybe
		}
	}
	return out, nil
}

// anywhere tells whether a search without a field looks at the column.
func anywhere(name string, h Head) bool {
	if name == record.FieldDataset || name == record.FieldTime {
		return false
	}
	return h.Present && (h.Kinds&column.Text != 0 || name == record.FieldMessage)
}

func (v *Evaluation) decideText(e scan.Text) (Truth, error) {
	q := question{e.Field, e.Pattern}
	t, known := v.texts[q]
	if known {
		return t, nil
	}
	t, err := v.readText(e)
	if err == nil {
		v.texts[q] = t
	}
	return t, err
}

// readText is decideText for the first time.
func (v *Evaluation) readText(e scan.Text) (Truth, error) {
	switch e.Field {
	case record.FieldDataset:
		return truth(e.Pattern.Match([]byte(v.r.Dataset()))), nil
	case record.FieldTime:
		return Maybe, nil
	}
	h, err := v.r.Head(e.Field)
	if err != nil {
		return Maybe, err
	}
	if !h.Present {
		return No, nil
	}
	p := v.f.patterns[e.Pattern]
	if h.Kinds&^column.Text == 0 {
		if denied, err := v.r.Denies(e.Field, p.keys); err != nil || denied {
			return No, err
		}
	}
	if h.Form == scan.Consts || h.Form == scan.Dict {
		return decideValues(e.Field, h, v.r, e.Matches)
	}
	t, err := v.r.Texts(e.Field)
	if err != nil || t == nil {
		return Maybe, err
	}
	return p.decide(t, h.Full), nil
}

func decideValues(field string, h Head, r Rows, hold func(record.Value) bool) (Truth, error) {
	values, err := r.Values(field)
	if err != nil {
		return Maybe, err
	}
	n := 0
	for _, v := range values {
		if hold(v) {
			n++
		}
	}
	switch {
	case n == 0:
		return No, nil
	case n == len(values) && h.Full:
		return Yes, nil
	}
	return Maybe, nil
}

// countValues counts the rows whose value satisfies hold.
func (v *Evaluation) countValues(field string, hold func(record.Value) bool) (int, bool, error) {
	if field == record.FieldDataset || field == record.FieldTime {
		return 0, false, nil
	}
	values, counts, ok, err := v.r.Counts(field)
	if err != nil || !ok {
		return 0, false, err
	}
	n := int64(0)
	for i, v := range values {
		if hold(v) {
			n += counts[i]
		}
	}
	return int(n), true, nil
}

func (v *Evaluation) decideCompare(e *scan.Compare) (Truth, error) {
	switch e.Field {
	case record.FieldDataset:
		return truth(e.Matches(record.StringValue([]byte(v.r.Dataset())))), nil
	case record.FieldTime:
		first, last := v.r.Bounds()
		return between(e, first, last), nil
	}
	h, err := v.r.Head(e.Field)
	if err != nil {
		return Maybe, err
	}
	switch {
	case !h.Present:
		return No, nil
	case h.Form == scan.Consts || h.Form == scan.Dict:
		return decideValues(e.Field, h, v.r, e.Matches)
	case h.Form == scan.Ints && e.Value.Kind == record.Int:
		t := between(e, h.Min, h.Max)
		if t == Yes && !h.Full {
			t = Maybe
		}
		return t, nil
	}
	return Maybe, nil
}

func (v *Evaluation) decideIn(e scan.In) (Truth, error) {
	if e.Field == record.FieldDataset {
		return truth(e.Matches(record.StringValue([]byte(v.r.Dataset())))), nil
	}
	h, err := v.r.Head(e.Field)
	switch {
	case err != nil:
		return Maybe, err
	case !h.Present || e.Set.Len() == 0:
		return No, nil
	case h.Form == scan.Consts || h.Form == scan.Dict:
		return decideValues(e.Field, h, v.r, e.Matches)
	}
	return Maybe, nil
}

// between decides a comparison of integers that lie in [lo, hi] with an integer.
func between(e *scan.Compare, lo, hi int64) Truth {
	a, b := e.Op.Holds(cmp.Compare(lo, e.Value.Int)), e.Op.Holds(cmp.Compare(hi, e.Value.Int))
	inside := lo < e.Value.Int && e.Value.Int < hi
	switch {
	case lo == hi:
		return truth(a)
	case e.Op == scan.Eq:
		return no(a || b || inside)
	case e.Op == scan.Ne:
		if !a || !b || inside {
			return Maybe
		}
		return Yes
	case a && b:
		return Yes
	}
	return no(a || b)
}

func no(possible bool) Truth {
	if possible {
		return Maybe
	}
	return No
}

// byCost orders predicates so that cheap ones are asked first.
func byCost(list []scan.Expr) []scan.Expr {
	if slices.IsSortedFunc(list, func(a, b scan.Expr) int { return cmp.Compare(cost(a), cost(b)) }) {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b scan.Expr) int { return cmp.Compare(cost(a), cost(b)) })
	return list
}

func cost(e scan.Expr) int {
	switch e := e.(type) {
	case scan.Const:
		return 0
	case scan.Exists:
		return 2
	case scan.Compare:
		if e.Field == record.FieldTime || e.Field == record.FieldDataset {
			return 1
		}
		return 3
	case scan.In:
		return 4
	case scan.Text:
		if e.Field == "" {
			return 20
		}
		if e.Field == record.FieldMessage {
			return 10
		}
		return 5
	case scan.Not:
		return cost(e.X)
	case scan.And:
		return sum(e)
	case scan.Or:
		return sum(e)
	}
	return 1
}

func sum(list []scan.Expr) int {
	n := 0
	for _, e := range list {
		n += cost(e)
	}
	return n
}
