package words

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"journalist/internal/match"
	"journalist/internal/store/texts"
)

var pieces = []string{
	"a", "B", "k", "s", "0", "7", "42", "1234567", "12345678", "_", ".", "-", "@", "%", "+", ":", " ", "/",
	"foo", "Foo", "deadbeef01", "ä", "Ä", "\u212a", "ſ", "é", "e\u0301", "世界", "\ufffd", "\xff", "\xc3", "\x00",
	"10.0.0.1", "3f2504e0-4f89", strings.Repeat("x", match.MaxWord-1), strings.Repeat("ä", match.MaxWord/2),
}

func text(max int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, max).Draw(t, "pieces"), "")
	})
}

// naive are the keys of a value by their definition.
func naive(value string) map[uint64]bool {
	keys := map[uint64]bool{}
	var runes []rune
	var word []bool
	var raw []string
	for rest := value; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		runes, raw = append(runes, r), append(raw, rest[:n])
		word = append(word, (r != utf8.RuneError || n > 1) && match.IsWordRune(r))
		rest = rest[n:]
	}
	var before uint64
	end := -2
	for i := 0; i < len(runes); i++ {
		if !word[i] {
			continue
		}
		start := i
		for i < len(runes) && word[i] {
			i++
		}
		var h uint64
		match.EachWord([]byte(strings.Join(raw[start:i], "")), func(w []byte) { h = Hash(w) })
		keys[h] = true
		if end+1 == start && strings.ContainsRune(".@%+-", runes[end]) {
			keys[Pair(before, byte(runes[end]), h)] = true
		}
		before, end = h, i
	}
	return keys
}

// naiveGrams are the grams of a value by their definition: three runes of a token, as
// classes.
func naiveGrams(value string) map[[3]rune]bool {
	const none = -1
	var a, b rune = none, none
	grams := map[[3]rune]bool{}
	for _, r := range value {
		switch r {
		case '\u212a':
			r = 'k'
		case '\u017f':
			r = 's'
		case '@', '%', '+':
			r = '+'
		}
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		if !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz.-_+", r) {
			r = none
		}
		if digit := func(r rune) bool { return r >= '0' && r <= '9' }; a != none && b != none && r != none && !(digit(a) && digit(b) && digit(r)) {
			grams[[3]rune{a, b, r}] = true
		}
		a, b = b, r
	}
	return grams
}

func TestGramsOfValuesAreThoseOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value, other := text(8).Draw(t, "value"), text(8).Draw(t, "other")
		var s Set
		s.AddValue([]byte(value))
		got := s.Grams()
		want := naiveGrams(value)
		n := 0
		for _, b := range got {
			n += bits.OnesCount8(b)
		}
		if n != len(want) {
			t.Fatalf("%q: %d grams, want %d", value, n, len(want))
		}
		for g := range want {
			if !got.may(gramsOf([]byte(string(g[:])))) {
				t.Fatalf("%q: no %q", value, string(g[:]))
			}
		}
		var o Set
		o.AddValue([]byte(other))
		within := true
		for g := range want {
			within = within && naiveGrams(other)[g]
		}
		if got.Within(o.Grams(), nil) != within || !got.Within(o.Grams(), got) {
			t.Fatalf("%q and %q: within is not %v", value, other, within)
		}
		s.Reset()
		if len(s.Grams()) != 0 || s.Len() != 0 {
			t.Fatal("something stays after Reset")
		}
	})
}

func TestAFilterWithoutGramsDeniesNone(t *testing.T) {
	k := KeysOf(match.NewSubstring("uthent"))
	if len(k) != 1 || string(k[0].Text) != "uthent" {
		t.Fatalf("keys %v", k)
	}
	without, empty := Filter{NoGrams: true}, Filter{}
	if !without.MayAll(k) || empty.MayAll(k) {
		t.Fatal("no grams and none kept are the same")
	}
	if k := KeysOf(match.NewWord("uthent")); len(k) != 1 || k[0].grams != nil {
		t.Fatalf("keys of a word: %v", k)
	}
	if k := KeysOf(match.NewSubstring("12345")); len(k) != 0 {
		t.Fatalf("keys of digits: %v", k)
	}
}

