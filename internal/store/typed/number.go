package typed

import (
	"encoding/binary"
	"math"
	"sync"

	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// scratch is memory for the integers of one vector.
type scratch struct {
	vs  []int64
	ns  []uint32
	raw []byte
	aux []byte

	uniq  []byte // different values of raw
	slots []uint32
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// parseInt reads the canonical form of an integer: what it accepts comes back when
// it is rendered.
func parseInt(b []byte) (v int64, ok bool) {
	digits := b
	if len(b) > 1 && b[0] == '-' {
		digits = b[1:]
		if digits[0] == '0' {
			return 0, false
		}
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	var u uint64
	for _, c := range digits {
		if !isDigit(c) {
			return 0, false
		}
		u = u*10 + uint64(c-'0')
	}
	if len(digits) < len(b) {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// parseDigits reads digits only, at most 18.
func parseDigits(b []byte) (v int64, ok bool) {
	if len(b) == 0 || len(b) > maxDigits {
		return 0, false
	}
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}

// parseDecimal reads the canonical form of a decimal, of which an integer is one
// without decimals: all its digits as one number, and how many stand after the
// point.
func parseDecimal(b []byte) (v int64, decimals int, ok bool) {
	digits, negative := b, false
	if len(b) > 1 && b[0] == '-' {
		digits, negative = b[1:], true
	}
	point := -1
	for i, c := range digits {
		if isDigit(c) {
			v = v*10 + int64(c-'0')
			continue
		}
		if c != '.' || point >= 0 || i > maxDigits {
			return 0, 0, false
		}
		point = i
	}
	count := len(digits)
	whole := count
	if point >= 0 {
		count--
		whole, decimals = point, count-point
		if decimals == 0 {
			return 0, 0, false
		}
	}
	if whole == 1 && digits[0] == '0' {
		count-- // a zero before the point says nothing
	}
	if count > maxDigits || whole == 0 || whole > 1 && digits[0] == '0' {
		return 0, 0, false
	}
	if negative {
		return -v, decimals, v != 0
	}
	return v, decimals, true
}

func appendNumbers(dst []byte, w *stream.Writer, v texts.Vector) ([]byte, bool) {
	first := v.At(0)
	if !looksNumeric(v) {
		return dst, false
	}
	prefix, suffix := affixes(v)
	p, whole, s := aroundNumbers(first, prefix, suffix)
	end := first[len(first)-s:]
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	if whole < p {
		if out, ok := sc.decimals(dst, w, v, first[:whole], end); ok {
			return out, true
		}
	}
	mid := first[p : len(first)-s]
	if len(mid) == 0 || !isDigit(mid[0]) && mid[0] != '-' {
		return dst, false
	}
	for _, try := range [...]func([]byte, *stream.Writer, texts.Vector, []byte, []byte) ([]byte, bool){
		sc.integers, sc.digits, sc.decimals,
	} {
		if out, ok := try(dst, w, v, first[:p], end); ok {
			return out, true
		}
	}
	return dst, false
}

// looksNumeric looks at the bytes around the first digit of some texts: these must
// be alike, which words with digits in them seldom are.
func looksNumeric(v texts.Vector) bool {
	first := v.At(0)
	for _, i := range samples(v) {
		b := v.At(i)
		at := 0
		for at < len(b) && !isDigit(b[at]) {
			at++
		}
		if at > 0 && b[at-1] == '-' {
			at--
		}
		if at == len(b) || at > len(first) || at > maxAffix || string(b[:at]) != string(first[:at]) {
			return false
		}
	}
	return true
}

func (sc *scratch) integers(dst []byte, w *stream.Writer, v texts.Vector, prefix, suffix []byte) ([]byte, bool) {
	n := v.Len()
	sc.vs = grow(sc.vs, n)
	for i := range n {
		b := v.At(i)
		x, ok := parseInt(b[len(prefix) : len(b)-len(suffix)])
		if !ok {
			return dst, false
		}
		sc.vs[i] = x
	}
	return ints.Append(appendHead(dst, Int, prefix, suffix), w, sc.vs), true
}

func (sc *scratch) digits(dst []byte, w *stream.Writer, v texts.Vector, prefix, suffix []byte) ([]byte, bool) {
	n, affix := v.Len(), len(prefix)+len(suffix)
	sc.vs = grow(sc.vs, n)
	width := len(v.At(0)) - affix
	for i := range n {
		b := v.At(i)
		b = b[len(prefix) : len(b)-len(suffix)]
		x, ok := parseDigits(b)
		if !ok {
			return dst, false
		}
		sc.vs[i] = x
		width = min(width, len(b))
	}
	// All must be as long as the shortest, or longer without a zero in front.
	for i := range n {
		b := v.At(i)
		if b[len(prefix)] == '0' && len(b)-affix != width {
			return dst, false
		}
	}
	if width < 2 {
		return dst, false
	}
	dst = binary.AppendUvarint(appendHead(dst, Digits, prefix, suffix), uint64(width))
	return ints.Append(dst, w, sc.vs), true
}

var powers = func() (t [maxDigits + 1]int64) {
	t[0] = 1
	for i := 1; i < len(t); i++ {
		t[i] = t[i-1] * 10
	}
	return t
}()

const (
	scaled   = 0 // form 0 of decimals
	separate = 1
)

func (sc *scratch) decimals(dst []byte, w *stream.Writer, v texts.Vector, prefix, suffix []byte) ([]byte, bool) {
	n := v.Len()
	sc.vs, sc.ns = grow(sc.vs, n), grow(sc.ns, n)
	most, least := 0, maxDigits
	for i := range n {
		b := v.At(i)
		x, decimals, ok := parseDecimal(b[len(prefix) : len(b)-len(suffix)])
		if !ok {
			return dst, false
		}
		sc.vs[i], sc.ns[i] = x, uint32(decimals)
		most, least = max(most, decimals), min(least, decimals)
	}
	dst = appendHead(dst, Decimal, prefix, suffix)
	if sc.scalable(most, least) {
		for i, x := range sc.vs {
			sc.vs[i] = x * powers[most-int(sc.ns[i])]
		}
		dst = append(dst, scaled, byte(most), byte(least))
		return ints.Append(dst, w, sc.vs), true
	}
	dst = ints.AppendCodes(append(dst, separate), w, sc.ns)
	return ints.Append(dst, w, sc.vs), true
}

// scalable says whether the number of decimals follows from the value with the most
// decimals, because trailing zeros are never written.
func (sc *scratch) scalable(most, least int) bool {
	if most == least {
		return true
	}
	for i, x := range sc.vs {
		n := int(sc.ns[i])
		if n > least && x%10 == 0 {
			return false
		}
		if limit := math.MaxInt64 / powers[most-n]; x > limit || x < -limit {
			return false
		}
	}
	return true
}

// parseIPv4 reads four numbers from 0 to 255 without zeros in front.
func parseIPv4(b []byte) (v int64, ok bool) {
	if len(b) < 7 || len(b) > 15 {
		return 0, false
	}
	part, digits, dots := int64(0), 0, 0
	for _, c := range b {
		if c == '.' {
			if digits == 0 || dots == 3 {
				return 0, false
			}
			v, part, digits, dots = v<<8|part, 0, 0, dots+1
			continue
		}
		if !isDigit(c) || digits > 0 && part == 0 {
			return 0, false
		}
		part, digits = part*10+int64(c-'0'), digits+1
		if part > 255 {
			return 0, false
		}
	}
	return v<<8 | part, dots == 3 && digits > 0
}

func appendIPv4(dst []byte, w *stream.Writer, v texts.Vector) ([]byte, bool) {
	for _, i := range samples(v) {
		if _, ok := parseIPv4(v.At(i)); !ok {
			return dst, false
		}
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.vs = grow(sc.vs, v.Len())
	for i := range sc.vs {
		x, ok := parseIPv4(v.At(i))
		if !ok {
			return dst, false
		}
		sc.vs[i] = x
	}
	return ints.Append(appendHead(dst, IPv4, nil, nil), w, sc.vs), true
}
