package scan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"journalist/internal/record"
)

// Leaves calls f with the scalar values of a JSON array or object, at whatever
// depth (keys are not among them), until f returns false; it says whether it came
// to the end. Strings come unescaped. The values are valid during the call only.
// Text that is not JSON ends the walk where it stops making sense.
func Leaves(text []byte, f func(record.Value) bool) bool {
	// A key is a string with a colon after it, so that no stack is needed.
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			s, end, ok := jsonString(text, i)
			if !ok {
				return true
			}
			i = end
			for end < len(text) && isSpace(text[end]) {
				end++
			}
			if end < len(text) && text[end] == ':' {
				i = end + 1
			} else if !f(record.StringValue(s)) {
				return false
			}
		case c == '-' || '0' <= c && c <= '9':
			end := i + 1
			for end < len(text) && isNumberByte(text[end]) {
				end++
			}
			if !f(record.NumberValue(text[i:end])) {
				return false
			}
			i = end
		case c == 't' || c == 'f' || c == 'n':
			v, n := jsonWord(text[i:])
			if n == 0 || !f(v) {
				return n == 0
			}
			i += n
		default: // brackets, commas and spaces
			i++
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isNumberByte(c byte) bool {
	return '0' <= c && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

func jsonWord(text []byte) (record.Value, int) {
	switch {
	case bytes.HasPrefix(text, []byte("true")):
		return record.BoolValue(true), 4
	case bytes.HasPrefix(text, []byte("false")):
		return record.BoolValue(false), 5
	case bytes.HasPrefix(text, []byte("null")):
		return record.Value{Kind: record.Null}, 4
	}
	return record.Value{}, 0
}

// jsonString reads the string that begins at text[i]; end is behind its quote.
func jsonString(text []byte, i int) (s []byte, end int, ok bool) {
	start := i + 1
	for i = start; i < len(text); i++ {
		switch text[i] {
		case '"':
			return text[start:i:i], i + 1, true
		case '\\':
			return unescape(bytes.Clone(text[start:i]), text, i)
		}
	}
	return nil, 0, false
}

func unescape(s, text []byte, i int) ([]byte, int, bool) {
	for i < len(text) {
		c := text[i]
		if c == '"' {
			return s, i + 1, true
		}
		if c != '\\' {
			s = append(s, c)
			i++
			continue
		}
		if i+1 == len(text) {
			return nil, 0, false
		}
		i += 2
		switch c = text[i-1]; c {
		case 'n':
			c = '\n'
		case 't':
			c = '\t'
		case 'r':
			c = '\r'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'u':
			r, n := hexRune(text[i:])
			i += n
			if utf16.IsSurrogate(r) && bytes.HasPrefix(text[i:], []byte(`\u`)) {
				low, m := hexRune(text[i+2:])
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					r = pair
					i += 2 + m
				}
			}
			s = utf8.AppendRune(s, r)
			continue
		}
		s = append(s, c)
	}
	return nil, 0, false
}

// hexRune reads the four digits of a \u escape.
func hexRune(text []byte) (rune, int) {
	if len(text) < 4 {
		return utf8.RuneError, len(text)
	}
	var r rune
	for _, c := range text[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return utf8.RuneError, 0
		}
		r = r<<4 | rune(c)
	}
	return r, 4
}
