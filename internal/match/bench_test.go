package match

import (
	"bytes"
	"fmt"
	"testing"
)

// lines is a megabyte of text like that of an authentication log.
func lines() [][]byte {
	var all [][]byte
	for i, n := 0, 0; n < 1<<20; i++ {
		l := fmt.Appendf(nil, "Dec 10 06:%02d:%02d LabSZ sshd[%d]: Failed password for invalid user webmaster from 173.234.31.%d port %d ssh2",
			i/60%60, i%60, 24000+i, i%250, 30000+i%9999)
		all = append(all, l)
		n += len(l)
	}
	return all
}

func BenchmarkMatch(b *testing.B) {
	text := lines()
	size := 0
	for _, l := range text {
		size += len(l)
	}
	re := func(expr string, fold bool) *Pattern {
		p, err := NewRegexp(expr, fold)
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name string
		p    *Pattern
	}{
		{"word-absent", NewWord("kernel")},
		{"word-common", NewWord("password")},
		{"ip-absent", NewWord("58.218.211.38")},
		{"substring-absent", NewSubstring("uthenticat")},
		{"substring-umlaut", NewSubstring("ührung")},
		{"regexp-literal-absent", re(`kernel: \d+`, true)},
		{"regexp-choice-absent", re(`error|fatal|panic`, true)},
		{"regexp-common", re(`from 173\.\d+\.31`, false)},
		{"regexp-all-match", re(`sshd\[\d+\]: Failed \w+ for .* from [\d.]+ port \d+`, false)},
		{"regexp-no-literal", re(`[0-9a-f]{32}`, false)},
		{"regexp-word", re(`\b(kernel|sudo)\b`, true)},
		{"regexp-states", re(`s[a-z]{8}d`, false)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				n := 0
				for _, l := range text {
					if c.p.Match(l) {
						n++
					}
				}
			}
		})
	}
	whole := bytes.Join(text, []byte("\n"))
	b.Run("substring-absent-one-text", func(b *testing.B) {
		p := NewSubstring("uthenticat")
		b.SetBytes(int64(len(whole)))
		for b.Loop() {
			p.Match(whole)
		}
	})
}

func BenchmarkEachWord(b *testing.B) {
	text := bytes.Join(lines(), []byte("\n"))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		EachWord(text, func([]byte) {})
	}
}

func BenchmarkAutomaton(b *testing.B) {
	text := lines()
	size := 0
	for _, l := range text {
		size += len(l)
	}
	re := func(expr string) *Pattern {
		p, err := NewRegexp(expr, false)
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name string
		p    *Pattern
	}{
		{"word-absent", NewWord("kernel")},
		{"substring-absent", NewSubstring("uthenticat")},
		{"umlaut", NewSubstring("ührung")},
		{"regexp-choice-absent", re(`(?i)error|fatal|panic`)},
		{"regexp-common", re(`from 173\.\d+\.31`)},
		{"regexp-hex", re(`[0-9a-f]{32}`)},
		{"regexp-exact", re(`~absent~`)},
	} {
		a := c.p.Automaton()
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				for _, l := range text {
					a.Match(l)
				}
			}
		})
		b.Run(c.name+"-words", func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				for _, l := range text {
					for i := 0; i < len(l); i += 8 {
						a.Run(a.Start(), l[i:min(len(l), i+8)])
					}
				}
			}
		})
	}
}

func BenchmarkNewAutomaton(b *testing.B) {
	for b.Loop() {
		a := NewWord("failed password").Automaton()
		a.Match([]byte("Failed password for root"))
	}
}

func BenchmarkReach(b *testing.B) {
	p, err := NewRegexp(`\b[0-9a-f]{8}-\d{3}`, false)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			a := p.Automaton()
			a.Reach(a.Start(), CharDigit|CharHexLower, nil)
		}
	})
	b.Run("again", func(b *testing.B) {
		a := p.Automaton()
		var states []State
		for b.Loop() {
			states, _ = a.Reach(a.Start(), CharDigit|CharHexLower, states[:0])
		}
	})
}
