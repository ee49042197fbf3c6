package exec

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// maxIn is how many values a query inside of another may give.
const maxIn = 100_000

// compiler turns the query's filters into predicates on records.
func (q *query) compiler() compiler {
	c := newCompiler(q.req.Query, q.now)
	c.ins = q.ins
	return c
}

// tableCompiler turns them into predicates on the rows of a table.
func (q *query) tableCompiler(t *table) compiler {
	c := q.compiler()
	c.isTime = func(n string) bool { return n == record.FieldTime || t.isTime(n) }
	return c
}

// in is the predicate of a query inside of this one, which was answered before.
func (c compiler) in(f *lang.In) (scan.Expr, error) {
	x, ok := c.ins[f]
	if !ok {
		return nil, fmt.Errorf("%w: %s:in(…) needs an answer from what is stored", ErrUnsupported, f.Field)
	}
	return x, nil
}

// answerInner answers the queries inside of this one, each in the time and of the
// datasets that the outer filter is about, unless it says a time of its own; then
// within the request's. So an inner query never sees more than the outer one may.
func (q *query) answerInner(ctx context.Context) error {
	var list []*lang.In
	q.req.Query.Subqueries(func(f *lang.In) { list = append(list, f) })
	if list == nil {
		return nil
	}
	// What stands for them meanwhile is neither true nor false for sure.
	q.ins = map[*lang.In]scan.Expr{}
	for _, f := range list {
		q.ins[f] = scan.Exists{Field: f.Field}
	}
	outer, err := q.pulled()
	if err != nil {
		return err
	}
	if q.dry {
		for _, f := range list {
			q.ins[f] = scan.In{Field: f.Field}
		}
		return nil
	}
	for _, f := range list {
		set := scan.NewValueSet()
		if !outer.never && outer.from < outer.to {
			if err := q.values(ctx, f, outer, set); err != nil {
				return err
			}
		}
		q.ins[f] = scan.In{Field: f.Field, Set: set}
	}
	return nil
}

// pulled is what the filter restricts the time and the datasets to.
func (q *query) pulled() (*pulled, error) {
	p := &pulled{from: q.req.From, to: q.req.To}
	filter, err := q.compiler().filter(q.req.Query.Filter)
	if err != nil {
		return nil, err
	}
	p.pull(filter)
	if q.datasets != nil {
		p.restrict(q.datasets)
	}
	return p, nil
}

// values answers an inner query and collects its values.
func (q *query) values(ctx context.Context, f *lang.In, outer *pulled, set *scan.ValueSet) error {
	tree, column := innerQuery(f)
	inner := &query{e: q.e, req: q.req, now: q.now, started: q.started, datasets: outer.datasets}
	inner.req.Query, inner.req.Limit = tree, 0
	inner.trace, inner.inner = q.trace, strings.TrimPrefix(q.inner+" "+f.Field+":in(…)", " ")
	inner.budget.max, inner.budget.all = q.budget.max-q.budget.used.Load(), q.budget.all
	defer inner.budget.end()
	if !tree.SaysTime() {
		inner.req.From, inner.req.To = outer.from, outer.to
	}
	p, err := inner.plan(ctx)
	if err == nil {
		err = inner.run(ctx, p, func(b *scan.Block) error { return q.addValues(set, f, b, column) })
	}
	if err == nil {
		inner.explainEmpty(ctx, p)
	}
	inner.stats.RowsMatched = 0 // those of the outer query count
	q.stats.Add(inner.stats)
	var over *scan.BudgetError
	if errors.As(err, &over) && over.Have == int64(q.e.o.MaxGroups) {
		return q.tooManyValues(f)
	}
	return err
}

// innerQuery is the query that gives the values, each once where that is known to be
// the same, and the column that they stand in: that of the field, or the only one.
func innerQuery(f *lang.In) (tree *lang.Query, column string) {
	c := *f.Query
	n := len(c.Pipes)
	if n > 0 {
		if last, ok := c.Pipes[n-1].(*lang.Fields); ok && !last.Drop && len(last.Names) == 1 {
			c.Pipes = append(c.Pipes[:n-1:n-1], &lang.Uniq{Pos: last.Pos, Names: last.Names})
			return &c, last.Names[0]
		}
	}
	for _, p := range c.Pipes {
		switch p.(type) {
		case *lang.Where, *lang.Sort, *lang.Limit, *lang.Dedup, *lang.Extract, *lang.Eval, *lang.Context:
			continue
		}
		return &c, f.Field
	}
	c.Pipes = append(c.Pipes[:n:n], &lang.Uniq{Pos: f.Pos, Names: []string{f.Field}})
	return &c, f.Field
}

func (q *query) addValues(set *scan.ValueSet, f *lang.In, b *scan.Block, column string) error {
	var v view
	v.reset(b)
	col := v.column(column)
	if col == nil && len(b.Columns) == 1 {
		col = &b.Columns[0]
	}
	if col == nil {
		var names []string
		for i := range b.Columns {
			names = append(names, b.Columns[i].Name)
		}
		return q.req.Query.ErrorAt(f.Offset(), fmt.Sprintf("the query inside gives the columns %q, but none is called %s", names, column),
			"end it with fields and the one whose values are meant")
	}
	before := set.Bytes()
	for i := range v.n {
		x := col.Value(i)
		if col.Time {
			continue
		}
		set.Add(x)
		if set.Len() > maxIn {
			return q.tooManyValues(f)
		}
	}
	return q.budget.take(set.Bytes()-before, "values of "+f.Field+":in(…)")
}

func (q *query) tooManyValues(f *lang.In) error {
	return q.req.Query.ErrorAt(f.Offset(), fmt.Sprintf("the query inside gives more than %d values", maxIn), "narrow its filter, or its time")
}
