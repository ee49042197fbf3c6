package scan

import (
	"journalist/internal/match"
	"journalist/internal/record"
)

// Expr is a predicate over one row. Its concrete types are And, Or, Not, Text,
// Compare, In, Exists and Const. Exprs are immutable and may be shared.
type Expr interface{ expr() }

type (
	// And holds when all of them do; an empty And is true.
	And []Expr
	// Or holds when one of them does; an empty Or is false.
	Or []Expr
	// Not holds when X does not (also where X's field is missing).
	Not struct{ X Expr }
	// Const holds always or never.
	Const bool
	// Exists holds when the record has the field, null and "" included.
	Exists struct{ Field string }
	// Text holds when the pattern matches the field's text: strings as they are,
	// numbers and booleans as JSON prints them, arrays when an element matches.
	// Field "" means message and every other field whose value is a string or
	// an array, but not dataset and @timestamp.
	Text struct {
		Field   string
		Pattern *match.Pattern
	}
	// Compare holds when the field compares so with Value. When Value spells a
	// number (or a duration or size, already turned into a number by the query
	// language) and so does the field, they compare as numbers, else as bytes
	// with regard to case. Missing fields compare false, also with Ne.
	// For "@timestamp" Value is an Int, nanoseconds since the epoch.
	// Arrays compare true when an element does.
	Compare struct {
		Field string
		Op    Op
		Value record.Value
		// Number is Value as a number where IsNumber says so.
		Number   float64
		IsNumber bool
		// Unit: Number was spelled with a unit, as seconds or bytes; then strings
		// that spell one with such a unit ("312ms") are numbers too.
		Unit Unit
	}
)

func (And) expr()     {}
func (Or) expr()      {}
func (Not) expr()     {}
func (Const) expr()   {}
func (Exists) expr()  {}
func (Text) expr()    {}
func (Compare) expr() {}

// Op is a comparison.
type Op uint8

// The comparisons.
const (
	Eq Op = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

// String returns the operator as the query language spells it.
func (o Op) String() string { return [...]string{"=", "!=", "<", "<=", ">", ">="}[o] }

// Holds tells whether an ordering (-1, 0, 1) of field and value satisfies o.
func (o Op) Holds(order int) bool {
	switch o {
	case Eq:
		return order == 0
	case Ne:
		return order != 0
	case Lt:
		return order < 0
	case Le:
		return order <= 0
	case Gt:
		return order > 0
	}
	return order >= 0
}
