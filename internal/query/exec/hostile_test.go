package exec_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store"
	"journalist/internal/testkit/memsource"
)

// hostile are queries that want more than is good, and what the error says; an empty
// text for those that have an answer.
var hostile = []struct{ name, query, want string }{
	{"a megabyte", strings.Repeat("word ", 200_000), "65536 are the most"},
	{"a megabyte of one word", strings.Repeat("w", 1<<20), "65536 are the most"},
	{"a long word", strings.Repeat("w", 10_000), "at most 8192 bytes"},
	{"10,000 alternatives", strings.Repeat("a OR ", 10_000) + "a", ""},
	{"6,000 different ones", alternatives(6000, "w%d"), ""},
	{"5,000 values", alternatives(5000, "n=%d"), ""},
	{"5,000 words of a field", alternatives(4000, "host:h%d"), ""},
	{"10,000 that must hold", strings.Repeat("-x ", 10_000), ""},
	{"parentheses", strings.Repeat("(", 5000) + "a" + strings.Repeat(")", 5000), "more than 100 parentheses"},
	{"negations", strings.Repeat("NOT ", 5000) + "a", "more than 100 parentheses and negations"},
	{"inner queries", strings.Repeat("x:in(", 2000) + "a" + strings.Repeat(")", 2000), "more than 3 queries"},
	{"many inner queries", strings.Repeat("x:in(a) ", 1000), "more than 20 queries"},
	{"operators", "* | eval x = " + strings.Repeat("1+", 5000) + "1", "more than 100 operators, parentheses"},
	{"calls", "* | eval x = " + strings.Repeat("abs(", 5000) + "1" + strings.Repeat(")", 5000), "more than 100 operators, parentheses"},
	{"many pipes", "*" + strings.Repeat(" | eval x = n", 3000), "memory budget"},
	{"many aggregates", "* | stats " + alternativesOf(2000, "count() as c%d", ", "), "more than 256 columns"},
	{"many keys", "* | stats count() by " + alternativesOf(2000, "f%d", ", "), "more than 256 columns"},
	{"a quote", `message:"open`, "not closed"},
	{"an expression that is wrong", "/a(b/", "missing closing )"},
	{"one that is too large", "/(((a{1000}){1000}){1000})/", "regular expression is wrong"},
	{"one that finds everything", "/.*/", ""},
	{"one that backtracks elsewhere", "/(a*)*b/", ""},
	{"a wildcard of stars", "x:" + strings.Repeat("*a", 2000), ""},
	{"a limit of nothing", "* | limit 0", "from 1 to 1000000000"},
	{"a limit of a billion", "* | limit 1000000000", ""},
	{"a limit of more", "* | limit 1000000001", "from 1 to 1000000000"},
	{"a top of a billion", "* | top 1000000000 n", ""},
	{"times backwards", "_time:[2026-03-02 TO 2026-03-01]", "the range is backwards"},
	{"a far future", "_time:>9999-01-01", "years 1678 to 2262"},
	{"a farther one", "_time:[now TO 99999999999999999999]", "is not a time"},
	{"a very long span", "_time:9999999w", "too long"},
	{"numbers against texts", "message>5 n:abc host:[1 TO z]", ""},
	{"not UTF-8", "\xff\xfe:\xff | stats count() by \xff", ""},
	{"zero bytes", "a\x00b | fields \x00", "name of a field"},
	{"buckets of a nanosecond", "* | timechart 1ns", "more than 10000 buckets"},
}

func alternatives(n int, format string) string { return alternativesOf(n, format, " OR ") }

func alternativesOf(n int, format, between string) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return strings.Join(list, between)
}

// Whatever is asked, the answer is an error that says why, or comes within the
// query's time and memory.
func TestHostileQueries(t *testing.T) {
	b := &record.Batch{}
	for i := range 2000 {
		obj := fmt.Sprintf(`{"message":"line %d of a log w%d","n":%d,"host":"h%d"}`, i, i, i, i%7)
		if err := b.AppendJSON([]byte(obj), int64(i)*1e9); err != nil {
			t.Fatal(err)
		}
	}
	mem := &memsource.Source{BlockRows: 500}
	mem.Add(b)
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.Append(t.Context(), copyOf(t, b)); err != nil {
		t.Fatal(err)
	}
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]exec.Source{"memory": mem, "store": st} {
		e := exec.New(exec.Options{Source: src, Parallel: 2, MaxBytes: 16 << 20, MaxDuration: 20 * time.Second})
		for _, c := range hostile {
			err := run(t.Context(), e, c.query)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s, %s: %.300v", name, c.name, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%s, %s: error %.300v, want %s", name, c.name, err, c.want)
			}
			var at *lang.Error
			if errors.As(err, &at) && (at.Column < 1 || len([]rune(at.Caret())) > 300) {
				t.Errorf("%s: at column %d: %.300s", c.name, at.Column, at.Caret())
			}
		}
	}
}

// run runs a query and fails where its answer is partial.
func run(ctx context.Context, e *exec.Engine, text string) error {
	q, err := lang.Parse(text)
	if err != nil {
		return err
	}
	st, err := e.Run(ctx, lang.Request{Query: q}, func(*scan.Block) error { return nil })
	if err == nil && len(st.Partial) > 0 {
		err = errors.New(st.Partial[0])
	}
	return err
}
