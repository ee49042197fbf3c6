package exec

import (
	"bytes"
	"regexp"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// extractStep sets fields to pieces of a text.
type extractStep struct {
	field  string
	names  []string
	wanted []bool // as names; nil: all
	find   finder
	budget *budget
}

// finder finds the pieces in a text. It is used by several goroutines.
type finder interface {
	// find sets at to where the pieces are, as the names; from < 0 where one is not.
	find(text []byte, at []piece) bool
}

type piece struct{ from, to int }

func (q *query) extractStep(p *lang.Extract) (*extractStep, error) {
	s := &extractStep{budget: &q.budget, field: p.Field, names: p.Fields()}
	if !p.Regexp {
		parts, err := lang.ParseTemplate(p.Text)
		s.find = template(parts)
		return s, err
	}
	re, err := p.Compile()
	if err != nil {
		return nil, err
	}
	x := &expression{re: re}
	for i, n := range re.SubexpNames() {
		if n != "" {
			x.groups = append(x.groups, i)
		}
	}
	s.find = x
	return s, nil
}

// template looks for its texts one after the other; what lies between them are
// the pieces.
type template []lang.Part

func (t template) find(text []byte, at []piece) bool {
	pos, n := 0, 0
	open, named := false, false
	for i := range t {
		p := &t[i]
		if p.Text != "" {
			j := index(text[pos:], p.Text)
			if j < 0 {
				return false
			}
			if named {
				at[n] = piece{pos, pos + j}
				n++
			}
			pos += j + len(p.Text)
		}
		open, named = p.Bind, p.Bind && p.Name != ""
	}
	if open && named {
		at[n] = piece{pos, len(text)}
	}
	return true
}

func index(text []byte, s string) int {
	if len(s) == 1 {
		return bytes.IndexByte(text, s[0])
	}
	i := 0
	// Most texts begin with a rare byte or are near.
	for {
		j := bytes.IndexByte(text[i:], s[0])
		if j < 0 || i+j+len(s) > len(text) {
			return -1
		}
		if i += j; string(text[i:i+len(s)]) == s {
			return i
		}
		i++
	}
}

// expression takes the named groups of a regular expression's first match.
type expression struct {
	re     *regexp.Regexp
	groups []int
}

func (x *expression) find(text []byte, at []piece) bool {
	m := x.re.FindSubmatchIndex(text)
	if m == nil {
		return false
	}
	for i, g := range x.groups {
		at[i] = piece{m[2*g], m[2*g+1]}
	}
	return true
}

func (s *extractStep) sets() []string { return s.names }
func (s *extractStep) cuts() bool     { return false }

func (s *extractStep) source(names []string, whole bool) ([]string, bool) {
	s.wanted = nil
	if whole {
		return nil, true
	}
	for _, n := range s.names {
		s.wanted = append(s.wanted, contains(names, n))
	}
	before := without(names, s.names)
	return append(before, s.field), false
}

func (s *extractStep) runner() runner {
	return &extractRunner{
		extractStep: s, room: room{budget: s.budget}, setter: setter{names: s.names},
		at: make([]piece, len(s.names)), cols: make([]scan.Column, len(s.names)),
	}
}

type extractRunner struct {
	*extractStep
	view   view
	at     []piece
	cols   []scan.Column // as names
	made   []scan.Column // those wanted
	text   []byte
	setter setter
	room   room
}

func (x *extractRunner) run(b *scan.Block) (*scan.Block, error) {
	x.view.reset(b)
	col := x.view.column(x.field)
	switch {
	case col == nil:
		x.all(nil)
	case col.Form == scan.Consts || col.Form == scan.Dict && len(col.Values) <= x.view.n:
		x.each(col)
	default:
		if err := x.rows(col); err != nil {
			return nil, err
		}
	}
	x.made = x.made[:0]
	for i := range x.cols {
		if x.wanted == nil || x.wanted[i] {
			x.made = append(x.made, x.cols[i])
		}
	}
	return x.setter.set(b, x.made), nil
}

// all makes columns of one value each, those of a text that all rows have.
func (x *extractRunner) all(text []byte) {
	found := text != nil && x.find.find(text, x.at)
	for i, n := range x.names {
		x.cols[i] = scan.Column{Name: n, Form: scan.Consts, Len: x.view.n, Values: []record.Value{x.piece(text, found, i)}}
	}
}

func (x *extractRunner) piece(text []byte, found bool, i int) record.Value {
	if !found || x.at[i].from < 0 {
		return record.Value{}
	}
	return record.StringValue(text[x.at[i].from:x.at[i].to])
}

// each looks at each value of a dictionary once.
func (x *extractRunner) each(col *scan.Column) {
	for i, n := range x.names {
		x.cols[i] = scan.Column{Name: n, Form: col.Form, Len: col.Len, Values: x.cols[i].Values[:0:0], Codes: col.Codes}
	}
	for _, v := range col.Values {
		text := x.textOf(v)
		if v.Kind == record.Int || v.Kind == record.Bool {
			text = bytes.Clone(text)
		}
		found := text != nil && x.find.find(text, x.at)
		for i := range x.cols {
			x.cols[i].Values = append(x.cols[i].Values, x.piece(text, found, i))
		}
	}
}

func (x *extractRunner) rows(col *scan.Column) error {
	for i, n := range x.names {
		c := &x.cols[i]
		*c = scan.Column{Name: n, Form: scan.Plain, Len: x.view.n, Kinds: c.Kinds[:0], Offsets: append(c.Offsets[:0], 0), Data: c.Data[:0]}
	}
	bytes := 0
	for row := range x.view.n {
		if err := x.room.need(bytes); err != nil {
			return err
		}
		var text []byte
		if col.Form == scan.Plain && (col.Kinds == nil || col.Kinds[row] == record.String) {
			text = col.Data[col.Offsets[row]:col.Offsets[row+1]]
		} else {
			text = x.textOf(col.Value(row))
		}
		found := text != nil && x.find.find(text, x.at)
		for i := range x.cols {
			if x.wanted != nil && !x.wanted[i] {
				continue
			}
			c := &x.cols[i]
			kind := record.Missing
			if found && x.at[i].from >= 0 {
				kind = record.String
				c.Data = append(c.Data, text[x.at[i].from:x.at[i].to]...)
				bytes += x.at[i].to - x.at[i].from
			}
			c.Kinds = append(c.Kinds, kind)
			c.Offsets = append(c.Offsets, uint32(len(c.Data)))
		}
	}
	return nil
}

// textOf is the text of a value, nil where it has none; it is valid until the
// next call.
func (x *extractRunner) textOf(v record.Value) []byte {
	x.text = x.text[:0]
	switch v.Kind {
	case record.Missing, record.Null:
		return nil
	case record.Int, record.Bool:
		if x.field == record.FieldTime {
			x.text = record.AppendTime(x.text, v.Int)
		} else {
			x.text = v.AppendText(x.text)
		}
		return x.text
	}
	if v.Bytes == nil {
		return x.text // the empty text
	}
	return v.Bytes
}

// extract works on rows at hand.
func (q *query) extract(t *table, p *lang.Extract) error {
	s, err := q.extractStep(p)
	if err != nil {
		return err
	}
	x := s.runner().(*extractRunner)
	return q.set(t, s.names, func(dst []record.Value, r *tableRow) []record.Value {
		v, _ := t.get(r, s.field)
		text := x.textOf(v)
		found := text != nil && s.find.find(text, x.at)
		for i := range s.names {
			dst = append(dst, clone(x.piece(text, found, i)))
		}
		return dst
	})
}
