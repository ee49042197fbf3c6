package match

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// genPattern makes a random pattern of every kind.
func genPattern() *rapid.Generator[*Pattern] {
	return rapid.Custom(func(t *rapid.T) *Pattern {
		switch Kind(rapid.IntRange(0, 4).Draw(t, "kind")) {
		case Word:
			return NewWord(genText(4).Draw(t, "word"))
		case Prefix:
			return NewPrefix(genText(4).Draw(t, "prefix"))
		case Substring:
			return NewSubstring(genText(4).Draw(t, "substring"))
		case Wildcard:
			parts := rapid.SliceOfN(genText(2), 1, 4).Draw(t, "parts")
			return NewWildcard(strings.Join(parts, "*"))
		}
		expr := genRegexp(atoms).Draw(t, "expr")
		p, err := NewRegexp(expr, rapid.Bool().Draw(t, "fold"))
		if err != nil { // (?i) before an operator
			return NewSubstring(expr)
		}
		return p
	})
}

// cut cuts text where the choices say, but never within a run of high bytes.
func cut(text string, choose func() bool) []string {
	var parts []string
	for from, i := 0, 1; i <= len(text); i++ {
		if i < len(text) && (text[i-1] >= utf8.RuneSelf && text[i] >= utf8.RuneSelf || !choose()) {
			continue
		}
		parts = append(parts, text[from:i])
		from = i
	}
	return parts
}

// feed runs the automaton over text in pieces and checks what it says on the way.
func feed(t interface{ Fatalf(string, ...any) }, p *Pattern, a *Automaton, text string, parts []string) {
	s := a.Start()
	for _, part := range parts {
		from := s
		s = a.Run(s, []byte(part))
		if from <= Matched && s != from {
			t.Fatalf("kind %d %q: state %d goes on at %d", p.Kind(), p.Text(), from, s)
		}
		states, ok := a.Reach(from, CharsOf([]byte(part)), nil)
		if ok && !slices.Contains(states, s) {
			t.Fatalf("kind %d %q: state %d leads over %q to %d, not one of %d", p.Kind(), p.Text(), from, part, s, states)
		}
	}
	if a.Overflow() {
		t.Fatalf("kind %d %q: overflow", p.Kind(), p.Text())
	}
	if got, want := a.Ends(s), p.Match([]byte(text)); got != want {
		t.Fatalf("kind %d %q on %q in the pieces %q: %v, want %v", p.Kind(), p.Text(), text, parts, got, want)
	}
}

func TestAutomatonAgreesWithMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPattern().Draw(t, "pattern")
		a := p.Automaton()
		for range 8 {
			text := genText(14).Draw(t, "text")
			switch rapid.IntRange(0, 3).Draw(t, "inside") {
			case 0: // so that long patterns match too
				text = genText(3).Draw(t, "before") + p.Text() + text
			case 1: // and so that longer texts are met
				text += strings.Repeat(rapid.SampledFrom(pieces).Draw(t, "piece"), 40) + genText(3).Draw(t, "after")
			}
			feed(t, p, a, text, cut(text, func() bool { return rapid.Bool().Draw(t, "cut") }))
			if got, want := a.Match([]byte(text)), p.Match([]byte(text)); got != want {
				t.Fatalf("kind %d %q on %q: %v, want %v", p.Kind(), p.Text(), text, got, want)
			}
		}
	})
}

// What is not in many texts one after the other is in none of them.
func TestMayMatchInKnowsEveryMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPattern().Draw(t, "pattern")
		texts := rapid.SliceOfN(genText(6), 1, 5).Draw(t, "texts")
		if p.Kind() != Regexp && rapid.Bool().Draw(t, "inside") {
			texts = append(texts, strings.ReplaceAll(p.Text(), "*", "x"), genText(3).Draw(t, "more"))
		}
		may := p.MayMatchIn([]byte(strings.Join(texts, "")))
		for _, text := range texts {
			if p.Match([]byte(text)) && !may {
				t.Fatalf("kind %d %q is not in %q", p.Kind(), p.Text(), texts)
			}
		}
	})
}

