package exec

import (
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// Predicate compiles a filter that stands alone, as in the rules of a
// configuration, for scan.Eval. Pipes, spans of time and queries inside of the
// filter are refused, as a rule looks at nothing but the row; the error is a
// *lang.Error with the place.
func Predicate(text string) (scan.Expr, error) {
	q, err := lang.Parse(text)
	if err != nil {
		return nil, err
	}
	if len(q.Pipes) > 0 {
		return nil, q.ErrorAt(q.Pipes[0].Offset(), "a rule takes a filter alone", "leave out what follows the first |")
	}
	var inner *lang.In
	q.Subqueries(func(f *lang.In) { inner = f })
	if inner != nil {
		return nil, q.ErrorAt(inner.Offset(), "a rule takes no query inside of its filter", "write the values out as in user:(a OR b)")
	}
	if t := firstTime(q.Filter); t != nil {
		return nil, q.ErrorAt(t.Offset(), "a rule takes no time: it looks at each line as it comes", "leave out _time")
	}
	return newCompiler(q, time.Unix(0, 0)).filter(q.Filter)
}

// firstTime finds a time in a filter, nil where there is none.
func firstTime(f lang.Filter) *lang.Time {
	var list []lang.Filter
	switch f := f.(type) {
	case *lang.Time:
		return f
	case *lang.Not:
		return firstTime(f.X)
	case *lang.And:
		list = f.List
	case *lang.Or:
		list = f.List
	}
	for _, x := range list {
		if t := firstTime(x); t != nil {
			return t
		}
	}
	return nil
}
