package search

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"journalist/internal/match"
	"journalist/internal/store/stream"
)

// asker makes random patterns, most of which match something in a sample.
type asker struct {
	*rand.Rand
	s *sample
}

func (a asker) row() []byte { return a.s.rows.At(a.IntN(a.s.rows.Len())) }

// part is a piece of a row, not longer than most.
func (a asker) part(most int) string {
	row := a.row()
	if len(row) == 0 {
		return ""
	}
	from := a.IntN(len(row))
	return string(row[from:min(len(row), from+1+a.IntN(most))])
}

// phrase is some neighbouring words of a row.
func (a asker) phrase(most int) string {
	row := a.row()
	var starts, ends []int
	for i := range row {
		word := row[i] >= utf8.RuneSelf || match.IsWordByte(row[i])
		if word && (i == 0 || row[i-1] < utf8.RuneSelf && !match.IsWordByte(row[i-1])) {
			starts = append(starts, i)
		}
		if word && (i+1 == len(row) || row[i+1] < utf8.RuneSelf && !match.IsWordByte(row[i+1])) {
			ends = append(ends, i+1)
		}
	}
	if len(starts) == 0 {
		return ""
	}
	i := a.IntN(len(starts))
	return string(row[starts[i]:ends[min(len(ends)-1, i+a.IntN(most))]])
}

// spoil changes a byte or the case.
func (a asker) spoil(text string) string {
	if text == "" {
		return text
	}
	switch a.IntN(4) {
	case 0:
		b := []byte(text)
		b[a.IntN(len(b))] = byte(' ' + a.IntN(95))
		return string(b)
	case 1:
		return strings.ToUpper(text)
	case 2:
		return text + a.part(3)
	}
	return text
}

var (
	digit = regexp.MustCompile(`[0-9]`)
	runs  = regexp.MustCompile(`[0-9]+`)
	wordy = regexp.MustCompile(`[a-zA-Z0-9_]+`)
)

func (a asker) expression() string {
	part := a.part(24)
	e := regexp.QuoteMeta(part)
	switch a.IntN(9) {
	case 0:
		e = digit.ReplaceAllString(e, `\d`)
	case 1:
		e = runs.ReplaceAllString(e, `\d+`)
	case 2:
		e = wordy.ReplaceAllString(part, `\w+`)
	case 3:
		e = e + ".*" + regexp.QuoteMeta(a.phrase(2))
	case 4:
		e = e + "|" + regexp.QuoteMeta(a.part(9))
	case 5:
		e = fmt.Sprintf(`[0-9a-f]{%d}`, 1+a.IntN(12))
	case 6:
		e = fmt.Sprintf(`\d{%d,}\.\d+`, 1+a.IntN(5))
	case 7:
		e = "(" + regexp.QuoteMeta(a.phrase(1)) + ")+[^a-z]" + regexp.QuoteMeta(a.part(2)) + "?"
	}
	switch a.IntN(10) {
	case 0:
		e = "^" + e
	case 1:
		e += "$"
	case 2:
		e = `\b(?:` + e + `)\b`
	case 3:
		e = "^(?:" + e + ").*"
	case 4:
		e = `(?m)^` + e + `$|\B` + e
	case 5:
		row := a.row()
		n := a.IntN(len(row) + 1)
		e = "^" + regexp.QuoteMeta(string(row[:n])) + ".*$"
	}
	return e
}

func (a asker) pattern() *match.Pattern {
	switch a.IntN(8) {
	case 0:
		return match.NewWord(a.phrase(1))
	case 1:
		return match.NewWord(a.spoil(a.phrase(4)))
	case 2:
		return match.NewPrefix(a.spoil(a.phrase(2)[0:]))
	case 3:
		return match.NewSubstring(a.spoil(a.part(30)))
	case 4:
		return match.NewSubstring(a.part(6))
	case 5:
		row := a.row()
		from := a.IntN(len(row) + 1)
		to := from + a.IntN(len(row)+1-from)
		w := string(row[:from]) + "*" + string(row[to:])
		if a.IntN(2) == 0 {
			w = "*" + a.phrase(2) + "*" + a.spoil(a.part(4)) + "*"
		}
		return match.NewWildcard(w)
	}
	for {
		if p, err := match.NewRegexp(a.expression(), a.IntN(2) == 0); err == nil {
			return p
		}
	}
}

var kinds = map[match.Kind]string{
	match.Word: "word", match.Prefix: "prefix", match.Substring: "substring", match.Wildcard: "wildcard", match.Regexp: "regexp",
}

func name(p *match.Pattern) string {
	return fmt.Sprintf("%s %q, fold %v", kinds[p.Kind()], p.Text(), p.Fold())
}

// check compares what the search says of a sample with what the pattern says of
// each row, and returns how many match.
func check(t *testing.T, s *sample, search *Search, p *match.Pattern, f Filter, want []uint64) int {
	t.Helper()
	n := s.rows.Len()
	hit := make([]uint64, (n+63)/64)
	if err := search.Rows(s.node, s.src, f, want, hit); err != nil {
		t.Fatalf("%s: %s: %v", s.name, name(p), err)
	}
	all, asked, found := 0, 0, 0
	for i := range n {
		matches := p.Match(s.rows.At(i))
		if matches {
			all++
		}
		if want != nil && want[i>>6]>>(i&63)&1 == 0 {
			matches = false
		} else {
			asked++
		}
		if matches {
			found++
		}
		if got := hit[i>>6]>>(i&63)&1 != 0; got != matches {
			t.Fatalf("%s: %s: row %d %q: %v, want %v (filter %v, some %v)",
				s.name, name(p), i, s.rows.At(i), got, matches, f != nil, want != nil)
		}
	}
	if ones(hit) != found {
		t.Fatalf("%s: %s: rows behind the last are in the set", s.name, name(p))
	}
	switch truth := search.Decide(s.node, f); {
	case truth == None && all > 0, truth == All && all < n:
		t.Fatalf("%s: %s: %v of %d rows match, but it says %s", s.name, name(p), all, n, truth)
	}
	if count, err := search.Count(s.node, s.src, f); err != nil || count != all {
		t.Fatalf("%s: %s: %d rows match, counted %d, error %v", s.name, name(p), all, count, err)
	}
	return all
}

