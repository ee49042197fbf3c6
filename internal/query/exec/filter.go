package exec

import (
	"fmt"
	"math"
	"time"

	"journalist/internal/match"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// compiler turns the language's filters into predicates.
type compiler struct {
	now time.Time
	ins map[*lang.In]scan.Expr // queries inside of the query, answered
	// isTime tells which fields are times, as @timestamp is.
	isTime func(field string) bool
	wrong  func(pos int, message, hint string) *lang.Error
}

// newCompiler makes one for filters of q on records.
func newCompiler(q *lang.Query, now time.Time) compiler {
	return compiler{now: now, isTime: recordTime, wrong: q.ErrorAt}
}

func (c compiler) filter(f lang.Filter) (scan.Expr, error) {
	switch f := f.(type) {
	case nil:
		return scan.Const(true), nil
	case *lang.All:
		return scan.Const(true), nil
	case *lang.And:
		list, err := c.list(f.List)
		return scan.And(list), err
	case *lang.Or:
		list, err := c.list(f.List)
		return scan.Or(list), err
	case *lang.Not:
		x, err := c.filter(f.X)
		if known, ok := x.(scan.Const); ok {
			return !known, err
		}
		return scan.Not{X: x}, err
	case *lang.Exists:
		if f.Field == record.FieldTime || f.Field == record.FieldDataset {
			return scan.Const(true), nil
		}
		return scan.Exists{Field: f.Field}, nil
	case *lang.Time:
		return c.period(f)
	case *lang.Text:
		return c.text(f)
	case *lang.Compare:
		return c.compare(f.Field, f.Op, f.Value)
	case *lang.Range:
		return c.between(f)
	case *lang.In:
		return c.in(f)
	}
	return nil, fmt.Errorf("exec: filter %T", f)
}

func (c compiler) list(filters []lang.Filter) ([]scan.Expr, error) {
	list := make([]scan.Expr, 0, len(filters))
	for _, f := range filters {
		x, err := c.filter(f)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

func (c compiler) period(f *lang.Time) (scan.Expr, error) {
	from, to, err := lang.ParsePeriod(f.Text, c.now)
	if err != nil {
		return nil, err
	}
	return during(record.FieldTime, from, to), nil
}

// during is a field's time in a period; of one without an end, a span until now, also
// what comes later.
func during(field string, from, to time.Time) scan.Expr {
	if to.IsZero() {
		return timeCompare(field, scan.Ge, from)
	}
	return scan.And{timeCompare(field, scan.Ge, from), timeCompare(field, scan.Lt, to)}
}

func timeCompare(field string, op scan.Op, t time.Time) scan.Compare {
	return scan.Compare{Field: field, Op: op, Value: record.IntValue(t.UnixNano())}
}

// timeText is what stands behind the colon of a field of times: a period.
func (c compiler) timeText(f *lang.Text) (scan.Expr, error) {
	from, to, err := lang.ParsePeriod(f.Text, c.now)
	if err != nil || f.Kind != lang.Word {
		return nil, c.wrong(f.Offset(), f.Field+" is a time here", "write "+f.Field+":1h, "+f.Field+":2026-01-31 or "+f.Field+":[a TO b]")
	}
	return during(f.Field, from, to), nil
}

func (c compiler) text(f *lang.Text) (scan.Expr, error) {
	if f.Field != "" && c.isTime(f.Field) {
		return c.timeText(f)
	}
	t := scan.Text{Field: f.Field}
	switch f.Kind {
	case lang.Word:
		t.Pattern = match.NewWord(f.Text)
	case lang.Prefix:
		t.Pattern = match.NewPrefix(f.Text)
	case lang.Substring:
		t.Pattern = match.NewSubstring(f.Text)
	case lang.Wildcard:
		t.Pattern = match.NewWildcard(f.Text)
	case lang.Regexp:
		p, err := match.NewRegexp(f.Text, f.Fold)
		if err != nil {
			return nil, err
		}
		t.Pattern = p
	}
	return t, nil
}

func (c compiler) compare(field string, op lang.Op, v lang.Scalar) (scan.Expr, error) {
	if c.isTime(field) {
		return c.compareTime(field, scan.Op(op), v)
	}
	s := scan.Compare{Field: field, Op: scan.Op(op), Value: record.StringValue([]byte(v.Text))}
	if v.Literal {
		return s, nil
	}
	if n, unit, ok := scan.ParseNumber(v.Text); ok {
		s.Number, s.Unit, s.IsNumber = n, unit, true
		if i, ok := record.CanonicalInt([]byte(v.Text)); ok {
			s.Value = record.IntValue(i)
		}
		return s, nil
	}
	if len(v.Text) >= 3 && (v.Text[0]|0x20) == 'n' {
		// "now-1h" against another field: as the text that most dates have.
		if t, err := lang.ParseTime(v.Text, c.now); err == nil {
			s.Value = record.StringValue([]byte(t.UTC().Format(time.RFC3339)))
		}
	}
	return s, nil
}

// compareTime compares with the whole period that a date or time names.
func (c compiler) compareTime(field string, op scan.Op, v lang.Scalar) (scan.Expr, error) {
	from, to, err := lang.ParseMoment(v.Text, c.now)
	if err != nil {
		return nil, c.wrong(v.Offset(), err.Error(), field+" is a time here")
	}
	switch op {
	case scan.Lt:
		return timeCompare(field, scan.Lt, from), nil
	case scan.Ge:
		return timeCompare(field, scan.Ge, from), nil
	case scan.Le:
		return timeCompare(field, scan.Lt, to), nil
	case scan.Gt:
		return timeCompare(field, scan.Ge, to), nil
	case scan.Ne:
		return scan.Or{timeCompare(field, scan.Lt, from), timeCompare(field, scan.Ge, to)}, nil
	}
	return during(field, from, to), nil
}

func (c compiler) between(f *lang.Range) (scan.Expr, error) {
	if c.backwards(f) {
		return nil, c.wrong(f.Offset(), fmt.Sprintf("the range is backwards: %s comes behind %s", f.From.Text, f.To.Text), "the lower end, or the earlier time, stands first")
	}
	var list scan.And
	add := func(v *lang.Scalar, open bool, closedOp, openOp lang.Op) error {
		if v == nil {
			return nil
		}
		if open {
			closedOp = openOp
		}
		x, err := c.compare(f.Field, closedOp, *v)
		list = append(list, x)
		return err
	}
	if err := add(f.From, f.FromOpen, lang.Ge, lang.Gt); err != nil {
		return nil, err
	}
	if err := add(f.To, f.ToOpen, lang.Le, lang.Lt); err != nil {
		return nil, err
	}
	return list, nil
}

// backwards tells whether a range of numbers or times ends before it begins.
func (c compiler) backwards(f *lang.Range) bool {
	if f.From == nil || f.To == nil {
		return false
	}
	if c.isTime(f.Field) {
		from, err := lang.ParseTime(f.From.Text, c.now)
		_, to, err2 := lang.ParseMoment(f.To.Text, c.now)
		return err == nil && err2 == nil && !to.After(from)
	}
	if f.From.Literal || f.To.Literal {
		return false
	}
	from, _, ok := scan.ParseNumber(f.From.Text)
	to, _, ok2 := scan.ParseNumber(f.To.Text)
	return ok && ok2 && to < from
}

// pulled is a predicate with what a scan takes separately.
type pulled struct {
	from, to int64
	datasets []string // nil: all
	never    bool     // nothing can match
	filter   []scan.Expr
}

// pull takes times and datasets out of the parts of a conjunction.
func (p *pulled) pull(e scan.Expr) {
	switch e := e.(type) {
	case nil:
		return
	case scan.Const:
		p.never = p.never || !bool(e)
		return
	case scan.And:
		for _, x := range e {
			p.pull(x)
		}
		return
	case scan.Compare:
		if e.Field == record.FieldTime && p.pullTime(e) {
			return
		}
	}
	if names, ok := datasets(e); ok {
		p.restrict(names)
		return
	}
	p.filter = append(p.filter, e)
}

func (p *pulled) pullTime(e scan.Compare) bool {
	at, next := e.Value.Int, e.Value.Int
	if next < math.MaxInt64 {
		next++
	}
	switch e.Op {
	case scan.Ge:
		p.from = max(p.from, at)
	case scan.Gt:
		p.from = max(p.from, next)
	case scan.Lt:
		p.to = min(p.to, at)
	case scan.Le:
		p.to = min(p.to, next)
	default:
		return false
	}
	return true
}

// datasets returns the datasets that a predicate asks for when that is all it
// does: dataset=x, or a choice of such.
func datasets(e scan.Expr) ([]string, bool) {
	switch e := e.(type) {
	case scan.Compare:
		if e.Field == record.FieldDataset && e.Op == scan.Eq && !e.IsNumber {
			return []string{string(e.Value.Bytes)}, true
		}
	case scan.Or:
		var all []string
		for _, x := range e {
			names, ok := datasets(x)
			if !ok {
				return nil, false
			}
			all = append(all, names...)
		}
		return all, len(all) > 0
	}
	return nil, false
}

func (p *pulled) restrict(names []string) {
	var kept []string
	for _, n := range names {
		if (p.datasets == nil || contains(p.datasets, n)) && !contains(kept, n) {
			kept = append(kept, n)
		}
	}
	p.datasets = kept
	p.never = p.never || len(kept) == 0
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// expr is what remains.
func (p *pulled) expr() scan.Expr {
	switch len(p.filter) {
	case 0:
		return nil
	case 1:
		return p.filter[0]
	}
	return scan.And(p.filter)
}

// fieldsOf adds the fields that a predicate tests; whole says that it looks into
// all of them.
func fieldsOf(e scan.Expr, add func(string)) (whole bool) {
	switch e := e.(type) {
	case scan.And:
		for _, x := range e {
			whole = fieldsOf(x, add) || whole
		}
	case scan.Or:
		for _, x := range e {
			whole = fieldsOf(x, add) || whole
		}
	case scan.Not:
		return fieldsOf(e.X, add)
	case scan.Exists:
		add(e.Field)
	case scan.Compare:
		add(e.Field)
	case scan.In:
		add(e.Field)
	case scan.Text:
		if e.Field == "" {
			return true
		}
		add(e.Field)
	}
	return whole
}
