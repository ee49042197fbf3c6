package exec_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

func genBatch() *rapid.Generator[*record.Batch] {
	values := rapid.SampledFrom([]string{
		`1`, `2`, `10`, `-3`, `2.50`, `"1"`, `"a"`, `"B c"`, `""`, `null`, `true`, `false`, `["a",1]`, `{}`, `1e3`, `12345678901234567890`,
	})
	return rapid.Custom(func(t *rapid.T) *record.Batch {
		b := &record.Batch{Dataset: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "dataset")}
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			obj := "{"
			for _, f := range []string{"a", "b", "c"} {
				if rapid.Bool().Draw(t, "has") {
					obj += fmt.Sprintf("%q:%s,", f, values.Draw(t, "value"))
				}
			}
			obj = strings.TrimSuffix(obj, ",") + "}"
			at := rapid.Int64Range(-3, 40).Draw(t, "time") * int64(time.Minute)
			if err := b.AppendJSON([]byte(obj), at); err != nil {
				t.Fatal(err)
			}
		}
		return b
	})
}

// Groups, counts, sums and extremes agree with a plain walk over the rows, however
// the source cuts its blocks.
func TestStatsAgreeWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := []string{"a", "b", "dataset", rapid.SampledFrom([]string{"time(7m)", "time(1h)"}).Draw(t, "span"), "bucket(c, 3)"}
		src := &memsource.Source{
			BlockRows:  rapid.IntRange(1, 20).Draw(t, "block"),
			Plain:      rapid.Bool().Draw(t, "plain"),
			Aggregates: rapid.Bool().Draw(t, "aggregates"),
		}
		for _, b := range rapid.SliceOfN(genBatch(), 0, 4).Draw(t, "batches") {
			src.Add(b)
		}
		by := rapid.Permutation(keys).Draw(t, "keys")[:rapid.IntRange(0, 3).Draw(t, "n")]
		text := "a:* OR b:* | stats count() as n, count(b) as nb, count_uniq(b) as u, count() if (a=1) as ones, max(@timestamp) as last, p70(b) as p, median(b) as m"
		if len(by) > 0 {
			text += " by " + strings.Join(by, ", ")
		}
		q, err := lang.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		e := exec.New(exec.Options{Source: src, Parallel: rapid.IntRange(1, 4).Draw(t, "parallel")})
		var got []string
		_, err = e.Run(t.Context(), lang.Request{Query: q}, func(b *scan.Block) error {
			for i := range b.Len() {
				var parts []string
				for j := range b.Columns {
					parts = append(parts, show(b.Columns[j].Value(i)))
				}
				got = append(got, strings.Join(parts, " "))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if want := naiveStats(src, by); !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %q\nwant %q", text, got, want)
		}
	})
}

func show(v record.Value) string { return fmt.Sprintf("%v(%s)", v.Kind, v.AppendText(nil)) }

func naiveStats(src *memsource.Source, by []string) []string {
	type group struct {
		n, nb, ones, last int64
		values            map[string]bool
		numbers           []float64
	}
	groups := map[string]*group{}
	if len(by) == 0 {
		groups[""] = &group{values: map[string]bool{}}
	}
	rows, _ := src.Matching(&scan.Request{From: math.MinInt64, To: math.MaxInt64})
	for _, r := range rows {
		a, hasA := r.Get("a")
		b, hasB := r.Get("b")
		if !hasA && !hasB {
			continue
		}
		var parts []string
		for _, k := range by {
			parts = append(parts, show(naiveKey(&r, k)))
		}
		id := strings.Join(parts, " ")
		g := groups[id]
		if g == nil {
			g = &group{values: map[string]bool{}}
			groups[id] = g
		}
		if g.n++; g.n == 1 || r.Time > g.last {
			g.last = r.Time
		}
		if hasB {
			g.nb++
			if b.Kind != record.Null {
				g.values[show(b)] = true
			}
			if f, ok := b.Float(); ok {
				g.numbers = append(g.numbers, f)
			}
		}
		// "a=1" holds for 1, "1" and the array that contains it.
		if s := string(a.AppendText(nil)); hasA && (s == "1" || s == `["a",1]`) {
			g.ones++
		}
	}
	var out []string
	for id, g := range groups {
		last := "null()"
		if g.n > 0 {
			last = fmt.Sprintf("int(%d)", g.last)
		}
		slices.Sort(g.numbers)
		s := fmt.Sprintf("int(%d) int(%d) int(%d) int(%d) %s %s %s", g.n, g.nb, len(g.values), g.ones, last,
			naivePercentile(g.numbers, 70), naivePercentile(g.numbers, 50))
		out = append(out, strings.TrimPrefix(id+" "+s, " "))
	}
	slices.Sort(out)
	return out
}

