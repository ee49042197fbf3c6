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
	// Absent tells that the column's texts certainly lack one of the words with
	// these keys.
	Absent(name string, keys []words.Key) (bool, error)
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

// Decide tells what headers, dictionaries and word filters decide.
func (f *Filter) Decide(r Rows) (Truth, error) { return f.decide(f.expr, r) }

func (f *Filter) decide(e scan.Expr, r Rows) (Truth, error) {
	switch e := e.(type) {
	case nil:
		return Yes, nil
	case scan.And:
		out := Yes
		for _, x := range byCost(e) {
			t, err := f.decide(x, r)
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
			t, err := f.decide(x, r)
			if err != nil || t == Yes {
				return t, err
			}
			if t == Maybe {
				out = Maybe
			}
		}
		return out, nil
	case scan.Not:
		t, err := f.decide(e.X, r)
		switch t {
		case Yes:
			return No, err
		case No:
			return Yes, err
		}
		return t, err
	}
	return f.decideLeaf(e, r)
}

func (f *Filter) decideLeaf(e scan.Expr, r Rows) (Truth, error) {
	switch e := e.(type) {
	case scan.Const:
		return truth(bool(e)), nil
	case scan.Exists:
		if e.Field == record.FieldDataset || e.Field == record.FieldTime {
			return Yes, nil
		}
		h, err := r.Head(e.Field)
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
			return f.decideAnywhere(e, r)
		}
		return f.decideText(e, r)
	case scan.Compare:
		return f.decideCompare(&e, r)
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
func (f *Filter) decideAnywhere(e scan.Text, r Rows) (Truth, error) {
	names, err := r.Names()
	if err != nil {
		return Maybe, err
	}
	out := No
	for _, name := range names {
		h, err := r.Head(name)
		if err != nil {
			return Maybe, err
		}
		if !anywhere(name, h) {
			continue
		}
		t, err := f.decideText(scan.Text{Field: name, Pattern: e.Pattern}, r)
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

func (f *Filter) decideText(e scan.Text, r Rows) (Truth, error) {
	switch e.Field {
	case record.FieldDataset:
		return truth(e.Pattern.Match([]byte(r.Dataset()))), nil
	case record.FieldTime:
		return Maybe, nil
	}
	h, err := r.Head(e.Field)
	if err != nil {
		return Maybe, err
	}
	if !h.Present {
		return No, nil
	}
	if h.Form == scan.Consts || h.Form == scan.Dict {
		return decideValues(e.Field, h, r, e.Matches)
	}
	p := f.patterns[e.Pattern]
	t, err := r.Texts(e.Field)
	if err != nil {
		return Maybe, err
	}
	if t != nil {
		return p.decide(t, h.Full), nil
	}
	if h.Kinds&^column.Text == 0 && len(p.keys) > 0 {
		absent, err := r.Absent(e.Field, p.keys)
		if err != nil {
			return Maybe, err
		}
		if absent {
			return No, nil
		}
	}
	return Maybe, nil
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
func (f *Filter) countValues(field string, r Rows, hold func(record.Value) bool) (int, bool, error) {
	if field == record.FieldDataset || field == record.FieldTime {
		return 0, false, nil
	}
	values, counts, ok, err := r.Counts(field)
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

func (f *Filter) decideCompare(e *scan.Compare, r Rows) (Truth, error) {
	switch e.Field {
	case record.FieldDataset:
		return truth(e.Matches(record.StringValue([]byte(r.Dataset())))), nil
	case record.FieldTime:
		first, last := r.Bounds()
		return between(e, first, last), nil
	}
	h, err := r.Head(e.Field)
	if err != nil {
		return Maybe, err
	}
	switch {
	case !h.Present:
		return No, nil
	case h.Form == scan.Consts || h.Form == scan.Dict:
		return decideValues(e.Field, h, r, e.Matches)
	case h.Form == scan.Ints && e.Value.Kind == record.Int:
		t := between(e, h.Min, h.Max)
		if t == Yes && !h.Full {
			t = Maybe
		}
		return t, nil
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
