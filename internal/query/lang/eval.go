package lang

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Eval sets a field to what an expression gives; rows for which it gives nothing
// are without the field behind it.
type Eval struct {
	Pos
	Name string
	X    Expr
}

func (*Eval) pipe() {}

// Expr is an expression of an Eval: one of *Number, *Literal, *Ref, *Neg, *Binary,
// *Call, *If.
type Expr interface {
	String() string
	expr()
}

type (
	// Number is a number, maybe with a unit: 5, 1.5, 250ms, 10MB.
	Number struct{ Text string }
	// Literal is a text in quotes.
	Literal struct{ Text string }
	// Ref is the value of a field.
	Ref struct{ Field string }
	// Neg is -x.
	Neg struct{ X Expr }
	// Binary is x op y; Op is one of + - * / %.
	Binary struct {
		Op   byte
		X, Y Expr
	}
	// Call is one of EvalFunctions.
	Call struct {
		Func string
		Args []Expr
	}
	// If is Then where the filter holds, else Else.
	If struct {
		Filter     Filter
		Then, Else Expr
	}
)

func (*Number) expr()  {}
func (*Literal) expr() {}
func (*Ref) expr()     {}
func (*Neg) expr()     {}
func (*Binary) expr()  {}
func (*Call) expr()    {}
func (*If) expr()      {}

// EvalFunctions lists the functions of eval.
var EvalFunctions = []string{"abs", "ceil", "coalesce", "concat", "field", "floor", "len", "lower", "max", "min", "round", "upper"}

// arity is how many arguments a function takes at least and at most.
var arity = map[string][2]int{
	"abs": {1, 1}, "ceil": {1, 1}, "floor": {1, 1}, "round": {1, 2}, "len": {1, 1}, "lower": {1, 1}, "upper": {1, 1},
	"coalesce": {1, MaxColumns}, "concat": {1, MaxColumns}, "max": {1, MaxColumns}, "min": {1, MaxColumns},
}

func (p *parser) eval(pos Pos) (Pipe, *Error) {
	p.space()
	at := p.pos
	n, err := p.pipeName("the name of the field to set")
	if err != nil {
		return nil, err
	}
	if isTime(n) || n == datasetField || n == existsField {
		return nil, p.errorAt(at, "", "the field %s cannot be set", n)
	}
	p.space()
	if !p.take("=") {
		return nil, p.errorAt(p.pos, "as in eval kb = bytes / 1024", "expected =%s", p.found())
	}
	x, err := p.sum()
	if err != nil {
		return nil, err
	}
	p.space()
	if !p.end() && p.peek() != '|' && p.peek() != ')' {
		return nil, p.errorAt(p.pos, "the operators are + - * / %; texts are put together with concat(a, b)", "expected an operator, | or the end%s", p.found())
	}
	return &Eval{Pos: pos, Name: n, X: x}, nil
}

func (p *parser) sum() (Expr, *Error)     { return p.binary("+-", p.product) }
func (p *parser) product() (Expr, *Error) { return p.binary("*/%", p.operand) }

func (p *parser) binary(operators string, next func() (Expr, *Error)) (Expr, *Error) {
	x, err := next()
	depth := p.depth
	defer func() { p.depth = depth }()
	for err == nil {
		p.space()
		if p.end() || strings.IndexByte(operators, p.peek()) < 0 {
			return x, nil
		}
		op := p.peek()
		if p.depth++; p.depth > MaxDepth {
			return nil, p.errorAt(p.pos, "", "more than %d operators in a row", MaxDepth)
		}
		p.pos++
		var y Expr
		y, err = next()
		x = &Binary{Op: op, X: x, Y: y}
	}
	return nil, err
}

func (p *parser) operand() (Expr, *Error) {
	p.space()
	start := p.pos
	if p.depth++; p.depth > MaxDepth {
		return nil, p.errorAt(start, "set a field to a part of it first", "more than %d operators, parentheses and functions inside of each other", MaxDepth)
	}
	defer func() { p.depth-- }()
	switch c := p.peek(); {
	case p.end():
		return nil, p.errorAt(start, "", "expected a number, a field, a text or a function, but the query ends here")
	case c == '(':
		p.pos++
		x, err := p.sum()
		if err != nil {
			return nil, err
		}
		if p.space(); !p.take(")") {
			return nil, p.errorAt(p.pos, "the parenthesis at column "+p.column(start)+" is not closed", "expected )%s", p.found())
		}
		return x, nil
	case c == '-':
		p.pos++
		x, err := p.operand()
		return &Neg{X: x}, err
	case p.atQuote():
		s, err := p.quoted()
		return &Literal{Text: s}, err
	case c >= '0' && c <= '9' || c == '.':
		return p.number()
	}
	n := evalNameLen(p.text[start:])
	word := p.text[start : start+n]
	if n == 0 {
		return nil, p.errorAt(start, "", "expected a number, a field, a text or a function%s", p.found())
	}
	p.pos += n
	p.space()
	switch {
	case strings.EqualFold(word, "if") && p.peek() == '(':
		return p.choice()
	case p.peek() == '(':
		return p.call(start, strings.ToLower(word))
	}
	return &Ref{Field: fieldName(word)}, nil
}

