//go:build unix

package search

import (
	"os"
	"syscall"
	"testing"
	"time"

	"journalist/internal/match"
	"journalist/internal/store/text"
	"journalist/internal/store/words"
)

// cpu is the time that the processors worked for this process: a machine that does
// other things at the same time says little by its clock.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // zeros then
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkQueries asks each sort of question of the logs in the directory that
// JOURNALIST_CORPUS names, in groups of 64 Ki rows, reading and decoding included.
func BenchmarkQueries(b *testing.B) {
	if os.Getenv("JOURNALIST_CORPUS") == "" {
		return
	}
	groups := corpus(b, 1<<16, 0)
	size := 0
	for _, g := range groups {
		size += g.rows.Size()
	}
	re := func(expr string, fold bool) *match.Pattern {
		p, err := match.NewRegexp(expr, fold)
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name string
		p    *match.Pattern
	}{
		{"word-static", match.NewWord("sshd")},
		{"word-absent", match.NewWord("qwxyz")},
		{"word-hex-absent", match.NewWord("3f2504e04f89")},
		{"word-int-short", match.NewWord("22")},
		{"word-int-long", match.NewWord("13306")},
		{"address", match.NewWord("173.234.31.186")},
		{"address-absent", match.NewWord("58.218.211.38")},
		{"phrase", match.NewWord("failed password")},
		{"phrase-slot", match.NewWord("port 22")},
		{"phrase-two", match.NewWord("user root from 1")},
		{"substring", match.NewSubstring("uthent")},
		{"substring-absent", match.NewSubstring("uthxnt")},
		{"wildcard", match.NewWildcard("*Failed password for*from 173.*")},
		{"regexp-address", re(`Failed password for .* from 173\.234\.\d+\.\d+`, false)},
		{"regexp-static", re(`sshd\[\d+\]: Invalid user \w+ from`, false)},
		{"regexp-choice", re(`error|fatal|panic`, true)},
		{"regexp-duration", re(`duration: \d{4,}\.\d+ ms`, false)},
		{"regexp-hex", re(`[0-9a-f]{32}`, false)},
		{"status", match.NewSubstring(" 404 ")},
	} {
		for _, filtered := range []bool{true, false} {
			name := c.name + "/filter"
			if !filtered {
				name = c.name + "/none"
			}
			b.Run(name, func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				var hit [1024]uint64
				found, turns := 0, 0
				before := cpu()
				for b.Loop() {
					turns++
					found = 0
					s := New(c.p)
					for _, g := range groups {
						var f Filter
						if filtered {
							f = g.filter
						}
						clear(hit[:])
						if err := s.Rows(g.node, g.src, f, nil, hit[:]); err != nil {
							b.Fatal(err)
						}
						found += ones(hit[:])
					}
				}
				b.ReportMetric(float64(found), "rows")
				b.ReportMetric(float64((cpu()-before).Microseconds())/1000/float64(turns), "cpu-ms/op")
			})
		}
	}
	keys, bytes := 0, 0
	forms := 0
	for _, g := range groups {
		if g.node.Kind() == text.Template {
			forms += len(g.node.Templates())
		}
		bytes += len(g.filter.Words)
	}
	keys = bytes * 8 / words.BitsPerKey
	b.Logf("%d groups, %d bytes of text, filters %d bytes, about %d keys, %d templates", len(groups), size, bytes, keys, forms)
}
