package lang

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser reads the text from left to right. What a character means depends on
// where it stands, so the parser asks for the kind of token it expects; the
// methods of this file read them.
type parser struct {
	text     string
	pos      int
	depth    int
	inside   int // queries that are being read inside of the first
	queries  int // all of them
	warnings []Warning
}

// space skips white space.
func (p *parser) space() {
	for p.pos < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[p.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		p.pos += n
	}
}

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte { return p.peekAt(0) }

func (p *parser) peekAt(n int) byte {
	if p.pos+n < len(p.text) {
		return p.text[p.pos+n]
	}
	return 0
}

func (p *parser) end() bool { return p.pos >= len(p.text) }

// take takes s where it comes next.
func (p *parser) take(s string) bool {
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

// atSpace tells whether white space or the end is n bytes ahead.
func (p *parser) atSpace(n int) bool {
	if p.pos+n >= len(p.text) {
		return true
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.pos+n:])
	return unicode.IsSpace(r)
}

func stopsWord(r rune) bool {
	return r == '(' || r == ')' || r == '|' || r == '"' || unicode.IsSpace(r)
}

func stopsBound(r rune) bool { return r == ']' || r == '}' || stopsWord(r) }

// ahead returns the bare token that comes next, without taking it.
func (p *parser) ahead(stop func(rune) bool) string {
	rest := p.text[p.pos:]
	if i := strings.IndexFunc(rest, stop); i >= 0 {
		return rest[:i]
	}
	return rest
}

// atKeyword tells whether word comes next as a whole token, in any case.
func (p *parser) atKeyword(word string) bool {
	return len(p.text)-p.pos >= len(word) && strings.EqualFold(p.text[p.pos:p.pos+len(word)], word) &&
		len(p.ahead(stopsWord)) == len(word) && !p.isField(p.pos+len(word))
}

// isField tells whether what stands before pos is a field because an operator
// follows directly: "not:x", "and=5".
func (p *parser) isField(pos int) bool {
	return pos < len(p.text) && strings.IndexByte(":=<>", p.text[pos]) >= 0
}

func (p *parser) keyword(word string) bool {
	if p.atKeyword(word) {
		p.pos += len(word)
		return true
	}
	return false
}

