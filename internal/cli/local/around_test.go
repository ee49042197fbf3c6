package local

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// nearby is the definition: every line within reach of a hit, and how far it is.
func nearby(lines []string, word string, before, after, hits int) string {
	var at []int
	for i, l := range lines {
		if strings.Contains(l, word) && (hits == 0 || len(at) < hits) {
			at = append(at, i)
		}
	}
	var out []string
	for i, l := range lines {
		best, found := 0, false
		for _, h := range at {
			d := i - h
			if d > after || -d > before {
				continue
			}
			if !found || abs(d) < abs(best) || abs(d) == abs(best) && d < 0 {
				best, found = d, true
			}
		}
		if found {
			out = append(out, fmt.Sprintf("%s@%d", l, best))
		}
	}
	return strings.Join(out, " ")
}

func abs(n int) int { return max(n, -n) }

func TestAround(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var lines []string
		for i := range r.IntN(60) {
			word := "-"
			if r.IntN(6) == 0 {
				word = "hit"
			}
			lines = append(lines, fmt.Sprintf("%d%s", i, word))
		}
		path := write(t, "a", strings.Join(lines, "\n")+"\n")
		other := write(t, "b", "other\n")
		before, after, hits := r.IntN(5), r.IntN(5), r.IntN(4)
		if before+after == 0 {
			continue
		}
		src := open(t, Options{Files: []string{other, path, other}, Before: before, After: after, Hits: hits, Parallel: 3})
		src.chunk = 1 << 20
		rows, _, err := run(t, src, "*hit* | fields message, _context", 0)
		got := strings.NewReplacer(`message="`, "", `" _context=`, "@").Replace(strings.Join(rows, " "))
		if want := nearby(lines, "hit", before, after, hits); err != nil || got != want {
			t.Fatalf("-B %d -A %d, %d hits of %q:\n%s\nwant\n%s (%v)", before, after, hits, lines, got, want, err)
		}
		// In small chunks the lines are the same; only a line between two hits of
		// different chunks may be told as far from the first.
		src = open(t, Options{Files: []string{path}, Before: before, After: after, Hits: hits, Parallel: 3})
		src.chunk = 20
		rows, _, err = run(t, src, "*hit* | fields message", 0)
		got = strings.NewReplacer(`message="`, "", `"`, "").Replace(strings.Join(rows, " "))
		want := []string{}
		for _, l := range strings.Fields(nearby(lines, "hit", before, after, hits)) {
			l, _, _ = strings.Cut(l, "@")
			want = append(want, l)
		}
		if err != nil || got != strings.Join(want, " ") {
			t.Fatalf("in chunks, -B %d -A %d, %d hits of %q:\n%s\nwant\n%s (%v)", before, after, hits, lines, got, want, err)
		}
	}
}
