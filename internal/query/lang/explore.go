package lang

import (
	"slices"
	"strconv"
	"time"
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

// Context shows each row among its neighbours: the Before rows before it and the
// After rows after it of those that are equal in dataset and Names, in the order of
// time. The column ContextColumn says how far a row is from the nearest hit.
type Context struct {
	Pos
	Before, After int
	Names         []string
}

func (*Context) pipe() {}

const (
	// ContextColumn is the column of a Context's distances: 0 for the rows that were
	// found, -1 for the row before one, 1 for the row after it.
	ContextColumn = "_context"
	// MaxContext is how many rows a Context has at most on each side.
	MaxContext = 1000

	defaultContext = 5
	contextHint    = "as in context 5, context 5 10 or context 5 by host, file"
)

// contextNames tell the rows of one stream from those of others.
var contextNames = []string{"host", "file"}

func (p *parser) context(pos Pos) (Pipe, *Error) {
	c := &Context{Pos: pos}
	var err *Error
	if c.Before, err = p.optionalCount(defaultContext, 0, MaxContext, "rows", contextHint); err != nil {
		return nil, err
	}
	if c.After, err = p.optionalCount(c.Before, 0, MaxContext, "rows", contextHint); err != nil {
		return nil, err
	}
	p.space()
	if !p.atAnyWord("by") {
		c.Names = contextNames
		return c, p.pipeEnd(contextHint)
	}
	at := p.pos
	if c.Names, err = p.names(); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(c.Names, isTime) {
		return nil, p.errorAt(at, contextHint, "the neighbours of a row have other times: @timestamp cannot be equal")
	}
	return c, p.pipeEnd(contextHint)
}

// String spells the pipe.
func (p *Context) String() string {
	s := "context " + strconv.Itoa(p.Before)
	if p.After != p.Before {
		s += " " + strconv.Itoa(p.After)
	}
	if !slices.Equal(p.Names, contextNames) {
		s += " by " + names(p.Names)
	}
	return s
}

// Patterns groups the rows by what the texts of a field have in common and keeps the
// N groups with the most rows, in the columns PatternColumns.
type Patterns struct {
	Pos
	N     int
	Field string
}

func (*Patterns) pipe() {}

// PatternColumns are the columns of a Patterns' answer.
var PatternColumns = []string{"pattern", "count", "trend", "first", "last", "example", "values"}

const (
	// MaxPatterns is how many patterns one asks for at most.
	MaxPatterns     = 10_000
	defaultPatterns = 50
	patternsHint    = "as in patterns, patterns 20 or patterns 20 of path"
)

func (p *parser) patterns(pos Pos) (Pipe, *Error) {
	x := &Patterns{Pos: pos, Field: messageField}
	var err *Error
	if x.N, err = p.optionalCount(defaultPatterns, 1, MaxPatterns, "patterns", patternsHint); err != nil {
		return nil, err
	}
	if p.space(); p.word("of") {
		p.space()
		at := p.pos
		if x.Field, err = p.pipeName("the name of a field"); err != nil {
			return nil, err
		}
		if isTime(x.Field) {
			return nil, p.errorAt(at, "group by time with stats count() by time(5m)", "times have no patterns")
		}
	}
	return x, p.pipeEnd(patternsHint)
}

// String spells the pipe.
func (p *Patterns) String() string {
	s := "patterns " + strconv.Itoa(p.N)
	if p.Field != messageField {
		s += " of " + name(p.Field)
	}
	return s
}

// Comparison tells what is different from the same rows a span earlier: the patterns
// and the values that became more or fewer, in the columns ComparisonColumns.
type Comparison struct {
	Pos
	Span time.Duration
}

func (*Comparison) pipe() {}

// ComparisonColumns are the columns of a Comparison's answer.
var ComparisonColumns = []string{"kind", "what", "before", "now", "change", "score"}

const compareHint = "as in compare 1h, which compares with the hour before, or compare 1w"

func (p *parser) comparePipe(pos Pos) (Pipe, *Error) {
	p.space()
	at := p.pos
	tok := p.ahead(stopsWord)
	if tok == "" {
		return nil, p.errorAt(at, compareHint, "expected a span%s", p.found())
	}
	d, err := ParseSpan(tok)
	if err != nil {
		return nil, p.errorAt(at, compareHint, "%v", err)
	}
	p.pos += len(tok)
	return &Comparison{Pos: pos, Span: d}, p.pipeEnd(compareHint)
}

// String spells the pipe.
func (p *Comparison) String() string { return "compare " + FormatSpan(p.Span) }
