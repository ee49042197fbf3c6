package match

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The naive definitions that Pattern is held against: texts as slices of runes,
// each with the bytes it came from, compared with strings.EqualFold.

func split(text string) []string {
	var parts []string
	for len(text) > 0 {
		_, n := utf8.DecodeRuneInString(text)
		parts = append(parts, text[:n])
		text = text[n:]
	}
	return parts
}

func sameRune(a, b string) bool {
	if !utf8.ValidString(a) || !utf8.ValidString(b) {
		return a == b
	}
	return strings.EqualFold(a, b)
}

func isWordPart(p string) bool {
	if !utf8.ValidString(p) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(p)
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

func hasPrefix(text, prefix []string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range prefix {
		if !sameRune(text[i], prefix[i]) {
			return false
		}
	}
	return true
}

func naiveLiteral(kind Kind, pattern, text string) bool {
	p, t := split(pattern), split(text)
	if len(p) == 0 {
		return true
	}
	for i := 0; i+len(p) <= len(t); i++ {
		if !hasPrefix(t[i:], p) {
			continue
		}
		left := kind != Substring && isWordPart(p[0])
		right := kind == Word && isWordPart(p[len(p)-1])
		end := i + len(p)
		if left && i > 0 && isWordPart(t[i-1]) || right && end < len(t) && isWordPart(t[end]) {
			continue
		}
		return true
	}
	return false
}

func naiveWildcard(pattern, text []string) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	if pattern[0] == "*" {
		for i := range len(text) + 1 {
			if naiveWildcard(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	}
	return len(text) > 0 && sameRune(pattern[0], text[0]) && naiveWildcard(pattern[1:], text[1:])
}

func naiveWords(text string) []string {
	var words []string
	open := false
	for _, p := range split(text) {
		if !isWordPart(p) {
			open = false
			continue
		}
		if !open {
			words = append(words, "")
			open = true
		}
		r, _ := utf8.DecodeRuneInString(p)
		words[len(words)-1] += string(Fold(r))
	}
	for i, w := range words {
		for len(w) > MaxWord {
			_, n := utf8.DecodeLastRuneInString(w)
			w = w[:len(w)-n]
		}
		words[i] = w
	}
	return words
}

// pieces are what random patterns and texts are made of: few, so that they meet.
var pieces = []string{
	"a", "A", "b", "k", "K", "\u212a", "s", "S", "\u017f", "1", "_", " ", "-", ".", "@", "\n", "[", "foo", "Foo", "ask",
	"ä", "Ä", "σ", "ς", "Σ", "ß", "ẞ", "ɐ", "Ɐ", "i", "İ", "ı", "世", "e\u0301", "\u0345", "ι", "\ufffd",
	"\xe2", "\x84", "\xc5", "\xff", "\x00", "the quick brown ", "connection refused",
}

func genText(max int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, max).Draw(t, "pieces"), "")
	})
}

func genASCII(max int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune("abkKsS1 -.Zz")), 0, max, -1)
}

func checkWords(t interface{ Fatalf(string, ...any) }, p *Pattern, text string) {
	have := map[string]bool{}
	EachWord([]byte(text), func(w []byte) { have[string(w)] = true })
	for _, w := range p.Words() {
		if !have[string(w)] {
			t.Fatalf("%q (kind %d) matches %q, which lacks its word %q", p.Text(), p.Kind(), text, w)
		}
	}
	_, pairs := p.Keys()
	for _, pair := range pairs {
		if !slices.ContainsFunc(naivePairs(text), func(q Pair) bool { return samePair(pair, q) }) {
			t.Fatalf("%q (kind %d) matches %q, which lacks its pair %q", p.Text(), p.Kind(), text, pair)
		}
	}
}

func samePair(a, b Pair) bool {
	return a.Sep == b.Sep && bytes.Equal(a.A, b.A) && bytes.Equal(a.B, b.B)
}

// naivePairs cuts text between its words and looks at what is between two.
func naivePairs(text string) []Pair {
	parts := split(text)
	var pairs []Pair
	for i, p := range parts {
		if len(p) != 1 || !strings.Contains(PairSeparators, p) {
			continue
		}
		left, right := i, i+1
		for left > 0 && isWordPart(parts[left-1]) {
			left--
		}
		for right < len(parts) && isWordPart(parts[right]) {
			right++
		}
		if left == i || right == i+1 {
			continue
		}
		a := naiveWords(strings.Join(parts[left:i], ""))
		b := naiveWords(strings.Join(parts[i+1:right], ""))
		pairs = append(pairs, Pair{A: []byte(a[0]), B: []byte(b[0]), Sep: p[0]})
	}
	return pairs
}

func TestLiteralsAgreeWithTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen, pat := genText(30), genText(4)
		if rapid.Bool().Draw(t, "ascii") {
			gen, pat = genASCII(200), genASCII(5)
		}
		text, pattern := gen.Draw(t, "text"), pat.Draw(t, "pattern")
		if rapid.Bool().Draw(t, "inside") { // so that long patterns match too
			text = gen.Draw(t, "before") + pattern + text
		}
		for _, p := range []*Pattern{NewWord(pattern), NewPrefix(pattern), NewSubstring(pattern)} {
			want := naiveLiteral(p.Kind(), pattern, text)
			if got := p.Match([]byte(text)); got != want {
				t.Fatalf("kind %d: %q in %q: %v, want %v", p.Kind(), pattern, text, got, want)
			}
			if want {
				checkWords(t, p, text)
			}
		}
	})
}

func TestWildcardsAgreeWithTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pattern, text string
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			piece := genText(2).Draw(t, "piece")
			if rapid.Bool().Draw(t, "star") {
				pattern += piece + "*"
				text += piece + genText(3).Draw(t, "run")
			} else {
				pattern += piece
				text += piece
			}
		}
		if rapid.Bool().Draw(t, "spoil") {
			text += genText(2).Draw(t, "more")
		}
		p := NewWildcard(pattern)
		want := naiveWildcard(split(pattern), split(text))
		if got := p.Match([]byte(text)); got != want {
			t.Fatalf("%q on %q: %v, want %v", pattern, text, got, want)
		}
		if want {
			checkWords(t, p, text)
		}
	})
}

// genRegexp makes random expressions of these atoms.
func genRegexp(atoms []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var gen func(depth int) string
		gen = func(depth int) string {
			var e string
			for range rapid.IntRange(1, 3).Draw(t, "n") {
				part := rapid.SampledFrom(atoms).Draw(t, "atom")
				if depth > 0 && rapid.Bool().Draw(t, "group") {
					part = "(" + gen(depth-1) + ")"
				}
				if rapid.IntRange(0, 3).Draw(t, "repeat") == 0 {
					part = "(" + part + ")" + rapid.SampledFrom([]string{"*", "+", "?", "{2}", "{1,3}", "+?"}).Draw(t, "op")
				}
				e += part
			}
			if depth > 0 && rapid.IntRange(0, 2).Draw(t, "alternate") == 0 {
				e += "|" + gen(depth-1)
			}
			return e
		}
		return gen(2)
	})
}

var atoms = []string{
	"a", "b", "k", "s", "foo", "Foo", "ask", "ä", "ß", ".", "[ab]", `\d`, `\s`, `\w`, `\b`, "^", "$", " ",
	"-", `\.`, "世", "\ufffd", "connection refused", "(?i)", "σ", `\B`, `\A`, `\z`, "(?m:^)", "(?m:$)", `\n`,
	"(?s:.)", `\pL`, `\PL`, "[^a]", "[ .-]", `\W`, "(?i:k)", "(?i:[r-t])", "[ä-ü]", `\x00`, "[^\ufffd]",
}

func TestRegexpsAgreeWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := genRegexp(atoms).Draw(t, "expr")
		fold := rapid.Bool().Draw(t, "fold")
		flags := ""
		if fold {
			flags = "(?i)"
		}
		re, err := regexp.Compile(flags + expr)
		p, perr := NewRegexp(expr, fold)
		if (err == nil) != (perr == nil) {
			t.Fatalf("/%s/: %v, the library says %v", expr, perr, err)
		}
		if err != nil {
			return
		}
		for range 10 {
			text := genText(12).Draw(t, "text")
			if got, want := p.Match([]byte(text)), re.MatchString(text); got != want {
				t.Fatalf("/%s/ fold %v on %q: %v, want %v", expr, fold, text, got, want)
			} else if want {
				checkWords(t, p, text)
			}
		}
	})
}

func TestEachWordAgreesWithTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := genText(30).Draw(t, "text")
		if rapid.Bool().Draw(t, "long") {
			text += strings.Repeat(rapid.SampledFrom(pieces).Draw(t, "piece"), rapid.IntRange(1, 200).Draw(t, "times"))
		}
		var got []string
		EachWord([]byte(text), func(w []byte) { got = append(got, string(w)) })
		if want := naiveWords(text); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}

func TestFoldIsAnEquivalence(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		f := Fold(r)
		if Fold(f) != f {
			t.Fatalf("Fold(%U) = %U, whose fold is %U", r, f, Fold(f))
		}
		if o := unicode.SimpleFold(r); Fold(o) != f {
			t.Fatalf("%U and %U are one, but fold to %U and %U", r, o, f, Fold(o))
		}
		if utf8.ValidRune(r) && !strings.EqualFold(string(r), string(f)) {
			t.Fatalf("%U folds to %U, which differs from it in more than case", r, f)
		}
		if IsWordRune(r) != IsWordRune(f) {
			t.Fatalf("%U is a word rune: %v, its fold %U: %v", r, IsWordRune(r), f, IsWordRune(f))
		}
		if f < utf8.RuneSelf && r >= utf8.RuneSelf && r != '\u212a' && r != '\u017f' {
			t.Fatalf("%U folds into ASCII: finder must know it", r)
		}
	}
}