func keysOf(s *Set) map[uint64]bool {
	keys := map[uint64]bool{}
	_ = s.Each(func(h uint64) error { keys[h] = true; return nil }) // f never fails
	return keys
}

// has tells whether a key is in the set.
func (s *Set) has(h uint64) bool {
	if h == 0 && s.zero {
		return true
	}
	return slices.Contains(s.shares[h>>(64-shareBits)].keys, h)
}

func TestKeysOfValuesAreThoseOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := text(8).Draw(t, "value")
		behind := text(3).Draw(t, "behind")
		var s Set
		s.AddValue([]byte(value))
		want := naive(value)
		if got := keysOf(&s); fmt.Sprint(got) != fmt.Sprint(want) || s.Len() != len(want) {
			t.Fatalf("%q: keys %v, want %v", value, got, want)
		}
		match.EachWord([]byte(value), func(w []byte) {
			if !s.has(Hash(w)) {
				t.Fatalf("%q: the word %q is no key", value, w)
			}
		})
		// What stands around a value in a vector is none of it.
		var v texts.Vector
		v.Add([]byte(behind))
		v.Add([]byte(value))
		v.Add([]byte(behind))
		var many Set
		many.AddValues(v.Slice(1, 2))
		if got := keysOf(&many); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q before %q: keys %v, want %v", value, behind, got, want)
		}
	})
}

// TestValuesThatBeginAlikeHaveTheirKeys: AddValues leaves out what it has seen.
func TestValuesThatBeginAlikeHaveTheirKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begins := rapid.SliceOfN(text(8), 1, 3).Draw(t, "begins")
		begins = append(begins, "2026-11-22 15:10:17.")
		var v texts.Vector
		var one, many Set
		for range rapid.IntRange(1, 20).Draw(t, "values") {
			value := []byte(rapid.SampledFrom(begins).Draw(t, "begin") + text(2).Draw(t, "end"))
			v.Add(value)
			one.AddValue(value)
		}
		many.AddValues(v)
		if got, want := keysOf(&many), keysOf(&one); !maps.Equal(got, want) {
			t.Fatalf("keys %v, want %v", got, want)
		}
		if got, want := many.Grams(), one.Grams(); !bytes.Equal(got, want) {
			t.Fatal("other grams")
		}
	})
}

// TestSetHasEachKeyOnce adds keys that come again soon, late and at any time, and asks
// in between.
func TestSetHasEachKeyOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var s Set
	want := map[uint64]bool{}
	for i := range 300_000 {
		h := r.Uint64N(100_000) * last
		s.Add(h)
		want[h] = true
		if i%60_000 == 0 && s.Len() != len(want) {
			t.Fatalf("%d keys after %d turns, want %d", s.Len(), i, len(want))
		}
	}
	if got := keysOf(&s); !maps.Equal(got, want) || s.Len() != len(want) {
		t.Fatalf("%d keys, %d different, want %d", s.Len(), len(got), len(want))
	}
}

