// Package record says what a log record is: a time, named typed values, and the
// batch in which records travel from the listeners to the store.
//
// It is a leaf: every station of a line's way imports it and it imports none of
// ours. Up the way internal/ingest and internal/ship fill batches,
// internal/pipeline changes them, and down the way internal/store keeps them and
// internal/scan hands their values out again.
package record

import "strconv"

// Kind is the type of a value. The kinds are JSON's, with numbers split in two so
// that the common ones need no text.
type Kind uint8

// The kinds of a value. Their numbers are part of the batch encoding: append only.
const (
	Missing Kind = iota // the record has no such field
	Null                // JSON null
	Bool                // Int is 0 or 1
	Int                 // an integer whose canonical decimal text is Int
	Number              // any other JSON number; Bytes is its text as it came
	String              // Bytes, not necessarily valid UTF-8
	JSON                // a JSON array or an empty object; Bytes is its text as it came
)

// String names the kind as error messages and docs do.
func (k Kind) String() string {
	names := [...]string{"missing", "null", "bool", "int", "number", "string", "json"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Value is one typed value. Bytes belongs to whatever the value was read from
// and is valid only as long as that is.
type Value struct {
	Kind  Kind
	Int   int64
	Bytes []byte
}

// StringValue wraps b without copying it.
func StringValue(b []byte) Value { return Value{Kind: String, Bytes: b} }

// IntValue makes an integer.
func IntValue(i int64) Value { return Value{Kind: Int, Int: i} }

// BoolValue makes a boolean.
func BoolValue(b bool) Value {
	v := Value{Kind: Bool}
	if b {
		v.Int = 1
	}
	return v
}

// NumberValue makes an Int when text is the canonical form of an int64, else a
// Number that keeps the text, so that every number comes back as it came.
// The text must be a valid JSON number.
func NumberValue(text []byte) Value {
	if i, ok := CanonicalInt(text); ok {
		return IntValue(i)
	}
	return Value{Kind: Number, Bytes: text}
}

// CanonicalInt parses text when it is exactly what strconv.FormatInt would print
// for some int64 of at most 18 digits: no plus sign, leading zero or "-0".
func CanonicalInt(text []byte) (int64, bool) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 || (digits[0] == '0' && len(text) > 1) {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) != len(text) {
		n = -n
	}
	return n, true
}

// AppendText appends the value as plain text: strings raw, numbers and booleans
// as JSON prints them, null and missing as nothing.
func (v Value) AppendText(dst []byte) []byte {
	switch v.Kind {
	case Bool:
		return strconv.AppendBool(dst, v.Int != 0)
	case Int:
		return strconv.AppendInt(dst, v.Int, 10)
	case Number, String, JSON:
		return append(dst, v.Bytes...)
	}
	return dst
}

// Float returns the value as a number where it is one, also when it is a string
// that spells one.
func (v Value) Float() (float64, bool) {
	switch v.Kind {
	case Int:
		return float64(v.Int), true
	case Number, String:
		return parseFloat(v.Bytes)
	}
	return 0, false
}
