package typed

import (
	"encoding/binary"
	"math/bits"
)

// clock renders times: the text of midnight is prepared for the day of the last one,
// and the hours, minutes and seconds are written into it.
type clock struct {
	form *timeForm
	own  layout // form's, which many goroutines use
	line [lineSize]byte
	size int // of the line
	at   int // where in the line the layout's text begins
	end  int // where it ends

	hour, minute, second int // where they stand; absent ones behind the line

	scale, perDay int64
	from          int64  // the day's beginning, in units of the fraction
	behind        uint64 // what follows the separator in the line, but for the fraction
}

const lineSize = 64

// newClock prepares the rendering of times, of which first is one, between prefix and
// suffix. If whole, these are part of what put writes.
func newClock(f *timeForm, prefix, suffix []byte, first int64) (c *clock, whole bool) {
	c = &clock{form: f, own: *f.layout, scale: powers[f.fraction]}
	c.own.last = nil
	c.perDay = day * c.scale
	c.size = f.size
	if f.fraction > 0 && !f.trimmed {
		c.size += 1 + f.fraction
	}
	whole = !f.trimmed && len(prefix)+c.size+len(suffix) <= lineSize-8
	if whole {
		c.at = copy(c.line[:], prefix)
		copy(c.line[c.at+c.size:], suffix)
		c.size += len(prefix) + len(suffix)
	}
	c.end = c.at + f.size
	c.hour, c.minute, c.second = c.size, c.size, c.size
	at := c.at
	for i := range len(f.text) {
		switch f.text[i] {
		case 'h':
			c.hour = at
		case 'm':
			c.minute = at
		case 's':
			c.second = at
		}
		at += max(fieldSize(f.text[i]), 1)
	}
	if f.fraction > 0 {
		c.behind = binary.LittleEndian.Uint64(c.line[c.end+1:]) &^ (1<<(8*min(f.fraction, 8)) - 1)
	}
	c.turn(first)
	return c, whole
}

// turn prepares the line for the day of v.
func (c *clock) turn(v int64) {
	days := floor(v, c.perDay)
	c.from = days * c.perDay
	copy(c.line[c.at:], c.own.render(days*day))
	if c.form.fraction > 0 {
		c.line[c.end] = c.form.sep
	}
}

var twoDigitTexts = func() (t [100][2]byte) {
	for i := range t {
		t[i] = [2]byte{byte('0' + i/10), byte('0' + i%10)}
	}
	return t
}()

// put writes a time at b[at:] and returns where it ends.
func (c *clock) put(b []byte, at int, v int64) int {
	u := uint64(v - c.from)
	if u >= uint64(c.perDay) {
		c.turn(v)
		u = uint64(v - c.from)
	}
	fraction := uint64(0)
	if c.form.fraction > 0 {
		u, fraction = split10(u, c.form.fraction)
	}
	b = b[at : at+lineSize+8]
	*(*[lineSize]byte)(b) = c.line
	s := uint32(u)
	*(*[2]byte)(b[c.hour:]) = twoDigitTexts[s/3600%24]
	*(*[2]byte)(b[c.minute:]) = twoDigitTexts[s/60%60]
	*(*[2]byte)(b[c.second:]) = twoDigitTexts[s%60]
	if c.form.fraction == 0 {
		return at + c.size
	}
	return at + c.putFraction(b, fraction)
}

// putFraction writes the fraction into a line and returns the line's length.
func (c *clock) putFraction(b []byte, fraction uint64) int {
	n, at := c.form.fraction, c.end+1
	first := uint64(0)
	if n == 9 {
		first, fraction = fraction/tenTo8, fraction%tenTo8
		b[at] = byte('0' + first)
		at, n = at+1, 8
	}
	x := digits8(fraction) >> (8 * uint(8-n) & 63)
	if !c.form.trimmed {
		keep := ^uint64(0) >> (8 * uint(8-n) & 63)
		y := (x | zeroBytes) & keep
		if c.form.fraction < 9 {
			y |= c.behind
		}
		store8(b, at, y)
		return c.size
	}
	store8(b, at, x|zeroBytes)
	if n = (bits.Len64(x) + 7) >> 3; n == 0 && first == 0 {
		return c.end
	}
	return at + n
}
