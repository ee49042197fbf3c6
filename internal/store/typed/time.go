package typed

import (
	"bytes"
	"math"
	"strings"

	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
	"journalist/internal/wire"
)

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
		if n == 0 && bytes.IndexByte([]byte(literals), c) < 0 || n > 0 && has[c] {
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
		var v int
		switch c {
		case 'Y':
			y = twoDigits(b[at:])*100 + twoDigits(b[at+2:])
			if !isDigit(b[at]) || !isDigit(b[at+1]) || !isDigit(b[at+2]) || !isDigit(b[at+3]) {
				return 0, false
			}
		case 'M':
			mon = twoDigits(b[at:])
			v = mon
		case 'b':
			mon = month(b[at:])
			v = mon
		case 'D':
			d = twoDigits(b[at:])
			v = d
		case 'e':
			if b[at] == ' ' && isDigit(b[at+1]) {
				d = int(b[at+1] - '0')
			} else if d = twoDigits(b[at:]); d < 10 {
				return 0, false
			}
			v = d
		case 'w':
			for k := range 7 {
				if string(b[at:at+3]) == dayNames[3*k:3*k+3] {
					weekday = k
				}
			}
			v = weekday
		case 'h':
			if v = twoDigits(b[at:]); v > 23 {
				return 0, false
			}
			clock += v * 3600
		case 'm':
			if v = twoDigits(b[at:]); v > 59 {
				return 0, false
			}
			clock += v * 60
		case 's':
			if v = twoDigits(b[at:]); v > 59 {
				return 0, false
			}
			clock += v
		default:
			if b[at] != c {
				return 0, false
			}
			at++
			continue
		}
		if v < 0 {
			return 0, false
		}
		at += fieldSize(c)
	}
	sec = int64(clock)
	if l.date {
		if mon < 1 || mon > 12 || d < 1 || d > monthDays[mon] || mon == 2 && d == 29 && !isLeap(y) {
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

// timeForm is how the times of a vector are written.
type timeForm struct {
	*layout
	prefix, suffix []byte
	sep            byte // of the fraction, 0 if there is none
	fraction       int  // its digits
	trimmed        bool // trailing zeros are left out
}

// findTime looks for a time in b with that layout; its prefix ends where a word does.
func findTime(b []byte, l *layout) (f timeForm, ok bool) {
	for at := 0; at+l.size <= len(b) && at < maxAffix; at++ {
		if at > 0 && (isDigit(b[at-1]) && isDigit(b[at]) || isLetter(b[at-1]) && isLetter(b[at])) {
			continue
		}
		if _, ok := l.parse(b[at : at+l.size]); !ok {
			continue
		}
		end := at + l.size
		f = timeForm{layout: l, prefix: b[:at]}
		if l.s && end+1 < len(b) && (b[end] == '.' || b[end] == ',') && isDigit(b[end+1]) {
			f.sep = b[end]
			for end++; end < len(b) && isDigit(b[end]); end++ {
				f.fraction++
			}
		}
		f.suffix = b[end:]
		if f.fraction <= 9 && len(f.suffix) <= maxAffix && (len(f.suffix) == 0 || !isDigit(f.suffix[0])) {
			return f, true
		}
	}
	return f, false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// split takes a text apart; decimals is how many digits the fraction has.
func (f *timeForm) split(b []byte) (sec int64, fraction int64, decimals int, ok bool) {
	if len(b) < len(f.prefix)+f.size+len(f.suffix) || !bytes.HasPrefix(b, f.prefix) || !bytes.HasSuffix(b, f.suffix) {
		return 0, 0, 0, false
	}
	b = b[len(f.prefix) : len(b)-len(f.suffix)]
	if sec, ok = f.parse(b[:f.size]); !ok {
		return 0, 0, 0, false
	}
	b = b[f.size:]
	if len(b) == 0 {
		return sec, 0, 0, true
	}
	if !f.s || len(b) < 2 || len(b) > 10 || b[0] != '.' && b[0] != ',' || f.sep != 0 && b[0] != f.sep {
		return 0, 0, 0, false
	}
	f.sep = b[0]
	fraction, ok = parseDigits(b[1:])
	return sec, fraction, len(b) - 1, ok
}

func appendTimes(dst []byte, w *stream.Writer, v texts.Vector) ([]byte, bool) {
	first := v.At(0)
	if len(first) < 5 || bytes.IndexByte(first, ':') < 0 && bytes.Count(first, []byte("-"))+bytes.Count(first, []byte("/"))+bytes.Count(first, []byte("T"))+bytes.Count(first, []byte(".")) == 0 {
		return dst, false
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
next:
	for _, l := range known {
		if l.size > len(first) {
			continue
		}
		own := *l // it remembers the last one
		f, ok := findTime(first, &own)
		if !ok {
			continue
		}
		for _, i := range samples(v) {
			if _, _, _, ok = f.split(v.At(i)); !ok {
				continue next
			}
		}
		if out, ok := sc.times(dst, w, v, &f); ok {
			return out, true
		}
	}
	return dst, false
}

func (sc *scratch) times(dst []byte, w *stream.Writer, v texts.Vector, f *timeForm) ([]byte, bool) {
	n := v.Len()
	sc.vs, sc.ns = grow(sc.vs, 2*n), grow(sc.ns, n)
	most, least := 0, 9
	trimmed := true
	secs, fractions := sc.vs[:n], sc.vs[n:]
	for i := range n {
		sec, fraction, decimals, ok := f.split(v.At(i))
		if !ok {
			return dst, false
		}
		secs[i], fractions[i], sc.ns[i] = sec, fraction, uint32(decimals)
		most, least = max(most, decimals), min(least, decimals)
		trimmed = trimmed && (decimals == 0 || fraction%10 != 0)
	}
	if most != least && !trimmed {
		return dst, false
	}
	if most == 0 {
		f.sep = 0
	}
	scale := powers[most]
	limit := math.MaxInt64/scale - 1
	for i, sec := range secs {
		if sec > limit || sec < -limit {
			return dst, false
		}
		secs[i] = sec*scale + fractions[i]*powers[most-int(sc.ns[i])]
	}
	dst = appendHead(dst, Time, f.prefix, f.suffix)
	dst = wire.AppendBytes(dst, f.text)
	dst = append(dst, f.sep, byte(most), 0)
	if most != least {
		dst[len(dst)-1] = 1
	}
	return ints.Append(dst, w, secs), true
}

// readTime reads what follows the affixes, except for the integers.
func readTime(d *wire.Decoder) (f timeForm) {
	text := d.Bytes()
	f.sep, f.fraction = d.Byte(), int(d.Byte())
	f.trimmed = d.Byte() != 0
	if len(text) <= 32 {
		f.layout = newLayout(string(text))
	}
	if f.layout == nil || f.fraction > 9 || f.fraction > 0 && (!f.s || f.sep != '.' && f.sep != ',') {
		d.Fail("times of the layout %.40q with %d decimals", text, f.fraction)
	}
	return f
}

// holds says whether the layout can render all times from lo to hi.
func (f *timeForm) holds(lo, hi int64) bool {
	first, end := int64(0), int64(day)
	if f.date {
		first, end = firstSecond, endSecond
	}
	scale := powers[f.fraction]
	return floor(lo, scale) >= first && floor(hi, scale) < end
}

// floor divides towards less.
func floor(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

func (f *timeForm) append(dst []byte, v int64) []byte {
	if f.fraction == 0 {
		return append(dst, f.render(v)...)
	}
	scale := powers[f.fraction]
	sec := floor(v, scale)
	rest := uint64(v - sec*scale)
	dst = append(dst, f.render(sec)...)
	if !f.trimmed {
		return appendPadded(append(dst, f.sep), rest, f.fraction)
	}
	if rest == 0 {
		return dst
	}
	n := f.fraction
	for rest%10 == 0 {
		rest /= 10
		n--
	}
	return appendPadded(append(dst, f.sep), rest, n)
}
