package typed

import "strings"

// layouts are the forms of times that are recognised, the longer before those that
// they begin with.
var layouts = []string{
	"Y-M-DTh:m:s", "Y-M-D h:m:s", "Y-M-D_h:m:s", "Y/M/D h:m:s", "Y/M/DTh:m:s", "Y.M.D h:m:s", "Y-M-D-h.m.s",
	"D/b/Y:h:m:s", "D/b/Y h:m:s", "D-b-Y h:m:s", "D b Y h:m:s", "w, D b Y h:m:s",
	"w b e h:m:s Y", "w b D h:m:s Y", "b e h:m:s", "b D h:m:s",
	"M/D/Y h:m:s", "D/M/Y h:m:s", "D.M.Y h:m:s", "YMDTh:m:s", "YMDThms", "YMD h:m:s",
	"Y-M-DTh:m", "Y-M-D h:m", "Y-M-D", "Y/M/D", "h:m:s", "h:m",
}

var known = func() []*layout {
	ls := make([]*layout, len(layouts))
	for i, text := range layouts {
		ls[i] = newLayout(text)
	}
	return ls
}()

const (
	monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"
	dayNames   = "ThuFriSatSunMonTueWed" // 1970-01-01 was a Thursday
	literals   = "-/:. ,T_"

	day = 86400
	// The times of the years 0 to 9999 in seconds.
	firstSecond = -62167219200
	endSecond   = 253402300800
)

// fieldSize is the number of bytes of a layout's field; 0 is none.
func fieldSize(c byte) int {
	switch c {
	case 'Y':
		return 4
	case 'b', 'w':
		return 3
	case 'M', 'D', 'e', 'h', 'm', 's':
		return 2
	}
	return 0
}

// layout is a layout that was checked, with what was read or rendered last: the
// next time is mostly of the same second or day.
type layout struct {
	text          string
	size          int
	date, year, s bool // has a date, a year, seconds at its end

	clock, clockEnd int // where hours, minutes and seconds stand, if next to each other
	minute, second  int // in the clock
	quick           bool

	last []byte // text of the second below
	sec  int64
}

// newLayout checks a layout; nil if it is none.
func newLayout(text string) *layout {
	l := &layout{text: text}
	var has [256]bool
	for i := range len(text) {
		c := text[i]
		n := fieldSize(c)
		if n == 0 && strings.IndexByte(literals, c) < 0 || n > 0 && has[c] {
			return nil
		}
		has[c] = n > 0
		l.size += max(n, 1)
	}
	l.date = has['M'] || has['b']
	l.year = has['Y']
	l.s = has['s'] && text[len(text)-1] == 's'
	if has['M'] && has['b'] || has['D'] && has['e'] || l.date != (has['D'] || has['e']) {
		return nil
	}
	if (l.year || has['w']) && !l.date || has['w'] && !l.year || has['h'] != has['m'] || has['s'] && !has['h'] || !l.date && !has['h'] {
		return nil
	}
	if len(text) > 32 {
		return nil
	}
	l.findClock()
	return l
}

// findClock notes where the clock stands, so that a time of the same day as the last
// one costs only that.
func (l *layout) findClock() {
	at := 0
	for i := range len(l.text) {
		switch rest := l.text[i:]; {
		case strings.HasPrefix(rest, "hms"):
			l.quick, l.clock, l.minute, l.second, l.clockEnd = true, at, at+2, at+4, at+6
		case len(rest) >= 5 && rest[0] == 'h' && rest[2] == 'm' && rest[4] == 's':
			l.quick, l.clock, l.minute, l.second, l.clockEnd = true, at, at+3, at+6, at+8
		}
		at += max(fieldSize(l.text[i]), 1)
	}
}

// parseClock reads a time of the same day as the last one.
func (l *layout) parseClock(b []byte) (sec int64, ok bool) {
	if string(b[:l.clock]) != string(l.last[:l.clock]) || string(b[l.clockEnd:]) != string(l.last[l.clockEnd:]) {
		return 0, false
	}
	if l.minute > l.clock+2 && (b[l.clock+2] != l.last[l.clock+2] || b[l.minute+2] != l.last[l.minute+2]) {
		return 0, false
	}
	h, m, s := twoDigits(b[l.clock:]), twoDigits(b[l.minute:]), twoDigits(b[l.second:])
	if uint(h) > 23 || uint(m) > 59 || uint(s) > 59 {
		return 0, false
	}
	sec = l.sec - mod(l.sec, day) + int64(h*3600+m*60+s)
	copy(l.last[l.clock:l.clockEnd], b[l.clock:l.clockEnd])
	l.sec = sec
	return sec, true
}

