package lang

import (
	"strconv"
)

// Facets lists the fields of the rows, the most useful first, with their commonest
// values, in the columns FacetColumns.
type Facets struct {
	Pos
	N int // fields
}

func (*Facets) pipe() {}

// FacetColumns are the columns of a Facets' answer.
var FacetColumns = []string{"field", "kind", "count", "distinct", "values"}

// defaultFacets is how many fields facets lists unless told otherwise.
const defaultFacets = 20

func (p *parser) facets(pos Pos) (Pipe, *Error) {
	n, err := p.optionalCount(defaultFacets, 1, maxLimit, "fields", "as in facets 10")
	if err != nil {
		return nil, err
	}
	return &Facets{Pos: pos, N: n}, p.pipeEnd("facets takes a number of fields, as in facets 10")
}

// optionalCount reads a whole number between least and most, or takes the default
// where none stands.
func (p *parser) optionalCount(standard, least, most int, of, hint string) (int, *Error) {
	p.space()
	if c := p.peek(); (c < '0' || c > '9') && c != '-' && c != '+' {
		return standard, nil
	}
	tok := p.ahead(stopsWord)
	n, err := strconv.Atoi(tok)
	if err != nil || n < least || n > most {
		return 0, p.errorAt(p.pos, hint, "expected a number of %s from %d to %d%s", of, least, most, p.found())
	}
	p.pos += len(tok)
	return n, nil
}

// pipeEnd demands that the pipe ends here.
func (p *parser) pipeEnd(hint string) *Error {
	p.space()
	if p.end() || p.peek() == '|' || p.peek() == ')' {
		return nil
	}
	return p.errorAt(p.pos, hint, "expected | or the end%s", p.found())
}

// String spells the pipe.
func (p *Facets) String() string { return "facets " + strconv.Itoa(p.N) }
