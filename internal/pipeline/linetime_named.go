package pipeline

import (
	"bytes"

	"journalist/internal/record"
)

// The forms with the names of months, and klog's.

// syslog reads "Jan  2 15:04:05", also with a fraction, or with the year before or
// after the clock.
func (l *lineTimes) syslog(b []byte, read int64) (int64, bool) {
	m, day := month(b), number2(b[4:])
	if b[4] == ' ' {
		day = int(b[5] - '0')
	}
	if m == 0 {
		return 0, false
	}
	b = b[7:]
	if len(b) > 12 && b[4] == ' ' && b[7] == ':' { // Jan 02 2006 15:04:05
		clock, n := clockTime(b[5:])
		days, ok := record.DaysSince1970(number4(b), m, day)
		if !ok || n == 0 {
			return 0, false
		}
		return l.zone.instant(days*nsDay+clock, read), true
	}
	clock, n := clockTime(b)
	if n == 0 {
		return 0, false
	}
	return l.withYear(m, day, clock, read)
}

// withYear completes a time without a year by the last one that does not bring it
// more than a day ahead of the time of reading: lines are written before they are
// read, but clocks and configured zones may be off by hours.
func (l *lineTimes) withYear(m, day int, clock, read int64) (int64, bool) {
	year := l.zone.yearOf(read)
	for off := 0; off > -8; off-- { // 29 February may be eight years away
		days, ok := record.DaysSince1970(year+off, m, day)
		if !ok {
			continue
		}
		ns := l.zone.instant(days*nsDay+clock, read)
		if ns > read && distance(ns, read) > uint64(nsDay) {
			continue
		}
		if off == 0 && distance(ns, read) > uint64(363*nsDay) { // read on new year's eve
			if days, ok = record.DaysSince1970(year+1, m, day); ok {
				if next := l.zone.instant(days*nsDay+clock, read); next < read || distance(next, read) <= uint64(nsDay) {
					return next, true
				}
			}
		}
		return ns, true
	}
	return 0, false
}

// ctime reads "Fri Jan  2 15:04:05 2006", with a fraction or a zone's abbreviation
// before the year, or with a bracket instead of the year (old mongod).
func (l *lineTimes) ctime(b []byte, read int64) (int64, bool) {
	if len(b) < len("Fri Jan  2 15:04:05 2006") || b[3] != ' ' || b[7] != ' ' || b[10] != ' ' || !weekday(b) {
		return 0, false
	}
	m, day := month(b[4:]), number2(b[8:])
	if b[8] == ' ' {
		day = int(b[9] - '0')
	}
	clock, n := clockTime(b[11:])
	if m == 0 || n == 0 {
		return 0, false
	}
	b = b[11+n:]
	abbreviation := []byte(nil)
	if len(b) > 1 && b[1]-'A' <= 'Z'-'A' {
		end := bytes.IndexByte(b[1:min(len(b), 7)], ' ')
		if end < 0 {
			return 0, false
		}
		abbreviation, b = b[:end+1], b[end+1:]
	}
	if len(b) < 5 || b[0] != ' ' {
		return 0, false
	}
	if b[1] == '[' && abbreviation == nil {
		return l.withYear(m, day, clock, read)
	}
	days, ok := record.DaysSince1970(number4(b[1:]), m, day)
	if !ok {
		return 0, false
	}
	wall := days*nsDay + clock
	if abbreviation != nil {
		ns, n := l.zone.named(wall, read, abbreviation)
		return ns, n > 0
	}
	return l.zone.instant(wall, read), true
}

// php reads "02-Jan-2006 15:04:05 UTC]" and "02-Jan-2006 15:04:05 +0100]". Another
// zone's name than UTC and the configured one's is left alone.
func (l *lineTimes) php(b []byte, read int64) (int64, bool) {
	if len(b) < len("02-Jan-2006 15:04:05]") || b[6] != '-' || b[11] != ' ' {
		return 0, false
	}
	days, ok := record.DaysSince1970(number4(b[7:]), month(b[3:]), number2(b))
	clock, n := clockTime(b[12:])
	if !ok || n == 0 {
		return 0, false
	}
	wall, rest := days*nsDay+clock, b[12+n:]
	end := bytes.IndexByte(rest[:min(len(rest), 40)], ']')
	switch {
	case end < 0:
		return 0, false
	case end == 0 || string(rest[1:end]) == l.zone.loc.String():
		return l.zone.instant(wall, read), true
	case string(rest[:end]) == " UTC":
		return wall, true
	case end == len(" +0100"):
		offset, ok := numericZone(rest)
		return wall - offset, ok
	}
	return 0, false
}

// klog reads "I0102 15:04:05.678901".
func (l *lineTimes) klog(b []byte, read int64) (int64, bool) {
	switch b[0] {
	case 'I', 'W', 'E', 'F', 'D':
	default:
		return 0, false
	}
	clock, n := clockTime(b[6:])
	if n <= len("15:04:05") { // always has a fraction
		return 0, false
	}
	return l.withYear(number2(b[1:]), number2(b[3:]), clock, read)
}

// numericZone reads " +0100" at the beginning of b, as nanoseconds.
func numericZone(b []byte) (offset int64, ok bool) {
	if len(b) < 6 || b[0] != ' ' || (b[1] != '+' && b[1] != '-') {
		return 0, false
	}
	h, m := number2(b[2:]), number2(b[4:])
	if h > 18 || m > 59 {
		return 0, false
	}
	offset = int64(h*3600+m*60) * nsSecond
	if b[1] == '-' {
		offset = -offset
	}
	return offset, true
}

// clockTime reads 15:04:05 with an optional fraction at the beginning of b; n is
// 0 when there is none.
func clockTime(b []byte) (ns int64, n int) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, 0
	}
	h, m, s := number2(b), number2(b[3:]), number2(b[6:])
	if h > 23 || m > 59 || s > 60 || (len(b) > 8 && b[8]-'0' <= 9) {
		return 0, 0
	}
	frac, n := record.ParseFraction(b[8:])
	return int64(h*3600+m*60+s)*nsSecond + frac, 8 + n
}

// number2 reads two digits; anything else gives a number over 99.
func number2(b []byte) int {
	h, l := uint(b[0]-'0'), uint(b[1]-'0')
	if h > 9 || l > 9 {
		return 1000
	}
	return int(h*10 + l)
}

// number4 reads four digits; anything else gives a number over 9999.
func number4(b []byte) int {
	h, l := number2(b), number2(b[2:])
	if h > 99 || l > 99 {
		return 100_000
	}
	return h*100 + l
}

// month returns the number of an English month's abbreviation, 0 for other text.
func month(b []byte) int {
	switch uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) {
	case 'J'<<16 | 'a'<<8 | 'n':
		return 1
	case 'F'<<16 | 'e'<<8 | 'b':
		return 2
	case 'M'<<16 | 'a'<<8 | 'r':
		return 3
	case 'A'<<16 | 'p'<<8 | 'r':
		return 4
	case 'M'<<16 | 'a'<<8 | 'y':
		return 5
	case 'J'<<16 | 'u'<<8 | 'n':
		return 6
	case 'J'<<16 | 'u'<<8 | 'l':
		return 7
	case 'A'<<16 | 'u'<<8 | 'g':
		return 8
	case 'S'<<16 | 'e'<<8 | 'p':
		return 9
	case 'O'<<16 | 'c'<<8 | 't':
		return 10
	case 'N'<<16 | 'o'<<8 | 'v':
		return 11
	case 'D'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

func weekday(b []byte) bool {
	switch string(b[:3]) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}
