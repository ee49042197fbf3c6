package scan

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// On an axis with ends every row is in the part of the time that it belongs to, in
// whatever order and pieces the rows come.
func TestTrendBetweenEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(math.MinInt64+1, math.MaxInt64-2).Draw(t, "from")
		to := rapid.Int64Range(from+1, math.MaxInt64-1).Draw(t, "to")
		a := NewTrendAxis(from, to)
		times := rapid.SliceOfN(rapid.Int64Range(from, to-1), 1, 50).Draw(t, "times")
		width := (uint64(to)-uint64(from)-1)/TrendBuckets + 1
		want := make([]int64, (uint64(to)-uint64(from)-1)/width+1)
		var x, y Trend
		for i, at := range times {
			want[(uint64(at)-uint64(from))/width]++
			trend := &x
			if i%2 == 1 {
				trend = &y
			}
			trend.Add(a.Level(at, at), a.Bucket(at, 0), []int64{1})
		}
		y.Merge(&x)
		var r TrendRange
		r.Include(&y)
		r.Close(a)
		if got := r.Counts(&y); !slices.Equal(got, want) || len(got) > TrendBuckets {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// Where there is no end nothing is lost either, there are never more buckets than the
// most, neighbours are together only as long as they must be, and it does not matter
// in which order rows come nor which were counted together before.
func TestTrendWithoutEnds(t *testing.T) {
	open := NewTrendAxis(math.MinInt64, math.MaxInt64)
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Int64()
		if rapid.Bool().Draw(t, "near") {
			at = rapid.Int64Range(-1000, 1000)
		}
		times := rapid.SliceOfN(at, 1, 40).Draw(t, "times")
		cut := rapid.IntRange(0, len(times)).Draw(t, "cut")
		count := func(times []int64) (x Trend) {
			for _, at := range times {
				x.Add(0, open.Bucket(at, 0), []int64{1})
			}
			return x
		}
		// The first are counted one by one, the others at once.
		x, y := count(times[:cut]), Trend{}
		if rest := times[cut:]; len(rest) > 0 {
			first, last := slices.Min(rest), slices.Max(rest)
			level := open.Level(first, last)
			lo := open.Bucket(first, level)
			counts := make([]int64, open.Bucket(last, level)-lo+1)
			for _, at := range rest {
				counts[open.Bucket(at, level)-lo]++
			}
			y.Add(level, lo, counts)
		}
		x.Merge(&y)
		slices.Sort(times)
		all := count(times)
		var r, s TrendRange
		r.Include(&x)
		r.Close(open)
		s.Include(&all)
		s.Close(open)
		got, want := r.Counts(&x), s.Counts(&all)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		sum := int64(0)
		for _, n := range got {
			sum += n
		}
		if sum != int64(len(times)) || len(got) > maxTrend || got[0] == 0 || got[len(got)-1] == 0 {
			t.Fatalf("%d rows: %v", len(times), got)
		}
		if spread := uint64(times[len(times)-1]) - uint64(times[0]); spread >= maxTrend && len(got) <= maxTrend/2 {
			t.Fatalf("%d buckets for %d", len(got), spread)
		}
	})
}

// A bound that there is belongs to the time that is shown.
func TestTrendWithOneEnd(t *testing.T) {
	a := NewTrendAxis(1000, math.MaxInt64)
	var x Trend
	x.Add(0, a.Bucket(1060, 0), []int64{1})
	x.Add(0, a.Bucket(1063, 0), []int64{2})
	var r TrendRange
	r.Include(&x)
	r.Close(a)
	// From 1000 to 1064, in buckets of two.
	if got, want := r.Counts(&x), append(make([]int64, 30), 1, 2); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTrendSpread(t *testing.T) {
	a := NewTrendAxis(0, 240)
	var x Trend
	x.Spread(a, 25, 59, 10)
	x.Spread(a, 239, 239, 7)
	var r TrendRange
	r.Include(&x)
	r.Close(a)
	want := make([]int64, 24)
	want[2], want[3], want[4], want[5], want[23] = 2, 3, 2, 3, 7
	if got := r.Counts(&x); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var none Trend
	if got := r.Counts(&none); got != nil {
		t.Errorf("%v of no rows", got)
	}
}
