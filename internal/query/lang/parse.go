package lang

import "unicode/utf8"

// Parse reads a query. The error is always an *Error.
func Parse(text string) (*Query, error) {
	p := &parser{text: text}
	if len(text) > MaxQuery {
		return nil, p.errorAt(0, "ask for less at once", "the query has %d bytes, %d are the most", len(text), MaxQuery)
	}
	q, err := p.query(-1)
	if err != nil {
		return nil, err
	}
	return q, nil
}

// query reads a query, to the end or to the parenthesis that closes the one at
// opening.
func (p *parser) query(opening int) (*Query, *Error) {
	q := &Query{text: p.text}
	p.space()
	if !p.end() && p.peek() != '|' {
		f, err := p.or("")
		if err != nil {
			return nil, err
		}
		q.Filter = f
	}
	for {
		p.space()
		if p.end() && opening >= 0 {
			return nil, p.errorAt(p.pos, "the parenthesis at column "+p.column(opening)+" is not closed", "expected | or ), but the query ends here")
		}
		if p.end() {
			q.Warnings = p.warnings
			return q, nil
		}
		if p.peek() == ')' && opening >= 0 {
			p.pos++
			return q, nil
		}
		if p.peek() == ')' {
			return nil, p.errorAt(p.pos, `remove it, or quote it to search for it: ")"`, "this parenthesis closes nothing")
		}
		if p.peek() != '|' {
			return nil, p.errorAt(p.pos, "", "expected | and a pipe, or the end%s", p.found())
		}
		if p.peekAt(1) == '|' {
			return nil, p.errorAt(p.pos, `to search for the text write "||"`, "expected a filter before ||")
		}
		p.pos++
		pipe, err := p.pipe()
		if err != nil {
			return nil, err
		}
		q.Pipes = append(q.Pipes, pipe)
	}
}