// Whatever a run of bytes of some classes leads to, Reach must know it.
func TestReachKnowsEveryState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPattern().Draw(t, "pattern")
		a := p.Automaton()
		s := a.Run(a.Start(), []byte(genText(5).Draw(t, "before")+" "))
		chars := Chars(rapid.IntRange(0, 1<<15-1).Draw(t, "chars"))
		states, ok := a.Reach(s, chars, []State{77})
		if !ok { // too many
			return
		}
		if states[0] != 77 {
			t.Fatalf("Reach does not append: %d", states)
		}
		states = states[1:]
		var letters []string
		for _, piece := range append(pieces, "z", "Z", "f", "F", "/", ":", "\"", "\t", "é", "\x80") {
			if CharsOf([]byte(piece))&^chars == 0 {
				letters = append(letters, piece)
			}
		}
		if chars == 0 && len(states) > 0 {
			t.Fatalf("no byte leads to %d", states)
		}
		if len(letters) == 0 {
			return
		}
		for range 5 {
			run := strings.Join(rapid.SliceOfN(rapid.SampledFrom(letters), 1, 12).Draw(t, "run"), "")
			if to := a.Run(s, []byte(run)); !slices.Contains(states, to) {
				t.Fatalf("kind %d %q: state %d leads over %q to %d, not one of %d", p.Kind(), p.Text(), s, run, to, states)
			}
		}
		run := ""
		for range rapid.IntRange(0, 70).Draw(t, "runes") {
			run += rapid.SampledFrom(letters).Draw(t, "letter")
		}
		least := max(0, len(run)-rapid.IntRange(0, 3).Draw(t, "shorter"))
		most := len(run) + rapid.IntRange(0, 3).Draw(t, "longer")
		within, ok := a.ReachWithin(s, chars, least, most, nil)
		if to := a.Run(s, []byte(run)); ok && !slices.Contains(within, to) {
			t.Fatalf("kind %d %q: state %d leads over %q to %d, not one of %d", p.Kind(), p.Text(), s, run, to, within)
		}
		for _, to := range within {
			if least > 0 && !slices.Contains(states, to) {
				t.Fatalf("kind %d %q: from %d to %d in %d to %d bytes, but not in any", p.Kind(), p.Text(), s, to, least, most)
			}
		}
		again, _ := a.Reach(s, chars, nil)
		if !slices.Equal(again, states) {
			t.Fatalf("%d, then %d", states, again)
		}
	})
}

func TestReachIsNotEverything(t *testing.T) {
	re := func(expr string) *Pattern {
		p, err := NewRegexp(expr, false)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		p      *Pattern
		before string
		chars  Chars
		want   []string // texts whose states are those reached
	}{
		{NewSubstring("port 22"), "port", CharDigit, []string{"1"}},
		{NewSubstring("port 22"), "port ", CharDigit, []string{"1", "2", "22"}},
		{NewWildcard("port *"), "port", CharDigit, []string{"1"}},
		{NewWildcard("port *"), "port", CharSpace, []string{" ", "\t"}},
		{NewWord("a"), "", CharHexLower, []string{"a", "b"}},
		{re(`^a`), "", CharDigit, []string{"1"}},
		{re(`a$`), "", CharHexLower, []string{"a", "b"}},
		{re(`\d{3}`), "", CharDigit, []string{"1", "11", "111"}},
	} {
		a := c.p.Automaton()
		s := a.Run(a.Start(), []byte(c.before))
		states, ok := a.Reach(s, c.chars, nil)
		if !ok {
			t.Errorf("%q: too many states", c.p.Text())
		}
		var want []State
		for _, text := range c.want {
			want = append(want, a.Run(s, []byte(text)))
		}
		slices.Sort(states)
		slices.Sort(want)
		if !slices.Equal(states, slices.Compact(want)) {
			t.Errorf("%q after %q: %d, want %d", c.p.Text(), c.before, states, want)
		}
	}
}

func TestReachWithinCounts(t *testing.T) {
	p, err := NewRegexp(`[0-9a-f]{8}`, false)
	if err != nil {
		t.Fatal(err)
	}
	a := p.Automaton()
	for _, c := range []struct {
		least, most int
		chars       Chars
		states      int
		matched     bool
	}{
		{0, 0, CharDigit, 1, false},
		{1, 7, CharDigit, 7, false},
		{1, 8, CharDigit, 8, true},
		{5, 7, CharDigit, 3, false},
		{0, 7, CharDigit, 8, false},
		{8, 1000, CharDigit, 1, true},
		{100, 1000, CharDigit | CharHexLower, 1, true},
		{3, 2, CharDigit, 0, false},
		{1, 7, CharDigit | CharColon, 8, false},
		{100, 200, CharDigit | CharColon, 9, true},
		{100, 100, CharHigh, 1, false},
	} {
		states, ok := a.ReachWithin(a.Start(), c.chars, c.least, c.most, nil)
		if !ok || len(states) != c.states || slices.Contains(states, Matched) != c.matched {
			t.Errorf("%d to %d bytes: states %d, ok %v; want %d, matched %v", c.least, c.most, states, ok, c.states, c.matched)
		}
	}
}

