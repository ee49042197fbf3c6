package cli

import (
	"cmp"
	"regexp"
	"slices"
	"unicode"
	"unicode/utf8"

	"journalist/internal/query/lang"
)

// Highlighter finds in a message what a query looks for there, so that it can be
// shown. It only shows: which rows match is decided elsewhere, by internal/match.
type Highlighter struct{ marks []highlight }

// highlight is one text of a query.
type highlight struct {
	re          *regexp.Regexp
	left, right bool // a word begins or ends there
}

// The limits keep the marking of a hostile line, or by a hostile query, short.
const (
	maxHighlights = 64      // texts of one query
	maxSpans      = 1000    // marked places of one text
	maxMarked     = 1 << 16 // bytes of a text that are looked at
)

// NewHighlighter makes the marks of a query: its words, phrases and expressions for
// the message, where they are not negated, before its first pipe that changes the
// rows. A nil query has none.
func NewHighlighter(q *lang.Query) *Highlighter {
	h := &Highlighter{}
	if q == nil {
		return h
	}
	h.add(q.Filter)
	for _, p := range q.Pipes {
		if w, ok := p.(*lang.Where); ok {
			h.add(w.Filter)
		}
	}
	return h
}

func (h *Highlighter) add(f lang.Filter) {
	switch f := f.(type) {
	case *lang.And:
		for _, x := range f.List {
			h.add(x)
		}
	case *lang.Or:
		for _, x := range f.List {
			h.add(x)
		}
	case *lang.Text:
		h.addText(f)
	}
}

func (h *Highlighter) addText(f *lang.Text) {
	if f.Field != "" && f.Field != "message" || f.Text == "" || len(h.marks) == maxHighlights {
		return
	}
	m := highlight{}
	expr := ""
	switch f.Kind {
	case lang.Word:
		expr, m.left, m.right = "(?i)"+regexp.QuoteMeta(f.Text), true, true
	case lang.Prefix:
		expr, m.left = "(?i)"+regexp.QuoteMeta(f.Text), true
	case lang.Substring:
		expr = "(?i)" + regexp.QuoteMeta(f.Text)
	case lang.Regexp:
		expr = f.Text
		if f.Fold {
			expr = "(?i)" + expr
		}
	default: // a wildcard is about the whole text
		return
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return // the query's own error says so
	}
	m.re = re
	h.marks = append(h.marks, m)
}

// span is a run of bytes of a text.
type span struct{ from, to int }

// spans returns the places to mark, in order and apart from each other.
func (h *Highlighter) spans(text string) []span {
	if h == nil || len(h.marks) == 0 {
		return nil
	}
	text = text[:min(len(text), maxMarked)]
	var found []span
	for i := range h.marks {
		m := &h.marks[i]
		for _, at := range m.re.FindAllStringIndex(text, maxSpans) {
			if at[0] < at[1] && (!m.left || wordEdge(text, at[0])) && (!m.right || wordEdge(text, at[1])) {
				found = append(found, span{at[0], at[1]})
			}
		}
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var merged []span
	for _, s := range found {
		if n := len(merged); n > 0 && s.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, s.to)
			continue
		}
		if merged = append(merged, s); len(merged) == maxSpans {
			break
		}
	}
	return merged
}

// wordEdge tells that no word goes on over this place of the text.
func wordEdge(text string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	after, _ := utf8.DecodeRuneInString(text[at:])
	return at == 0 || at == len(text) || !inWord(before) || !inWord(after)
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