// naivePercentile is the first of the sorted numbers that enough of them do not
// exceed.
func naivePercentile(sorted []float64, percent int) string {
	for i, f := range sorted {
		if 100*(i+1) >= percent*len(sorted) {
			format := byte('f')
			if f > 1e17 {
				format = 'e'
			}
			return show(record.NumberValue(strconv.AppendFloat(nil, f, format, -1, 64)))
		}
	}
	return "null()"
}

func naiveKey(r *memsource.Row, key string) record.Value {
	floor := func(n, span int64) record.Value {
		return record.IntValue(int64(math.Floor(float64(n)/float64(span))) * span)
	}
	switch key {
	case "time(7m)":
		return floor(r.Time, int64(7*time.Minute))
	case "time(1h)":
		return floor(r.Time, int64(time.Hour))
	case "bucket(c, 3)":
		v, _ := r.Get("c")
		f, ok := v.Float()
		if !ok || math.Abs(f) >= math.MaxInt64 {
			return record.Value{}
		}
		return floor(int64(math.Floor(f)), 3)
	}
	v, _ := r.Get(key)
	return v
}

// A sort with a limit is the beginning of the sort without.
func TestTopOfTheSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := &memsource.Source{BlockRows: rapid.IntRange(1, 20).Draw(t, "block")}
		for _, b := range rapid.SliceOfN(genBatch(), 0, 4).Draw(t, "batches") {
			src.Add(b)
		}
		order := rapid.SampledFrom([]string{"a", "-a", "b, -c", "-dataset, a", "-a, @timestamp"}).Draw(t, "order")
		rows := func(tail string) (rows []string) {
			q, err := lang.Parse("* | sort " + order + tail)
			if err != nil {
				t.Fatal(err)
			}
			e := exec.New(exec.Options{Source: src, Parallel: 3})
			_, err = e.Run(t.Context(), lang.Request{Query: q}, func(b *scan.Block) error {
				for i := range b.Len() {
					s := fmt.Sprint(b.Times[i], b.Dataset)
					for _, n := range b.Shapes[b.ShapeOf[i]] {
						for j := range b.Columns {
							if b.Columns[j].Name == n.Dotted {
								s += fmt.Sprintf(" %s=%s", n.Dotted, show(b.Columns[j].Value(i)))
							}
						}
					}
					rows = append(rows, s)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		all := rows("")
		k := rapid.IntRange(1, 30).Draw(t, "k")
		if top := rows(fmt.Sprintf(" | limit %d", k)); !slices.Equal(top, all[:min(k, len(all))]) {
			t.Fatalf("sort %s, the first %d:\n%q\nof\n%q", order, k, top, all)
		}
		every, _ := src.Matching(&scan.Request{From: math.MinInt64, To: math.MaxInt64})
		if len(all) != len(every) {
			t.Fatalf("%d rows, want %d", len(all), len(every))
		}
	})
}

// Days in a zone begin at its midnights, also where the clock is changed.
func TestDaysInAZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	src := &memsource.Source{BlockRows: 50}
	b := &record.Batch{}
	want := map[time.Time]int64{}
	for at := time.Date(2026, 10, 23, 0, 30, 0, 0, berlin); at.Before(time.Date(2026, 10, 28, 0, 0, 0, 0, berlin)); at = at.Add(time.Hour) {
		if err := b.AppendJSON([]byte(`{}`), at.UnixNano()); err != nil {
			t.Fatal(err)
		}
		want[time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, berlin)]++
	}
	src.Add(b)
	q := parse(t, "* | stats count() by time(1d)")
	_, err = exec.New(exec.Options{Source: src}).Run(t.Context(), lang.Request{Query: q, Zone: berlin}, func(b *scan.Block) error {
		for i := range b.Len() {
			at := time.Unix(0, b.Columns[0].Value(i).Int).In(berlin)
			if n := b.Columns[1].Value(i).Int; want[at] != n {
				t.Errorf("%v: %d, want %d", at, n, want[at])
			}
			delete(want, at)
		}
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("without a bucket: %v, %v", want, err)
	}
}
