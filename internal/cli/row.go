package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"journalist/internal/record"
)

// Row is one row of an answer: the line as it came and its fields in their order.
// It is valid until the reader that filled it reads on.
type Row struct {
	Raw    []byte // the JSON object, without line end
	Fields []RowField
}

// RowField is one field of a row.
type RowField struct {
	Name  string // dotted
	Value []byte // JSON text
	exact []byte // the bytes of a string, where they are known; nil else
}

// Text returns the value as plain text: a string without its quotes, null as
// nothing, all else as JSON.
func (f RowField) Text() string {
	if f.exact != nil {
		return string(f.exact)
	}
	return valueText(f.Value)
}

func (f RowField) appendText(dst []byte) []byte {
	if f.exact != nil {
		return append(dst, f.exact...)
	}
	return append(dst, valueText(f.Value)...)
}

// Number tells that the value is a JSON number.
func (f RowField) Number() bool {
	return len(f.Value) > 0 && (f.Value[0] == '-' || f.Value[0] >= '0' && f.Value[0] <= '9')
}

// Field returns the first field with this name.
func (r *Row) Field(name string) (RowField, bool) {
	for _, f := range r.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return RowField{}, false
}

// Text returns a field's value as text, "" when the row has no such field.
func (r *Row) Text(name string) string {
	f, _ := r.Field(name)
	return f.Text()
}

func valueText(v []byte) string {
	if len(v) == 0 || string(v) == "null" {
		return ""
	}
	if v[0] == '"' {
		return unquote(v)
	}
	return string(v)
}

// unquote returns the text of a JSON string. Strings without escapes, nearly all,
// need no parser.
func unquote(v []byte) string {
	plain := len(v) >= 2
	for _, c := range v {
		if c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return string(v[1 : len(v)-1])
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return string(v)
	}
	return s
}

// maxRowFields bounds what a wrong server can make a row allocate.
const maxRowFields = 1 << 16

var errBadRow = errors.New("not a JSON object")

// ParseRow splits a JSON object into its fields, in their order and with their
// values as they stand. It reuses row's memory and keeps line.
func ParseRow(line []byte, row *Row) error {
	row.Raw, row.Fields = line, row.Fields[:0]
	i := record.SkipJSONSpace(line, 0)
	if i >= len(line) || line[i] != '{' {
		return badRow(line, i)
	}
	i = record.SkipJSONSpace(line, i+1)
	if i < len(line) && line[i] == '}' {
		return atEnd(line, i+1)
	}
	for len(row.Fields) < maxRowFields {
		if i >= len(line) || line[i] != '"' {
			return badRow(line, i)
		}
		end := record.JSONStringEnd(line, i)
		if end < 0 {
			return badRow(line, i)
		}
		name := unquote(line[i:end])
		i = record.SkipJSONSpace(line, end)
		if i >= len(line) || line[i] != ':' {
			return badRow(line, i)
		}
		i = record.SkipJSONSpace(line, i+1)
		// Their nesting is looked at only: the values were checked when they came in.
		end = record.JSONValueEnd(line, i)
		if end <= i {
			return badRow(line, i)
		}
		row.Fields = append(row.Fields, RowField{Name: name, Value: line[i:end]})
		i = record.SkipJSONSpace(line, end)
		if i >= len(line) {
			return badRow(line, i)
		}
		switch line[i] {
		case '}':
			return atEnd(line, i+1)
		case ',':
			i = record.SkipJSONSpace(line, i+1)
		default:
			return badRow(line, i)
		}
	}
	return fmt.Errorf("%w: more than %d fields", errBadRow, maxRowFields)
}

func atEnd(line []byte, i int) error {
	if i = record.SkipJSONSpace(line, i); i != len(line) {
		return badRow(line, i)
	}
	return nil
}

func badRow(line []byte, i int) error {
	return fmt.Errorf("%w at byte %d of %q", errBadRow, i, line[:min(len(line), 80)])
}