func TestAMatchingTextHasTheKeysOfThePattern(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		value := text(10).Draw(t, "value")
		from := rapid.IntRange(0, len(value)).Draw(t, "from")
		to := rapid.IntRange(from, len(value)).Draw(t, "to")
		part := value[from:to]
		patterns := []*match.Pattern{
			match.NewWord(part), match.NewPrefix(part), match.NewSubstring(part),
			match.NewWildcard("*" + part + "*"), match.NewWildcard(value[:from] + "*" + value[to:]),
		}
		for _, e := range []string{`\Q` + part + `\E`, `\b\Q` + part + `\E\b`} {
			if p, err := match.NewRegexp(e, rapid.Bool().Draw(t, "fold")); err == nil {
				patterns = append(patterns, p)
			}
		}
		var s Set
		s.AddValue([]byte(value))
		f := Filter{Words: s.Bloom(0), Grams: s.Grams()}
		for _, p := range patterns {
			if !p.Match([]byte(value)) {
				continue
			}
			matched++
			for _, k := range KeysOf(p) {
				if k.grams == nil && !s.has(k.Hash) || !f.May(k) {
					t.Fatalf("%q matches %q, which lacks its key %q", p.Text(), value, k.Text)
				}
				if k.Text != nil && !match.NewSubstring(string(k.Text)).Match([]byte(value)) {
					t.Fatalf("%q matches %q, which lacks the text %q of its key", p.Text(), value, k.Text)
				}
			}
		}
	})
	if matched == 0 {
		t.Fatal("nothing ever matched")
	}
}

func TestBloomIsRarelyWrong(t *testing.T) {
	var s Set
	for i := range 10000 {
		s.AddValue(fmt.Appendf(nil, "user%d", i))
	}
	b := s.Bloom(0)
	if want := 10000 * BitsPerKey / 8; len(b) < want || len(b) > want+blockSize {
		t.Fatalf("%d bytes for 10000 keys", len(b))
	}
	wrong := 0
	for i := range 10000 {
		if !b.May(Hash(fmt.Appendf(nil, "user%d", i))) {
			t.Fatalf("user%d is missing", i)
		}
		if b.May(Hash(fmt.Appendf(nil, "other%d", i))) {
			wrong++
		}
	}
	if wrong > 300 {
		t.Fatalf("%d of 10000 absent words taken for present", wrong)
	}
	if more := s.Bloom(16); len(more) < 20000 {
		t.Fatalf("%d bytes with 16 bits a key", len(more))
	}
}

func TestSetIsEmptyAfterReset(t *testing.T) {
	var s Set
	s.Add(0)
	for i := range uint64(1 << 17) {
		s.Add(i * prime)
	}
	if s.Len() != 1<<17 || !s.has(0) || !s.has(prime) {
		t.Fatalf("%d keys", s.Len())
	}
	for range 2 {
		s.Reset()
		if s.Len() != 0 || s.has(0) || s.has(prime) || s.Bloom(0) != nil || s.Bloom(0).May(prime) {
			t.Fatal("not empty")
		}
		s.AddValue([]byte("x"))
	}
	stop := errors.New("stop")
	s.Add(0)
	if err := s.Each(func(uint64) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("error %v", err)
	}
}

func TestOddFiltersDoNotPanic(t *testing.T) {
	for n := range 100 {
		Bloom(bytes.Repeat([]byte{0xff}, n)).May(^uint64(0))
	}
}

func BenchmarkAddValues(b *testing.B) {
	for _, c := range []struct{ name, format string }{
		{"digits", "%[1]d"}, {"address", "10.%[2]d.3.%[3]d"}, {"hex", "%032[1]x"}, {"words", "user name%[2]d of group"}, {"umlaut", "ä%[2]d"},
	} {
		var v texts.Vector
		for i := range 1 << 16 {
			v.Data = fmt.Appendf(v.Data, c.format, i*7919%100000, i%199, i%50)
			v.End()
		}
		b.Run(c.name, func(b *testing.B) {
			var s Set
			b.SetBytes(int64(len(v.Data)))
			for b.Loop() {
				s.Reset()
				s.AddValues(v)
			}
		})
	}
	// Whole lines of real logs, where there are some.
	dir := os.Getenv("JOURNALIST_CORPUS")
	if dir == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		var v texts.Vector
		for line := range bytes.Lines(raw[:min(len(raw), 4<<20)]) {
			v.Add(line)
		}
		b.Run(filepath.Base(file), func(b *testing.B) {
			var s Set
			b.SetBytes(int64(len(v.Data)))
			for b.Loop() {
				s.Reset()
				s.AddValues(v)
			}
			b.ReportMetric(float64(s.Len()), "keys")
		})
	}
}
