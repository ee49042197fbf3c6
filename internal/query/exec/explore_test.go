package exec_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

// randomSource draws a source with some rows, cut into blocks at random.
func randomSource(t *rapid.T) *memsource.Source {
	src := &memsource.Source{BlockRows: rapid.IntRange(1, 20).Draw(t, "block"), Plain: rapid.Bool().Draw(t, "plain")}
	for _, b := range rapid.SliceOfN(genBatch(), 0, 4).Draw(t, "batches") {
		src.Add(b)
	}
	return src
}

// The facets of a scan are those of rows at hand, and what a plain walk over the
// rows counts.
func TestFacetsAgreeWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := randomSource(t)
		filter := rapid.SampledFrom([]string{"*", "a:*", "-b:*", "dataset=x"}).Draw(t, "filter")
		e := exec.New(exec.Options{Source: src, Parallel: rapid.IntRange(1, 4).Draw(t, "parallel")})
		got := answer(t, e, filter+" | facets")
		if table := answer(t, e, fmt.Sprintf("%s | limit %d | facets", filter, math.MaxInt32/4)); !slices.Equal(got, table) {
			t.Fatalf("of the scan %q, of a table %q", got, table)
		}
		slices.Sort(got)
		if want := naiveFacets(src, filter); !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %q\nwant %q", filter, got, want)
		}
	})
}

// naiveFacets shows the facets as answer does, sorted by name.
func naiveFacets(src *memsource.Source, filter string) []string {
	fields := map[string]map[string]int{}
	values := map[string]record.Value{}
	rows, _ := src.Matching(&scan.Request{From: math.MinInt64, To: math.MaxInt64})
	for _, r := range rows {
		_, a := r.Get("a")
		_, b := r.Get("b")
		if filter == "a:*" && !a || filter == "-b:*" && b || filter == "dataset=x" && r.Dataset != "x" {
			continue
		}
		for _, f := range []string{"a", "b", "c", "dataset"} {
			v, ok := r.Get(f)
			if !ok {
				continue
			}
			if fields[f] == nil {
				fields[f] = map[string]int{}
			}
			fields[f][show(v)]++
			values[show(v)] = v
		}
	}
	var out []string
	for name, counts := range fields {
		sorted := slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
			if d := counts[y] - counts[x]; d != 0 {
				return d
			}
			return compareKeys(values[x], values[y])
		})
		total, kinds := 0, [8]int{}
		for v, n := range counts {
			total += n
			kinds[values[v].Kind] += n
		}
		kind := record.Null
		for k, n := range kinds {
			if n > kinds[kind] {
				kind = record.Kind(k)
			}
		}
		var list []string
		for _, v := range sorted[:min(10, len(sorted))] {
			list = append(list, fmt.Sprintf(`{"value":%s,"count":%d}`, values[v].AppendJSON(nil), counts[v]))
		}
		out = append(out, fmt.Sprintf(" field=string(%s) kind=string(%s) count=int(%d) distinct=int(%d) values=json([%s])",
			name, kind, total, len(counts), strings.Join(list, ",")))
	}
	slices.Sort(out)
	return out
}

// compareKeys orders values of equal counts: by kind, then number or length, then
// text.
func compareKeys(a, b record.Value) int {
	key := func(v record.Value) string {
		n := uint64(v.Int)
		if v.Kind != record.Int && v.Kind != record.Bool {
			n = uint64(len(v.Bytes))
		}
		out := []byte{byte(v.Kind)}
		for ; n >= 0x80; n >>= 7 {
			out = append(out, byte(n)|0x80)
		}
		return string(append(append(out, byte(n)), v.Bytes...))
	}
	return strings.Compare(key(a), key(b))
}

// facetAnswer is an answer of facets: the commonest values of each field.
type facetAnswer struct {
	count, distinct map[string]int64
	values          map[string][]facetValue
	notes           string
}

type facetValue struct {
	Value any
	Count int64
}

