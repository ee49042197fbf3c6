package scan

import (
	"math"
	"math/bits"
)

const (
	// maxTrend is how many buckets a trend has at most.
	maxTrend = 32
	// trendParts is in how many parts an axis divides a time with both ends, and
	// partLevel the level of their buckets: rows that are closer together are counted in
	// halves of these parts, and halves of these, down to level 0.
	trendParts = 24
	partLevel  = 32
)

// TrendAxis divides the time that trends are counted over into buckets. How wide these
// are becomes known by the rows: of one level a bucket is two of the level below, so
// that buckets that become too many are put together by twos, exactly. On an axis with
// both ends some level has trendParts equal buckets that end where it does; on any
// other a bucket of level 0 is a nanosecond.
type TrendAxis struct {
	from, last int64
	width      uint64 // of a part; 0: open
}

// NewTrendAxis returns the axis of the times in [from, to); the least and the largest
// number mean that there is no end.
func NewTrendAxis(from, to int64) (a TrendAxis) {
	if from != math.MinInt64 && to != math.MaxInt64 && from < to {
		a.from, a.last = from, to-1
		a.width = (uint64(a.last)-uint64(from))/trendParts + 1
	}
	return a
}

// Level is the least at which the times from first to last are in few buckets.
func (a TrendAxis) Level(first, last int64) uint8 {
	if first >= last {
		return 0
	}
	first, last = a.Bucket(first, 0), a.Bucket(last, 0)
	level := max(0, bits.Len64(uint64(last)-uint64(first))-bits.Len64(maxTrend))
	for last>>level-first>>level >= maxTrend {
		level++
	}
	return uint8(level)
}

// Bucket is where a time is counted; one beyond an end counts there.
func (a TrendAxis) Bucket(t int64, level uint8) int64 {
	if a.width > 0 {
		since := uint64(min(max(t, a.from), a.last)) - uint64(a.from)
		at, _ := bits.Div64(since>>(64-partLevel), since<<partLevel, a.width)
		t = int64(at)
	}
	return t >> level
}

// Trend counts rows in buckets of time, of one axis. The zero trend is empty.
type Trend struct {
	level  uint8
	lo     int64 // the first bucket
	counts []int64
}

// Add counts rows in consecutive buckets from one on. It keeps nothing of counts.
func (t *Trend) Add(level uint8, first int64, counts []int64) {
	for len(counts) > 0 && counts[0] == 0 {
		counts, first = counts[1:], first+1
	}
	for len(counts) > 0 && counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	if len(counts) == 0 {
		return
	}
	last := first + int64(len(counts)) - 1
	if len(t.counts) == 0 {
		t.level, t.lo = level, first
	}
	t.coarsen(level)
	for by := t.level - level; ; by++ {
		lo, hi := first>>by, last>>by
		if len(t.counts) > 0 {
			lo, hi = min(lo, t.lo), max(hi, t.lo+int64(len(t.counts))-1)
		}
		if uint64(hi)-uint64(lo) >= maxTrend {
			t.coarsen(t.level + 1)
			continue
		}
		t.extend(lo, hi)
		for i, n := range counts {
			t.counts[(first+int64(i))>>by-t.lo] += n
		}
		return
	}
}

// extend makes room for the buckets from lo to hi, which hold all there are.
func (t *Trend) extend(lo, hi int64) {
	n := int(hi-lo) + 1
	if n == len(t.counts) {
		return
	}
	counts := make([]int64, n)
	if len(t.counts) > 0 {
		copy(counts[t.lo-lo:], t.counts)
	}
	t.lo, t.counts = lo, counts
}

// coarsen puts buckets together until they are of a level.
func (t *Trend) coarsen(level uint8) {
	if level <= t.level {
		return
	}
	by := level - t.level
	t.level = level
	if len(t.counts) == 0 {
		t.lo >>= by
		return
	}
	lo, end := t.lo>>by, 0
	for i, n := range t.counts {
		at := int((t.lo+int64(i))>>by - lo)
		if at >= end {
			t.counts[at], end = 0, at+1
		}
		t.counts[at] += n
	}
	t.lo, t.counts = lo, t.counts[:end]
}

// Merge adds the rows of another trend of the same axis.
func (t *Trend) Merge(o *Trend) { t.Add(o.level, o.lo, o.counts) }

// Spread counts n rows evenly between two times, where it is not known when they
// were.
func (t *Trend) Spread(a TrendAxis, first, last, n int64) {
	level := a.Level(first, last)
	lo, hi := a.Bucket(first, level), a.Bucket(last, level)
	counts, given := make([]int64, hi-lo+1), int64(0)
	for i := range counts {
		upTo := int64(float64(n) * float64(i+1) / float64(len(counts)))
		counts[i], given = upTo-given, upTo
	}
	counts[len(counts)-1] += n - given
	t.Add(level, lo, counts)
}

// TrendRange is which buckets of an axis are shown: those from the first row of any
// pattern to the last.
type TrendRange struct {
	level  uint8
	lo, hi int64
	any    bool
}

// Include makes the range hold a trend.
func (r *TrendRange) Include(t *Trend) {
	if len(t.counts) == 0 {
		return
	}
	level, lo, hi := max(r.level, t.level), t.lo, t.lo+int64(len(t.counts))-1
	lo, hi = lo>>(level-t.level), hi>>(level-t.level)
	if r.any {
		lo, hi = min(lo, r.lo>>(level-r.level)), max(hi, r.hi>>(level-r.level))
	}
	for uint64(hi)-uint64(lo) >= maxTrend {
		level, lo, hi = level+1, lo>>1, hi>>1
	}
	*r = TrendRange{level: level, lo: lo, hi: hi, any: true}
}

// Counts are a trend's in the buckets of the range; nil for rows without times.
func (r *TrendRange) Counts(t *Trend) []int64 {
	if !r.any || len(t.counts) == 0 {
		return nil
	}
	out := make([]int64, r.hi-r.lo+1)
	for i, n := range t.counts {
		if at := (t.lo+int64(i))>>(r.level-t.level) - r.lo; at >= 0 && at < int64(len(out)) {
			out[at] += n
		}
	}
	return out
}
