package scan

import (
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// On an axis with ends every row is in the part of the time that it belongs to, in
// whatever order and pieces the rows come: in one of the 24 parts, or of the halves of
// these as long as the rows are in few of them.
func TestTrendBetweenEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(math.MinInt64+1, math.MaxInt64-2).Draw(t, "from")
		to := rapid.Int64Range(from+1, math.MaxInt64-1).Draw(t, "to")
		a := NewTrendAxis(from, to)
		least, most := from, to-1
		if rapid.Bool().Draw(t, "near") {
			least = rapid.Int64Range(from, to-1).Draw(t, "least")
			most = least + min(to-1-least, rapid.Int64Range(0, 1000).Draw(t, "more"))
		}
		times := rapid.SliceOfN(rapid.Int64Range(least, most), 1, 50).Draw(t, "times")
		var x, y Trend
		for i, at := range times {
			trend := &x
			if i%2 == 1 {
				trend = &y
			}
			trend.Add(a.Level(at, at), a.Bucket(at, 0), []int64{1})
		}
		y.Merge(&x)
		var r TrendRange
		r.Include(&y)
		// part is where a time is when each of the 24 parts is divided in so many.
		part := func(at int64, pieces uint) int64 {
			width := (uint64(to)-uint64(from)-1)/24 + 1
			n := new(big.Int).SetUint64(uint64(at) - uint64(from))
			n.Mul(n, new(big.Int).SetUint64(uint64(pieces)))
			return n.Div(n, new(big.Int).SetUint64(width)).Int64()
		}
		first, last, pieces := slices.Min(times), slices.Max(times), uint(1)
		for pieces < 1<<partLevel && part(last, 2*pieces)-part(first, 2*pieces) < 32 {
			pieces *= 2
		}
		want := make([]int64, part(last, pieces)-part(first, pieces)+1)
		for _, at := range times {
			want[part(at, pieces)-part(first, pieces)]++
		}
		if got := r.Counts(&y); !slices.Equal(got, want) {
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
		s.Include(&all)
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

// The time that is shown is that in which rows are, however long before it the one
// that was asked for begins.
func TestTrendFromLongAgo(t *testing.T) {
	now := time.Date(2026, 3, 18, 10, 0, 0, 0, time.UTC)
	for _, to := range []int64{now.UnixNano(), math.MaxInt64} {
		a := NewTrendAxis(0, to)
		var x Trend
		for i := range 240 {
			at := now.Add(-time.Duration(i+1) * time.Hour).UnixNano()
			x.Add(a.Level(at, at), a.Bucket(at, 0), []int64{1})
		}
		var r TrendRange
		r.Include(&x)
		got := r.Counts(&x)
		if len(got) < maxTrend/2 || slices.Contains(got, 0) {
			t.Errorf("until %d: %v", to, got)
		}
	}
	// Times beyond the ends are none of the axis, and do no harm.
	a := NewTrendAxis(1000, 1024)
	for at, want := range map[int64]int64{math.MinInt64: 0, 999: 0, 1000: 0, 1023: 23, 1024: 23, math.MaxInt64: 23} {
		if got := a.Bucket(at, partLevel); got != want {
			t.Errorf("%d is in part %d, want %d", at, got, want)
		}
	}
}

func TestTrendSpread(t *testing.T) {
	a := NewTrendAxis(0, 240)
	var x Trend
	x.Spread(a, 25, 59, 10)
	x.Spread(a, 239, 239, 7)
	var r TrendRange
	r.Include(&x)
	want := make([]int64, 22) // from 20 to 240
	want[0], want[1], want[2], want[3], want[21] = 1, 3, 3, 3, 7
	if got := r.Counts(&x); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var none Trend
	if got := r.Counts(&none); got != nil {
		t.Errorf("%v of no rows", got)
	}
}
