package rules

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"journalist/internal/record"
)

// parseLogfmt makes fields of the key=value pairs of the text, which stays the
// message unless there is a pair msg or message; it says why when there is no pair.
func (r *row) parseLogfmt() string {
	text := r.text
	if len(trim(text)) == 0 {
		return ""
	}
	var found []member
	for len(text) > 0 {
		var m member
		var ok bool
		if m, text, ok = nextPair(text); ok {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return "the line has no key=value pair"
	}
	for _, m := range found {
		name := m.name
		if name == "msg" {
			name = record.FieldMessage
		}
		r.setRaw(name, m.raw)
	}
	r.nameParsed()
	return ""
}

// nextPair reads one pair, or a word without =, for which ok is false.
func nextPair(text []byte) (m member, rest []byte, ok bool) {
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	n := 0
	for n < len(text) && text[n] > ' ' && text[n] != '=' && text[n] != '"' {
		n++
	}
	if n == 0 || n == len(text) || text[n] != '=' {
		for n < len(text) && text[n] > ' ' {
			n++
		}
		return member{}, text[n:], false
	}
	name, text := text[:n], text[n+1:]
	if !utf8.Valid(name) || len(name) > record.MaxName {
		name = bytes.ToValidUTF8(name[:min(len(name), record.MaxName)], []byte("\uFFFD"))
	}
	if len(text) > 0 && text[0] == '"' {
		if end := record.JSONStringEnd(text, 0); end > 0 {
			return member{string(name), quotedValue(text[:end])}, text[end:], true
		}
	}
	n = 0
	for n < len(text) && text[n] > ' ' {
		n++
	}
	return member{string(name), record.AppendJSONString(nil, text[:n])}, text[n:], true
}

// quotedValue is a quoted text as a JSON string: the escapes are nearly JSON's own.
func quotedValue(quoted []byte) []byte {
	if json.Valid(quoted) {
		return append([]byte(nil), quoted...)
	}
	inner := make([]byte, 0, len(quoted))
	for i := 1; i < len(quoted)-1; i++ {
		c := quoted[i]
		if c == '\\' && i+1 < len(quoted)-1 {
			i++
			switch quoted[i] {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case '"', '\\':
				c = quoted[i]
			default:
				inner = append(inner, '\\')
				c = quoted[i]
			}
		}
		inner = append(inner, c)
	}
	return record.AppendJSONString(nil, inner)
}
