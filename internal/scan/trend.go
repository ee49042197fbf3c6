package scan

import (
	"math"
	"math/bits"
)

const (
	// TrendBuckets is how many buckets a trend over a time with both ends has.
	TrendBuckets = 24
	// maxTrend is how many it has at most where the time has none.
	maxTrend = 32
)

// TrendAxis is the time that trends are counted over. One with both ends has
// TrendBuckets equal buckets. Of any other the width becomes known by the rows: it is
// a power of two of nanoseconds, so that buckets that become too many are put
// together by twos, exactly. The power is the bucket's level, 0 on an axis with ends.
type TrendAxis struct {
	from, to int64
	width    uint64 // 0: open
}

// NewTrendAxis returns the axis of the times in [from, to); the least and the largest
// number mean that there is no end.
func NewTrendAxis(from, to int64) TrendAxis {
	a := TrendAxis{from: from, to: to}
	if from != math.MinInt64 && to != math.MaxInt64 && from < to {
		a.width = (uint64(to)-uint64(from)-1)/TrendBuckets + 1
	}
	return a
}

// Level is the least at which the times from first to last are in few buckets.
func (a TrendAxis) Level(first, last int64) uint8 {
	if a.width > 0 || first >= last {
		return 0
	}
	return levelOf(first, last)
}

// levelOf is the least at which two buckets of level 0 are less than maxTrend apart.
func levelOf(first, last int64) uint8 {
	level := max(0, bits.Len64(uint64(last)-uint64(first))-bits.Len64(maxTrend))
	for last>>level-first>>level >= maxTrend {
		level++
	}
	return uint8(level)
}

// Bucket is where a time is counted.
func (a TrendAxis) Bucket(t int64, level uint8) int64 {
	if a.width > 0 {
		return int64((uint64(t) - uint64(a.from)) / a.width)
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

// TrendRange is which buckets of an axis are shown: all of one with ends, else those
// from the first row of any pattern to the last.
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
	*r = TrendRange{level: level, lo: lo, hi: hi, any: true}
	r.limit()
}

func (r *TrendRange) limit() {
	for uint64(r.hi)-uint64(r.lo) >= maxTrend {
		r.level, r.lo, r.hi = r.level+1, r.lo>>1, r.hi>>1
	}
}

// Close extends the range to the ends that the axis has.
func (r *TrendRange) Close(a TrendAxis) {
	switch {
	case !r.any:
	case a.width > 0:
		*r = TrendRange{hi: int64((uint64(a.to) - uint64(a.from) - 1) / a.width), any: true}
	case a.from != math.MinInt64:
		r.lo = min(r.lo, a.from>>r.level)
	case a.to != math.MaxInt64:
		r.hi = max(r.hi, (a.to-1)>>r.level)
	}
	r.limit()
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
