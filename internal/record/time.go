package record

// Times are nanoseconds since the epoch in an int64: 1678 to 2261, whole years.
const (
	minYear = 1678
	maxYear = 2261

	second = int64(1e9)
)

// ParseTime reads an RFC 3339 time and its usual relatives: any number of digits
// of a second after a point or comma, a space instead of the T, a zone as Z,
// +hh:mm, +hhmm or +hh, no zone meaning UTC, and a date alone or one without
// seconds. It reads all of b or nothing, and does not allocate.
func ParseTime(b []byte) (ns int64, ok bool) {
	ns, _, n := ParseTimePrefix(b)
	if n > 0 && n == len(b) {
		return ns, true
	}
	// The shorter forms are left out of ParseTimePrefix, which must not mistake
	// other text for a time.
	return parseShortTime(b)
}

// parseShortTime reads a date, or a date with hours and minutes and an optional
// zone.
func parseShortTime(b []byte) (int64, bool) {
	days, ok := parseDate(b, '-')
	if !ok {
		return 0, false
	}
	ns := days * 86400 * second
	b = b[10:]
	if len(b) == 0 {
		return ns, true
	}
	if len(b) < 6 || !isDateSeparator(b[0]) || b[3] != ':' {
		return 0, false
	}
	h, m := two(b[1:]), two(b[4:])
	if h > 23 || m > 59 {
		return 0, false
	}
	ns += int64(h*3600+m*60) * second
	offset, _, n := parseZone(b[6:])
	if n != len(b)-6 {
		return 0, false
	}
	return ns - offset*second, true
}

// ParseTimePrefix reads a time of the form YYYY-MM-DD hh:mm:ss, with a T or a
// space between, dashes or slashes in the date, a fraction after a point or comma
// and a zone (which a space may precede), at the beginning of b. n is how many
// bytes it takes, 0 when there is none. Without a zone the time is read as UTC and
// zoned is false.
func ParseTimePrefix(b []byte) (ns int64, zoned bool, n int) {
	if len(b) < len("2006-01-02T15:04:05") || b[13] != ':' || b[16] != ':' || !isDateSeparator(b[10]) {
		return 0, false, 0
	}
	days, ok := parseDate(b, b[4])
	if !ok || (b[4] != '-' && b[4] != '/') {
		return 0, false, 0
	}
	h, m, s := two(b[11:]), two(b[14:]), two(b[17:])
	if h > 23 || m > 59 || s > 60 { // 60: a leap second
		return 0, false, 0
	}
	ns = (days*86400 + int64(h*3600+m*60+s)) * second
	n = len("2006-01-02T15:04:05")
	frac, fn := ParseFraction(b[n:])
	ns += frac
	n += fn
	offset, zoned, zn := parseZone(b[n:])
	if zn == 0 && len(b) > n+1 && b[n] == ' ' {
		// "… 15:04:05.123 +0200" and "… 15:04:05 UTC"; but "… 15:04:05 -1 users" and
		// "… 15:04:05 Zookeeper" are the beginning of the message.
		offset, zoned, zn = parseZone(b[n+1:])
		end := n + 1 + zn
		switch {
		case zn == 0:
		case (zn == 3 && b[n+1] < 'A') || (end < len(b) && isWord(b[end])):
			offset, zoned, zn = 0, false, 0
		default:
			zn++
		}
	}
	return ns - offset*second, zoned, n + zn
}

func isWord(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' <= 'z'-'a' || c == '_' || c >= 0x80
}

func isDateSeparator(c byte) bool { return c == 'T' || c == ' ' || c == 't' || c == '_' }

// parseDate reads YYYY-MM-DD at the beginning of b and returns the days since the
// epoch.
func parseDate(b []byte, sep byte) (days int64, ok bool) {
	if len(b) < 10 || b[4] != sep || b[7] != sep {
		return 0, false
	}
	c, y, m, d := two(b), two(b[2:]), two(b[5:]), two(b[8:])
	if c > 99 || y > 99 {
		return 0, false
	}
	return DaysSince1970(c*100+y, m, d)
}

// two reads two digits; anything else gives a number over 99.
func two(b []byte) int {
	h, l := uint(b[0]-'0'), uint(b[1]-'0')
	if h > 9 || l > 9 {
		return 1 << 10
	}
	return int(h*10 + l)
}

