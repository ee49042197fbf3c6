package typed

import (
	"bytes"
	"math"

	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
	"journalist/internal/wire"
)

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
