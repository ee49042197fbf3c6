package match

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// linesOf is EachLine's definition.
func linesOf(p *Pattern, text []byte) [][2]int {
	var found [][2]int
	for start := 0; start < len(text); {
		end := len(text)
		if i := bytes.IndexByte(text[start:], '\n'); i >= 0 {
			end = start + i
		}
		line := bytes.TrimSuffix(text[start:end], []byte("\r"))
		if p.Match(line) {
			found = append(found, [2]int{start, start + len(line)})
		}
		start = end + 1
	}
	return found
}

func TestEachLine(t *testing.T) {
	expr := func(e string, fold bool) *Pattern {
		p, err := NewRegexp(e, fold)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	patterns := []*Pattern{
		NewWord("disk"), NewWord("a b"), NewWord(""), NewWord("größe"), NewWord("\xff"), NewWord("a\nb"), NewPrefix("Dis"), NewSubstring("is"),
		NewSubstring("s"), NewWildcard("*sk*a"), NewWildcard("disk*"), NewWildcard("*"), NewWildcard("**"), NewWildcard("a"),
		expr("di[sz]k", false), expr("(disk|full) *$", true), expr("^$", false), expr("x*", false), expr("a.b", false), expr("\\bK", true),
	}
	words := []string{"disk", "DISK", "dis\u212a", "di\u017fk", "a b", "a", "b", "full", "größe", "GRÖSSE", "GRÖẞE", "\xff", "\xe2\x84", " ", "\r", "\n", "\n", "\r\n", "xdiskx", "_"}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var b strings.Builder
		for range r.IntN(30) {
			b.WriteString(words[r.IntN(len(words))])
		}
		text := []byte(b.String())
		for _, p := range patterns {
			var got [][2]int
			p.EachLine(text, func(start, end int) bool {
				got = append(got, [2]int{start, end})
				return true
			})
			if want := linesOf(p, text); !slices.Equal(got, want) {
				t.Fatalf("kind %d %q in %q: %v, want %v", p.Kind(), p.Text(), text, got, want)
			}
		}
	}
	n := 0
	NewWord("a").EachLine([]byte("a\na\na"), func(int, int) bool { n++; return n < 2 })
	if n != 2 {
		t.Errorf("%d calls after false", n)
	}
}

func BenchmarkEachLine(b *testing.B) {
	line := "2026-03-01T12:00:00Z web-01 app[1234]: GET /api/v1/items?id=42 took 12ms, status 200, session 0123456789abcdef\n"
	text := []byte(strings.Repeat(line, 1<<20/len(line)))
	copy(text[len(text)/2:], " Needle ")
	p := NewWord("needle")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		p.EachLine(text, func(int, int) bool { return true })
	}
}

func FuzzEachLine(f *testing.F) {
	f.Add("a disk\nDIS\u212a\r\n\xff", "disk")
	f.Add("größe\n\n", "GRÖ*e")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		patterns := []*Pattern{NewWord(pattern), NewPrefix(pattern), NewSubstring(pattern), NewWildcard(pattern)}
		if p, err := NewRegexp(pattern, true); err == nil {
			patterns = append(patterns, p)
		}
		for _, p := range patterns {
			var got [][2]int
			p.EachLine([]byte(text), func(start, end int) bool {
				got = append(got, [2]int{start, end})
				return true
			})
			if want := linesOf(p, []byte(text)); !slices.Equal(got, want) {
				t.Errorf("kind %d %q in %q: %v, want %v", p.Kind(), pattern, text, got, want)
			}
		}
	})
}