// evalNameLen is how long the bare field name at the beginning of s is, where - and
// / are operators.
func evalNameLen(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool {
		return r < utf8.RuneSelf && (!nameByte(byte(r)) || r == '-' || r == '/') || r >= utf8.RuneSelf && unicode.IsSpace(r)
	})
	if n < 0 {
		return len(s)
	}
	return n
}

func (p *parser) number() (Expr, *Error) {
	start := p.pos
	letter := func(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= utf8.RuneSelf }
	digit := func(c byte) bool { return '0' <= c && c <= '9' || c == '.' }
	for digit(p.peek()) || letter(p.peek()) {
		p.pos++
		if (p.peek() == '-' || p.peek() == '+') && p.text[p.pos-1]|0x20 == 'e' && digit(p.text[p.pos-2]) && digit(p.peekAt(1)) {
			p.pos++ // 1e-3
		}
	}
	text := p.text[start:p.pos]
	if !isNumber(text) {
		return nil, p.errorAt(start, "as in 5, 1.5, 2e3, 250ms or 10MB", "%q is not a number", text)
	}
	return &Number{Text: text}, nil
}

// isNumber tells whether internal/scan reads the text as a number, with or without
// a unit.
func isNumber(s string) bool {
	if len(s) > 64 {
		return false
	}
	i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if i < 0 || s[i]|0x20 == 'e' {
		_, err := strconv.ParseFloat(s, 64)
		return err == nil
	}
	if _, err := strconv.ParseFloat(s[:i], 64); err != nil {
		return false
	}
	switch strings.ToLower(s[i:]) {
	case "b", "kb", "mb", "gb", "tb", "pb", "kib", "mib", "gib", "tib", "pib":
		return true
	}
	_, err := ParseSpan(s)
	return err == nil
}

// choice reads if (filter) x else y, behind the if.
func (p *parser) choice() (Expr, *Error) {
	f, err := p.group("")
	if err != nil {
		return nil, err
	}
	x := &If{Filter: f}
	if x.Then, err = p.sum(); err != nil {
		return nil, err
	}
	p.space()
	if !p.word("else") {
		return nil, p.errorAt(p.pos, `as in if (status>=500) "bad" else "good"`, "expected else%s", p.found())
	}
	x.Else, err = p.sum()
	return x, err
}

func (p *parser) call(start int, function string) (Expr, *Error) {
	opening := p.pos
	p.pos++
	if function == "field" {
		n, err := p.pipeName("the name of a field")
		if err != nil {
			return nil, err
		}
		if p.space(); !p.take(")") {
			return nil, p.errorAt(p.pos, "", "expected )%s", p.found())
		}
		return &Ref{Field: n}, nil
	}
	want, ok := arity[function]
	if !ok {
		return nil, p.errorAt(start, unknown(function, EvalFunctions), "there is no function %s()", function)
	}
	c := &Call{Func: function}
	for p.space(); p.peek() != ')'; p.space() {
		if len(c.Args) > 0 && !p.take(",") {
			return nil, p.errorAt(p.pos, "the parenthesis at column "+p.column(opening)+" is not closed", "expected , or )%s", p.found())
		}
		x, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.Args = append(c.Args, x)
	}
	p.pos++
	if n := len(c.Args); n < want[0] || n > want[1] {
		return nil, p.errorAt(start, "", "%s() takes %s, found %d", function, arguments(want), n)
	}
	return c, nil
}

func arguments(n [2]int) string {
	switch {
	case n[1] == 1:
		return "one argument"
	case n[1] == 2:
		return "one or two arguments"
	}
	return "one to " + strconv.Itoa(n[1]) + " arguments"
}

// String spells the pipe.
func (p *Eval) String() string { return "eval " + name(p.Name) + " = " + p.X.String() }

func (x *Number) String() string { return x.Text }

func (x *Literal) String() string { return quote(x.Text) }

func (x *Ref) String() string {
	if n := evalNameLen(x.Field); n == len(x.Field) && n > 0 && nameStart(x.Field[0]) && utf8.ValidString(x.Field) && !keyword(x.Field) &&
		!strings.EqualFold(x.Field, "else") {
		return x.Field
	}
	return "field(" + quote(x.Field) + ")"
}

func (x *Neg) String() string { return "-" + atom(x.X) }

func (x *Binary) String() string { return atom(x.X) + " " + string(x.Op) + " " + atom(x.Y) }

func (x *Call) String() string {
	var args []string
	for _, a := range x.Args {
		args = append(args, a.String())
	}
	return x.Func + "(" + strings.Join(args, ", ") + ")"
}

func (x *If) String() string {
	return "if (" + x.Filter.String() + ") " + x.Then.String() + " else " + x.Else.String()
}

// atom puts parentheses around what has operators.
func atom(x Expr) string {
	switch x.(type) {
	case *Binary, *If:
		return "(" + x.String() + ")"
	}
	return x.String()
}
