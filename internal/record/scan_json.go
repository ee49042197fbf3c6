package record

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// The tokens of JSON, as jsonDecoder needs them.

// str reads a string whose opening quote is at pos and returns the range of its
// content; escapes are checked but not replaced.
func (d *jsonDecoder) str() (from, to int, escaped, ok bool) {
	from = d.pos + 1
	for i := from; ; {
		i = stringSpecial(d.data, i)
		if i >= len(d.data) {
			return 0, 0, false, d.fail(len(d.data), "unexpected end: string is not closed")
		}
		switch d.data[i] {
		case '"':
			d.pos = i + 1
			return from, i, escaped, true
		case '\\':
			escaped = true
			n := escapeLen(d.data[i:])
			if n == 0 {
				return 0, 0, false, d.fail(i, "invalid escape in a string")
			}
			i += n
		default:
			return 0, 0, false, d.fail(i, "control character in a string")
		}
	}
}

// stringSpecial returns the index of the first byte of data[i:] that is a quote,
// a backslash or a control character; eight bytes at a time.
func stringSpecial(data []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(data); i += 8 {
		w := binary.LittleEndian.Uint64(data[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		// A byte's high bit is set where it is below the number taken from it. A
		// borrow disturbs only the bytes above the first one found.
		m := ((w - ones*0x20) &^ w) | ((quote - ones) &^ quote) | ((slash - ones) &^ slash)
		if m &= highs; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(data); i++ {
		if c := data[i]; c < 0x20 || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// escapeLen returns the length of the escape at the beginning of b, 0 when it is
// none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && hex4(b[2:]) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 reads four hexadecimal digits, -1 when they are not.
func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// AppendUnescaped appends the content of a string, what stands between its quotes,
// without escapes; ok is false for an escape that JSON does not have.
func AppendUnescaped(dst, s []byte) (_ []byte, ok bool) {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...), true
		}
		dst, s = append(dst, s[:i]...), s[i:]
		n := escapeLen(s)
		if n == 0 {
			return dst, false
		}
		switch c := s[1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s[2:])
			if r >= 0xd800 && r < 0xdc00 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
				if low := hex4(s[8:]); low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 | (low - 0xdc00) + 0x10000
					n = 12
				}
			}
			dst = utf8.AppendRune(dst, r) // a lone surrogate becomes U+FFFD
		default:
			dst = append(dst, c)
		}
		s = s[n:]
	}
}

// CutRune returns the greatest length up to limit, which is less than v has, at which
// v may be cut without splitting a UTF-8 sequence.
func CutRune(v []byte, limit int) int {
	n := limit
	for n > limit-utf8.UTFMax && n > 0 && !utf8.RuneStart(v[n]) {
		n--
	}
	if !utf8.RuneStart(v[n]) {
		return limit // no UTF-8 anyway
	}
	return n
}

// number reads the number at pos.
func (d *jsonDecoder) number() ([]byte, bool) {
	at, i, data := d.pos, d.pos, d.data
	if data[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(data) && data[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if i < len(data) && data[i] == '0' {
		i++
	} else if !digits() {
		return nil, d.fail(at, "invalid number")
	}
	if i < len(data) && data[i] == '.' {
		i++
		if !digits() {
			return nil, d.fail(at, "invalid number")
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		if !digits() {
			return nil, d.fail(at, "invalid number")
		}
	}
	d.pos = i
	return data[at:i], true
}

// skip checks the value at pos and moves behind it; depth counts the objects and
// arrays around it. plain tells that it has no line breaks between its parts.
func (d *jsonDecoder) skip(depth int) (plain, ok bool) {
	c := d.next()
	switch {
	case c == '"':
		_, _, _, ok = d.str()
		return true, ok
	case c == '[' || c == '{':
		if depth >= MaxNesting {
			return false, d.fail(d.pos, "nested deeper than "+strconv.Itoa(MaxNesting)+" levels")
		}
		return d.skipAll(c, depth+1)
	case c == '-' || c-'0' <= 9:
		_, ok = d.number()
		return true, ok
	case c == 't' && d.literal("true"), c == 'f' && d.literal("false"), c == 'n' && d.literal("null"):
		return true, true
	}
	return false, d.unexpected("expected a value")
}

// skipAll is skip for an array or object, which opens with c.
func (d *jsonDecoder) skipAll(open byte, depth int) (plain, ok bool) {
	plain = true
	shut := open + 2 // ']' and '}' follow '[' and '{' at this distance
	// gap is next, noticing line breaks.
	gap := func() byte {
		from := d.pos
		c := d.next()
		for _, s := range d.data[from:d.pos] {
			plain = plain && s != '\n' && s != '\r'
		}
		return c
	}
	d.pos++
	if gap() == shut {
		d.pos++
		return plain, true
	}
	for {
		gap()
		if open == '{' {
			if d.next() != '"' {
				return false, d.unexpected("expected a key in quotes")
			}
			if _, _, _, ok := d.str(); !ok {
				return false, false
			}
			if gap() != ':' {
				return false, d.unexpected("expected a colon after the key")
			}
			d.pos++
			gap()
		}
		p, ok := d.skip(depth)
		if !ok {
			return false, false
		}
		plain = plain && p
		switch gap() {
		case ',':
			d.pos++
		case shut:
			d.pos++
			return plain, true
		default:
			return false, d.unexpected("expected a comma or the end of the list")
		}
	}
}

// compactJSON appends checked JSON without white space between its parts and
// with U+FFFD for bytes that are not UTF-8.
func compactJSON(dst, text []byte) []byte {
	inString := false
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(text[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		case inString && c == '\\':
			dst = append(dst, c, text[i+1])
			i += 2
			continue
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			i++
			continue
		}
		dst = append(dst, c)
		i++
	}
	return dst
}
