package lang

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is why a text is not a query.
type Error struct {
	Query   string
	Offset  int    // byte offset where it went wrong
	Column  int    // the same in characters, from 1
	Message string // what is wrong or what was expected
	Hint    string // how to put it right; may be empty
}

func (e *Error) Error() string {
	s := fmt.Sprintf("query, column %d: %s", e.Column, e.Message)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Caret shows the line of the query with a mark under the column. Long lines are
// cut around it.
func (e *Error) Caret() string {
	const around = 60
	start := strings.LastIndexByte(e.Query[:e.Offset], '\n') + 1
	before, after := []rune(e.Query[start:e.Offset]), []rune(e.Query[e.Offset:])
	for i, r := range after {
		if r == '\n' || r == '\r' {
			after = after[:i]
			break
		}
	}
	if len(before) > around {
		before = append([]rune("…"), before[len(before)-around:]...)
	}
	if len(after) > around {
		after = append(after[:around:around], '…')
	}
	clean := func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}
	line := strings.Map(clean, string(before)+string(after))
	return line + "\n" + strings.Repeat(" ", len(before)) + "^"
}

func (p *parser) errorAt(pos int, hint, format string, args ...any) *Error {
	return &Error{
		Query:   p.text,
		Offset:  pos,
		Column:  utf8.RuneCountInString(p.text[:pos]) + 1,
		Message: fmt.Sprintf(format, args...),
		Hint:    hint,
	}
}

// ErrorAt is for whoever finds that a query cannot be answered as it is: an error
// at the node that begins at pos.
func (q *Query) ErrorAt(pos int, message, hint string) *Error {
	p := parser{text: q.text}
	return p.errorAt(min(max(pos, 0), len(q.text)), hint, "%s", message)
}

// nearest returns the name that s was probably meant to be, or "".
func nearest(s string, names []string) string {
	best, bestDistance := "", 3
	for _, n := range names {
		if d := distance(strings.ToLower(s), n); d < bestDistance && d < len(n) {
			best, bestDistance = n, d
		}
	}
	return best
}

// Near returns up to three of names that s was probably meant to be: spelled nearly so,
// or the same but for its case or for what is before its last dot.
func Near(s string, names []string) []string {
	var near []string
	add := func(like func(n string) bool) {
		for _, n := range names {
			if len(near) < 3 && n != s && !slices.Contains(near, n) && like(n) {
				near = append(near, n)
			}
		}
	}
	low := strings.ToLower(s)
	last := func(n string) string { return n[strings.LastIndexByte(n, '.')+1:] }
	add(func(n string) bool { return strings.EqualFold(n, s) })
	for d := 1; d <= 2 && len(near) == 0; d++ {
		add(func(n string) bool { return d < len(s) && d < len(n) && distance(low, strings.ToLower(n)) == d })
	}
	add(func(n string) bool { return strings.EqualFold(last(n), last(s)) })
	return near
}

// distance counts the edits (insert, delete, change, swap of neighbours) between
// two words.
func distance(a, b string) int {
	if len(a) > 32 || len(b) > 32 {
		return 99
	}
	var d [33][33]int
	for i := range len(a) + 1 {
		d[i][0] = i
	}
	for j := range len(b) + 1 {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// unknown is the hint for a name that is none of names.
func unknown(s string, names []string) string {
	hint := "there are " + strings.Join(names, ", ")
	if n := nearest(s, names); n != "" {
		hint = fmt.Sprintf("did you mean %s? %s", n, hint)
	}
	return hint
}
