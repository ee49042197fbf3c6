package typed

import (
	"fmt"
	"slices"

	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// Texts returns all texts, in memory of their own.
func (h *Head) Texts(src stream.Source) (texts.Vector, error) {
	return h.take(src, nil, h.n, texts.Vector{})
}

// Take returns the texts of some rows, which strictly ascend, in memory of their own.
func (h *Head) Take(src stream.Source, rows []uint32) (texts.Vector, error) {
	return h.TakeInto(src, rows, texts.Vector{})
}

// TextsInto is Texts into the memory of v, so far as that suffices. What v held is
// lost, also after an error.
func (h *Head) TextsInto(src stream.Source, v texts.Vector) (texts.Vector, error) {
	return h.take(src, nil, h.n, v)
}

// TakeInto is Take into the memory of v, so far as that suffices. What v held is lost,
// also after an error.
func (h *Head) TakeInto(src stream.Source, rows []uint32, v texts.Vector) (texts.Vector, error) {
	for i, r := range rows {
		if int64(r) >= int64(h.n) || i > 0 && r <= rows[i-1] {
			return texts.Vector{}, fmt.Errorf("typed: row %d of %d is out of order", r, h.n)
		}
	}
	if rows == nil {
		rows = []uint32{}
	}
	return h.take(src, rows, len(rows), v)
}

// take renders n texts: all, or if rows is not nil those.
func (h *Head) take(src stream.Source, rows []uint32, n int, v texts.Vector) (texts.Vector, error) {
	out := output{h: h, data: v.Data[:cap(v.Data)], ends: resize(v.Offsets, n+1)}
	out.ends[0] = 0
	if n == 0 {
		return texts.Vector{Data: out.data[:0], Offsets: out.ends}, nil
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	var err error
	if h.kind == Hash || h.kind == UUID {
		err = out.renderBytes(src, rows, n, sc)
	} else {
		err = out.renderNumbers(src, rows, n, sc)
	}
	if err != nil {
		return texts.Vector{}, err
	}
	return texts.Vector{Data: out.data[:out.at], Offsets: out.ends}, nil
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// output is a vector of texts while it is rendered.
type output struct {
	h    *Head
	data []byte // longer than at by slack or more
	at   int
	ends []uint32 // ends[0] is 0
}

// stretch is how many texts are rendered before there is made room for more.
const stretch = 1 << 10

// each calls render for the texts [from, to) until there are n. None is longer than
// longest.
func (o *output) each(n, longest int, render func(from, to int)) error {
	if want := min(n*longest, maxSize) + slack; len(o.data) < want {
		o.data = make([]byte, want)
	}
	for from := 0; from < n; from += stretch {
		to := min(from+stretch, n)
		if want := o.at + (to-from)*longest + slack; len(o.data) < want {
			o.data = slices.Grow(o.data[:o.at], want-o.at)
			o.data = o.data[:cap(o.data)]
		}
		if render(from, to); o.at > maxSize {
			return corrupt("more than %d bytes", maxSize)
		}
	}
	return nil
}

// affix is what stands before or behind all texts.
type affix struct {
	short [16]byte
	text  []byte
}

func newAffix(text []byte) (a affix) {
	a.text = text
	copy(a.short[:], text)
	return a
}

func (a *affix) put(b []byte, at int) int {
	if len(a.text) == 0 {
		return at
	}
	if len(a.text) <= len(a.short) {
		*(*[16]byte)(b[at:]) = a.short
		return at + len(a.text)
	}
	return at + copy(b[at:], a.text)
}

// renderNumbers renders n texts that are integers.
func (o *output) renderNumbers(src stream.Source, rows []uint32, n int, sc *scratch) error {
	h := o.h
	vs, err := h.values.Decode(src, sc.vs[:0])
	if err != nil {
		return err
	}
	sc.vs = vs
	var ns []uint32
	if h.decimals != nil {
		if ns, err = h.decimals.DecodeCodes(src, maxDigits+1, sc.ns[:0]); err != nil {
			return err
		}
		sc.ns = ns
	}
	for i, r := range rows {
		vs[i] = vs[r]
		if ns != nil {
			ns[i] = ns[r]
		}
	}
	prefix, suffix := newAffix(h.prefix), newAffix(h.suffix)
	longest := h.longest()
	if h.kind == Time {
		c, whole := newClock(&h.time, h.prefix, h.suffix, vs[0])
		if whole {
			prefix, suffix = affix{}, affix{}
		}
		return o.each(n, longest, func(from, to int) {
			at, b, ends := o.at, o.data, o.ends[from+1:to+1]
			for i, v := range vs[from:to] {
				at = suffix.put(b, c.put(b, prefix.put(b, at), v))
				ends[i] = uint32(at)
			}
			o.at = at
		})
	}
	return o.each(n, longest, func(from, to int) {
		var places []uint32
		if ns != nil {
			places = ns[from:to]
		}
		o.at = h.render(o.data, o.at, o.ends[from+1:to+1], vs[from:to], places, &prefix, &suffix)
	})
}

// render writes numbers at b[at:] and returns where they end.
func (h *Head) render(b []byte, at int, ends []uint32, vs []int64, ns []uint32, prefix, suffix *affix) int {
	ends = ends[:len(vs)]
	switch h.kind {
	case Int, Digits:
		width := max(h.width, 1)
		if h.width < 2 && h.values.Min() >= 0 && h.values.Max() < int64(len(smallInts)) {
			for i, v := range vs {
				at = suffix.put(b, putSmall(b, prefix.put(b, at), v))
				ends[i] = uint32(at)
			}
			return at
		}
		for i, v := range vs {
			at = prefix.put(b, at)
			b[at] = '-'
			at = putUint(b, at+int(uint64(v)>>63), magnitude(v), width)
			at = suffix.put(b, at)
			ends[i] = uint32(at)
		}
	case Decimal:
		for i, v := range vs {
			most, least := h.most, h.least
			if ns != nil {
				most = int(ns[i])
				least = most
			}
			at = suffix.put(b, putDecimal(b, prefix.put(b, at), v, most, least))
			ends[i] = uint32(at)
		}
	case IPv4:
		for i, v := range vs {
			at = suffix.put(b, putIPv4(b, prefix.put(b, at), uint32(v)))
			ends[i] = uint32(at)
		}
	case Hex:
		letters := h.letters()
		for i, v := range vs {
			at = suffix.put(b, putHex(b, prefix.put(b, at), uint64(v), h.width, letters))
			ends[i] = uint32(at)
		}
	}
	return at
}

// letters is what hexadecimal digits above 9 are written with.
func (h *Head) letters() uint64 {
	if h.upper {
		return upperLetters
	}
	return lowerLetters
}

// longest is how long a text of integers may be.
func (h *Head) longest() int {
	n := len(h.prefix) + len(h.suffix)
	lo, hi := h.values.Min(), h.values.Max()
	most := max(digits(magnitude(lo)), digits(magnitude(hi)), 1)
	if lo < 0 {
		most++
	}
	switch h.kind {
	case Int, Digits:
		return n + max(most, h.width)
	case Decimal:
		if h.decimals != nil {
			return n + max(most, int(h.decimals.Max())+2) + 1
		}
		return n + max(most, h.most+2) + 1
	case Time:
		return n + h.time.size + 1 + h.time.fraction
	case IPv4:
		return n + 15
	}
	return n + maxHex
}

// renderBytes renders n hashes or UUIDs.
func (o *output) renderBytes(src stream.Source, rows []uint32, n int, sc *scratch) error {
	h := o.h
	width := h.bytes.width
	one := len(h.prefix) + 2*width + len(h.suffix)
	if h.kind == UUID {
		one += 4
	}
	if n*one > maxSize || h.n*width > maxSize {
		return corrupt("more than %d bytes", maxSize)
	}
	raw, err := h.bytes.decode(src)
	if err != nil {
		return err
	}
	var codes []uint32
	if h.bytes.codes != nil {
		if codes, err = h.bytes.codes.DecodeCodes(src, uint32(h.bytes.count), sc.ns[:0]); err != nil {
			return err
		}
		sc.ns = codes
	}
	prefix, suffix, letters := newAffix(h.prefix), newAffix(h.suffix), h.letters()
	return o.each(n, one, func(from, to int) {
		b, at := o.data, o.at
		for i := from; i < to; i++ {
			row := i
			if rows != nil {
				row = int(rows[i])
			}
			if codes != nil {
				row = int(codes[row])
			}
			at = prefix.put(b, at)
			if h.kind == UUID {
				at = putUUID(b, at, raw[row*width:], letters)
			} else {
				at = putBytes(b, at, raw[row*width:row*width+width], letters)
			}
			at = suffix.put(b, at)
			o.ends[i+1] = uint32(at)
		}
		o.at = at
	})
}
