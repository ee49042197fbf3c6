package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs/crashfs"
)

// kinds of lines whose patterns are known.
var kinds = []struct {
	pattern string
	line    func(i int) string
}{
	{"<time> <_> sshd[<num>]: Failed password for <_> from <ip> port <num> <_>", func(i int) string {
		return fmt.Sprintf("Mar 27 13:%02d:%02d web-01 sshd[%d]: Failed password for u%d from 10.1.%d.%d port %d ssh2", i/60%60, i%60, 1000+i%977, i*7919%4001, i%3, i%251, 1024+i*31%60000)
	}},
	{`<ip> - - [<time> <num>] "GET <_> HTTP/<num>" <num> <num> "-" "<_>"`, func(i int) string {
		return fmt.Sprintf(`10.0.%d.7 - - [27/Mar/2026:13:%02d:%02d +0000] "GET /a/%d?x=1 HTTP/1.1" 200 %d "-" "Mozilla/5.0 (X11; Linux)"`, i%200, i/60%60, i%60, i, i*37%5000)
	}},
	{"cache hit ratio is <num> of <num> requests", func(i int) string { return fmt.Sprintf("cache hit ratio is %d.%d of %d requests", i%90, i%10, i) }},
	{"worker started without any number at all", func(int) string { return "worker started without any number at all" }},
	{"java.lang.IllegalStateException: broken\n<_>", func(i int) string {
		return fmt.Sprintf("java.lang.IllegalStateException: broken\n\tat a.B.c(B.java:%d)\n\tat d.E.f(E.java:%d)", i%90, i%70)
	}},
	{"request <uuid> done in <num> ms", func(i int) string {
		return fmt.Sprintf("request 550e8400-e29b-41d4-a716-%012x done in %d ms", uint64(i)*0x9e3779b97f4a7c15>>20, i%977)
	}},
}

