package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/part"
	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 27, 23, 59, 0, 0, time.UTC)

// options are a store's on a file system in memory, with small limits.
func options(fsys vfs.FS) Options {
	return Options{
		FS: fsys, Dir: "/data", MemtableBytes: 1 << 20, RetainEvery: -1,
		Clock: func() time.Time { return start.Add(time.Hour) },
	}
}

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// field is a field of a row of the oracle.
type field struct {
	path  string
	value record.Value
}

// row is a record as the oracle keeps it.
type row struct {
	dataset string
	time    int64
	fields  []field
}

func (r *row) get(name string) (record.Value, bool) {
	switch name {
	case record.FieldDataset:
		return record.StringValue([]byte(r.dataset)), true
	case record.FieldTime:
		return record.IntValue(r.time), true
	}
	for _, f := range r.fields {
		if record.MakeName(f.path).Dotted == name {
			return f.value, true
		}
	}
	return record.Value{}, false
}

func (r *row) each(f func(string, record.Value) bool) {
	for _, x := range r.fields {
		if !f(record.MakeName(x.path).Dotted, x.value) {
			return
		}
	}
}

func (r *row) String() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %d", r.dataset, r.time)
	for _, f := range r.fields {
		fmt.Fprintf(&b, " %q=%s:%q", f.path, f.value.Kind, f.value.AppendText(nil))
	}
	return b.String()
}

// addTo appends the row to a batch.
func (r *row) addTo(b *record.Batch) {
	b.AddRow(r.time)
	for _, f := range r.fields {
		b.Add(b.NameID(f.path), f.value)
	}
}

func batchOf(rows []row) *record.Batch {
	b := &record.Batch{Dataset: rows[0].dataset}
	for i := range rows {
		rows[i].addTo(b)
	}
	return b
}

func text(s string) record.Value { return record.StringValue([]byte(s)) }

// randomRow makes a row of one of many shapes.
func randomRow(rng *rand.Rand) row {
	words := []string{"error", "Connection", "refused", "from", "10.0.0.1", "user", "root", "ÜBER", "x_1", "failed", "ok"}
	r := row{dataset: []string{"logs", "web"}[rng.IntN(2)]}
	r.time = start.UnixNano() + int64(rng.IntN(120))*int64(time.Second)
	if rng.IntN(50) == 0 {
		r.time = []int64{0, -5, 1 << 62, start.AddDate(0, 0, -3).UnixNano()}[rng.IntN(4)]
	}
	msg := ""
	for range rng.IntN(6) {
		msg += words[rng.IntN(len(words))] + []string{" ", ": ", "[", "-"}[rng.IntN(4)]
	}
	r.fields = append(r.fields, field{"message", text(msg)})
	if rng.IntN(2) == 0 {
		r.fields = append(r.fields, field{"level", text([]string{"info", "warn", "error"}[rng.IntN(3)])})
	}
	if rng.IntN(3) == 0 {
		r.fields = append(r.fields, field{"status", record.IntValue(int64(200 + rng.IntN(5)*100))})
	}
	if rng.IntN(4) == 0 {
		r.fields = append(r.fields, field{"a\x00b", randomValue(rng)})
	}
	if rng.IntN(4) == 0 {
		r.fields = append(r.fields, field{"mixed", randomValue(rng)})
	}
	if rng.IntN(8) == 0 {
		r.fields = append(r.fields, field{fmt.Sprintf("rare%d", rng.IntN(200)), randomValue(rng)})
	}
	if rng.IntN(3) == 0 {
		rng.Shuffle(len(r.fields), func(i, j int) { r.fields[i], r.fields[j] = r.fields[j], r.fields[i] })
	}
	return r
}

func randomValue(rng *rand.Rand) record.Value {
	switch rng.IntN(7) {
	case 0:
		return record.Value{Kind: record.Null}
	case 1:
		return record.BoolValue(rng.IntN(2) == 0)
	case 2:
		return record.IntValue(int64(rng.IntN(2000) - 1000))
	case 3:
		return record.NumberValue([]byte(fmt.Sprintf("%d.%02d", rng.IntN(100), rng.IntN(100))))
	case 4:
		return record.Value{Kind: record.JSON, Bytes: []byte([]string{"[]", "{}", `["error","x y"]`, `[1,2.5,true,null,"r\u00f6ot"]`}[rng.IntN(4)])}
	case 5:
		return text("")
	}
	return text([]string{"error", "404", "12.5", "Root user", "x"}[rng.IntN(5)])
}

