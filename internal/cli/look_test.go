package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"journalist/internal/query/lang"
)

func marks(t *testing.T, query string) *Highlighter {
	t.Helper()
	q, err := lang.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	return NewHighlighter(q)
}

func TestHighlighter(t *testing.T) {
	for _, c := range []struct{ query, text, want string }{
		{"error", "an Error, errors, xerror ERROR", "an [Error], errors, xerror [ERROR]"},
		{"err*", "an Error, xerror", "an [Err]or, xerror"},
		{"*rr*", "an Error, xerror", "an E[rr]or, xe[rr]or"},
		{`"connection refused" OR refused`, "Connection refused; refused", "[Connection refused]; [refused]"},
		{"/[0-9]+ms/", "took 12ms and 3MS", "took [12ms] and 3MS"},
		{"/[0-9]+MS/i message:took", "took 12ms", "[took] [12ms]"},
		{"-error level:took *", "took error", "took error"},
		{"x | where y", "x y", "[x] [y]"},
		{"größe", "Größe GRÖSSE größer", "[Größe] GRÖSSE größer"},
		{"aa ab", "aab aa ab", "aab [aa] [ab]"},
		{"[x] \"b]\"", "a[x] b]", "a[[x]] [b]]"},
		{"/(/", "x", "x"},
	} {
		q, err := lang.Parse(c.query)
		if err != nil {
			continue // what does not parse is refused elsewhere
		}
		var b strings.Builder
		at := 0
		for _, s := range NewHighlighter(q).spans(c.text) {
			b.WriteString(c.text[at:s.from] + "[" + c.text[s.from:s.to] + "]")
			at = s.to
		}
		if got := b.String() + c.text[at:]; got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
	}
	if s := NewHighlighter(nil).spans("x"); s != nil {
		t.Errorf("no query: %v", s)
	}
	if n := len(marks(t, "x").spans(strings.Repeat("x ", 1e6))); n != maxSpans {
		t.Errorf("%d places marked", n)
	}
}

func TestWrap(t *testing.T) {
	text := "the quick brown fox jumps over the lazy dog and " + strings.Repeat("x", 100) + " end"
	line := []styled{{dim, "12:00"}, {text: " "}, {text: text[:20]}, {mark, text[20:30]}, {text: text[30:]}}
	got := string(appendWrapped(nil, line, 40, false))
	want := "12:00 the quick brown fox jumps over the\n" +
		"    lazy dog and\n" +
		"    " + strings.Repeat("x", 36) + "\n" +
		"    " + strings.Repeat("x", 36) + "\n" +
		"    " + strings.Repeat("x", 28) + " end"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// With colours the same, and every style that begins ends on its row.
	coloured := string(appendWrapped(nil, line, 40, true))
	for _, style := range []string{dim, mark, reset} {
		coloured = strings.ReplaceAll(coloured, style, "")
	}
	if coloured != want {
		t.Errorf("with colours\n%s", coloured)
	}
	for _, row := range strings.Split(string(appendWrapped(nil, line, 40, true)), "\n") {
		if strings.Count(row, reset) != strings.Count(row, dim)+strings.Count(row, mark) {
			t.Errorf("a style runs on: %q", row)
		}
	}
	if got := string(appendWrapped(nil, []styled{{text: strings.Repeat("世", 30)}}, 41, false)); got != strings.Repeat("世", 20)+"\n    "+strings.Repeat("世", 10) {
		t.Errorf("wide: %s", got)
	}
	if got := string(appendWrapped(nil, line, 20, false)); strings.Contains(got, "\n") {
		t.Errorf("too narrow: %s", got)
	}
}

// No row is wider than the terminal, and nothing but spaces at breaks is lost.
func TestWrapKeepsAll(t *testing.T) {
	words := []string{"a", "bb ", " ", "longer", "x=世界", "\tt", "  two", strings.Repeat("y", 61)}
	for n := range 500 {
		var line []styled
		all := ""
		for i := range n % 40 {
			w := words[(i*7+n*3)%len(words)]
			all += w
			line = append(line, styled{text: w})
		}
		rows := strings.Split(string(appendWrapped(nil, line, 44, false)), "\n")
		for i, row := range rows {
			if w := columnAfter([]styled{{text: row}}, 0); w > 44 {
				t.Fatalf("%d columns: %q", w, row)
			}
			if i > 0 {
				rows[i] = strings.TrimPrefix(row, "    ")
			}
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := squeeze(strings.Join(rows, "")); got != squeeze(all) {
			t.Fatalf("lost something:\n%q\n%q", got, all)
		}
	}
}

func TestPrettyMarksAndWraps(t *testing.T) {
	golden(t, "records.pretty-marked", render(t, "records", RenderOptions{
		Form: "pretty", Zone: time.UTC, Colour: true, Terminal: true, Width: 60, Marks: marks(t, "password OR order OR *owned*"),
	}))
}

// The lines around a hit are dimmed, and their distance is no field to look at.
func TestPrettyContext(t *testing.T) {
	var out bytes.Buffer
	r, err := NewRenderer(&out, RenderOptions{Form: "pretty", Colour: true, Marks: marks(t, "hit")})
	if err != nil {
		t.Fatal(err)
	}
	var row Row
	for _, line := range []string{`{"message":"before the hit","_context":-1}`, `{"message":"the hit","_context":0}`} {
		if err := ParseRow([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if err := r.Row(&row); err != nil {
			t.Fatal(err)
		}
	}
	if want := dim + "before the hit" + reset + "\nthe " + mark + "hit" + reset + "\n"; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
}

func TestTableOfFacets(t *testing.T) {
	for value, want := range map[string]string{
		`[{"value":"a b","count":3},{"value":12,"count":1}]`: "a b (3), 12 (1)",
		`[{"value":1}]`:          `[{"value":1}]`,
		`[{"value":"x","count":`: `[{"value":"x","count":`,
		`["a"]`:                  `["a"]`,
		`[{"value":"` + strings.Repeat("x", 50) + `","count":2}]`: strings.Repeat("x", 39) + "… (2)",
	} {
		r := &tableRenderer{}
		if got := r.cell(RowField{Name: "values", Value: []byte(value)}); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

func TestPageLink(t *testing.T) {
	for _, c := range []struct {
		server string
		q      Question
		live   bool
		want   string
	}{
		{"https://logs.example.com", Question{Query: `level:error "a b" & #x`}, false, "https://logs.example.com:9292/#q=level:error+%22a+b%22+%26+%23x"},
		{"127.0.0.1:9292", Question{Query: "größe+1", From: "2026-01-31T12:00:00Z"}, true, "http://127.0.0.1:9292/#q=gr%C3%B6%C3%9Fe%2B1&from=2026-01-31T12:00:00Z&to=now&live=1"},
		{"http://localhost:1/", Question{}, false, "http://localhost:1/#"},
	} {
		if got, err := PageLink(c.server, c.q, c.live); err != nil || got != c.want {
			t.Errorf("%s, %v; want %s", got, err, c.want)
		}
	}
	if _, err := PageLink("unix:/x", Question{}, false); ExitCode(err) != ExitUsage {
		t.Errorf("unix: %v", err)
	}
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := StartWaiting(&out, func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) })
		time.Sleep(900 * time.Millisecond)
		p.Hide() // something came
		time.Sleep(1300 * time.Millisecond)
		p.Hide()
		p.Stop()
		if got := out.String(); got != "\r2.00 s\r      \r" {
			t.Errorf("%q", got)
		}
		var none *Waiting
		none.Hide()
		none.Stop()
	})
}
