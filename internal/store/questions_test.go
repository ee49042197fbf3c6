package store

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"unicode/utf8"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// asker makes predicates whose words, pieces and numbers come from rows, so that
// about every second one matches something.
type asker struct {
	rng  *rand.Rand
	rows []row
}

var askedFields = []string{
	"message", "message", "message", "level", "host", "offset", "status", "http.user.name", "took", "size", "tags",
	"request", "mixed", "note", "rare7", "rare70", "größe", "a.b", "x.y.z", "wide.21", "absent", "dataset", "@timestamp",
}

func (a *asker) field() string { return askedFields[a.rng.IntN(len(askedFields))] }

func (a *asker) row() *row { return &a.rows[a.rng.IntN(len(a.rows))] }

// sample is the text of a value of the field in some row, else of any field.
func (a *asker) sample(name string) (record.Value, string) {
	for range 20 {
		r := a.row()
		if v, ok := r.get(name); ok {
			return v, string(v.AppendText(nil))
		}
	}
	r := a.row()
	v := r.fields[a.rng.IntN(len(r.fields))].value
	return v, string(v.AppendText(nil))
}

// piece is a part of a text, often at the borders of words, sometimes changed.
func (a *asker) piece(s string) string {
	if words := strings.Fields(s); len(words) > 0 && a.rng.IntN(3) > 0 {
		i := a.rng.IntN(len(words))
		s = strings.Join(words[i:min(len(words), i+1+a.rng.IntN(3))], " ")
	}
	if len(s) > 1 && a.rng.IntN(2) == 0 {
		from := a.rng.IntN(len(s))
		s = s[from:min(len(s), from+1+a.rng.IntN(12))]
	}
	if len(s) > 40 {
		s = s[:40]
	}
	switch a.rng.IntN(10) {
	case 0:
		s = strings.ToUpper(s)
	case 1:
		s = strings.ToLower(s)
	case 2:
		b := []byte(s)
		if len(b) > 0 {
			b[a.rng.IntN(len(b))] = "x9 .\xff"[a.rng.IntN(5)]
		}
		s = string(b)
	case 3:
		s = strings.Trim(s, " :[]\"=,")
	}
	return s
}

func (a *asker) pattern(name string) *match.Pattern {
	_, s := a.sample(name)
	p := a.piece(s)
	switch a.rng.IntN(8) {
	case 0:
		return match.NewPrefix(p)
	case 1, 2:
		return match.NewSubstring(p)
	case 3:
		q := a.piece(s)
		return match.NewWildcard([]string{"*" + p + "*", p + "*", "*" + p, "*" + p + "*" + q + "*", s, "*"}[a.rng.IntN(6)])
	case 4, 5:
		if r := a.regexp(p, a.piece(s)); r != nil {
			return r
		}
	}
	return match.NewWord(p)
}

// regexp makes a regular expression around two pieces of a text, nil where they
// are no text.
func (a *asker) regexp(p, q string) *match.Pattern {
	if !utf8.ValidString(p) || !utf8.ValidString(q) {
		return nil
	}
	p, q = regexp.QuoteMeta(p), regexp.QuoteMeta(q)
	gaps := []string{".*", `\d+`, `[^ ]*`, `\S+`, ".", `[a-z0-9.-]{2,5}`, "", `\s`, `(?:\.\d{1,3})+`}
	gap := func() string { return gaps[a.rng.IntN(len(gaps))] }
	expr := []string{
		p, p + gap(), gap() + p, p + gap() + q, "^" + p, p + "$", `\b` + p + `\b`, "(" + p + "|" + q + ")",
		"(?s)" + p + ".*" + q, "^" + gap() + "$", gap() + gap(), "(?:" + p + ")?" + gap() + q, "[" + `^\x00-\x1f` + "]" + p,
	}[a.rng.IntN(13)]
	r, err := match.NewRegexp(expr, a.rng.IntN(3) == 0)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", expr, err)) // the test is wrong
	}
	return r
}

func (a *asker) compare(name string) scan.Compare {
	v, s := a.sample(name)
	c := scan.Compare{Field: name, Op: scan.Op(a.rng.IntN(6)), Value: clone(v)}
	switch {
	case name == record.FieldTime:
		c.Value = record.IntValue(v.Int + []int64{0, 1, -1, 5e9}[a.rng.IntN(4)])
	case a.rng.IntN(4) == 0:
		c.Value = text(a.piece(s))
	case a.rng.IntN(6) == 0:
		c.Value = record.IntValue(a.rng.Int64N(1000) - 100)
	case v.Kind == record.JSON:
		c.Value = text("error")
	}
	if n, unit, ok := scan.ParseNumber(string(c.Value.AppendText(nil))); ok && name != record.FieldTime && c.Value.Kind != record.Int {
		c.Number, c.IsNumber, c.Unit = n, true, unit
		return c
	}
	c.Number, c.IsNumber = c.Value.Float()
	return c
}

// expr makes a predicate of at most so many levels.
func (a *asker) expr(depth int) scan.Expr {
	if depth > 0 {
		switch a.rng.IntN(5) {
		case 0, 1:
			return scan.And{a.expr(depth - 1), a.expr(depth - 1)}
		case 2:
			return scan.Or{a.expr(depth - 1), a.expr(depth - 1)}
		case 3:
			return scan.Not{X: a.expr(depth - 1)}
		}
	}
	name := a.field()
	switch n := a.rng.IntN(20); {
	case n == 0:
		return scan.Const(a.rng.IntN(3) > 0)
	case n == 1:
		return scan.And{}
	case n < 4:
		return scan.Exists{Field: name}
	case n < 9:
		return a.compare(name)
	case n < 14:
		return scan.Text{Pattern: a.pattern(name)}
	}
	return scan.Text{Field: name, Pattern: a.pattern(name)}
}

// show spells a predicate for the message of a failed test.
func show(e scan.Expr) string {
	list := func(sep string, l []scan.Expr) string {
		out := make([]string, len(l))
		for i, x := range l {
			out[i] = show(x)
		}
		return "(" + strings.Join(out, sep) + ")"
	}
	switch e := e.(type) {
	case nil:
		return "everything"
	case scan.And:
		return list(" and ", e)
	case scan.Or:
		return list(" or ", e)
	case scan.Not:
		return "not " + show(e.X)
	case scan.Text:
		return fmt.Sprintf("%s:%d/%q (fold %v)", e.Field, e.Pattern.Kind(), e.Pattern.Text(), e.Pattern.Fold())
	case scan.Compare:
		return fmt.Sprintf("%s %s %s/%q (number %v %v, unit %d)", e.Field, e.Op, e.Value.Kind, e.Value.AppendText(nil), e.IsNumber, e.Number, e.Unit)
	case scan.Exists:
		return e.Field + " exists"
	}
	return fmt.Sprint(e)
}