// or reads filters with OR between them. Within "field:( … )" field is set and
// every leaf is a value of that field. It stops before what it cannot continue
// with: ), | or the end.
func (p *parser) or(field string) (Filter, *Error) {
	var list []Filter
	after := ""
	for {
		f, err := p.and(field, after)
		if err != nil {
			return nil, err
		}
		if o, ok := f.(*Or); ok {
			list = append(list, o.List...) // one parenthesis less: (a OR b) OR c
		} else {
			list = append(list, f)
		}
		p.space()
		start := p.pos
		if !p.take("||") && !p.keyword("or") {
			break
		}
		after = p.text[start:p.pos]
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return &Or{Pos: Pos(list[0].Offset()), List: list}, nil
}

// and reads filters with AND or nothing between them; after is the operator before
// them, which wants at least one.
func (p *parser) and(field, after string) (Filter, *Error) {
	var list []Filter
	for {
		p.space()
		start := p.pos
		switch {
		case p.end(), p.peek() == ')', p.peek() == '|', p.atKeyword("or"):
			if len(list) == 0 || after != "" {
				return nil, p.missing(after)
			}
			if len(list) == 1 {
				return list[0], nil
			}
			return &And{Pos: Pos(list[0].Offset()), List: list}, nil
		case p.take("&&"), p.keyword("and"):
			if len(list) == 0 || after != "" {
				return nil, p.errorAt(start, `to search for the word write "`+p.text[start:p.pos]+`"`,
					"expected a filter before %s", p.text[start:p.pos])
			}
			after = p.text[start:p.pos]
			continue
		}
		f, err := p.not(field)
		if err != nil {
			return nil, err
		}
		after = ""
		if a, ok := f.(*And); ok {
			list = append(list, a.List...)
		} else {
			list = append(list, f)
		}
	}
}

// missing is the error where a filter should stand.
func (p *parser) missing(after string) *Error {
	switch {
	case after != "":
		return p.errorAt(p.pos, `to search for the word write "`+after+`"`, "expected a filter after %s%s", after, p.found())
	case p.atKeyword("or"):
		return p.errorAt(p.pos, `to search for the word write "or"`, "expected a filter before OR")
	case p.peek() == ')' && p.pos > 0 && p.text[p.pos-1] == '(':
		return p.errorAt(p.pos, `quote "()" to search for it; a pipe such as stats count() follows a |`,
			"expected a filter inside of the parentheses")
	}
	return p.errorAt(p.pos, "a filter is a word, a \"phrase\", field:value or *", "expected a filter%s", p.found())
}

func (p *parser) not(field string) (Filter, *Error) {
	var negations []int
	depth := p.depth
	defer func() { p.depth = depth }()
	for {
		p.space()
		start := p.pos
		// "- x" and "+ x" are text: a sign counts only at the beginning of a word.
		sign := (p.peek() == '-' || p.peek() == '+') && !p.atSpace(1)
		bang := p.peek() == '!' && p.peekAt(1) != '='
		switch {
		case sign && p.take("+"):
			continue
		case sign && p.take("-"), bang && p.take("!"), p.keyword("not"):
			if p.depth++; p.depth > MaxDepth {
				return nil, p.tooDeep(start)
			}
			negations = append(negations, start)
			operator := p.text[start:p.pos]
			if p.space(); p.end() || p.peek() == ')' || p.peek() == '|' {
				return nil, p.missing(operator)
			}
			continue
		}
		break
	}
	f, err := p.primary(field)
	if err != nil {
		return nil, err
	}
	for i := len(negations) - 1; i >= 0; i-- {
		f = &Not{Pos: Pos(negations[i]), X: f}
	}
	return f, nil
}

func (p *parser) tooDeep(pos int) *Error {
	return p.errorAt(pos, "", "more than %d parentheses and negations inside of each other", MaxDepth)
}

// group reads a filter in parentheses; the opening one comes next.
func (p *parser) group(field string) (Filter, *Error) {
	start := p.pos
	p.pos++
	if p.depth++; p.depth > MaxDepth {
		return nil, p.tooDeep(start)
	}
	f, err := p.or(field)
	if err != nil {
		return nil, err
	}
	p.depth--
	p.space()
	switch p.peek() {
	case ')':
		p.pos++
		return f, nil
	case '|':
		return nil, p.errorAt(p.pos, "OR is written OR or ||; a pipe stands behind the parentheses", "expected ), found |")
	}
	return nil, p.errorAt(p.pos, "the parenthesis at column "+p.column(start)+" is not closed", "expected )%s", p.found())
}

func (p *parser) primary(field string) (Filter, *Error) {
	start := p.pos
	if p.peek() == '(' {
		return p.group(field)
	}
	if field != "" {
		return p.fieldValue(field, start)
	}
	if p.atQuote() {
		s, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if p.peek() == ':' || operator(p.text[p.pos:]) > 0 {
			if s == "" {
				return nil, p.errorAt(start, "", "the name of the field is empty")
			}
			return p.afterField(s, p.take(":"), start)
		}
		if s == "" {
			return nil, p.errorAt(start, `field="" finds empty fields, * finds everything`, "the phrase is empty")
		}
		return p.phrase("", s, start)
	}
	if operator(p.text[p.pos:]) > 0 {
		return nil, p.errorAt(p.pos, `write field>5, or quote it to search for the text`, "a comparison needs a field before it")
	}
	if name, colon, ok := p.field(); ok {
		return p.afterField(name, colon, start)
	}
	return p.bare("", start)
}

// afterField reads what follows a field's name.
func (p *parser) afterField(name string, colon bool, start int) (Filter, *Error) {
	if !colon {
		if isTime(name) {
			return p.timeValue(start)
		}
		if name == existsField {
			return nil, p.errorAt(p.pos, "write _exists_:field", "expected : after _exists_")
		}
		return p.comparison(name, start)
	}
	p.space()
	if p.end() || p.peek() == ')' || p.peek() == '|' {
		text := p.text[start:p.pos]
		return nil, p.errorAt(p.pos, `to search for the text write `+quote(trimSpace(text)), "expected a value for the field %s%s", name, p.found())
	}
	switch {
	case name == existsField:
		field, err := p.pipeName("the name of a field")
		if err != nil {
			return nil, err
		}
		return &Exists{Pos: Pos(start), Field: field}, nil
	case isTime(name):
		return p.timeValue(start)
	case p.peek() == '(':
		return p.group(name)
	}
	return p.fieldValue(name, start)
}

const (
	existsField = "_exists_"
	timeField   = "@timestamp"
)

func isTime(name string) bool { return name == "_time" || name == timeField }

// warn notes what is ignored.
func (p *parser) warn(pos int, message string) {
	if len(p.warnings) < 20 {
		p.warnings = append(p.warnings, Warning{Pos: pos, Message: message})
	}
}

func trimSpace(s string) string {
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func (p *parser) column(pos int) string { return itoa(utf8.RuneCountInString(p.text[:pos]) + 1) }
