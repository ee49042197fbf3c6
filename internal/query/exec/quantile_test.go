package exec

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

func TestNth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(-10, 10), rapid.SampledFrom([]float64{0, 1, 2, 3})), 1, 3000).Draw(t, "values")
		want := slices.Sorted(slices.Values(values))
		for range 3 {
			k := rapid.IntRange(0, len(values)-1).Draw(t, "k")
			if got := nth(values, k); got != want[k] {
				t.Fatalf("place %d of %d: %v, want %v", k, len(values), got, want[k])
			}
		}
	})
	for _, n := range []int{17, 1000, 5000} { // no order is slow
		up, same := make([]float64, n), make([]float64, n)
		for i := range up {
			up[i] = float64(i)
		}
		if got := nth(up, n/3); got != float64(n/3) || nth(same, n/3) != 0 {
			t.Errorf("place %d of sorted values: %v", n/3, got)
		}
	}
}

func TestRank(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 7, 10, 100, 1000, 160_000} {
		for percent := range int64(101) {
			want := max((percent*n+99)/100, 1) - 1
			if got := rank(float64(percent)/100, n); got != want {
				t.Errorf("p%d of %d: place %d, want %d", percent, n, got, want)
			}
		}
	}
}

func TestSketchIsNear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-1, 1), rapid.Float64Range(0, 1e6), rapid.SampledFrom([]float64{0, 1, -1, 5e-324, math.MaxFloat64}))
		values := rapid.SliceOfN(number, 1, 200).Draw(t, "values")
		b := &budget{max: 1 << 30}
		parts := [2]*sketch{newSketch(), newSketch()}
		for i, f := range values {
			if err := parts[i%2].add(f, 1, b); err != nil {
				t.Fatal(err)
			}
		}
		s := parts[0]
		if err := s.merge(parts[1], b); err != nil {
			t.Fatal(err)
		}
		slices.Sort(values)
		phi := rapid.Float64Range(0, 1).Draw(t, "phi")
		want := values[rank(phi, int64(len(values)))]
		got := s.quantile(phi)
		if math.Abs(got-want) > math.Abs(want)/256 && math.Abs(want) > 0x1p-1022 {
			t.Fatalf("%v: %v, want %v", phi, got, want)
		}
		if math.Signbit(got) != math.Signbit(want) && got != 0 && want != 0 {
			t.Fatalf("%v: %v, want %v", phi, got, want)
		}
	})
}

// numbersBlock makes a block of one field whose values come as texts.
func numbersBlock(n int, at func(i int) float64) *scan.Block {
	col := newPlain("f", 0)
	for i := range n {
		appendValue(&col, record.NumberValue(strconv.AppendFloat(nil, at(i), 'g', -1, 64)))
	}
	return &scan.Block{Columns: []scan.Column{col}}
}

// Too many numbers to keep go on as sketches, in one group or many, and merge with
// groups of few.
func TestManyNumbersAreEstimated(t *testing.T) {
	b := &budget{max: 64 << 20}
	aggs := []lang.Agg{{Func: "p50", Field: "f", Phi: 0.5}, {Func: "p99", Field: "f", Phi: 0.99}}
	all := make([][]float64, 3)
	workers := [2][]accumulator{newAccumulators(aggs, b, 0), newAccumulators(aggs, b, 0)}
	const n = 10_000
	for round := range 2*maxExact/n + 20 {
		// One group has nearly all, one few, and one comes with one worker only.
		x := uint64(round)*n + 1
		gids := &codes{of: make([]uint32, n)}
		w := round % 2
		block := numbersBlock(n, func(i int) float64 {
			x = x*6364136223846793005 + 1442695040888963407
			f := math.Exp(float64(x>>40) / (1 << 22))
			g := 0
			if i%997 == 0 {
				g = 1 + w
			}
			gids.of[i] = uint32(g)
			all[g] = append(all[g], f)
			return f
		})
		var v view
		v.reset(block)
		for _, a := range workers[w] {
			if err := a.add(&v, gids, nil, 3); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, a := range workers[0] {
		if err := a.merge(workers[1][i], []uint32{0, 1, 2}, 3); err != nil {
			t.Fatal(err)
		}
		if a.(noter).note() == "" {
			t.Error("nothing says that the result is an estimate")
		}
	}
	for g, values := range all {
		slices.Sort(values)
		for i, a := range workers[0] {
			want := values[rank(aggs[i].Phi, int64(len(values)))]
			got, _ := a.value(g).Float()
			if math.Abs(got-want) > want/200 {
				t.Errorf("group %d, %s of %d: %v, want %v", g, aggs[i].Func, len(values), got, want)
			}
		}
	}
	if used := b.used.Load(); used > 24<<20 {
		t.Errorf("%d bytes taken", used)
	}
}

func TestPercentilesKeepToTheBudget(t *testing.T) {
	a := newAccumulators([]lang.Agg{{Func: "p50", Field: "f", Phi: 0.5}}, &budget{max: 10_000}, 0)[0]
	var v view
	v.reset(numbersBlock(10_000, func(i int) float64 { return float64(i) }))
	if err := a.add(&v, &codes{same: true}, nil, 1); err == nil {
		t.Error("no error")
	}
}

func TestCountUniqEstimatesMany(t *testing.T) {
	var sets [2]hashSet
	b := &budget{max: 64 << 20}
	const n = 2_000_000
	for i := range n {
		// A third of the values is in both.
		for w := range sets {
			if i%3 == 0 || i%3 == w+1 {
				if err := sets[w].add(hash(record.IntValue(int64(i))), b); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	exact := sets[0].count()
	if want := int64(n * 2 / 3); math.Abs(float64(exact-want)) > float64(want)/50 {
		t.Errorf("%d of one worker, want about %d", exact, want)
	}
	if err := sets[0].merge(&sets[1], b); err != nil {
		t.Fatal(err)
	}
	if got := sets[0].count(); math.Abs(float64(got-n)) > n/50 {
		t.Errorf("%d of both, want about %d", got, n)
	}
	if sets[0].registers == nil {
		t.Error("it was not estimated")
	}
}

func TestCountUniqIsExactForFewer(t *testing.T) {
	var a, b hashSet
	bd := &budget{max: 64 << 20}
	seen := map[string]bool{}
	for i := range 100_000 {
		s := strconv.Itoa(i * 7 % 50_021)
		seen[s] = true
		set := &a
		if i%2 == 0 {
			set = &b
		}
		if err := set.add(hash(record.StringValue([]byte(s))), bd); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.merge(&b, bd); err != nil {
		t.Fatal(err)
	}
	if a.count() != int64(len(seen)) {
		t.Errorf("%d, want %d", a.count(), len(seen))
	}
}
