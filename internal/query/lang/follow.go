package lang

import "strings"

// FollowPipes are the pipes that look at one row at a time and so can be asked of
// rows that are yet to come.
const FollowPipes = "where, extract, eval and fields"

// CanFollow says whether the rows that a query finds can be followed as they come; the
// error, an *Error, names the pipe that needs all of them first. A query inside of
// another needs what is stored.
func (q *Query) CanFollow() error {
	for _, p := range q.Pipes {
		switch p.(type) {
		case *Where, *Extract, *Eval, *Fields:
			continue
		}
		text, _, _ := strings.Cut(p.String(), " ")
		return q.ErrorAt(p.Offset(), "“"+text+"” needs all rows, and those of a live tail have no end", "pipes that look at one row at a time work there: "+FollowPipes)
	}
	var err error
	q.Subqueries(func(f *In) {
		if err == nil {
			err = q.ErrorAt(f.Offset(), "a live tail cannot have a query inside of another", "ask it first, and list its values: "+name(f.Field)+":(a OR b)")
		}
	})
	return err
}