// patternRows appends rows of all kinds, some without a message, and returns what
// kind each is, -1 for none.
func patternRows(t testing.TB, s *Store, n int) []int {
	t.Helper()
	of := make([]int, n)
	for from := 0; from < n; from += 1000 {
		b := &record.Batch{Client: "test"}
		msg, num := b.NameID("message"), b.NameID("n")
		for i := from; i < min(n, from+1000); i++ {
			b.AddRow(start.UnixNano() + int64(i)*1e6)
			b.Add(num, record.IntValue(int64(i)))
			if of[i] = i * 7 % 17; of[i] >= len(kinds) {
				of[i] = of[i] % (len(kinds) - 1)
			}
			if i%29 == 0 {
				of[i] = -1
				continue
			}
			b.Add(msg, record.StringValue([]byte(kinds[of[i]].line(i))))
		}
		if err := s.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	return of
}

// wantPatterns are the patterns of the rows that are kept.
func wantPatterns(of []int, keep func(i int) bool) []string {
	list := make([]scan.Pattern, len(kinds))
	for i, k := range of {
		if k >= 0 && keep(i) {
			list[k].Observe([]byte(kinds[k].line(i)), 1, int64(i), int64(i))
		}
	}
	var out []string
	for k, p := range list {
		if p.Count > 0 {
			out = append(out, fmt.Sprintf("%s: %d from %d to %d: %s", kinds[k].pattern, p.Count, p.First, p.Last, p.Example))
		}
	}
	slices.Sort(out)
	return out
}

func gotPatterns(t *testing.T, s *Store, req scan.Request, n int) []string {
	t.Helper()
	found, st, ok, err := s.Patterns(t.Context(), &req, "message", n, scan.PatternDetails{Examples: true, Trend: true, Values: true})
	if err != nil || !ok || len(st.Partial) > 0 {
		t.Fatal(ok, st.Partial, err)
	}
	var out []string
	for _, p := range found.List {
		row := func(at int64) int64 { return (at - start.UnixNano()) / 1e6 }
		out = append(out, fmt.Sprintf("%s: %d from %d to %d: %s", scan.FormText(p.Form), p.Count, row(p.First), row(p.Last), p.Example))
	}
	slices.Sort(out)
	return out
}

// Patterns are those of the lines, whether the rows are in memory, in parts or in
// both, for all rows, for some, and for those that are left.
func TestPatterns(t *testing.T) {
	const n = 30_000
	s := mustOpen(t, options(crashfs.New()))
	of := patternRows(t, s, n)
	check := func(name string, gone func(i int) bool) {
		t.Helper()
		for _, c := range []struct {
			name string
			req  scan.Request
			keep func(i int) bool
		}{
			{"all", scan.Request{}, func(int) bool { return true }},
			{"a time", scan.Request{From: start.UnixNano() + 777e6, To: start.UnixNano() + 21_333e6}, func(i int) bool { return i >= 777 && i < 21_333 }},
			{"a word", scan.Request{Filter: scan.Text{Pattern: match.NewWord("password")}}, func(i int) bool { return of[i] == 0 }},
			{"a number", scan.Request{Filter: scan.Compare{Field: "n", Op: scan.Lt, Value: record.IntValue(5000)}}, func(i int) bool { return i < 5000 }},
			{"nothing", scan.Request{Filter: scan.Text{Pattern: match.NewWord("absent")}}, func(int) bool { return false }},
		} {
			for _, workers := range []int{1, 3} {
				if c.req.Parallel = workers; c.req.To == 0 {
					c.req.From, c.req.To = -1<<63, 1<<63-1
				}
				got := gotPatterns(t, s, c.req, 100)
				want := wantPatterns(of, func(i int) bool { return c.keep(i) && !gone(i) })
				if !slices.Equal(got, want) {
					t.Fatalf("%s, %s\ngot\n%s\nwant\n%s", name, c.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
	none := func(int) bool { return false }
	check("partly in memory", none)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("in parts", none)
	_, err := s.Delete(t.Context(), &scan.Deletion{Request: scan.Request{From: start.UnixNano() + 5e9, To: start.UnixNano() + 6e9}})
	if err != nil {
		t.Fatal(err)
	}
	check("some deleted", func(i int) bool { return i >= 5000 && i < 6000 })
	if got := gotPatterns(t, s, scan.Request{From: -1 << 63, To: 1<<63 - 1}, 2); len(got) != 2 {
		t.Errorf("%d patterns of 2", len(got))
	}
}

// A pattern's trend counts each of its rows where its time belongs, and its values are
// those of its slots, wherever the rows are.
func TestPatternDetails(t *testing.T) {
	const n = 20_000
	s := mustOpen(t, options(crashfs.New()))
	of := patternRows(t, s, n)
	check := func(name string) {
		t.Helper()
		for _, c := range []struct {
			from, to int // rows
			ends     bool
			filter   scan.Expr
		}{
			{0, n, false, nil},
			{0, n, true, nil},
			{777, 12_345, true, nil},
			{5000, 5001, true, nil},
			{0, n, true, scan.Compare{Field: "n", Op: scan.Lt, Value: record.IntValue(9000)}},
			{-1000 * n, n, true, nil},
		} {
			for _, workers := range []int{1, 3} {
				req := scan.Request{From: -1 << 63, To: 1<<63 - 1, Parallel: workers, Filter: c.filter}
				if c.ends {
					req.From, req.To = start.UnixNano()+int64(c.from)*1e6, start.UnixNano()+int64(c.to)*1e6
				}
				found, _, ok, err := s.Patterns(t.Context(), &req, "message", 100, scan.PatternDetails{Examples: true, Trend: true, Values: true})
				if err != nil || !ok {
					t.Fatal(ok, err)
				}
				for i := range found.List {
					checkDetails(t, fmt.Sprintf("%s, %+v", name, c), &found, &found.List[i], func(row int) bool {
						return row >= max(c.from, 0) && row < c.to && (c.filter == nil || row < 9000)
					}, of, c.from, c.to, c.ends)
				}
			}
		}
	}
	check("partly in memory")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("in parts")
}

// checkDetails compares what is known of a pattern with the rows from one to another.
func checkDetails(t *testing.T, name string, found *scan.Patterns, p *scan.Pattern, keep func(int) bool, of []int, from, to int, ends bool) {
	t.Helper()
	got := found.Range.Counts(&p.Trend)
	kind := 0
	for kind < len(kinds) && kinds[kind].pattern != scan.FormText(p.Form) {
		kind++
	}
	if kind == len(kinds) {
		t.Fatalf("%s: pattern %q", name, scan.FormText(p.Form))
	}
	// Of the 24 parts of the time, or the halves of these and so on, are those from the
	// first row to the last.
	first, last := max(from, 0), to-1
	for !keep(last) {
		last--
	}
	width := ((to-from)*1e6-1)/24 + 1
	part := func(row, pieces int) int { return (row - from) * 1e6 * pieces / width }
	pieces := 1
	for last > first && part(last, 2*pieces)-part(first, 2*pieces) < 32 {
		pieces *= 2
	}
	sum, want := int64(0), make([]int64, part(last, pieces)-part(first, pieces)+1)
	for row, k := range of {
		if k == kind && keep(row) && ends {
			want[part(row, pieces)-part(first, pieces)]++
		}
	}
	for _, count := range got {
		sum += count
	}
	if ends && !slices.Equal(got, want) || sum != p.Count {
		t.Errorf("%s, %s: trend %v of %d rows, want %v", name, kinds[kind].pattern, got, p.Count, want)
	}
	slots := strings.Count(kinds[kind].pattern, "<")
	if rows := p.Values.Rows(); p.Values.Slots() != slots || slots > 0 && (rows == 0 || rows > p.Count || rows < min(p.Count, 100)) {
		t.Errorf("%s, %s: values of %d slots, of %d rows of %d", name, kinds[kind].pattern, p.Values.Slots(), rows, p.Count)
	}
	values := string(p.Values.AppendJSON(nil))
	if strings.HasPrefix(kinds[kind].pattern, "cache hit ratio") && !strings.Contains(values, `{"slot":1,"kind":"num","rows":`) {
		t.Errorf("%s: %s", name, values)
	}
}

// BenchmarkPatterns asks for the patterns of a log in parts.
func BenchmarkPatterns(b *testing.B) {
	log, _ := benchLog(b)
	s, err := Open(Options{Dir: b.TempDir(), RetainEvery: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }() // the benchmark is over
	rows := load(b, s, log)
	if err := s.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		filter scan.Expr
		want   scan.PatternDetails
	}{
		{"all", nil, scan.PatternDetails{Examples: true, Trend: true, Values: true}},
		{"all without values", nil, scan.PatternDetails{Examples: true, Trend: true}},
		{"all without trends", nil, scan.PatternDetails{Examples: true}},
		{"word", scan.Text{Pattern: match.NewWord("from")}, scan.PatternDetails{Examples: true, Trend: true, Values: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			req := scan.Request{From: -1 << 63, To: 1<<63 - 1, Parallel: 2, Filter: c.filter}
			var found scan.Patterns
			before := cpuSeconds()
			for b.Loop() {
				var err error
				if found, _, _, err = s.Patterns(context.Background(), &req, "message", 50, c.want); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuSeconds()-before)/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(float64(found.Total), "patterns")
			if testing.Verbose() && c.filter == nil {
				for _, p := range found.List {
					b.Logf("%8d %s", p.Count, scan.FormText(p.Form))
				}
			}
		})
	}
}
