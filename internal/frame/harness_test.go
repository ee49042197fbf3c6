package frame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"journalist/internal/record"
)

// row is a row that came out.
type row struct {
	start uint64
	span  uint32
	text  string
	extra string
	marks record.LineMarks
}

func (r row) String() string {
	s := fmt.Sprintf("%d+%d %q", r.start, r.span, r.text)
	if r.extra != "" {
		s += " " + r.extra
	}
	if r.marks != 0 {
		s += fmt.Sprint(r.marks.Tags())
	}
	return s
}

func mustNew(t testing.TB, o Options) *Framer {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// feed frames src as a reader does to which it comes in pieces: each call begins
// where the rows before ended and keeps nothing else. next says how many bytes come;
// what is left at the end is framed as last.
func feed(t testing.TB, f *Framer, src []byte, next func() int) []row {
	t.Helper()
	f = f.For(src)
	var (
		rows []row
		l    record.Lines
		pos  int
		have int
	)
	for {
		before := min(pos, historyMax)
		buf := bytes.Clone(src[pos-before : have])
		last := have == len(src)
		used, full, wait := f.Frame(&l, buf, before, uint64(pos), Ending{Last: last})
		if used < 0 || used > have-pos || last && wait != 0 {
			t.Fatalf("used %d of %d bytes, wait %s", used, have-pos, wait)
		}
		rows = append(rows, check(t, &l, pos, pos+used)...)
		pos += used
		switch {
		case last && pos == len(src):
			return rows
		case full || last:
			if used == 0 {
				t.Fatalf("no progress at %d of %d", pos, len(src))
			}
		case used == 0 && have-pos >= f.Window():
			t.Fatalf("no progress at %d with %d bytes of a window of %d", pos, have-pos, f.Window())
		default:
			have = min(have+max(next(), 1), len(src))
		}
	}
}

// check checks a run and returns its rows.
func check(t testing.TB, l *record.Lines, from, to int) (rows []row) {
	t.Helper()
	at := uint64(from)
	for i, r := range l.Rows {
		if r.Start < at || r.Start+uint64(r.Span) > uint64(to) {
			t.Fatalf("row %d of [%d,%d) lies at %d+%d, the one before ends at %d", i, from, to, r.Start, r.Span, at)
		}
		at = r.Start + uint64(r.Span)
		rows = append(rows, row{r.Start, r.Span, string(l.Text(i)), string(l.ExtraOf(i)), r.Marks})
	}
	return rows
}

// whole frames src at once.
func whole(t testing.TB, f *Framer, src []byte) []row {
	return feed(t, f, src, func() int { return len(src) })
}

// anyChunks checks that the rows are the same however the bytes come.
func anyChunks(t testing.TB, f *Framer, src []byte, seed uint64) []row {
	t.Helper()
	want := whole(t, f, src)
	rng := rand.New(rand.NewPCG(seed, 1))
	size := 1 + rng.IntN(200)
	got := feed(t, f, src, func() int { return rng.IntN(size) })
	if f.truncate { // how much is left out in one go is no matter
		for i := range want {
			want[i].span = 0
		}
		for i := range got {
			got[i].span = 0
		}
	}
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("rows differ from the %d-th on, seed %d:\nat once:\n%s\nin pieces:\n%s", i, seed, show(want[min(i, len(want)):]), show(got[min(i, len(got)):]))
		}
	}
	return want
}

func show(rows []row) string {
	var b strings.Builder
	for i, r := range rows {
		if i == 8 {
			fmt.Fprintf(&b, "… %d more\n", len(rows)-i)
			break
		}
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

// texts are the rows' texts with their marks and extras.
func texts(rows []row) (out []string) {
	for _, r := range rows {
		s := r.text
		if r.extra != "" {
			s += " " + r.extra
		}
		if r.marks != 0 {
			s += fmt.Sprint(r.marks.Tags())
		}
		out = append(out, s)
	}
	return out
}
