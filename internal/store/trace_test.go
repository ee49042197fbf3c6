package store

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// traced is a store with a part of each of three days, one of another dataset, and rows
// in memory.
func traced(t *testing.T) *Store {
	t.Helper()
	o := options(newFS())
	s := mustOpen(t, o)
	add := func(dataset string, day int) {
		b := &record.Batch{Dataset: dataset}
		for i := range 1000 {
			at := start.AddDate(0, 0, day-3).UnixNano() - int64(i)*1e9
			line := fmt.Sprintf(`{"message":"job %d of day%d done in %d ms","day":%d,"n":%d,"kind":"k%d"}`, i, day, i*7, day, 1000*day+i, day)
			if err := b.AppendJSON([]byte(line), at); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for day := range 3 {
		add("logs", day)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	add("other", 1)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	add("logs", 3)
	return s
}

// decisions tells what became of the row groups, in order.
func decisions(s *scan.ScanTrace) string {
	var list []string
	for _, d := range scan.Decisions {
		if n := s.Total.Decided[d]; n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, d))
		}
	}
	return strings.Join(list, ", ")
}

func TestTrace(t *testing.T) {
	s := traced(t)
	logs := []string{"logs"}
	word := func(field, w string) scan.Expr { return scan.Text{Field: field, Pattern: match.NewWord(w)} }
	number := func(field string, op scan.Op, n int64) scan.Expr {
		return scan.Compare{Field: field, Op: op, Value: record.IntValue(n), Number: float64(n), IsNumber: true}
	}
	day2 := start.AddDate(0, 0, -2).UnixNano()
	for _, c := range []struct {
		name, want, why string
		req             scan.Request
	}{
		{"everything", "5 scanned", "", scan.Request{}},
		{"words", "3 words, 1 scanned", "filter of words", scan.Request{Datasets: logs, Filter: word("message", "day3")}},
		{"anywhere", "3 words, 1 scanned", "filter of words", scan.Request{Datasets: logs, Filter: word("", "day3")}},
		{"bounds", "2 min-max, 2 scanned", "deny n > 2500", scan.Request{Datasets: logs, Filter: number("n", scan.Gt, 2500)}},
		{"values", "2 values, 2 scanned", "kind", scan.Request{Datasets: logs, Filter: scan.Compare{Field: "kind", Op: scan.Eq, Value: text("k2")}}},
		{"field", "4 field", "no field nope", scan.Request{Datasets: logs, Filter: scan.Exists{Field: "nope"}}},
		{"not", "4 filter", "every row has", scan.Request{Datasets: logs, Filter: scan.Not{X: scan.Exists{Field: "n"}}}},
		{"and", "4 field", "no field nope", scan.Request{Datasets: logs, Filter: scan.And{number("n", scan.Gt, 2500), scan.Exists{Field: "nope"}}}},
		{"or", "2 filter, 2 scanned", "no field nope", scan.Request{Datasets: logs, Filter: scan.Or{number("n", scan.Gt, 2500), scan.Exists{Field: "nope"}}}},
		{"time", "2 time, 1 scanned", "", scan.Request{Datasets: logs, From: day2 - 500e9, To: day2 + 1}},
		{"limit", "3 unneeded, 1 scanned", "", scan.Request{Datasets: logs, Order: scan.NewestFirst, Limit: 10}},
		{"oldest", "4 scanned", "", scan.Request{Datasets: logs, Order: scan.OldestFirst}},
	} {
		trace := scan.NewTrace(100)
		req := c.req
		if req.To == 0 {
			req.From, req.To = all().From, all().To
		}
		req.Columns, req.Parallel = []string{"message"}, 2
		req.Trace = trace.Begin("rows", nil)
		var rows atomic.Int64
		st, err := s.Scan(t.Context(), &req, func(b *scan.Block) error { rows.Add(int64(b.Len())); return nil })
		if err != nil {
			t.Fatal(err)
		}
		scans, _ := trace.Scans()
		got := scans[0]
		if d := decisions(got); d != c.want {
			t.Errorf("%s: %s, want %s", c.name, d, c.want)
		}
		if c.why != "" && (len(got.Reasons) == 0 || !strings.Contains(fmt.Sprint(got.Reasons), c.why)) {
			t.Errorf("%s: reasons %v, want %q", c.name, got.Reasons, c.why)
		}
		if others := got.Others == 1; others != (req.Datasets != nil) {
			t.Errorf("%s: %d parts of others", c.name, got.Others)
		}
		if req.Limit == 0 && (got.Total.Matched != st.RowsMatched || got.Total.Matched != rows.Load()) {
			t.Errorf("%s: %d rows traced, %d matched, %d came", c.name, got.Total.Matched, st.RowsMatched, rows.Load())
		}
		if req.Limit == 0 && got.Total.Bytes != st.BytesRead {
			t.Errorf("%s: %d bytes traced, %d read", c.name, got.Total.Bytes, st.BytesRead)
		}
		for _, g := range got.Groups {
			if g.Decision == scan.Scanned && g.Part != memoryPart && (g.Matched == 0 || !strings.Contains(strings.Join(g.Columns, " "), "message")) {
				t.Errorf("%s: %+v", c.name, g)
			}
		}
	}
}

