package pipeline

import (
	"bytes"

	"journalist/internal/record"
)

// lineTimes finds the time with which a line begins. It is used by one goroutine.
//
// The first byte decides which forms are tried, so that a line costs one attempt;
// no form is a guess: all its separators and ranges must be right, because a wrong
// time hides a line better than the time of reading would.
type lineTimes struct{ zone zone }

// headLength is how far into a line the time of a web server's line may stand,
// behind addresses and user names.
const headLength = 200

// find returns the time of the line, or false when it shows none. read is when
// it was read: missing years come from there.
//
// These are read:
//
//	2026-01-02T15:04:05.678+01:00   ISO 8601, also with a space, a comma, slashes
//	                                in the date, a zone's abbreviation behind it
//	[2026-01-02 15:04:05,678]       the same in brackets or quotes, or after time=,
//	                                ts= or t=
//	Jan  2 15:04:05                 RFC 3164, also with a fraction or a year
//	<34>1 2026-01-02T15:04:05Z      RFC 5424, and the others after a priority
//	[02/Jan/2026:15:04:05 -0700]    web servers, within the first 200 bytes
//	Fri Jan  2 15:04:05.678 2026    ctime, also in brackets (Apache's error log)
//	[02-Jan-2026 15:04:05 UTC]      PHP, Dovecot, also with +0100
//	I0102 15:04:05.678901           klog
//	1767366245.678, 1767366245678   seconds with a fraction, milliseconds
func (l *lineTimes) find(line []byte, read int64) (int64, bool) {
	if len(line) < len("Jan  2 15:04:05") {
		return 0, false
	}
	switch c := line[0]; {
	case c-'0' <= 9:
		if line[4] == '-' || line[4] == '/' {
			if ns, ok := l.iso(line, read); ok {
				return ns, true
			}
		} else if ns, ok := epoch(line); ok {
			return ns, true
		}
	case c == '[' || c == '"':
		if ns, ok := l.bracketed(line[1:], read); ok {
			return ns, true
		}
	case c == '<':
		if n := priority(line); n > 0 {
			return l.find(line[n:], read)
		}
		return 0, false
	case c-'A' <= 'Z'-'A':
		if ns, ok := l.word(line, read); ok {
			return ns, true
		}
	case c == 't':
		if n := timeKey(line); n > 0 {
			return l.iso(line[n:], read)
		}
	case c == ' ' || c == '\t':
		return 0, false // the continuation of an entry
	}
	return l.web(line)
}

// iso reads ISO 8601 and its relatives.
func (l *lineTimes) iso(b []byte, read int64) (int64, bool) {
	ns, zoned, n := record.ParseTimePrefix(b)
	if n == 0 || (n < len(b) && b[n]-'0' <= 9) {
		return 0, false
	}
	if zoned {
		return ns, true
	}
	if n+3 < len(b) && b[n] == ' ' && b[n+1]-'A' <= 'Z'-'A' {
		if at, m := l.zone.named(ns, read, b[n:]); m > 0 {
			return at, true
		}
	}
	return l.zone.instant(ns, read), true
}

// bracketed reads what may stand behind an opening bracket.
func (l *lineTimes) bracketed(b []byte, read int64) (int64, bool) {
	switch c := b[0]; {
	case c-'0' > 9:
		if c-'A' <= 'Z'-'A' {
			return l.ctime(b, read)
		}
	case b[2] == '/':
		return webTime(b)
	case b[2] == '-':
		return l.php(b, read)
	case b[4] == '-' || b[4] == '/':
		return l.iso(b, read)
	}
	return 0, false
}

// word reads the forms that begin with a capital letter.
func (l *lineTimes) word(b []byte, read int64) (int64, bool) {
	switch {
	case b[3] == ' ' && b[6] == ' ':
		return l.syslog(b, read)
	case b[3] == ' ' && b[7] == ' ':
		return l.ctime(b, read)
	case b[5] == ' ' && b[8] == ':':
		return l.klog(b, read)
	}
	return 0, false
}

// priority returns the length of "<34>" or, with RFC 5424's version, "<34>1 ".
func priority(b []byte) int {
	n := 1
	for n < 4 && b[n]-'0' <= 9 {
		n++
	}
	if n == 1 || b[n] != '>' {
		return 0
	}
	n++
	if b[n] == '1' && b[n+1] == ' ' {
		n += 2
	}
	if b[n] == '<' {
		return 0
	}
	return n
}

// timeKey returns the length of time=, ts= or t=, with a quote.
func timeKey(b []byte) int {
	n := 0
	switch {
	case b[1] == '=':
		n = 2
	case b[2] == '=' && b[1] == 's':
		n = 3
	case b[4] == '=' && string(b[1:4]) == "ime":
		n = 5
	default:
		return 0
	}
	if b[n] == '"' {
		n++
	}
	return n
}

// epoch reads seconds with a fraction (squid, strace) or milliseconds, between 2001
// and 2065 and followed by a space: ten digits alone may be anything.
func epoch(b []byte) (int64, bool) {
	n := 1
	for n < len(b) && n < 14 && b[n]-'0' <= 9 {
		n++
	}
	if (b[0] != '1' && b[0] != '2') || n >= len(b) {
		return 0, false
	}
	switch {
	case n == 10 && b[n] == '.':
		_, f := record.ParseFraction(b[n:])
		n += f
		if f == 0 {
			return 0, false
		}
	case n != 13:
		return 0, false
	}
	if n < len(b) && b[n] != ' ' && b[n] != '\t' {
		return 0, false
	}
	return record.EpochTime(b[:n])
}

// web finds a web server's time in brackets near the beginning of the line.
func (l *lineTimes) web(line []byte) (int64, bool) {
	head := line[:min(len(line), headLength)]
	for {
		i := bytes.IndexByte(head, '[')
		if i < 0 || len(head)-i < len("[02/Jan/2006:15:04:05 -0700]") {
			return 0, false
		}
		head = head[i+1:]
		if ns, ok := webTime(head); ok {
			return ns, true
		}
	}
}

// webTime reads 02/Jan/2006:15:04:05 -0700.
func webTime(b []byte) (int64, bool) {
	if len(b) < len("02/Jan/2006:15:04:05 -0700") || b[2] != '/' || b[6] != '/' || b[11] != ':' {
		return 0, false
	}
	days, ok := record.DaysSince1970(number4(b[7:]), month(b[3:]), number2(b))
	clock, n := clockTime(b[12:])
	if !ok || n == 0 {
		return 0, false
	}
	offset, ok := numericZone(b[12+n:])
	return days*nsDay + clock - offset, ok
}