func TestDeadAndMatched(t *testing.T) {
	const neither = 1 << 31
	re := func(expr string) *Pattern {
		p, err := NewRegexp(expr, false)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		p    *Pattern
		text string
		want State
	}{
		{NewWord(""), "", Matched},
		{NewWildcard("*"), "", Matched},
		{NewWildcard(""), "x", Dead},
		{NewWildcard("a*"), "a", Matched},
		{NewWildcard("a*"), "b", Dead},
		{NewSubstring("foo"), "a foO", Matched},
		{NewPrefix("foo"), "a foO", Matched},
		{NewWord("foo"), "a foo ", Matched},
		{NewWord("foo-"), "foo-", Matched},
		{re("^a"), "b", Dead},
		{re("^a"), "a", Matched},
		{re("^a^b"), "a", Dead},
		{re("(?m)^a"), "b\n", neither},
		{re(`[^\x00-\x{10ffff}]`), "", Dead},
		{re(`^(a|b[^\x00-\x{10ffff}])`), "b", Dead},
	} {
		a := c.p.Automaton()
		got := a.Run(a.Start(), []byte(c.text))
		if got != c.want && (c.want != neither || got <= Matched) {
			t.Errorf("%q after %q: state %d, want %d", c.p.Text(), c.text, got, c.want)
		}
	}
}

func TestOverflowIsTold(t *testing.T) {
	p, err := NewRegexp(`a[ab]{20}c`, false)
	if err != nil {
		t.Fatal(err)
	}
	a := p.Automaton()
	text := make([]byte, 1<<20)
	x := uint32(1)
	for i := range text {
		x = x*1664525 + 1013904223
		text[i] = "ab"[x>>31]
	}
	a.Match(text)
	if !a.Overflow() {
		t.Fatal("no overflow")
	}
	if _, ok := a.Reach(a.Start(), CharHexLower, nil); ok {
		t.Fatal("Reach knows all states of an automaton that has overflowed")
	}
	if p.Match(text) || !p.Match(append(text, 'c')) != !strings.ContainsRune(string(text[len(text)-21:len(text)-20]), 'a') {
		t.Fatal("Match depends on the automaton")
	}
}

func TestReachGivesUp(t *testing.T) {
	p, err := NewRegexp(`a[ab]{10}c`, false)
	if err != nil {
		t.Fatal(err)
	}
	a := p.Automaton()
	states, ok := a.Reach(a.Start(), CharHexLower, nil)
	if ok || len(states) > 0 || a.Overflow() {
		t.Fatalf("%d states, ok %v, overflow %v", len(states), ok, a.Overflow())
	}
}

func TestTooLargeForAnAutomaton(t *testing.T) {
	long := strings.Repeat("ab", maxCode)
	re, err := NewRegexp("(?:"+strings.Repeat("ab", 400)+"){20}", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Pattern{NewPrefix(long), NewWildcard(long + "*"), re, NewSubstring(strings.Repeat(long, 10))} {
		if p.Automaton() != nil {
			t.Errorf("kind %d: an automaton of %d bytes", p.Kind(), len(p.Text()))
		}
		if !p.Match([]byte(strings.Repeat("ab", 10*maxCode))) {
			t.Errorf("kind %d does not match", p.Kind())
		}
	}
}

func TestUnicodeWordsAreIsWordRune(t *testing.T) {
	words := append(slices.Clone(unicodeWords()), tidy([]rune{'a', 'z', 'A', 'Z', '0', '9'})...)
	words = tidy(words)
	j := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for j < len(words) && words[j+1] < r {
			j += 2
		}
		if in := j < len(words) && words[j] <= r; in != IsWordRune(r) {
			t.Fatalf("%U: %v, want %v", r, in, IsWordRune(r))
		}
	}
}

func TestAutomatonDoesNotAllocate(t *testing.T) {
	text := []byte(strings.Repeat("Failed password for invalid user Ångström from 10.0.0.1 port 22 ssh2 \u212a ", 3))
	a := NewWord("port 23").Automaton()
	a.Match(text)
	var states []State
	if n := testing.AllocsPerRun(100, func() {
		a.Match(text)
		states, _ = a.Reach(a.Start(), CharDigit|CharDot, states[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAutomaton(f *testing.F) {
	f.Add("foo bar", "a Foo Bar b", uint64(5))
	f.Add("ask", "aſ\u212a", uint64(1))
	f.Add("σ", "ὈΔΥΣΣΕΎΣ", uint64(0))
	f.Add(`\bfoo$|^x`, "foo\nfoo", uint64(4))
	f.Add(`(?m)^a\B.*[^b]$`, "x\nab\xe4 c\n", uint64(77))
	f.Add("a*\xe2*", "ab\xe2\x84c", uint64(3))
	f.Fuzz(func(t *testing.T, pattern, text string, cuts uint64) {
		if len(pattern) > 60 || len(text) > 300 {
			return
		}
		patterns := []*Pattern{NewWord(pattern), NewPrefix(pattern), NewSubstring(pattern), NewWildcard(pattern)}
		for _, fold := range []bool{false, true} {
			if p, err := NewRegexp(pattern, fold); err == nil {
				patterns = append(patterns, p)
			}
		}
		for _, p := range patterns {
			a := p.Automaton()
			if a == nil || a.Match([]byte(text)) && a.Overflow() || a.Overflow() {
				continue
			}
			choices := cuts
			feed(t, p, a, text, cut(text, func() bool {
				choices = choices<<1 | choices>>63
				return choices&1 != 0
			}))
		}
	})
}
