package pipeline

import (
	"math"
	"time"
)

// zone turns wall clock times of a place into instants. It remembers the offset
// that holds around the last one, because asking a time.Location costs more than
// reading the whole time. It is used by one goroutine.
type zone struct {
	loc *time.Location
	// From from to to (wall clock times as if they were UTC) offset holds and no
	// change of the clocks is near.
	from, to int64
	offset   int64

	// The year of the read time, for times that name none.
	yearFrom, yearTo int64
	year             int

	abbreviation [4]byte // the last one found and its offset
	abbreviated  int64
}

const (
	nsSecond = int64(time.Second)
	nsDay    = 24 * int64(time.Hour)
)

// instant returns when the clocks showed wall. Where that was twice, at the end of
// summer time, it is the one nearer to read.
func (z *zone) instant(wall, read int64) int64 {
	if wall >= z.from && wall < z.to {
		return wall - z.offset
	}
	return z.lookUp(wall, read)
}

func (z *zone) lookUp(wall, read int64) int64 {
	t := time.Unix(0, wall).In(z.loc)
	start, end := t.ZoneBounds()
	_, seconds := t.Zone()
	z.offset = int64(seconds) * nsSecond
	z.from, z.to = math.MinInt64, math.MaxInt64
	if !start.IsZero() && start.Year() > 1700 {
		z.from = start.UnixNano() + 2*nsDay
	}
	if !end.IsZero() && end.Year() < 2250 {
		z.to = end.UnixNano() - 2*nsDay
	}
	if wall >= z.from && wall < z.to {
		return wall - z.offset
	}
	// The clocks change within two days: try the offsets on both sides.
	before := z.offsetAt(wall - nsDay)
	after := z.offsetAt(wall + nsDay)
	a, b := wall-before, wall-after
	switch {
	case before == after:
		return a
	case z.offsetAt(a) != before:
		return b
	case z.offsetAt(b) != after:
		return a
	case distance(b, read) < distance(a, read):
		return b
	}
	return a
}

func (z *zone) offsetAt(ns int64) int64 {
	_, seconds := time.Unix(0, ns).In(z.loc).Zone()
	return int64(seconds) * nsSecond
}

func distance(a, b int64) uint64 {
	if a < b {
		a, b = b, a
	}
	return uint64(a) - uint64(b)
}

// yearOf returns the year at the place at this time.
func (z *zone) yearOf(ns int64) int {
	if ns < z.yearFrom || ns >= z.yearTo {
		t := time.Unix(0, ns).In(z.loc)
		z.year = t.Year()
		z.yearFrom = time.Date(z.year, 1, 1, 0, 0, 0, 0, z.loc).UnixNano()
		z.yearTo = time.Date(z.year+1, 1, 1, 0, 0, 0, 0, z.loc).UnixNano()
	}
	return z.year
}

// abbreviations are those that mean one zone only, or nearly; offsets in hours.
var abbreviations = map[string]int64{
	"UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9,
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AEST": 10, "AEDT": 11,
}

// named reads a space and a zone's abbreviation at the beginning of b and returns
// the instant when the clocks of that zone showed wall. The configured place's own
// abbreviations come first: CST is China's time there. n is 0 when there is none.
func (z *zone) named(wall, read int64, b []byte) (ns int64, n int) {
	n = 1
	for n < len(b) && n < 6 && b[n]-'A' <= 'Z'-'A' {
		n++
	}
	if b[0] != ' ' || n < 4 || n > 5 || (n < len(b) && b[n] != ' ' && b[n] != ':' && b[n] != ']' && b[n] != ',') {
		return 0, 0
	}
	switch b[n-1] {
	case 'T', 'C', 'K', 'B': // CEST, UTC, MSK, WIB; but INFO and WARN are no zones
	default:
		return 0, 0
	}
	var name [4]byte
	copy(name[:], b[1:n])
	if name == z.abbreviation {
		return wall - z.abbreviated, n
	}
	local := z.instant(wall, read)
	if own, _ := time.Unix(0, local).In(z.loc).Zone(); own == string(b[1:n]) {
		return local, n
	}
	hours, known := abbreviations[string(b[1:n])]
	if !known {
		return 0, 0
	}
	z.abbreviation, z.abbreviated = name, hours*int64(time.Hour)
	return wall - z.abbreviated, n
}