func facets(t *testing.T, e *exec.Engine, query string) facetAnswer {
	t.Helper()
	a := facetAnswer{map[string]int64{}, map[string]int64{}, map[string][]facetValue{}, ""}
	st, err := e.Run(t.Context(), lang.Request{Query: parse(t, query)}, func(b *scan.Block) error {
		for i := range b.Len() {
			var list []facetValue
			if err := json.Unmarshal(b.Columns[4].Value(i).Bytes, &list); err != nil {
				return err
			}
			name := string(b.Columns[0].Value(i).Bytes)
			a.values[name], a.count[name], a.distinct[name] = list, b.Columns[2].Value(i).Int, b.Columns[3].Value(i).Int
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a.notes = strings.Join(st.Notes, "; ")
	return a
}

// Of more rows than facets look at, the newest count, and the answer says so. Values
// of a field with very many are counted within the note's bound, long ones are cut, and
// a field whose values do not come again is estimated.
func TestFacetsOfManyRows(t *testing.T) {
	const rows = 120_000
	b := &record.Batch{}
	long := strings.Repeat("ü", 200)
	for i := range rows {
		user := fmt.Sprintf("u%d", i)
		if i%4 == 0 {
			user = "root"
		}
		obj := fmt.Sprintf(`{"user":%q,"half":%d,"long":%q,"id":"id-%d"}`, user, i%2, long, i)
		if i < 10 {
			obj = obj[:len(obj)-1] + `,"old":"x"}`
		}
		if err := b.AppendJSON([]byte(obj), int64(i)*1e9); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		query      string
		aggregates bool
		rows       int64
	}{{"* | facets", true, rows}, {"* | facets", false, rows}, {"* | eval x = 1 | facets", true, 100_000}} {
		src := &memsource.Source{BlockRows: 5000, Aggregates: c.aggregates}
		src.Add(b)
		e := exec.New(exec.Options{Source: src, Parallel: 2})
		got := facets(t, e, c.query)
		if x, _, err := e.Explain(t.Context(), lang.Request{Query: parse(t, c.query)}, scan.ExplainOptions{Run: true}); err != nil {
			t.Error(err)
		} else if counted := slices.ContainsFunc(x.Scans, func(s *scan.ScanTrace) bool { return s.What == "how many rows there are" }); counted != (c.rows == rows) {
			t.Errorf("%s: that its rows were counted is explained: %v", c.query, counted)
		}
		for name, n := range got.count {
			if n != c.rows && name != "old" {
				t.Errorf("%s: %s in %d rows", c.query, name, n)
			}
		}
		if list := got.values["half"]; len(list) != 2 || list[0].Count != c.rows/2 {
			t.Errorf("half: %v", list)
		}
		if list := got.values["user"]; len(list) == 0 || list[0].Value != "root" || list[0].Count != c.rows/4 {
			t.Errorf("user: %v", list)
		}
		if list := got.values["long"]; len(list) != 1 || list[0].Value != strings.Repeat("ü", 128)+"…" {
			t.Errorf("long: %v", list)
		}
		if n := got.distinct["id"]; n != c.rows {
			t.Errorf("%s: %d ids", c.query, n)
		}
		want := []string{"values of user are lower bounds", "hardly a value of id comes again"}
		if c.rows < rows {
			want = []string{"newest 100000 rows", "values of user are lower bounds"}
		}
		for _, part := range want {
			if !strings.Contains(got.notes, part) {
				t.Errorf("%s: notes %q lack %q", c.query, got.notes, part)
			}
		}
	}
}

// Context shows what a plain walk over the rows of each stream shows.
func TestContextAgreesWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := randomSource(t)
		before, after := rapid.IntRange(0, 4).Draw(t, "before"), rapid.IntRange(0, 4).Draw(t, "after")
		names := rapid.SampledFrom([][]string{{"a"}, {"a", "b"}, {"dataset"}}).Draw(t, "names")
		e := exec.New(exec.Options{Source: src, Parallel: 2})
		query := fmt.Sprintf("c:* | context %d %d by %s", before, after, strings.Join(names, ", "))
		got := answer(t, e, query)
		slices.Sort(got)
		if want := naiveContext(src, before, after, names); !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %q\nwant %q", query, got, want)
		}
	})
}

