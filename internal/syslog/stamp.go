package syslog

import (
	"time"

	"journalist/internal/record"
)

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// stamp reads a time at the beginning of b and returns how many bytes it takes, 0
// when there is none: RFC 3339's, or "Jan  2 15:04:05" with a fraction, with the
// year before or after the clock, with a zone that follows.
func stamp(b []byte, now time.Time) (ns int64, n int) {
	if ns, zoned, n := record.ParseTimePrefix(b); n > 0 {
		if !zoned {
			ns = inZone(ns, now)
		}
		return ns, n
	}
	if len(b) < len("Jan  2 15:04:05") || b[3] != ' ' || b[6] != ' ' {
		return 0, 0
	}
	month := 0
	for i := 0; i < len(months); i += 3 {
		if string(b[:3]) == months[i:i+3] {
			month = i/3 + 1
		}
	}
	day, ok := number(b[4:6])
	if month == 0 || !ok {
		return 0, 0
	}
	n = 7
	year := 0
	if y, ok := number(b[7:11]); ok && b[11] == ' ' && b[9] != ':' {
		year, n = y, 12
	}
	clock, k := clockTime(b[n:])
	if k == 0 {
		return 0, 0
	}
	n += k
	if year == 0 && len(b) >= n+5 && b[n] == ' ' {
		if y, ok := number(b[n+1 : n+5]); ok && y >= 1970 && y < 2262 && (len(b) == n+5 || b[n+5] == ' ' || b[n+5] == ':' && (len(b) == n+6 || b[n+6] == ' ')) {
			year, n = y, n+5
		}
	}
	ns, ok = withYear(year, month, day, clock, now)
	if !ok {
		return 0, 0
	}
	return ns, n
}

// withYear completes a date; without a year it is the last one that does not lie
// more than a day ahead.
func withYear(year, month, day int, clock int64, now time.Time) (int64, bool) {
	if year != 0 {
		days, ok := record.DaysSince1970(year, month, day)
		return inZone(days*int64(24*time.Hour)+clock, now), ok
	}
	for y := now.Year() + 1; y > now.Year()-8; y-- { // 29 February may be eight years away
		days, ok := record.DaysSince1970(y, month, day)
		if !ok {
			continue
		}
		if ns := inZone(days*int64(24*time.Hour)+clock, now); ns <= now.UnixNano()+int64(24*time.Hour) {
			return ns, true
		}
	}
	return 0, false
}

// inZone turns a time that was read as UTC into the one that now's zone means.
func inZone(ns int64, now time.Time) int64 {
	t := time.Unix(0, ns).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), now.Location()).UnixNano()
}

// clockTime reads 15:04:05 with a fraction.
func clockTime(b []byte) (ns int64, n int) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, 0
	}
	h, ok1 := number(b[:2])
	m, ok2 := number(b[3:5])
	s, ok3 := number(b[6:8])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 60 {
		return 0, 0
	}
	frac, k := record.ParseFraction(b[8:])
	return int64(h*3600+m*60+s)*int64(time.Second) + frac, 8 + k
}

// number reads digits, the first of which may be spaces.
func number(b []byte) (n int, ok bool) {
	for i, c := range b {
		if c == ' ' && n == 0 && i < len(b)-1 {
			continue
		}
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
