package lang

import (
	"strconv"
	"strings"
	"time"
)

type (
	// Top counts the rows by fields and keeps the N commonest combinations, or the
	// rarest, in columns called as the fields, and "count".
	Top struct {
		Pos
		N     int
		Rare  bool
		Names []string
	}
	// Uniq lists the distinct combinations of fields.
	Uniq struct {
		Pos
		Names []string
	}
	// Dedup keeps the first row of each combination of fields.
	Dedup struct {
		Pos
		Names []string
	}
	// Timechart groups by time and also lists the buckets that are empty.
	Timechart struct {
		Pos
		// Span or Months is the width of the buckets; both 0: to suit the time range.
		Span   time.Duration
		Months int
		Aggs   []Agg
		By     []Key // fields only
	}
)

func (*Top) pipe()       {}
func (*Uniq) pipe()      {}
func (*Dedup) pipe()     {}
func (*Timechart) pipe() {}

// CountColumn is the column of a Top's numbers.
const CountColumn = "count"

// defaultTop is how many rows top and rare keep unless told otherwise.
const defaultTop = 10

func (p *parser) top(pos Pos, rare bool) (Pipe, *Error) {
	t := &Top{Pos: pos, N: defaultTop, Rare: rare}
	p.space()
	if c := p.peek(); c >= '0' && c <= '9' || c == '-' {
		n, err := p.limit(pos)
		if err != nil {
			return nil, err
		}
		t.N = n.(*Limit).N
		p.space()
	}
	at := p.pos
	var err *Error
	if t.Names, err = p.names(); err != nil {
		return nil, err
	}
	for _, n := range t.Names {
		if n == CountColumn {
			return nil, p.errorAt(at, `write stats count() as n by "count" | sort -n | limit 10`, "two columns are called count")
		}
	}
	return t, nil
}

// names reads distinct field names, behind "by" and in parentheses where these
// are there.
func (p *parser) names() ([]string, *Error) {
	p.space()
	if p.atKeyword("by") || p.atAnyWord("by") && strings.HasPrefix(p.text[p.pos+2:], "(") {
		p.pos += 2
		p.space()
	}
	opening := p.pos
	paren := p.take("(")
	var list []string
	seen := map[string]bool{}
	err := p.list(func() *Error {
		p.space()
		at := p.pos
		n, err := p.pipeName("the name of a field")
		if err == nil && seen[n] {
			err = p.errorAt(at, "", "two columns are called %s", n)
		}
		seen[n] = true
		list = append(list, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	if p.space(); paren && !p.take(")") {
		return nil, p.errorAt(p.pos, "the parenthesis at column "+p.column(opening)+" is not closed", "expected )%s", p.found())
	}
	return list, nil
}

func (p *parser) timechart(pos Pos) (Pipe, *Error) {
	t := &Timechart{Pos: pos}
	p.space()
	if c := p.peek(); c >= '0' && c <= '9' || c == '-' {
		k := Key{}
		if err := p.timeKey(&k); err != nil {
			err.Hint = "as in timechart 5m count()"
			return nil, err
		}
		t.Span, t.Months = k.Span, k.Months
		p.space()
	}
	s := &Stats{Pos: pos}
	if p.end() || p.peek() == '|' || p.peek() == ')' || p.atAnyWord("by") {
		s.Aggs = []Agg{{Pos: pos, Func: "count"}}
	} else if err := p.aggregates(s); err != nil {
		return nil, err
	}
	if p.word("by") {
		at := p.pos
		names, err := p.names()
		if err != nil {
			if p.peek() == '(' {
				err.Hint = "timechart groups by fields; stats groups by time(span) and bucket(field, n) too"
			}
			return nil, err
		}
		for _, n := range names {
			s.By = append(s.By, Key{Pos: Pos(at), Field: n})
		}
	}
	t.Aggs, t.By = s.Aggs, s.By
	s.By = append([]Key{{Pos: pos, Field: timeField, Span: 1}}, s.By...)
	return t, p.distinctColumns(s)
}

// String spells the pipe.
func (p *Top) String() string {
	s := "top "
	if p.Rare {
		s = "rare "
	}
	return s + strconv.Itoa(p.N) + " " + names(p.Names)
}

// String spells the pipe.
func (p *Uniq) String() string { return "uniq " + names(p.Names) }

// String spells the pipe.
func (p *Dedup) String() string { return "dedup " + names(p.Names) }

// String spells the pipe.
func (p *Timechart) String() string {
	s := "timechart "
	if p.Span > 0 || p.Months > 0 {
		s += FormatBucket(p.Span, p.Months) + " "
	}
	return s + strings.TrimPrefix((&Stats{Aggs: p.Aggs, By: p.By}).String(), "stats ")
}