var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// DaysSince1970 counts the days from 1970-01-01 to this date of the Gregorian
// calendar; ok is false for a date that does not exist or that does not fit into
// nanoseconds.
func DaysSince1970(year, month, day int) (days int64, ok bool) {
	if year < minYear || year > maxYear || month < 1 || month > 12 || day < 1 || day > monthDays[month] {
		return 0, false
	}
	if month == 2 && day == 29 && (year%4 != 0 || (year%100 == 0 && year%400 != 0)) {
		return 0, false
	}
	// Years are counted from March, so that the leap day is the last of its year.
	y, m := year, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	return int64(365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + day - 1 - 719468), true
}

// ParseFraction reads ".123" or ",123" at the beginning of b, as nanoseconds;
// digits after the ninth are skipped. n is 0 when there is none.
func ParseFraction(b []byte) (ns int64, n int) {
	if len(b) < 2 || (b[0] != '.' && b[0] != ',') || b[1]-'0' > 9 {
		return 0, 0
	}
	scale := second
	for n = 1; n < len(b) && b[n]-'0' <= 9; n++ {
		if scale > 1 {
			scale /= 10
			ns += int64(b[n]-'0') * scale
		}
	}
	return ns, n
}

// parseZone reads Z, UTC, GMT, +hh:mm, +hhmm or +hh at the beginning of b. The
// offset is in seconds east of UTC; n is 0 when there is none.
func parseZone(b []byte) (offset int64, zoned bool, n int) {
	if len(b) == 0 {
		return 0, false, 0
	}
	switch b[0] {
	case 'Z', 'z':
		return 0, true, 1
	case 'U', 'G':
		if len(b) >= 3 && (string(b[:3]) == "UTC" || string(b[:3]) == "GMT") {
			return 0, true, 3
		}
	case '+', '-':
		if len(b) < 3 {
			return 0, false, 0
		}
		h, m := two(b[1:]), 0
		n = 3
		switch {
		case len(b) >= 6 && b[3] == ':' && two(b[4:]) < 60:
			m, n = two(b[4:]), 6
		case len(b) >= 5 && two(b[3:]) < 60:
			m, n = two(b[3:]), 5
		}
		if h > 18 {
			return 0, false, 0
		}
		offset = int64(h*3600 + m*60)
		if b[0] == '-' {
			offset = -offset
		}
		return offset, true, n
	}
	return 0, false, 0
}

// EpochTime reads a decimal number of seconds, milliseconds, microseconds or
// nanoseconds since the epoch; which one, its size tells (seconds reach to the
// year 2261, milliseconds begin in 1973). All of text must be the number.
func EpochTime(text []byte) (ns int64, ok bool) {
	i, neg := 0, false
	if len(text) > 0 && text[0] == '-' {
		i, neg = 1, true
	}
	var whole int64
	from := i
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		if i-from >= 19 {
			return 0, false
		}
		whole = whole*10 + int64(text[i]-'0')
	}
	if i == from || whole < 0 {
		return 0, false
	}
	unit := second
	switch {
	case whole >= 1e17:
		unit = 1
	case whole >= 1e14:
		unit = 1e3
	case whole >= 1e11:
		unit = 1e6
	}
	var frac int64
	if i < len(text) {
		f, n := ParseFraction(text[i:])
		if n == 0 || text[i] != '.' || i+n != len(text) {
			return 0, false
		}
		frac = f / (second / unit)
	}
	if whole > maxTime/unit {
		return 0, false
	}
	ns = whole*unit + frac
	if neg {
		ns = -ns
	}
	return ns, true
}

// maxTime is the end of maxYear.
const maxTime = 106651*86400*second - 1

// AppendTime appends a time as RFC 3339 in UTC, with as many digits of a second
// as it needs.
func AppendTime(dst []byte, ns int64) []byte {
	sec, frac := ns/second, ns%second
	if frac < 0 {
		sec, frac = sec-1, frac+second
	}
	days, rest := sec/86400, int(sec%86400)
	if rest < 0 {
		days, rest = days-1, rest+86400
	}
	// The inverse of DaysSince1970, in eras of 400 years; no era is negative here.
	z := int(days) + 719468
	era, doe := z/146097, z%146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day := doy - (153*mp+2)/5 + 1
	year, month := yoe+era*400, mp+3
	if month > 12 {
		year, month = year+1, month-12
	}
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), month)
	dst = appendTwo(append(dst, '-'), day)
	dst = appendTwo(append(dst, 'T'), rest/3600)
	dst = appendTwo(append(dst, ':'), rest/60%60)
	dst = appendTwo(append(dst, ':'), rest%60)
	if frac != 0 {
		dst = append(dst, '.')
		for scale := second / 10; frac != 0; scale /= 10 {
			dst = append(dst, byte('0'+frac/scale))
			frac %= scale
		}
	}
	return append(dst, 'Z')
}

func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}
