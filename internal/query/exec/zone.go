package exec

import (
	"math"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
)

const day = 24 * time.Hour

// bucketer finds the time bucket of an instant: buckets begin at multiples of the
// span in the zone's local time, weeks on Mondays. Where the clock is put forward
// or back, buckets of an hour and more keep to local time, so that a day may have
// 23 or 25 hours. Months are the calendar's. One goroutine uses it.
type bucketer struct {
	span   int64
	months int
	shift  int64 // of the epoch: to Monday for whole weeks
	zone   *time.Location

	// The bucket and the period of constant offset that were found last.
	from, to           int64
	zoneFrom, zoneTo   int64
	offset             int64
	valid, validOffset bool
}

func newBucketer(k lang.Key, zone *time.Location) *bucketer {
	b := &bucketer{span: int64(k.Span), months: k.Months, zone: zone}
	if k.Span%(7*day) == 0 {
		b.shift = int64(3 * day) // the epoch was a Thursday
	}
	return b
}

// constant returns the zone's offset when it is the same in all of [from, to),
// as scan.Key.Offset wants it.
func (b *bucketer) constant(from, to int64) (offset int64, ok bool) {
	if b.months > 0 {
		return 0, false
	}
	if b.span < int64(time.Minute) && b.span > 0 && int64(time.Minute)%b.span == 0 {
		return 0, true // no zone makes a difference
	}
	b.findOffset(from)
	return b.offset + b.shift, b.zoneFrom <= from && to <= b.zoneTo
}

func (b *bucketer) findOffset(t int64) {
	at := time.Unix(0, t).In(b.zone)
	_, seconds := at.Zone()
	start, end := at.ZoneBounds()
	b.zoneFrom, b.zoneTo = math.MinInt64, math.MaxInt64
	if !start.IsZero() && start.After(time.Unix(0, math.MinInt64)) {
		b.zoneFrom = start.UnixNano()
	}
	if !end.IsZero() && end.Before(time.Unix(0, math.MaxInt64)) {
		b.zoneTo = end.UnixNano()
	}
	b.offset, b.validOffset = int64(seconds)*int64(time.Second), true
}

func floorTo(t, span int64) int64 {
	r := t % span
	if r < 0 {
		r += span
	}
	if t < math.MinInt64+r {
		return t
	}
	return t - r
}

// start returns the beginning of the bucket of t.
func (b *bucketer) start(t int64) int64 {
	if b.valid && b.from <= t && t < b.to {
		return b.from
	}
	if b.months > 0 {
		b.from, b.to = b.month(t)
		b.valid = true
		return b.from
	}
	if !b.validOffset || t < b.zoneFrom || t >= b.zoneTo {
		b.findOffset(t)
	}
	offset := b.offset + b.shift
	from := floorTo(t+offset, b.span) - offset
	b.from, b.to, b.valid = from, from+b.span, b.span <= math.MaxInt64-max(from, 0)
	if from < b.zoneFrom && b.span >= int64(time.Hour) {
		// The bucket began before the clock was changed: local time says when.
		local := from + b.offset
		b.findOffset(from)
		from = local - b.offset
		b.valid, b.validOffset = false, false
	}
	b.to = min(b.to, b.zoneTo)
	return from
}

// next returns the beginning of the bucket behind the one that begins at from.
func (b *bucketer) next(from int64) int64 {
	if b.months > 0 {
		_, to := b.month(from)
		return to
	}
	next := b.start(from + b.span)
	if next <= from { // a day of 25 hours
		next = b.start(from + b.span + int64(time.Hour))
	}
	return next
}

// month returns the bucket of months that t lies in: they are counted from the first
// January on, so that quarters and years begin where calendars have them.
func (b *bucketer) month(t int64) (from, to int64) {
	at := time.Unix(0, t).In(b.zone)
	n := 12*at.Year() + int(at.Month()) - 1
	n -= n % b.months
	return b.first(n), b.first(n + b.months)
}

// first is when a month begins; where the clock is put forward then, that instant.
func (b *bucketer) first(month int) int64 {
	at := time.Date(0, time.Month(1+month), 1, 0, 0, 0, 0, b.zone)
	if at.Day() != 1 {
		if _, end := at.ZoneBounds(); !end.IsZero() {
			at = end
		}
	}
	switch {
	case at.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case at.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return at.UnixNano()
}

// bucketRates divides by how long each bucket of time is, which the calendar and the
// clock's changes make different.
type bucketRates struct {
	key     int // of the stats, -1 for none
	buckets *bucketer
}

func newBucketRates(q *query, s *lang.Stats) bucketRates {
	for i, k := range s.By {
		if k.Timed() {
			return bucketRates{i, newBucketer(k, q.req.Zone)}
		}
	}
	return bucketRates{key: -1}
}

// value is that of an accumulator for a group with these keys.
func (b bucketRates) value(acc accumulator, group int, keys []record.Value) record.Value {
	r, ok := acc.(*rater)
	if !ok || b.key < 0 || keys[b.key].Kind != record.Int {
		return acc.value(group)
	}
	from := keys[b.key].Int
	return r.over(group, (float64(b.buckets.next(from))-float64(from))/float64(time.Second))
}
