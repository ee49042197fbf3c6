package lang

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Functions lists the aggregates of stats by name; p95 stands for every
// percentile from p0 to p100, also p99.9.
var Functions = []string{"count", "count_uniq", "sum", "avg", "min", "max", "p95", "median", "quantile", "first", "last", "values", "list", "rate"}

// function returns the canonical name of a function, and for percentiles the
// share of the values that lies at or below the result.
func function(name string) (canonical string, phi float64, ok bool) {
	name = strings.ToLower(name)
	switch name {
	case "dc":
		return "count_uniq", 0, true
	case "median":
		return name, 0.5, true
	}
	if phi, ok := percentile(name); ok {
		return name, phi, true
	}
	for _, f := range Functions {
		if f == name {
			return f, 0, true
		}
	}
	return name, 0, false
}

// percentile reads p50, p95, p99.9.
func percentile(name string) (phi float64, ok bool) {
	if len(name) < 2 || len(name) > 12 || name[0] != 'p' || name[1] < '0' || name[1] > '9' ||
		strings.Trim(name[1:], "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(name[1:], 64)
	return n / 100, err == nil && n <= 100
}

// aggregate reads function(field) if (filter) as name.
func (p *parser) aggregate() (Agg, *Error) {
	p.space()
	a := Agg{Pos: Pos(p.pos)}
	n := nameLen(p.text[p.pos:])
	word := p.text[p.pos : p.pos+n]
	if word == "" {
		return a, p.errorAt(p.pos, unknown("", Functions), "expected an aggregate such as count()%s", p.found())
	}
	var ok bool
	if a.Func, a.Phi, ok = function(word); !ok {
		return a, p.errorAt(p.pos, unknown(word, Functions), "there is no function %s()", word)
	}
	p.pos += n
	p.space()
	if p.peek() != '(' {
		return a, p.errorAt(p.pos, "write "+a.Func+"("+exampleOf(a.Func)+")", "expected (%s", p.found())
	}
	if err := p.argument(&a); err != nil {
		return a, err
	}
	p.space()
	if p.word("if") {
		p.space()
		if p.peek() != '(' {
			return a, p.errorAt(p.pos, "write if (filter)", "expected (%s", p.found())
		}
		f, err := p.group("")
		if err != nil {
			return a, err
		}
		a.If = f
		p.space()
	}
	if p.word("as") {
		as, err := p.pipeName("the name of the column")
		if err != nil {
			return a, err
		}
		a.As = as
	}
	return a, nil
}

// example is what stands in a function's parentheses, where that is not "field".
var example = map[string]string{"count": "", "rate": "", "quantile": "0.95, field"}

func exampleOf(function string) string {
	if s, ok := example[function]; ok {
		return s
	}
	return "field"
}

// argument reads the parentheses of a function and what is in them.
func (p *parser) argument(a *Agg) *Error {
	p.pos++
	p.space()
	if a.Func == "quantile" {
		if err := p.quantile(a); err != nil {
			return err
		}
	}
	at := p.pos
	if p.peek() == '*' && a.Func == "count" {
		p.pos++ // count(*), as SQL has it
	} else if p.peek() != ')' {
		field, err := p.pipeName("the name of a field")
		if err != nil {
			return err
		}
		a.Field = field
	}
	p.space()
	if p.peek() == ',' {
		return p.errorAt(p.pos, "", "%s() takes one field", a.Func)
	}
	if !p.take(")") {
		return p.errorAt(p.pos, "", "expected )%s", p.found())
	}
	if a.Func == "rate" && a.Field != "" {
		return p.errorAt(at, "write rate() if (_exists_:"+name(a.Field)+")", "rate() takes no field")
	}
	if a.Field == "" && a.Func != "count" && a.Func != "rate" {
		return p.errorAt(at, "write "+a.Func+"(field)", "%s() needs a field", a.Func)
	}
	return nil
}

// quantile reads the first argument of quantile(0.95, field).
func (p *parser) quantile(a *Agg) *Error {
	at := p.pos
	n := len(p.text) - p.pos
	if i := strings.IndexFunc(p.text[p.pos:], func(r rune) bool { return r == ',' || stopsWord(r) }); i >= 0 {
		n = i
	}
	phi, err := strconv.ParseFloat(p.text[at:at+n], 64)
	if err != nil || !(phi >= 0 && phi <= 1) {
		return p.errorAt(at, "as in quantile(0.95, took), which is p95(took)", "expected a number from 0 to 1%s", p.found())
	}
	a.Phi = math.Abs(phi) // -0 is 0
	p.pos += n
	p.space()
	if !p.take(",") {
		return p.errorAt(p.pos, "as in quantile(0.95, took)", "expected , and a field%s", p.found())
	}
	p.space()
	return nil
}

// expression spells an aggregate without its name.
func (a Agg) expression() string {
	s := a.Func + "("
	if a.Func == "quantile" {
		s += strconv.FormatFloat(a.Phi, 'g', -1, 64) + ", "
	}
	if a.Field != "" {
		s += name(a.Field)
	}
	s += ")"
	if a.If != nil {
		s += fmt.Sprintf(" if (%s)", a.If)
	}
	return s
}
