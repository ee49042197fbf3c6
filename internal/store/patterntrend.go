package store

import (
	"math"
	"slices"
	"sort"

	"journalist/internal/scan"
)

// maxTally is how many numbers a worker counts the trends of a unit with. Where codes
// and buckets are more, the rows of a code count evenly between its first and its
// last.
const maxTally = 1 << 20

// ranked counts the rows of a template or of a value.
type ranked struct {
	count       int64
	first, last uint32 // rows
}

// add counts a row; rows come in order.
func (c *ranked) add(row uint32) {
	if c.count == 0 {
		c.first = row
	}
	c.last = row
	c.count++
}

// trendTally counts the rows of one unit by code, and by bucket of time: the rows of
// a unit are in the order of time, so that a bucket is a range of them.
type trendTally struct {
	counts []ranked
	axis   scan.TrendAxis
	level  uint8
	first  int64    // the bucket of the first row
	ends   []uint32 // behind the last row of each bucket
	at     int      // the bucket of the row that was added last
	tally  []uint32 // by bucket and code, empty where one bucket suffices
	sums   []int64
}

// cut finds the buckets of the rows of a unit from one that is counted to another.
func (t *trendTally) cut(axis scan.TrendAxis, level uint8, times []int64, from, to uint32) {
	lo, hi := int(from), int(to)
	t.axis, t.level, t.ends = axis, max(level, axis.Level(times[lo], times[hi])), t.ends[:0]
	t.first = axis.Bucket(times[lo], t.level)
	last := axis.Bucket(times[hi], t.level)
	for b := t.first; b < last; b++ {
		lo += sort.Search(hi-lo, func(i int) bool { return axis.Bucket(times[lo+i], t.level) > b })
		t.ends = append(t.ends, uint32(lo))
	}
	t.ends = append(t.ends, math.MaxUint32)
}

// begin starts to count n codes.
func (t *trendTally) begin(n int) {
	t.counts = slices.Grow(t.counts[:0], n)[:n]
	clear(t.counts)
	t.at, t.tally = 0, t.tally[:0]
	if buckets := len(t.ends); buckets > 1 && n*buckets <= maxTally {
		t.tally = slices.Grow(t.tally, n*buckets)[:n*buckets]
		clear(t.tally)
	}
}

// add counts a row of a code; rows come in order.
func (t *trendTally) add(code int, row uint32) {
	t.counts[code].add(row)
	if len(t.tally) > 0 {
		for row >= t.ends[t.at] {
			t.at++
		}
		t.tally[t.at*len(t.counts)+code]++
	}
}

// addTo adds the rows of a code to a trend.
func (t *trendTally) addTo(trend *scan.Trend, code int, c ranked, times []int64) {
	t.sums = t.sums[:0]
	switch {
	case c.count == 1 || c.first == c.last || len(t.ends) == 1:
		trend.Add(t.level, t.axis.Bucket(times[c.first], t.level), append(t.sums, c.count))
		return
	case len(t.tally) == 0:
		trend.Spread(t.axis, times[c.first], times[c.last], c.count)
		return
	}
	for i := code; i < len(t.tally); i += len(t.counts) {
		t.sums = append(t.sums, int64(t.tally[i]))
	}
	trend.Add(t.level, t.first, t.sums)
}