func randomExpr(rng *rand.Rand, depth int) scan.Expr {
	fields := []string{"message", "level", "status", "a.b", "mixed", "rare7", "rare8", "absent", "dataset", "@timestamp"}
	f := fields[rng.IntN(len(fields))]
	if depth > 0 {
		switch rng.IntN(4) {
		case 0:
			return scan.And{randomExpr(rng, depth-1), randomExpr(rng, depth-1)}
		case 1:
			return scan.Or{randomExpr(rng, depth-1), randomExpr(rng, depth-1)}
		case 2:
			return scan.Not{X: randomExpr(rng, depth-1)}
		}
	}
	switch rng.IntN(6) {
	case 0:
		return scan.Exists{Field: f}
	case 1:
		return scan.Const(rng.IntN(3) > 0)
	case 2, 3:
		if rng.IntN(2) == 0 {
			f = ""
		}
		return scan.Text{Field: f, Pattern: randomPattern(rng)}
	}
	c := scan.Compare{Field: f, Op: scan.Op(rng.IntN(6)), Value: randomValue(rng)}
	if f == record.FieldTime {
		c.Value = record.IntValue(start.UnixNano() + int64(rng.IntN(120))*int64(time.Second))
	}
	c.Number, c.IsNumber = c.Value.Float()
	return c
}

func randomPattern(rng *rand.Rand) *match.Pattern {
	w := []string{"error", "ERROR", "connection refused", "10.0.0.1", "root", "röot", "über", "absentword", "40", "x y", "2026-03"}[rng.IntN(11)]
	switch rng.IntN(5) {
	case 0:
		return match.NewPrefix(w)
	case 1:
		return match.NewSubstring(w)
	case 2:
		return match.NewWildcard("*" + w + "*")
	case 3:
		p, err := match.NewRegexp("(err|roo).", rng.IntN(2) == 0)
		if err != nil {
			panic(err)
		}
		return p
	}
	return match.NewWord(w)
}

// expected is what a request must yield of the rows, which are in order of arrival.
func expected(rows []row, req *scan.Request) []row {
	var out []row
	for i := range rows {
		r := &rows[i]
		if r.time < req.From || r.time >= req.To || req.Datasets != nil && !slices.Contains(req.Datasets, r.dataset) {
			continue
		}
		if scan.Eval(req.Filter, r.get, r.each) {
			out = append(out, *r)
		}
	}
	slices.SortStableFunc(out, func(a, b row) int { return cmp.Compare(a.time, b.time) })
	if req.Order == scan.NewestFirst {
		slices.Reverse(out)
	}
	return out
}

// collect runs a request and returns its rows as the oracle has them.
func collect(t testing.TB, s *Store, req *scan.Request) ([]row, scan.Stats) {
	t.Helper()
	var mu sync.Mutex
	var out []row
	st, err := s.Scan(context.Background(), req, func(b *scan.Block) error {
		mu.Lock()
		defer mu.Unlock()
		out = append(out, rowsOf(t, b, req.Whole)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, st
}

func rowsOf(t testing.TB, b *scan.Block, whole bool) []row {
	out := make([]row, b.Len())
	byName := map[string]*scan.Column{}
	for i := range b.Columns {
		c := &b.Columns[i]
		byName[c.Name] = c
		if c.Len != b.Len() {
			t.Fatalf("column %s has %d values in a block of %d", c.Name, c.Len, b.Len())
		}
	}
	for i := range out {
		r := &out[i]
		r.dataset, r.time = b.Dataset, b.Times[i]
		if whole {
			for _, name := range b.Shapes[b.ShapeOf[i]] {
				r.fields = append(r.fields, field{name.Path, clone(byName[name.Dotted].Value(i))})
			}
			continue
		}
		for _, c := range b.Columns {
			r.fields = append(r.fields, field{c.Name, clone(c.Value(i))})
		}
	}
	return out
}

func clone(v record.Value) record.Value {
	v.Bytes = bytes.Clone(v.Bytes)
	return v
}

func all() *scan.Request {
	return &scan.Request{From: -1 << 63, To: 1<<63 - 1, Whole: true, Order: scan.OldestFirst}
}

// diff compares rows; the order of rows of equal time counts within a dataset.
func diff(t testing.TB, what string, got, want []row) {
	t.Helper()
	perDataset := func(rows []row) map[string][]string {
		m := map[string][]string{}
		for i := range rows {
			m[rows[i].dataset] = append(m[rows[i].dataset], rows[i].String())
		}
		return m
	}
	g, w := perDataset(got), perDataset(want)
	for _, d := range []string{"logs", "web"} {
		if !slices.Equal(g[d], w[d]) {
			for i := range max(len(g[d]), len(w[d])) {
				if i >= len(g[d]) || i >= len(w[d]) || g[d][i] != w[d][i] {
					t.Fatalf("%s: dataset %s: %d rows, want %d; row %d:\n got %s\nwant %s", what, d, len(g[d]), len(w[d]), i, at(g[d], i), at(w[d], i))
				}
			}
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

func newFS() *crashfs.FS { return crashfs.New() }

func wordPattern(w string) *match.Pattern { return match.NewWord(w) }

func sized(n int64) *livePart { return &livePart{Part: &part.Part{Size: n}} }
