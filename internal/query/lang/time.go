package lang

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a point in time: RFC 3339, a date with or without a time of
// day (in now's zone), seconds or milliseconds since the epoch, "now", "now-1h",
// "now/d" (the day's beginning), "today", "yesterday" or a span, which means so
// long ago. The result lies between the years 1678 and 2262, which nanoseconds
// since the epoch can hold.
func ParseTime(s string, now time.Time) (time.Time, error) {
	from, _, err := parsePeriod(s, now)
	return from, err
}

// ParsePeriod reads what _time: takes: a span ("1h": the last hour, until now and
// whatever comes later) or a date or time, which means the day, hour, minute or
// second it names. The period is [from, to); to is zero for a span.
func ParsePeriod(s string, now time.Time) (from, to time.Time, err error) {
	if _, err := ParseSpan(s); errors.Is(err, errTooLong) {
		return from, to, err
	}
	from, to, err = parsePeriod(s, now)
	if err == nil && to.IsZero() {
		if _, spanErr := ParseSpan(s); spanErr != nil {
			return from, to, fmt.Errorf("%q is a point in time, not a period: write a span such as 1h, a day such as 2026-01-31, or a range [a TO b]", s)
		}
	}
	return from, to, err
}

// ParseMoment reads what ParseTime reads, as the period [from, to) that it names:
// a whole day for a date, a second for 10:15:00, a nanosecond where it is exact. So
// a comparison with a day takes the day as one.
func ParseMoment(s string, now time.Time) (from, to time.Time, err error) {
	from, to, err = parsePeriod(s, now)
	if err == nil && to.IsZero() {
		to = from.Add(1)
	}
	return from, to, err
}

// layouts of dates without a zone, and the period that each names.
var layouts = []struct {
	layout       string
	months, days int
	span         time.Duration
}{
	{"2006-01-02T15:04:05", 0, 0, time.Second},
	{"2006-01-02 15:04:05", 0, 0, time.Second},
	{"2006-01-02T15:04", 0, 0, time.Minute},
	{"2006-01-02 15:04", 0, 0, time.Minute},
	{"2006-01-02T15", 0, 0, time.Hour},
	{"2006-01-02", 0, 1, 0},
	{"2006-01", 1, 0, 0},
}

var minTime, maxTime = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

func parsePeriod(s string, now time.Time) (from, to time.Time, err error) {
	from, to, ok := parseAny(strings.TrimSpace(s), now)
	if !ok {
		return time.Time{}, time.Time{}, fmt.Errorf("%q is not a time: write 2026-01-31T15:04:05Z, a date, a number of seconds since 1970, now-1h, or 1h for an hour ago", s)
	}
	if from.Before(minTime) || from.After(maxTime) || to.After(maxTime) {
		return time.Time{}, time.Time{}, fmt.Errorf("the time %q is out of range: the years 1678 to 2262 are possible", s)
	}
	return from, to, nil
}

func parseAny(s string, now time.Time) (from, to time.Time, ok bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, t.Add(precision(s)), true
	}
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l.layout, s, now.Location()); err == nil {
			switch l.span {
			case 0:
				return t, t.AddDate(0, l.months, l.days), true
			case time.Second:
				return t, t.Add(precision(s)), true
			}
			return t, t.Add(l.span), true
		}
	}
	if t, ok := parseEpoch(s); ok {
		return t, time.Time{}, true
	}
	if d, err := ParseSpan(s); err == nil {
		return now.Add(-d), time.Time{}, true
	}
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch strings.ToLower(s) {
	case "today":
		return midnight, midnight.AddDate(0, 0, 1), true
	case "yesterday":
		return midnight.AddDate(0, 0, -1), midnight, true
	}
	t, ok := parseNow(s, now)
	return t, time.Time{}, ok
}

// precision is the period that a time with fractions of a second names.
func precision(s string) time.Duration {
	d := time.Second
	if _, fraction, found := strings.Cut(s, "."); found {
		for i := 0; i < len(fraction) && fraction[i] >= '0' && fraction[i] <= '9' && d > 1; i++ {
			d /= 10
		}
	}
	return d
}

// parseEpoch reads seconds, or by their size milliseconds, microseconds or
// nanoseconds, since 1970. Seconds may have a fraction.
func parseEpoch(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch abs := max(n, -n); {
		case abs < 0: // the smallest number
			return time.Time{}, false
		case abs < 1e11:
			return time.Unix(n, 0), true
		case abs < 1e14:
			return time.UnixMilli(n), true
		case abs < 1e17:
			return time.UnixMicro(n), true
		}
		return time.Unix(0, n), true
	}
	whole, fraction, found := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if !found || err != nil || n < 0 || n >= 1e11 || fraction == "" || len(fraction) > 9 {
		return time.Time{}, false
	}
	f, err := strconv.ParseUint(fraction+strings.Repeat("0", 9-len(fraction)), 10, 32)
	return time.Unix(n, int64(f)), err == nil
}

// parseNow reads now, now-1h, now+5m, now/d and now-1d/d.
func parseNow(s string, now time.Time) (time.Time, bool) {
	if len(s) < 3 || !strings.EqualFold(s[:3], "now") {
		return time.Time{}, false
	}
	rest, unit, round := strings.Cut(s[3:], "/")
	t := now
	if rest = strings.ReplaceAll(rest, " ", ""); rest != "" {
		d, err := ParseSpan(rest[1:])
		switch {
		case err != nil:
			return time.Time{}, false
		case rest[0] == '-':
			t = t.Add(-d)
		case rest[0] == '+':
			t = t.Add(d)
		default:
			return time.Time{}, false
		}
	}
	if !round {
		return t, true
	}
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	switch unit {
	case "s":
	case "m":
		second = 0
	case "h":
		minute, second = 0, 0
	case "d":
		hour, minute, second = 0, 0, 0
	case "w":
		day -= (int(t.Weekday()) + 6) % 7 // weeks begin on Monday
		hour, minute, second = 0, 0, 0
	case "M":
		day, hour, minute, second = 1, 0, 0, 0
	case "y":
		month, day, hour, minute, second = 1, 1, 0, 0, 0
	default:
		return time.Time{}, false
	}
	return time.Date(year, month, day, hour, minute, second, 0, t.Location()), true
}

// SaysTime tells whether a query restricts the time of its records, by its filter or
// by the where that follow it.
func (q *Query) SaysTime() bool {
	if saysTime(q.Filter) {
		return true
	}
	for _, p := range q.Pipes {
		w, ok := p.(*Where)
		if !ok {
			break
		}
		if saysTime(w.Filter) {
			return true
		}
	}
	return false
}

// saysTime tells whether a filter restricts the time of all records that match.
func saysTime(f Filter) bool {
	switch f := f.(type) {
	case *Time:
		return true
	case *Compare:
		return f.Field == timeField
	case *Range:
		return f.Field == timeField
	case *And:
		return slices.ContainsFunc(f.List, saysTime)
	case *Or: // as long as each way does
		return !slices.ContainsFunc(f.List, func(x Filter) bool { return !saysTime(x) })
	}
	return false
}
