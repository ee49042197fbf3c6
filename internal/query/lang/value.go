package lang

import (
	"errors"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// fieldValue reads what may stand behind "field:" except for a list.
func (p *parser) fieldValue(field string, start int) (Filter, *Error) {
	switch {
	case operator(p.text[p.pos:]) > 0:
		return p.comparison(field, start)
	case p.peek() == '[' || p.peek() == '{':
		return p.rangeOf(field, start)
	case strings.EqualFold(p.ahead(stopsWord), "in") && p.peekAt(2) == '(':
		return p.subquery(field, start)
	case p.atQuote():
		at := p.pos
		s, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if s == "" {
			if p.peek() == '*' {
				return nil, p.errorAt(at, name(field)+":* finds every record that has the field", "the prefix is empty")
			}
			return &Compare{Pos: Pos(start), Field: field, Value: Scalar{Pos: Pos(at)}}, nil
		}
		return p.phrase(field, s, start)
	}
	return p.bare(field, start)
}

// phrase makes a text of what stood in quotes. A star may follow, and behind it the
// rest of a wildcard whose beginning the quotes keep from being read as something
// else: "/va"*.log.
func (p *parser) phrase(field, s string, start int) (Filter, *Error) {
	t := &Text{Pos: Pos(start), Field: field, Text: s}
	tail := p.ahead(stopsWord)
	if tail == "" || strings.IndexByte("*~^", tail[0]) < 0 {
		return t, nil
	}
	switch rest := p.withoutLucene("x"+tail, p.pos-1)[1:]; {
	case rest == "":
		p.pos += len(tail)
	case rest == "*":
		t.Kind = Prefix
		p.pos += len(tail)
	case rest[0] != '*': // a text of its own
	case strings.ContainsFunc(s, func(r rune) bool { return r == '*' || stopsWord(r) }):
		t.Kind = Prefix // a wildcard is one token, and its stars stand for something
		p.pos++
	case len(s)+len(rest) > MaxText:
		return nil, p.tooLong(start)
	default:
		t.Kind, t.Text = Wildcard, s+rest
		p.pos += len(tail)
	}
	return t, nil
}

// bare reads a text without quotes.
func (p *parser) bare(field string, start int) (Filter, *Error) {
	at := p.pos
	if expr, fold, ok := p.regexp(); ok {
		return p.expression(field, expr, fold, start, at)
	}
	tok := p.ahead(stopsWord)
	if tok == "" {
		return nil, p.errorAt(p.pos, "", "expected a value%s", p.found())
	}
	p.pos += len(tok)
	if len(tok) > MaxText {
		return nil, p.tooLong(at)
	}
	tok = p.withoutLucene(tok, at)
	t := &Text{Pos: Pos(start), Field: field, Text: tok}
	inner := strings.Trim(tok, "*")
	switch stars := strings.Count(tok, "*"); {
	case stars == 0:
	case inner == "":
		if field != "" {
			return &Exists{Pos: Pos(start), Field: field}, nil
		}
		return &All{Pos: Pos(start)}, nil
	case stars == 1 && tok == inner+"*":
		t.Kind, t.Text = Prefix, inner
	case stars == 2 && tok == "*"+inner+"*":
		t.Kind, t.Text = Substring, inner
	default:
		t.Kind = Wildcard
	}
	return t, nil
}

// withoutLucene takes Lucene's fuzziness and boosts off the end of a token, with
// a warning: word~2, word^3.
func (p *parser) withoutLucene(tok string, at int) string {
	for {
		i := strings.LastIndexAny(tok, "~^")
		if i <= 0 || strings.Trim(tok[i+1:], "0123456789.") != "" || tok[i] == '^' && i == len(tok)-1 {
			return tok
		}
		p.warn(at+i, strconv.Quote(tok[i:])+" is ignored: words match exactly and all hits weigh the same")
		tok = tok[:i]
	}
}

func (p *parser) expression(field, expr string, fold bool, start, at int) (Filter, *Error) {
	if len(expr) > MaxText {
		return nil, p.tooLong(at)
	}
	if _, err := syntax.Parse(expr, syntax.Perl); err != nil {
		var s *syntax.Error
		if errors.As(err, &s) {
			return nil, p.errorAt(at, `to search for the text write `+quote("/"+expr+"/"), "the regular expression is wrong: %s: %s", s.Code, s.Expr)
		}
		return nil, p.errorAt(at, "", "the regular expression is wrong: %v", err)
	}
	return &Text{Pos: Pos(start), Field: field, Kind: Regexp, Text: expr, Fold: fold}, nil
}

// comparison reads an operator and a scalar.
func (p *parser) comparison(field string, start int) (Filter, *Error) {
	at := p.pos
	op, ok := p.takeOperator()
	if !ok {
		return nil, p.errorAt(at, "", "expected a comparison%s", p.found())
	}
	if p.peek() == '=' || p.peek() == '>' || p.peek() == '<' || p.peek() == '~' {
		hint := "the comparisons are = != > >= < <=; = is exact"
		if p.peek() == '~' {
			hint = "a regular expression is written field:/expression/"
		}
		return nil, p.errorAt(at, hint, "%s is no comparison", p.text[at:p.pos+1])
	}
	v, err := p.scalar(stopsWord, "a value after "+op.String())
	if err != nil {
		return nil, err
	}
	if !v.quoted && op <= Ne && strings.Contains(v.Text, "*") {
		return nil, p.errorAt(int(v.Pos), "write "+name(field)+":"+v.Text+" for a wildcard, or quote the star",
			"%s compares the whole value, * does not stand for anything", op)
	}
	return &Compare{Pos: Pos(start), Field: field, Op: op, Value: v.Scalar}, nil
}

// scalarToken is a scalar with how it was written.
type scalarToken struct {
	Scalar
	quoted bool
}

func (p *parser) scalar(stop func(rune) bool, what string) (scalarToken, *Error) {
	p.space()
	at := p.pos
	if p.atQuote() {
		s, err := p.quoted()
		return scalarToken{Scalar{Pos: Pos(at), Text: s, Literal: numberLike(s)}, true}, err
	}
	tok := p.ahead(stop)
	if tok == "" {
		hint := ""
		if p.end() || p.peek() != '(' {
			hint = `an empty value is written ""`
		}
		return scalarToken{}, p.errorAt(at, hint, "expected %s%s", what, p.found())
	}
	if len(tok) > MaxText {
		return scalarToken{}, p.tooLong(at)
	}
	p.pos += len(tok)
	return scalarToken{Scalar{Pos: Pos(at), Text: tok}, false}, nil
}

// rangeOf reads [a TO b] and its kin.
func (p *parser) rangeOf(field string, start int) (Filter, *Error) {
	r := &Range{Pos: Pos(start), Field: field, FromOpen: p.peek() == '{'}
	opening := p.pos
	hint := "a range is written [a TO b], or {a TO b} without its ends; to search for the text quote it"
	p.pos++
	bound := func(what string) (*Scalar, *Error) {
		s, err := p.scalar(stopsBound, what)
		if err != nil {
			err.Hint = hint
			return nil, err
		}
		if s.Text == "*" && !s.quoted {
			return nil, nil
		}
		return &s.Scalar, nil
	}
	var err *Error
	if r.From, err = bound("the lower end of the range"); err != nil {
		return nil, err
	}
	p.space()
	if tok := p.ahead(stopsBound); strings.EqualFold(tok, "to") {
		p.pos += len(tok)
	} else {
		return nil, p.errorAt(p.pos, hint, "expected TO%s", p.found())
	}
	if r.To, err = bound("the upper end of the range"); err != nil {
		return nil, err
	}
	p.space()
	if p.peek() != ']' && p.peek() != '}' {
		return nil, p.errorAt(p.pos, "the range at column "+p.column(opening)+" is not closed", "expected ] or }%s", p.found())
	}
	r.ToOpen = p.peek() == '}'
	p.pos++
	// An end without a bound is neither open nor closed.
	r.FromOpen, r.ToOpen = r.FromOpen && r.From != nil, r.ToOpen && r.To != nil
	if r.From == nil && r.To == nil {
		return &Exists{Pos: Pos(start), Field: field}, nil
	}
	return r, nil
}

// timeValue reads what follows "_time:" or "@timestamp:".
func (p *parser) timeValue(start int) (Filter, *Error) {
	check := func(s *Scalar) *Error {
		if s == nil {
			return nil
		}
		s.Literal = false
		if _, err := ParseTime(s.Text, time.Unix(0, 0).UTC()); err != nil {
			return p.errorAt(int(s.Pos), "", "%v", err)
		}
		return nil
	}
	switch c := p.peek(); {
	case c == '[' || c == '{':
		f, err := p.rangeOf(timeField, start)
		if err != nil {
			return nil, err
		}
		if r, ok := f.(*Range); ok {
			if err = check(r.From); err == nil {
				err = check(r.To)
			}
		}
		return f, err
	case operator(p.text[p.pos:]) > 0:
		f, err := p.comparison(timeField, start)
		if err != nil {
			return nil, err
		}
		return f, check(&f.(*Compare).Value)
	case c == '(' || c == '/':
		return nil, p.errorAt(p.pos, "write _time:1h, _time:2026-01-31 or _time:[a TO b]", "expected a span or a date%s", p.found())
	}
	s, err := p.scalar(stopsWord, "a span or a date")
	if err != nil {
		return nil, err
	}
	if s.Text == "*" {
		return &Exists{Pos: Pos(start), Field: timeField}, nil
	}
	if _, _, perr := ParsePeriod(s.Text, time.Unix(0, 0).UTC()); perr != nil {
		return nil, p.errorAt(int(s.Pos), "write _time:1h, _time:2026-01-31 or _time:[a TO b]", "%v", perr)
	}
	return &Time{Pos: Pos(start), Text: s.Text}, nil
}
