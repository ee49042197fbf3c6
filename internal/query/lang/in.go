package lang

import "strings"

// In is "field:in(query)": the field has one of the values that another query gives.
type In struct {
	Pos
	Field string
	Query *Query
}

func (*In) filter() {}

// subquery reads in(query), behind "field:".
func (p *parser) subquery(field string, start int) (Filter, *Error) {
	at := p.pos
	if isTime(field) {
		return nil, p.errorAt(at, "give the time as a range: _time:[a TO b]", "times cannot be those of another query")
	}
	p.queries++
	p.inside++
	switch {
	case p.inside > MaxInside:
		return nil, p.errorAt(at, "", "more than %d queries inside of each other", MaxInside)
	case p.queries > MaxQueries:
		return nil, p.errorAt(at, "", "more than %d queries inside of one", MaxQueries)
	}
	p.pos += len("in(")
	opening := p.pos - 1
	q, err := p.query(opening)
	if err != nil {
		return nil, err
	}
	p.inside--
	if len(q.Pipes) == 0 {
		if list := p.text[opening+1 : p.pos-1]; strings.Contains(list, ",") {
			return nil, p.errorAt(at, "a list of values is written "+name(field)+":("+alternatives(list)+"); what has a comma in a query inside of in() needs a pipe behind it, such as | uniq "+name(field),
				"in() takes a query, this looks like a list of values")
		}
	}
	for _, pipe := range q.Pipes {
		switch pipe := pipe.(type) {
		case *Comparison, *Facets, *Patterns:
			return nil, p.errorAt(pipe.Offset(), "end it with fields, uniq, top or stats", "a query inside of another gives values of a field")
		}
	}
	return &In{Pos: Pos(start), Field: field, Query: q}, nil
}

// alternatives spells what looks like a list of values as a filter's.
func alternatives(list string) string {
	var parts []string
	for _, s := range strings.Split(list, ",") {
		if s = strings.Trim(strings.TrimSpace(s), `"'`); s != "" {
			parts = append(parts, value(s))
		}
	}
	if len(parts) > 4 {
		parts = append(parts[:3:3], "…")
	}
	return strings.Join(parts, " OR ")
}

func (f *In) String() string { return name(f.Field) + ":in(" + f.Query.String() + ")" }

// Subqueries calls f for every In of a query, in filters wherever they stand, but not
// for those inside of these.
func (q *Query) Subqueries(f func(*In)) {
	each(q.Filter, f)
	for _, p := range q.Pipes {
		switch p := p.(type) {
		case *Where:
			each(p.Filter, f)
		case *Stats:
			eachAgg(p.Aggs, f)
		case *Timechart:
			eachAgg(p.Aggs, f)
		case *Eval:
			eachExpr(p.X, f)
		}
	}
}

func each(x Filter, f func(*In)) {
	switch x := x.(type) {
	case *And:
		for _, y := range x.List {
			each(y, f)
		}
	case *Or:
		for _, y := range x.List {
			each(y, f)
		}
	case *Not:
		each(x.X, f)
	case *In:
		f(x)
	}
}

func eachAgg(aggs []Agg, f func(*In)) {
	for _, a := range aggs {
		each(a.If, f)
	}
}

func eachExpr(x Expr, f func(*In)) {
	switch x := x.(type) {
	case *Neg:
		eachExpr(x.X, f)
	case *Binary:
		eachExpr(x.X, f)
		eachExpr(x.Y, f)
	case *Call:
		for _, a := range x.Args {
			eachExpr(a, f)
		}
	case *If:
		each(x.Filter, f)
		eachExpr(x.Then, f)
		eachExpr(x.Else, f)
	}
}
