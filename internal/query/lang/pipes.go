package lang

import (
	"strconv"
	"strings"
)

// pipeNames lists the pipes; head is limit, rex is extract.
var pipeNames = []string{
	"compare", "context", "dedup", "eval", "extract", "facets", "fields", "head", "limit", "patterns", "rare", "sort", "stats", "timechart", "top", "uniq", "where",
}

// maxLimit is the largest n of limit n.
const maxLimit = 1_000_000_000

// MaxColumns is how many aggregates, keys or names one pipe may have.
const MaxColumns = 256

func (p *parser) pipe() (Pipe, *Error) {
	p.space()
	start := p.pos
	n := 0
	for p.pos+n < len(p.text) && (nameByte(p.text[p.pos+n]) && p.text[p.pos+n] != '-') {
		n++
	}
	word := p.text[start : start+n]
	if word == "" {
		return nil, p.errorAt(start, unknown("", pipeNames), "expected a pipe%s", p.found())
	}
	p.pos += n
	pos := Pos(start)
	switch strings.ToLower(word) {
	case "stats":
		return p.stats(pos)
	case "compare":
		return p.comparePipe(pos)
	case "context":
		return p.context(pos)
	case "dedup":
		names, err := p.names()
		return &Dedup{Pos: pos, Names: names}, err
	case "eval":
		return p.eval(pos)
	case "facets":
		return p.facets(pos)
	case "patterns":
		return p.patterns(pos)
	case "rare":
		return p.top(pos, true)
	case "timechart":
		return p.timechart(pos)
	case "top":
		return p.top(pos, false)
	case "uniq":
		names, err := p.names()
		return &Uniq{Pos: pos, Names: names}, err
	case "extract", "rex":
		return p.extract(pos)
	case "fields":
		return p.fields(pos)
	case "sort":
		return p.sort(pos)
	case "limit", "head":
		return p.limit(pos)
	case "where":
		return p.where(pos)
	}
	return nil, p.errorAt(start, unknown(word, pipeNames), "there is no pipe %q", word)
}

func (p *parser) where(pos Pos) (Pipe, *Error) {
	f, err := p.or("")
	if err != nil {
		return nil, err
	}
	return &Where{Pos: pos, Filter: f}, nil
}

func (p *parser) limit(pos Pos) (Pipe, *Error) {
	p.space()
	tok := p.ahead(stopsWord)
	n, err := strconv.ParseInt(tok, 10, 64)
	if err != nil || n < 1 || n > maxLimit {
		return nil, p.errorAt(p.pos, "as in limit 100", "expected a number of rows from 1 to %d%s", maxLimit, p.found())
	}
	p.pos += len(tok)
	return &Limit{Pos: pos, N: int(n)}, nil
}

func (p *parser) fields(pos Pos) (Pipe, *Error) {
	f := &Fields{Pos: pos}
	p.space()
	f.Drop = p.take("-")
	err := p.list(func() *Error {
		n, err := p.pipeName("the name of a field")
		f.Names = append(f.Names, n)
		return err
	})
	return f, err
}

func (p *parser) sort(pos Pos) (Pipe, *Error) {
	s := &Sort{Pos: pos}
	p.space()
	if p.atKeyword("by") {
		p.pos += 2
	}
	err := p.list(func() *Error {
		p.space()
		k := SortKey{Pos: Pos(p.pos)}
		k.Down = p.take("-")
		if !k.Down {
			p.take("+")
		}
		n, err := p.columnName()
		if err != nil {
			return err
		}
		k.Field = n
		p.space()
		if p.word("desc") {
			k.Down = true
		} else {
			p.word("asc")
		}
		s.By = append(s.By, k)
		return nil
	})
	return s, err
}

// columnName reads a field or the text of an aggregate: sort -count().
func (p *parser) columnName() (string, *Error) {
	n, err := p.pipeName("the name of a field")
	if err != nil || p.peek() != '(' {
		return n, err
	}
	if n, phi, ok := function(n); ok {
		a := Agg{Func: n, Phi: phi}
		if err := p.argument(&a); err != nil {
			return "", err
		}
		return a.Name(), nil
	}
	return "", p.errorAt(p.pos, unknown(n, Functions), "there is no function %s()", n)
}

// word takes a word of a pipe: by, as, if, desc. It may touch a parenthesis or a
// comma.
func (p *parser) word(w string) bool {
	if n := nameLen(p.text[p.pos:]); n == len(w) && strings.EqualFold(p.text[p.pos:p.pos+n], w) {
		p.pos += n
		return true
	}
	return false
}

