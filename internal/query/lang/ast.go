package lang

import "time"

// Query is a parsed query. Trees are immutable once parsed.
type Query struct {
	// Filter is nil where the query has none, which matches every record.
	Filter Filter
	Pipes  []Pipe
	// Warnings tell what was accepted but ignored.
	Warnings []Warning

	text string // what was parsed, for errors that come later
}

// Warning is a remark on a query that nevertheless runs.
type Warning struct {
	Pos     int // byte offset
	Message string
}

// Filter is a predicate over one record: one of *And, *Or, *Not, *All, *Exists,
// *Time, *Text, *Compare, *Range, *In. String gives its canonical form.
type Filter interface {
	Offset() int // where it begins in the query, in bytes
	String() string
	filter()
}

// Pos is where a node begins in the query's text, in bytes.
type Pos int

// Offset returns the position.
func (p Pos) Offset() int { return int(p) }

type (
	// And holds when all of List do; it has at least two.
	And struct {
		Pos
		List []Filter
	}
	// Or holds when one of List does; it has at least two.
	Or struct {
		Pos
		List []Filter
	}
	// Not holds when X does not.
	Not struct {
		Pos
		X Filter
	}
	// All is "*".
	All struct{ Pos }
	// Exists is "_exists_:field" or "field:*".
	Exists struct {
		Pos
		Field string
	}
	// Time is "_time:1h" (the last hour) or "_time:2026-01-31" (that day).
	Time struct {
		Pos
		Text string
	}
	// Text is a word, phrase or pattern; Field "" searches everywhere.
	Text struct {
		Pos
		Field string
		Kind  TextKind
		Text  string // without quotes, stars at the ends or slashes
		Fold  bool   // of a Regexp: "/…/i"
	}
	// Compare is "field=x", "field:>=5" and so on.
	Compare struct {
		Pos
		Field string
		Op    Op
		Value Scalar
	}
	// Range is "field:[a TO b]"; a bracket includes its end, a brace does not.
	// From or To is nil for "*"; not both are.
	Range struct {
		Pos
		Field            string
		From, To         *Scalar
		FromOpen, ToOpen bool // a brace
	}
)

func (*And) filter()     {}
func (*Or) filter()      {}
func (*Not) filter()     {}
func (*All) filter()     {}
func (*Exists) filter()  {}
func (*Time) filter()    {}
func (*Text) filter()    {}
func (*Compare) filter() {}
func (*Range) filter()   {}

// TextKind is how a Text matches; internal/match defines it.
type TextKind uint8

// The kinds of texts.
const (
	Word      TextKind = iota // a word or phrase
	Prefix                    // word*
	Substring                 // *text*
	Wildcard                  // any other text with *; Text keeps the stars
	Regexp                    // /expression/
)

// Op is a comparison.
type Op uint8

// The comparisons, numbered as internal/scan's.
const (
	Eq Op = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

// String spells the operator.
func (o Op) String() string { return [...]string{"=", "!=", "<", "<=", ">", ">="}[o] }

// Scalar is what a field is compared with.
type Scalar struct {
	Pos
	Text string
	// Literal: quoted though it looks like a number, so it is text. Does not
	// count for times.
	Literal bool
}

// Pipe is a step that works on what comes before it: one of *Stats, *Fields,
// *Sort, *Limit, *Where, *Extract, *Eval, *Top, *Uniq, *Dedup, *Timechart, *Facets,
// *Context, *Patterns, *Comparison.
type Pipe interface {
	Offset() int
	String() string
	pipe()
}

type (
	// Stats groups and counts.
	Stats struct {
		Pos
		Aggs []Agg
		By   []Key
	}
	// Fields keeps the named fields in this order, or drops them.
	Fields struct {
		Pos
		Names []string
		Drop  bool
	}
	// Sort orders by the first field, where equal by the second, and so on.
	Sort struct {
		Pos
		By []SortKey
	}
	// Limit keeps the first N rows; N is at least 1.
	Limit struct {
		Pos
		N int
	}
	// Where keeps the rows that satisfy the filter.
	Where struct {
		Pos
		Filter Filter
	}
	// Extract sets fields to pieces of the text of another. Rows that do not match
	// are without these fields behind it.
	Extract struct {
		Pos
		// Text is a template, see ParseTemplate, or with Regexp an expression whose
		// named groups are the fields; Fold: "/…/i".
		Text         string
		Regexp, Fold bool
		Field        string
	}
)

func (*Stats) pipe()  {}
func (*Fields) pipe() {}
func (*Sort) pipe()   {}
func (*Limit) pipe()  {}
func (*Where) pipe()  {}

func (*Extract) pipe() {}

// Agg is one aggregate of a Stats.
type Agg struct {
	Pos
	Func string // one of Functions, or p50, p99.9 and so on
	// Phi is the share that a percentile is asked for, from 0 to 1.
	Phi float64
	// Field is the argument, "" where there is none.
	Field string
	// If restricts the rows of this aggregate; nil means all.
	If Filter
	// As is the column's name, "" where not given; see Name.
	As string
}

// Key is what a Stats groups by.
type Key struct {
	Pos
	// Field is the field's name; "@timestamp" for time(span).
	Field string
	// Span is the width of time(span), Months that of time(1M); the other one is 0.
	Span   time.Duration
	Months int
	// Bucket is the width of bucket(field, n).
	Bucket int64
}

// SortKey is one field of a Sort.
type SortKey struct {
	Pos
	Field string
	Down  bool
}

// Name is the column of an aggregate: its "as" or its text.
func (a Agg) Name() string {
	if a.As != "" {
		return a.As
	}
	return a.expression()
}

// Name is the column of a key: "time" for time(span), else its field.
func (k Key) Name() string {
	if k.Timed() {
		return "time"
	}
	return k.Field
}