func TestRowsAgreeWithThePattern(t *testing.T) {
	perSample := 400
	if testing.Short() {
		perSample = 80
	}
	for _, s := range samples(t, 1200) {
		t.Run(s.name, func(t *testing.T) {
			a := asker{rand.New(rand.NewPCG(uint64(len(s.rows.Data)), 5)), s}
			some, none := 0, 0
			for range perSample {
				p := a.pattern()
				search := New(p)
				if check(t, s, search, p, nil, nil) > 0 {
					some++
				} else {
					none++
				}
				check(t, s, search, p, s.filter, nil)
				want := make([]uint64, (s.rows.Len()+63)/64)
				for range 1 << a.IntN(12) {
					i := a.IntN(s.rows.Len())
					want[i>>6] |= 1 << (i & 63)
				}
				check(t, s, search, p, s.filter, want)
			}
			if some == 0 || none == 0 && s.rows.Len() > 100 {
				t.Fatalf("%d patterns matched something and %d nothing", some, none)
			}
		})
	}
}

func TestOneSearchServesManyColumns(t *testing.T) {
	all := samples(t, 300)
	for _, s := range all {
		a := asker{rand.New(rand.NewPCG(3, 4)), s}
		for range 4 {
			p := a.pattern()
			search := New(p)
			for _, other := range all {
				check(t, other, search, p, other.filter, nil)
			}
		}
	}
}

func TestHitsAreAdded(t *testing.T) {
	s := samples(t, 300)[0]
	p := match.NewSubstring(string(s.rows.At(7)))
	hit := make([]uint64, (s.rows.Len()+63)/64)
	hit[0], hit[1] = 1<<3, 1<<9
	if err := New(p).Rows(s.node, s.src, s.filter, nil, hit); err != nil {
		t.Fatal(err)
	}
	if hit[0]&(1<<3|1<<7) != 1<<3|1<<7 || hit[1]&(1<<9) == 0 {
		t.Fatalf("hits %x", hit)
	}
	if err := New(p).Rows(s.node, s.src, s.filter, nil, hit[:1]); err == nil {
		t.Fatal("a set that is too small was taken")
	}
}

// An expression whose states are too many for an automaton is decided all the same.
func TestTooManyStates(t *testing.T) {
	given := 0
	for _, s := range samples(t, 400) {
		for _, expr := range []string{`[0-9a-z](.{1,40}|[a-z ]{3,30})(e|[0-9.]).{12}[0-9]`, `[0-4a-m ].{30}\x7f`, `[0-4a-m ].{30}[yz]~?`} {
			p, err := match.NewRegexp(expr, true)
			if err != nil {
				t.Fatal(err)
			}
			search := New(p)
			check(t, s, search, p, nil, nil)
			check(t, s, search, p, s.filter, nil)
			if search.auto == nil {
				given++
			}
		}
	}
	if given == 0 {
		t.Fatal("no automaton was given up")
	}
}

type failing struct {
	stream.Source
	after int
}

var errDisk = errors.New("disk")

func (f *failing) Stream(id stream.ID) ([]byte, error) {
	if f.after--; f.after < 0 {
		return nil, errDisk
	}
	return f.Source.Stream(id)
}

func TestErrorsOfTheSourceAreReported(t *testing.T) {
	reported := 0
	for _, s := range samples(t, 300) {
		for _, p := range []*match.Pattern{match.NewSubstring("1"), match.NewSubstring("a"), match.NewWord("7")} {
			want := make([]uint64, (s.rows.Len()+63)/64)
			if err := New(p).Rows(s.node, s.src, nil, nil, want); err != nil {
				t.Fatal(err)
			}
			for after := 0; ; after++ {
				hit := make([]uint64, len(want))
				err := New(p).Rows(s.node, &failing{s.src, after}, nil, nil, hit)
				if err == nil {
					if fmt.Sprint(hit) != fmt.Sprint(want) {
						t.Fatalf("%s: other rows after %d streams", s.name, after)
					}
					break
				}
				reported++
				if !errors.Is(err, errDisk) || ones(hit) != 0 {
					t.Fatalf("%s: error %v, %d rows", s.name, err, ones(hit))
				}
			}
		}
	}
	if reported == 0 {
		t.Fatal("nothing was read")
	}
}

// changing damages the streams that it hands out.
type changing struct {
	stream.Source
	*rand.Rand
}

func (c changing) Stream(id stream.ID) ([]byte, error) {
	b, err := c.Source.Stream(id)
	if len(b) > 0 && c.IntN(2) == 0 {
		b = bytes.Clone(b)
		b[c.IntN(len(b))] ^= 1 << c.IntN(8)
	}
	return b, err
}

func TestDamagedStreamsDoNotPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	failed := 0
	for _, s := range samples(t, 200) {
		a := asker{r, s}
		for range 100 {
			search := New(a.pattern())
			hit := make([]uint64, (s.rows.Len()+63)/64)
			if err := search.Rows(s.node, changing{s.src, r}, nil, nil, hit); err != nil {
				failed++
				if !errors.Is(err, stream.ErrCorrupt) {
					t.Fatalf("%s: %v", s.name, err)
				}
			}
		}
	}
	if failed == 0 {
		t.Fatal("no damage was noticed")
	}
}