// What headers, dictionaries and templates count is told as such.
func TestTraceOfAggregations(t *testing.T) {
	s := traced(t)
	ask := func(by []scan.Key, f scan.Expr) string {
		trace := scan.NewTrace(0)
		a := &scan.Aggregation{Request: *all(), By: by, Aggs: []scan.Agg{{Func: "count"}}}
		a.Request.Filter, a.Request.Trace = f, trace.Begin("groups", nil)
		if _, _, ok, err := s.Aggregate(t.Context(), a); !ok || err != nil {
			t.Fatal(ok, err)
		}
		scans, _ := trace.Scans()
		return decisions(scans[0])
	}
	if got := ask(nil, nil); got != "5 counted" {
		t.Errorf("count(): %s", got)
	}
	if got := ask([]scan.Key{{Field: "kind"}}, nil); got != "4 counted, 1 scanned" {
		t.Errorf("by kind: %s", got)
	}
	if got := ask([]scan.Key{{Field: "n"}}, nil); got != "5 scanned" {
		t.Errorf("by n: %s", got)
	}
	trace := scan.NewTrace(0)
	req := all()
	req.Trace = trace.Begin("patterns", nil)
	if _, _, ok, err := s.Patterns(t.Context(), req, "message", 5, scan.PatternDetails{Examples: true, Trend: true, Values: true}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if scans, _ := trace.Scans(); decisions(scans[0]) != "5 scanned" {
		t.Errorf("patterns: %s", decisions(scans[0]))
	}
}

// Deleted row groups are told of, and a scan that is stopped tells what it did not come
// to.
func TestTraceOfDeletedAndStopped(t *testing.T) {
	s := traced(t)
	if _, err := s.Delete(t.Context(), deletionOf(scan.Compare{Field: "day", Op: scan.Lt, Value: record.IntValue(2), Number: 2, IsNumber: true})); err != nil {
		t.Fatal(err)
	}
	trace := scan.NewTrace(0)
	req := all()
	req.Datasets, req.Order, req.Columns, req.Trace = []string{"logs"}, scan.NewestFirst, []string{"n"}, trace.Begin("rows", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := s.Scan(ctx, req, func(*scan.Block) error { cancel(); return nil }); err == nil {
		t.Fatal("a scan that was cancelled ended well")
	}
	scans, _ := trace.Scans()
	x := scans[0].Total.Decided
	if x[scan.Unneeded] != 1 || x[scan.Scanned] != 1 {
		t.Errorf("%v", x)
	}
}

// What a trace keeps is bounded, its sums are of all.
func TestTraceIsBounded(t *testing.T) {
	trace := scan.NewTrace(1 << 40)
	s := trace.Begin("rows", nil)
	const n = scan.TraceGroups + 1000
	for i := range n {
		s.Add(&scan.GroupTrace{Part: fmt.Sprint(i / 10), Group: i, Rows: 2, Decision: scan.Scanned, Why: fmt.Sprint(i), Columns: []string{fmt.Sprint(i)}})
	}
	for range 100 {
		trace.Begin("more", nil)
	}
	scans, more := trace.Scans()
	if len(s.Groups) != scan.TraceGroups || s.MoreGroups != 1000 || len(s.Parts) != scan.TraceParts || s.Parts[scan.TraceParts-1].Part == "" ||
		len(s.Reasons) != scan.TraceReasons || len(s.Total.Columns) > scan.TraceReasons || s.Total.Groups != n || s.Total.Rows != 2*n || len(scans) != scan.TraceScans || more != 101-scan.TraceScans {
		t.Errorf("%d groups and %d more, %d parts and %d more, %d reasons, %d columns, %d in all, %d scans and %d more",
			len(s.Groups), s.MoreGroups, len(s.Parts), s.MoreParts, len(s.Reasons), len(s.Total.Columns), s.Total.Groups, len(scans), more)
	}
}