// list reads items with commas between them.
func (p *parser) list(item func() *Error) *Error {
	for range MaxColumns {
		if err := item(); err != nil {
			return err
		}
		p.space()
		if !p.take(",") {
			if p.end() || p.peek() == '|' || p.peek() == ')' || p.atAnyWord("by", "as", "if") {
				return nil
			}
			return p.errorAt(p.pos, "", "expected a comma, | or the end%s", p.found())
		}
	}
	return p.errorAt(p.pos, "", "more than %d columns", MaxColumns)
}

func (p *parser) atAnyWord(words ...string) bool {
	n := nameLen(p.text[p.pos:])
	for _, w := range words {
		if strings.EqualFold(p.text[p.pos:p.pos+n], w) {
			return true
		}
	}
	return false
}

func (p *parser) stats(pos Pos) (Pipe, *Error) {
	s := &Stats{Pos: pos}
	p.space()
	if p.atAnyWord("by") {
		return nil, p.errorAt(p.pos, "write stats count() by …", "expected an aggregate before by")
	}
	if err := p.aggregates(s); err != nil {
		return nil, err
	}
	if p.word("by") {
		p.space()
		opening := p.pos
		paren := p.take("(")
		err := p.list(func() *Error {
			k, err := p.key()
			s.By = append(s.By, k)
			return err
		})
		if err != nil {
			return nil, err
		}
		if p.space(); paren && !p.take(")") {
			return nil, p.errorAt(p.pos, "the parenthesis at column "+p.column(opening)+" is not closed", "expected )%s", p.found())
		}
	}
	return s, p.distinctColumns(s)
}

func (p *parser) aggregates(s *Stats) *Error {
	return p.list(func() *Error {
		a, err := p.aggregate()
		s.Aggs = append(s.Aggs, a)
		return err
	})
}

// distinctColumns refuses two columns of the same name.
func (p *parser) distinctColumns(s *Stats) *Error {
	seen := map[string]bool{}
	for _, k := range s.By {
		if seen[k.Name()] {
			return p.errorAt(int(k.Pos), "", "two columns are called %s", k.Name())
		}
		seen[k.Name()] = true
	}
	for _, a := range s.Aggs {
		if seen[a.Name()] {
			return p.errorAt(int(a.Pos), "give one of them another name: "+a.expression()+" as n", "two columns are called %s", a.Name())
		}
		seen[a.Name()] = true
	}
	return nil
}

func (p *parser) key() (Key, *Error) {
	p.space()
	k := Key{Pos: Pos(p.pos)}
	n, err := p.pipeName("a field, time(span) or bucket(field, n)")
	if err != nil {
		return k, err
	}
	k.Field = n
	if p.peek() != '(' {
		return k, nil
	}
	p.pos++
	switch strings.ToLower(n) {
	case "time":
		k.Field = timeField
		err = p.timeKey(&k)
	case "bucket":
		err = p.bucketKey(&k)
	default:
		err = p.errorAt(int(k.Pos), "one groups by a field, time(span) or bucket(field, n)", "there is no key %s()", n)
	}
	if err != nil {
		return k, err
	}
	p.space()
	if !p.take(")") {
		return k, p.errorAt(p.pos, "", "expected )%s", p.found())
	}
	return k, nil
}

func (p *parser) timeKey(k *Key) *Error {
	p.space()
	at := p.pos
	tok := p.ahead(stopsWord)
	p.pos += len(tok)
	var err error
	if k.Span, k.Months, err = ParseBucket(tok); err != nil {
		return p.errorAt(at, "as in time(5m)", "%v", err)
	}
	return nil
}

func (p *parser) bucketKey(k *Key) *Error {
	field, err := p.pipeName("the name of a field")
	if err != nil {
		return err
	}
	k.Field = field
	p.space()
	if !p.take(",") {
		return p.errorAt(p.pos, "as in bucket(size, 1000)", "expected , and the width%s", p.found())
	}
	p.space()
	tok := p.ahead(stopsWord)
	n, perr := strconv.ParseInt(tok, 10, 64)
	if perr != nil || n < 1 {
		return p.errorAt(p.pos, "as in bucket(size, 1000)", "expected a whole number from 1%s", p.found())
	}
	p.pos += len(tok)
	k.Bucket = n
	return nil
}
