package frame

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"journalist/internal/record"
)

// verdict says what a line is to the event before it.
type verdict uint8

const (
	// Of an event of its own, when no event is open:
	alone  verdict = iota // it is an event by itself
	begins                // it begins one
	// Of the open event:
	goesOn // it belongs to it, and more may
	ends   // it is its last one
	holds  // the next line tells
	fails  // it does not belong to it
)

// maxHeld is how many lines may be held until another one tells whether they belong
// to an event.
const maxHeld = 8

// state is where an event stands. The zero state: none is open.
type state struct {
	language uint8 // 1 and on: languages[language-1]
	at       uint8
}

// multiline joins lines.
type multiline struct {
	languages []*language
	pattern   *regexp.Regexp
	negate    bool
	behind    bool // what: next
	flush     time.Duration
	maxLines  int
	maxBytes  int
}

// newMultiline checks m; maxLine is the longest text of a row.
func newMultiline(m Multiline, maxLine int) (*multiline, error) {
	out := &multiline{negate: m.Negate, flush: m.FlushAfter, maxLines: m.MaxLines, maxBytes: m.MaxBytes}
	if out.flush == 0 {
		out.flush = defaultFlush
	}
	if out.maxLines == 0 {
		out.maxLines = defaultLines
	}
	if out.maxBytes == 0 {
		out.maxBytes = maxLine
	}
	switch {
	case out.flush < 0:
		return nil, fmt.Errorf("frame: multi-line: flush after %s, must be above 0", m.FlushAfter)
	case out.maxLines < 2:
		return nil, fmt.Errorf("frame: multi-line: at most %d lines, must be at least 2", m.MaxLines)
	case out.maxBytes < 16 || out.maxBytes > record.MaxValue:
		return nil, fmt.Errorf("frame: multi-line: at most %d bytes, must be between 16 and %d", m.MaxBytes, record.MaxValue)
	case len(m.Languages) > 0 && m.Pattern != "":
		return nil, errors.New("frame: multi-line: set languages or a pattern, not both")
	case len(m.Languages) == 0 && m.Pattern == "":
		return nil, errors.New("frame: multi-line: neither a language nor a pattern is set")
	}
	for _, name := range m.Languages {
		i := slices.IndexFunc(languages, func(l *language) bool { return l.name == name })
		if i < 0 {
			return nil, fmt.Errorf("frame: multi-line: language %q is not known; there are %s", name, strings.Join(Languages(), ", "))
		}
		out.languages = append(out.languages, languages[i])
	}
	switch m.What {
	case "", Previous:
	case Next:
		out.behind = true
	default:
		return nil, fmt.Errorf("frame: multi-line: what is %q, must be %s or %s", m.What, Previous, Next)
	}
	if m.Pattern != "" {
		text, err := expandGrok(m.Pattern)
		if err != nil {
			return nil, err
		}
		if out.pattern, err = regexp.Compile(text); err != nil {
			return nil, fmt.Errorf("frame: multi-line: pattern %q: %w", m.Pattern, err)
		}
	}
	return out, nil
}

// next judges a line when an event stands at s. With the zero state the verdict is
// alone or begins.
func (m *multiline) next(s state, line []byte) (state, verdict) {
	if m.pattern == nil {
		return m.trace(s, line)
	}
	open := s != state{}
	joins := m.pattern.Match(line) != m.negate
	on := state{language: 1}
	switch {
	case m.behind && joins && open:
		return on, goesOn
	case m.behind && joins:
		return on, begins
	case m.behind && open:
		return state{}, ends
	case m.behind:
		return state{}, alone
	case open && joins:
		return on, goesOn
	case open:
		return s, fails
	}
	return on, begins
}

// trace judges by the languages' rules.
func (m *multiline) trace(s state, line []byte) (state, verdict) {
	if s.language == 0 {
		if s = m.start(line); s.language != 0 {
			return s, begins
		}
		for i, l := range m.languages {
			if l.vague == nil {
				continue
			}
			if at := l.vague(line); at != 0 {
				return state{uint8(i + 1), at}, begins
			}
		}
		return state{}, alone
	}
	at, v := m.languages[s.language-1].next(s.at, line)
	if v == holds && m.start(line).language != 0 {
		v = fails
	}
	return state{s.language, at}, v
}

// start returns the state behind a line with which a trace begins for certain.
func (m *multiline) start(line []byte) state {
	for i, l := range m.languages {
		if at := l.start(line); at != 0 {
			return state{uint8(i + 1), at}
		}
	}
	return state{}
}

// Languages are the names of those whose stack traces can be joined.
func Languages() []string {
	var names []string
	for _, l := range languages {
		names = append(names, l.name)
	}
	return names
}