// quoted takes a quoted text. Only the quote and the backslash can be escaped.
func (p *parser) quoted() (string, *Error) {
	start, q := p.pos, p.text[p.pos]
	var b strings.Builder
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == q:
			p.pos = i + 1
			if b.Len() > MaxText {
				return "", p.tooLong(start)
			}
			return b.String(), nil
		case c == '\\' && i+1 < len(p.text) && (p.text[i+1] == q || p.text[i+1] == '\\'):
			i++
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.errorAt(start, "add the closing "+string(q)+"; inside of quotes write "+`\`+string(q)+" for a quote", "this quote is not closed")
}

func (p *parser) tooLong(pos int) *Error {
	return p.errorAt(pos, "ask for a shorter part of it", "a text has at most %d bytes", MaxText)
}

func (p *parser) atQuote() bool { return p.peek() == '"' || p.peek() == '\'' }

// regexp takes /expression/ or /expression/i. It is one only where the slash that
// closes it is followed by what ends a word (a space, a parenthesis, a pipe, a quote)
// or the end, so that paths need no escaping.
func (p *parser) regexp() (expr string, fold, ok bool) {
	if p.peek() != '/' {
		return "", false, false
	}
	for i := p.pos + 1; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case '/':
			end := i + 1
			if end < len(p.text) && p.text[end] == 'i' {
				fold = true
				end++
			}
			if end < len(p.text) {
				r, _ := utf8.DecodeRuneInString(p.text[end:])
				if !stopsWord(r) {
					return "", false, false
				}
			}
			expr = p.text[p.pos+1 : i]
			if expr == "" {
				return "", false, false
			}
			p.pos = end
			return expr, fold, true
		}
	}
	return "", false, false
}

// nameStart tells whether a bare field name may begin with c.
func nameStart(c byte) bool {
	return c == '_' || c == '@' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
}

// nameByte tells whether c may stand inside a bare field name.
func nameByte(c byte) bool {
	return nameStart(c) || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '/'
}

// nameLen is how long the bare field name at the beginning of s is.
func nameLen(s string) int {
	if s == "" || !nameStart(s[0]) {
		return 0
	}
	for i, r := range s {
		if r < utf8.RuneSelf && !nameByte(byte(r)) || r >= utf8.RuneSelf && unicode.IsSpace(r) {
			return i
		}
	}
	return len(s)
}

// field takes a field name with the colon after it, or without the comparison
// that follows it. It leaves what only looks like one: https://x, C:\x, std::sort,
// 10:15:00, IPv6 and MAC addresses.
func (p *parser) field() (name string, colon, ok bool) {
	rest := p.text[p.pos:]
	n := nameLen(rest)
	if n == 0 || n > maxName {
		return "", false, false
	}
	after := rest[n:]
	if strings.HasPrefix(after, ":") {
		after = after[1:]
		if strings.HasPrefix(after, ":") || strings.HasPrefix(after, "//") || n == 1 && strings.HasPrefix(after, `\`) ||
			isAddress(p.ahead(stopsWord)) {
			return "", false, false
		}
		p.pos += n + 1
		return rest[:n], true, true
	}
	if operator(after) > 0 {
		p.pos += n
		return rest[:n], false, true
	}
	// "status > 500": spaces on both sides, and nothing else that it could mean.
	trimmed := strings.TrimLeft(after, " \t")
	if k := operator(trimmed); k > 0 && !keyword(rest[:n]) && len(trimmed) < len(after) && len(trimmed) > k &&
		(trimmed[k] == ' ' || trimmed[k] == '\t') {
		p.pos += n + len(after) - len(trimmed)
		return rest[:n], false, true
	}
	return "", false, false
}

// maxName is the longest field name, as internal/record's.
const maxName = 512

// operator is the length of the comparison at the beginning of s, 0 if none.
func operator(s string) int {
	switch {
	case strings.HasPrefix(s, "!="), strings.HasPrefix(s, ">="), strings.HasPrefix(s, "<="):
		return 2
	case s != "" && (s[0] == '=' || s[0] == '>' || s[0] == '<'):
		return 1
	}
	return 0
}

// takeOperator takes a comparison.
func (p *parser) takeOperator() (Op, bool) {
	for _, o := range [...]Op{Ne, Le, Ge, Eq, Lt, Gt} { // the longer ones first
		if p.take(o.String()) {
			return o, true
		}
	}
	return Eq, false
}

// isAddress tells whether a token with colons is an IPv6 or a MAC address.
func isAddress(s string) bool {
	if strings.Count(s, ":") < 2 {
		return false
	}
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return true
	}
	parts := strings.Split(s, ":")
	for _, x := range parts {
		if len(x) != 2 || !isHex(x[0]) || !isHex(x[1]) {
			return false
		}
	}
	return len(parts) == 6
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// pipeName takes a name where a pipe wants one: bare or quoted.
func (p *parser) pipeName(what string) (string, *Error) {
	p.space()
	start := p.pos
	if p.atQuote() {
		s, err := p.quoted()
		if err == nil && s == "" {
			err = p.errorAt(start, "", "expected %s, found an empty one", what)
		}
		return fieldName(s), err
	}
	i := len(p.text) - p.pos
	for j, r := range p.text[p.pos:] {
		if r < utf8.RuneSelf && !nameByte(byte(r)) || unicode.IsSpace(r) || r == '-' && j == 0 {
			i = j
			break
		}
	}
	if i == 0 {
		return "", p.errorAt(start, `names with other characters than letters, digits and _ . - @ / stand in quotes`, "expected %s%s", what, p.found())
	}
	p.pos += i
	return fieldName(p.text[start:p.pos]), nil
}

// fieldName is the name that a field is known by: _time is @timestamp in pipes too.
func fieldName(s string) string {
	if isTime(s) {
		return timeField
	}
	return s
}

// found describes what comes next for an error.
func (p *parser) found() string {
	p.space()
	if p.end() {
		return ", but the query ends here"
	}
	tok := p.ahead(stopsWord)
	if tok == "" {
		_, n := utf8.DecodeRuneInString(p.text[p.pos:])
		tok = p.text[p.pos : p.pos+n]
	}
	if len(tok) > 40 {
		tok = strings.ToValidUTF8(tok[:40], "") + "…"
	}
	return ", found " + tok
}