func naiveContext(src *memsource.Source, before, after int, names []string) []string {
	streams := map[string][]memsource.Row{}
	rows, _ := src.Matching(&scan.Request{From: math.MinInt64, To: math.MaxInt64})
	for _, r := range rows {
		key := r.Dataset
		for _, n := range names {
			v, _ := r.Get(n)
			key += " " + show(v)
		}
		streams[key] = append(streams[key], r)
	}
	var out []string
	for _, list := range streams {
		for i, r := range list {
			distance, found := 0, false
			for j, hit := range list {
				if _, ok := hit.Get("c"); !ok || j-i > before || i-j > after {
					continue
				}
				if d := i - j; !found || max(d, -d) < max(distance, -distance) || d == -max(distance, -distance) {
					distance, found = d, true
				}
			}
			if !found {
				continue
			}
			s := fmt.Sprint(r.Time, r.Dataset)
			for k, n := range r.Names {
				s += fmt.Sprintf(" %s=%s", n.Dotted, show(r.Values[k]))
			}
			out = append(out, s+fmt.Sprintf(" _context=int(%d)", distance))
		}
	}
	slices.Sort(out)
	return out
}

// Many hits get their context for the first hundred only, and the answer says so;
// many rows of the same second do not hide a row's neighbours.
func TestContextOfManyHits(t *testing.T) {
	src := &memsource.Source{BlockRows: 500}
	b := &record.Batch{}
	for i := range 3000 {
		obj := fmt.Sprintf(`{"host":"a","file":"f","message":"line %d","n":%d}`, i, i%10)
		if err := b.AppendJSON([]byte(obj), 1e9); err != nil {
			t.Fatal(err)
		}
	}
	src.Add(b)
	e := exec.New(exec.Options{Source: src})
	rows := 0
	st, err := e.Run(t.Context(), lang.Request{Query: parse(t, "n=7 | context 1")}, count(&rows))
	if err != nil || rows != 300 || !strings.Contains(strings.Join(st.Notes, ";"), "than the 100 whose") {
		t.Errorf("%d rows, notes %q, %v", rows, st.Notes, err)
	}
	var messages []string
	_, err = e.Run(t.Context(), lang.Request{Query: parse(t, `"line 17" | context 1 | fields message`)}, func(b *scan.Block) error {
		for i := range b.Len() {
			messages = append(messages, string(b.Columns[0].Value(i).Bytes))
		}
		return nil
	})
	if want := []string{"line 16", "line 17", "line 18"}; err != nil || !slices.Equal(messages, want) {
		t.Errorf("%q, %v", messages, err)
	}
	if _, err = e.Run(t.Context(), lang.Request{Query: parse(t, "n=7 | context 1000"), MaxBytes: 100 << 10}, count(&rows)); err == nil {
		t.Error("a context larger than the budget is answered")
	}
}

// The patterns of a scan are those of rows at hand, and every row with a text is in
// one of them.
func TestPatternsAgreeWithTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := randomSource(t)
		e := exec.New(exec.Options{Source: src, Parallel: rapid.IntRange(1, 4).Draw(t, "parallel")})
		query := "b:* | patterns of a"
		got := answer(t, e, query+" | fields pattern, count, trend, first, last, values")
		if want := answer(t, e, fmt.Sprintf("b:* | limit %d | patterns of a | fields pattern, count, trend, first, last, values", math.MaxInt32/4)); !slices.Equal(got, want) {
			t.Fatalf("of the scan %q\nof a table %q", got, want)
		}
		sum := answer(t, e, query+" | stats sum(count) as n")
		rows, _ := src.Matching(&scan.Request{From: math.MinInt64, To: math.MaxInt64})
		n := 0
		for _, r := range rows {
			a, ok := r.Get("a")
			if _, b := r.Get("b"); ok && b && a.Kind != record.Null {
				n++
			}
		}
		if show := fmt.Sprintf(" n=int(%d)", n); n > 0 && sum[0] != show {
			t.Fatalf("%q, want %s", sum, show)
		}
	})
}
