package lang

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// String returns the query in its canonical form, which parses to the same tree.
func (q *Query) String() string {
	var parts []string
	if q.Filter != nil {
		parts = append(parts, q.Filter.String())
	} else {
		parts = append(parts, "")
	}
	for _, p := range q.Pipes {
		parts = append(parts, p.String())
	}
	return strings.TrimLeft(strings.Join(parts, " | "), " ")
}

func (f *And) String() string {
	var parts []string
	for _, x := range f.List {
		s := x.String()
		if _, ok := x.(*Or); ok {
			s = "(" + s + ")"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

func (f *Or) String() string {
	var parts []string
	for _, x := range f.List {
		parts = append(parts, x.String())
	}
	return strings.Join(parts, " OR ")
}

func (f *Not) String() string {
	s := f.X.String()
	switch f.X.(type) {
	case *And, *Or:
		s = "(" + s + ")"
	}
	return "-" + s
}

func (f *All) String() string { return "*" }

func (f *Exists) String() string { return "_exists_:" + name(f.Field) }

func (f *Time) String() string { return "_time:" + value(f.Text) }

func (f *Text) String() string {
	s := ""
	if f.Field != "" {
		s = name(f.Field) + ":"
	}
	switch f.Kind {
	case Word:
		return s + value(f.Text)
	case Prefix:
		return s + value(f.Text) + "*"
	case Substring:
		return s + "*" + f.Text + "*"
	case Wildcard:
		// In quotes the beginning cannot be read as something else, whatever follows:
		// a slash far behind would make a regular expression of /a*b.
		head, tail, _ := strings.Cut(f.Text, "*")
		if head != "" {
			head = value(head)
		}
		return s + head + "*" + tail
	}
	s += "/" + f.Text + "/"
	if f.Fold {
		s += "i"
	}
	return s
}

func (f *Compare) String() string { return name(f.Field) + f.Op.String() + f.Value.String() }

func (f *Range) String() string {
	end := func(s *Scalar) string {
		if s == nil {
			return "*"
		}
		return s.String()
	}
	opening, closing := "[", "]"
	if f.FromOpen {
		opening = "{"
	}
	if f.ToOpen {
		closing = "}"
	}
	return name(f.Field) + ":" + opening + end(f.From) + " TO " + end(f.To) + closing
}

// String spells the scalar so that it is read as the same again.
func (s Scalar) String() string {
	switch {
	case s.Literal:
		return quote(s.Text)
	case numberLike(s.Text) && !strings.ContainsFunc(s.Text, stopsWord):
		return s.Text // it was typed without quotes, so it can be again
	}
	return value(s.Text)
}

// numberLike tells whether quotes make a difference: without them the text may
// be a number, a duration, a size or a date.
func numberLike(s string) bool {
	return s != "" && (s[0] >= '0' && s[0] <= '9' || s[0] == '-' || s[0] == '+' || s[0] == '.') ||
		strings.HasPrefix(strings.ToLower(s), "now")
}

func (p *Stats) String() string {
	var aggs, keys []string
	for _, a := range p.Aggs {
		s := a.expression()
		if a.As != "" {
			s += " as " + name(a.As)
		}
		aggs = append(aggs, s)
	}
	for _, k := range p.By {
		keys = append(keys, k.String())
	}
	s := "stats " + strings.Join(aggs, ", ")
	if keys != nil {
		s += " by " + strings.Join(keys, ", ")
	}
	return s
}

// String spells the key.
func (k Key) String() string {
	switch {
	case k.Timed():
		return "time(" + FormatBucket(k.Span, k.Months) + ")"
	case k.Bucket > 0:
		return "bucket(" + name(k.Field) + ", " + strconv.FormatInt(k.Bucket, 10) + ")"
	}
	return name(k.Field)
}

func (p *Fields) String() string {
	s := "fields "
	if p.Drop {
		s += "- "
	}
	return s + names(p.Names)
}

func (p *Sort) String() string {
	var keys []string
	for _, k := range p.By {
		s := name(k.Field)
		if k.Down {
			s = "-" + s
		}
		keys = append(keys, s)
	}
	return "sort " + strings.Join(keys, ", ")
}

func (p *Limit) String() string { return "limit " + strconv.Itoa(p.N) }

func (p *Where) String() string { return "where " + p.Filter.String() }

func names(list []string) string {
	var parts []string
	for _, n := range list {
		parts = append(parts, name(n))
	}
	return strings.Join(parts, ", ")
}

// name spells a field's name, quoted where it has to be.
func name(s string) string {
	if s != "" && nameStart(s[0]) && !keyword(s) {
		for i := range len(s) {
			if s[i] >= utf8.RuneSelf || !nameByte(s[i]) {
				return quote(s)
			}
		}
		return s
	}
	return quote(s)
}

// value spells a text, quoted where it has to be.
func value(s string) string {
	if s == "" || keyword(s) || s[0] == '-' || s[0] == '.' {
		return quote(s)
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-') {
			return quote(s)
		}
	}
	return s
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// keyword tells whether a bare word means something else than itself somewhere.
func keyword(s string) bool {
	switch strings.ToLower(s) {
	case "and", "or", "not", "to", "by", "as", "if", "in", "asc", "desc", "now":
		return true
	}
	return false
}