// floor divides towards less.
func floor(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// mod is the rest of floor.
func mod(v, by int64) int64 {
	if v %= by; v < 0 {
		v += by
	}
	return v
}

func twoDigits(b []byte) int {
	if !isDigit(b[0]) || !isDigit(b[1]) {
		return -1
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}

func month(b []byte) int {
	for m := range 12 {
		if string(b[:3]) == monthNames[3*m:3*m+3] {
			return m + 1
		}
	}
	return -1
}

var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func isLeap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

// parse reads the seconds of a time of l.size bytes.
func (l *layout) parse(b []byte) (sec int64, ok bool) {
	if l.last != nil && string(b) == string(l.last) {
		return l.sec, true
	}
	if l.quick && l.last != nil {
		if sec, ok = l.parseClock(b); ok {
			return sec, true
		}
	}
	y, mon, d, clock, weekday := 2000, 1, 1, 0, -1
	for i, at := 0, 0; i < len(l.text); i++ {
		c := l.text[i]
		n := fieldSize(c)
		if n == 0 {
			if b[at] != c {
				return 0, false
			}
			at++
			continue
		}
		v := readField(c, b[at:])
		if v < 0 {
			return 0, false
		}
		at += n
		switch c {
		case 'Y':
			y = v
		case 'M', 'b':
			mon = v
		case 'D', 'e':
			d = v
		case 'w':
			weekday = v
		case 'h':
			clock += v * 3600
		case 'm':
			clock += v * 60
		case 's':
			clock += v
		}
	}
	sec = int64(clock)
	if l.date {
		if d > monthDays[mon] || mon == 2 && d == 29 && !isLeap(y) {
			return 0, false
		}
		days := civilDays(y, mon, d)
		if weekday >= 0 && weekday != weekdayOf(days) {
			return 0, false
		}
		sec += int64(days) * day
	}
	l.last, l.sec = append(l.last[:0], b...), sec
	return sec, true
}

// readField reads the field that b begins with; -1 if it has no such value.
func readField(c byte, b []byte) int {
	v, least, most := -1, 0, 59
	switch c {
	case 'Y':
		century, year := twoDigits(b), twoDigits(b[2:])
		if century < 0 || year < 0 {
			return -1
		}
		return century*100 + year
	case 'b':
		return month(b)
	case 'w':
		for k := range 7 {
			if string(b[:3]) == dayNames[3*k:3*k+3] {
				return k
			}
		}
		return -1
	case 'e':
		if b[0] == ' ' && isDigit(b[1]) && b[1] != '0' {
			return int(b[1] - '0')
		}
		v, least, most = twoDigits(b), 10, 31
	case 'M':
		v, least, most = twoDigits(b), 1, 12
	case 'D':
		v, least, most = twoDigits(b), 1, 31
	case 'h':
		v, most = twoDigits(b), 23
	case 'm', 's':
		v = twoDigits(b)
	}
	if v < least || v > most {
		return -1
	}
	return v
}

func weekdayOf(days int) int { return ((days % 7) + 7) % 7 }

// civilDays counts the days since 1970-01-01; the year is from 0 to 9999.
func civilDays(y, m, d int) int {
	if m <= 2 {
		y--
	}
	era := (y + 400) / 400 // y may be -1
	of := y + 400 - era*400
	inYear := (153*((m+9)%12)+2)/5 + d - 1
	return (era-1)*146097 + of*365 + of/4 - of/100 + inYear - 719468
}

// civil is the date of the day; it is one of the years 0 to 9999.
func civil(days int) (y, m, d int) {
	z := days + 719468 + 146097
	era := z / 146097
	of := z - era*146097
	yoe := (of - of/1460 + of/36524 - of/146096) / 365
	inYear := of - (365*yoe + yoe/4 - yoe/100)
	mp := (5*inYear + 2) / 153
	d = inYear - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + (era-1)*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

func put2(b []byte, v int) {
	b[0], b[1] = byte('0'+v/10), byte('0'+v%10)
}

// render returns the text of sec, which is valid until the next call.
func (l *layout) render(sec int64) []byte {
	if l.last != nil && sec == l.sec {
		return l.last
	}
	days := floor(sec, day)
	clock := int(sec - days*day)
	if l.quick && l.last != nil && days == floor(l.sec, day) {
		put2(l.last[l.clock:], clock/3600)
		put2(l.last[l.minute:], clock/60%60)
		put2(l.last[l.second:], clock%60)
		l.sec = sec
		return l.last
	}
	y, mon, d := civil(int(days))
	l.last = grow(l.last, l.size)
	for i, at := 0, 0; i < len(l.text); i++ {
		c, b := l.text[i], l.last[at:]
		switch c {
		case 'h':
			put2(b, clock/3600)
		case 'm':
			put2(b, clock/60%60)
		case 's':
			put2(b, clock%60)
		default:
			renderDate(b, c, y, mon, d, int(days))
		}
		at += max(fieldSize(c), 1)
	}
	l.sec = sec
	return l.last
}

func renderDate(b []byte, c byte, y, mon, d, days int) {
	switch c {
	case 'Y':
		put2(b, y/100)
		put2(b[2:], y%100)
	case 'M':
		put2(b, mon)
	case 'D':
		put2(b, d)
	case 'e':
		put2(b, d)
		if d < 10 {
			b[0] = ' '
		}
	case 'b':
		copy(b, monthNames[3*mon-3:3*mon])
	case 'w':
		k := weekdayOf(days)
		copy(b, dayNames[3*k:3*k+3])
	default:
		b[0] = c
	}
}