func TestWordsOfPatterns(t *testing.T) {
	re := func(expr string) *Pattern {
		p, err := NewRegexp(expr, true)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		p    *Pattern
		want string
	}{
		{NewWord("Failed password"), "failed password"},
		{NewWord("10.0.0.1"), "10 0 1"},
		{NewWord("[error]"), "error"},
		{NewPrefix("connection ref"), "connection"},
		{NewPrefix("foo-"), "foo"},
		{NewSubstring("iled password fo"), "password"},
		{NewSubstring("-x-"), "x"},
		{NewWildcard("GET *.php HTTP"), "get php http"},
		{NewWildcard("*"), ""},
		{NewWord(strings.Repeat("é", 100)), strings.Repeat("é", 64)},
		{re(`Failed password for .* from 58\.218\.`), "password for from 58 218"},
		{re(`error|fatal`), ""},
		{re(`\s+user\s+(root)[ ,]for$`), "user root for"},
		{re(`^(?:x|a b)c d\b`), ""},
		{re(`^a\x{fffd}b(?:-|,)c`), "a b"},
		{re(`^user\W.*(?:root)\s*$`), ""},
		{re(`^user\s.*(?:root)$`), "user"},
		{re(`(a b c)?`), ""},
	} {
		var got []string
		for _, w := range c.p.Words() {
			got = append(got, string(w))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: words %q, want %q", c.p.Text(), got, c.want)
		}
	}
}

func TestPairsOfPatterns(t *testing.T) {
	re, err := NewRegexp(`from 58\.218\.\d+ (a-b)+`, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    *Pattern
		want string
	}{
		{NewWord("10.0.0.1"), "10.0 0.0 0.1"},
		{NewWord("Root@Host a-b+c d..e"), "root@host a-b b+c"},
		{NewPrefix("10.0.0.1"), "10.0 0.0"},
		{NewSubstring("1.2.3.4 x/y"), "2.3 3.4"},
		{NewWildcard("a.b.*.c.d"), "a.b c.d"},
		{re, "58.218"},
	} {
		var got []string
		_, pairs := c.p.Keys()
		for _, pair := range pairs {
			got = append(got, string(pair.A)+string(pair.Sep)+string(pair.B))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: pairs %q, want %q", c.p.Text(), got, c.want)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	text := bytes.Repeat([]byte("Failed password for invalid user Ångström from 10.0.0.1 port 22 ssh2 \u212a "), 3)
	re, err := NewRegexp(`from 10\.0\.\d+`, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Pattern{
		NewWord("absent"), NewPrefix("ångst"), NewSubstring("ssk"), NewWildcard("*x*y"), NewWord("10.0.0.1"), re,
	} {
		if n := testing.AllocsPerRun(100, func() { p.Match(text) }); n != 0 {
			t.Errorf("%q: %v allocations", p.Text(), n)
		}
	}
}

// Many goroutines share a pattern, and one whose automaton has too many states
// still matches.
func TestRegexpsAreSafeForConcurrentUse(t *testing.T) {
	for _, expr := range []string{`x[ab]+c|[0-9a-f]{8}`, `a[ab]{20}c`} {
		p, err := NewRegexp(expr, false)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(expr)
		var wg sync.WaitGroup
		for g := range 24 {
			wg.Go(func() {
				x := uint32(g)
				text := make([]byte, 2000)
				for range 20 {
					for i := range text {
						x = x*1664525 + 1013904223
						text[i] = "aabbabxx"[x>>29]
					}
					text[x>>24] = 'c'
					if got, want := p.Match(text), re.Match(text); got != want {
						t.Errorf("/%s/ on %q: %v, want %v", expr, text, got, want)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestRegexpErrorsSayWhat(t *testing.T) {
	_, err := NewRegexp(`a(b`, false)
	if err == nil || !strings.Contains(err.Error(), "missing closing )") {
		t.Fatalf("error %v", err)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("foo bar", "a Foo Bar b")
	f.Add("ask", "aſ\u212a")
	f.Add("σ", "ὈΔΥΣΣΕΎΣ")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		for _, p := range []*Pattern{NewWord(pattern), NewPrefix(pattern), NewSubstring(pattern)} {
			if got, want := p.Match([]byte(text)), naiveLiteral(p.Kind(), pattern, text); got != want {
				t.Fatalf("kind %d: %q in %q: %v, want %v", p.Kind(), pattern, text, got, want)
			}
		}
		if len(pattern) < 20 && len(text) < 40 && strings.Count(pattern, "*") < 4 {
			if got, want := NewWildcard(pattern).Match([]byte(text)), naiveWildcard(split(pattern), split(text)); got != want {
				t.Fatalf("wildcard %q on %q: %v, want %v", pattern, text, got, want)
			}
		}
		if re, err := regexp.Compile(pattern); err == nil {
			p, err := NewRegexp(pattern, false)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := p.Match([]byte(text)), re.MatchString(text); got != want {
				t.Fatalf("/%s/ on %q: %v, want %v", pattern, text, got, want)
			} else if want {
				checkWords(t, p, text)
			}
		}
	})
}
