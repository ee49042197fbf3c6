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

// Of more rows than facets look at, the newest count, and the answer says so. Values
// of a field with very many are counted within the note's bound, and long ones cut.
func TestFacetsOfManyRows(t *testing.T) {
	src := &memsource.Source{BlockRows: 5000}
	b := &record.Batch{}
	const rows = 120_000
	long := strings.Repeat("ü", 400)
	for i := range rows {
		user := fmt.Sprintf("u%d", i)
		if i%4 == 0 {
			user = "root"
		}
		obj := fmt.Sprintf(`{"user":%q,"half":%d,"long":%q}`, user, i%2, long)
		if err := b.AppendJSON([]byte(obj), int64(i)*1e9); err != nil {
			t.Fatal(err)
		}
	}
	src.Add(b)
	e := exec.New(exec.Options{Source: src, Parallel: 2})
	type value struct {
		Value any
		Count int64
	}
	got := map[string][]value{}
	st, err := e.Run(t.Context(), lang.Request{Query: parse(t, "* | facets")}, func(b *scan.Block) error {
		for i := range b.Len() {
			var list []value
			if err := json.Unmarshal(b.Columns[4].Value(i).Bytes, &list); err != nil {
				return err
			}
			got[string(b.Columns[0].Value(i).Bytes)] = list
			if n := b.Columns[2].Value(i).Int; n != 100_000 {
				t.Errorf("%s in %d rows", b.Columns[0].Value(i).Bytes, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if list := got["half"]; len(list) != 2 || list[0].Count != 50_000 {
		t.Errorf("half: %v", list)
	}
	if list := got["user"]; len(list) == 0 || list[0].Value != "root" || list[0].Count != 25_000 {
		t.Errorf("user: %v", list)
	}
	if list := got["long"]; len(list) != 1 || list[0].Value != strings.Repeat("ü", 128)+"…" {
		t.Errorf("long: %v", list)
	}
	notes := strings.Join(st.Notes, "; ")
	if !strings.Contains(notes, "newest 100000 rows") || !strings.Contains(notes, "values of user are lower bounds") {
		t.Errorf("notes %q", notes)
	}
}
