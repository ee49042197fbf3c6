package exec

import (
	"math"
	"time"
)

const day = 24 * time.Hour

// bucketer finds the time bucket of an instant: buckets begin at multiples of the
// span in the zone's local time, weeks on Mondays. Where the clock is put forward
// or back, buckets of an hour and more keep to local time, so that a day may have
// 23 or 25 hours. One goroutine uses it.
type bucketer struct {
	span  int64
	shift int64 // of the epoch: to Monday for whole weeks
	zone  *time.Location

	// The bucket and the period of constant offset that were found last.
	from, to           int64
	zoneFrom, zoneTo   int64
	offset             int64
	valid, validOffset bool
}

func newBucketer(span time.Duration, zone *time.Location) *bucketer {
	b := &bucketer{span: int64(span), zone: zone}
	if span%(7*day) == 0 {
		b.shift = int64(3 * day) // the epoch was a Thursday
	}
	return b
}

// constant returns the zone's offset when it is the same in all of [from, to),
// as scan.Key.Offset wants it.
func (b *bucketer) constant(from, to int64) (offset int64, ok bool) {
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
	next := b.start(from + b.span)
	if next <= from { // a day of 25 hours
		next = b.start(from + b.span + int64(time.Hour))
	}
	return next
}
