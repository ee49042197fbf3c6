package typed

import (
	"fmt"
	"math/bits"

	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
	"journalist/internal/wire"
)

// Head is a vector of which only the structure was read. It is immutable, may be
// used by several goroutines, and shares the memory that it was read from.
type Head struct {
	kind           Kind
	n              int
	prefix, suffix []byte
	width          int
	upper          bool
	most, least    int        // decimals
	decimals       *ints.Head // of each, if not the same
	time           timeForm
	bytes          bytesHead
	values         *ints.Head
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: typed texts: %s", stream.ErrCorrupt, fmt.Sprintf(format, args...))
}

// Read reads the structure of a vector of n texts. Whether it is sound, d.Err says.
func Read(d *wire.Decoder, n int) *Head {
	h := &Head{kind: Kind(d.Byte()), n: n, prefix: d.Bytes(), suffix: d.Bytes()}
	if len(h.prefix) > maxAffix || len(h.suffix) > maxAffix || n < 0 || n*(len(h.prefix)+len(h.suffix)) > maxSize {
		d.Fail("%d texts with %d and %d bytes around", n, len(h.prefix), len(h.suffix))
		return h
	}
	switch h.kind {
	case Int, IPv4:
	case Digits:
		width := d.Uvarint()
		if width > maxDigits {
			d.Fail("numbers of %d digits", width)
		}
		h.width = int(width)
	case Decimal:
		if form := d.Byte(); form == separate {
			h.decimals = ints.Read(d, n)
			if h.decimals.Min() < 0 || h.decimals.Max() > maxDigits {
				d.Fail("numbers of up to %d decimals", h.decimals.Max())
			}
		} else if h.most, h.least = int(d.Byte()), int(d.Byte()); form != scaled || h.most > maxDigits || h.least > h.most {
			d.Fail("numbers of %d to %d decimals in form %d", h.least, h.most, form)
		}
	case Time:
		h.time = readTime(d)
	case Hex:
		h.upper = d.Byte() != 0
		width := d.Uvarint()
		if width == 0 || width > maxHex {
			d.Fail("numbers of %d digits", width)
		}
		h.width = int(width)
	case Hash, UUID:
		h.upper = d.Byte() != 0
		h.bytes = readBytes(d, n)
		if h.kind == UUID && h.bytes.width != 16 {
			d.Fail("UUIDs of %d bytes", h.bytes.width)
		}
		return h
	default:
		d.Fail("typed texts of kind %d", h.kind)
	}
	if d.Err() == nil {
		h.values = ints.Read(d, n)
		h.check(d)
	}
	return h
}

// check fails if the integers cannot be rendered as the kind says.
func (h *Head) check(d *wire.Decoder) {
	lo, hi := h.values.Min(), h.values.Max()
	bad := false
	switch h.kind {
	case Digits:
		bad = lo < 0
	case IPv4:
		bad = lo < 0 || hi >= 1<<32
	case Time:
		bad = !h.time.holds(lo, hi)
	}
	if bad {
		d.Fail("%v from %d to %d", h.kind, lo, hi)
	}
}

// Kind says what all texts are.
func (h *Head) Kind() Kind { return h.kind }

// Len is how many texts there are.
func (h *Head) Len() int { return h.n }

// Texts returns all texts, in memory of their own.
func (h *Head) Texts(src stream.Source) (texts.Vector, error) { return h.take(src, nil, h.n) }

// Take returns the texts of some rows, which strictly ascend, in memory of their own.
func (h *Head) Take(src stream.Source, rows []uint32) (texts.Vector, error) {
	for i, r := range rows {
		if int64(r) >= int64(h.n) || i > 0 && r <= rows[i-1] {
			return texts.Vector{}, fmt.Errorf("typed: row %d of %d is out of order", r, h.n)
		}
	}
	if rows == nil {
		rows = []uint32{}
	}
	return h.take(src, rows, len(rows))
}

// take renders n texts: all, or if rows is not nil those.
func (h *Head) take(src stream.Source, rows []uint32, n int) (texts.Vector, error) {
	if h.kind == Hash || h.kind == UUID {
		return h.takeBytes(src, rows, n)
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	vs, err := h.values.Decode(src, sc.vs[:0])
	if err != nil {
		return texts.Vector{}, err
	}
	sc.vs = vs
	var ns []uint32
	if h.decimals != nil {
		if ns, err = h.decimals.DecodeCodes(src, maxDigits+1, sc.ns[:0]); err != nil {
			return texts.Vector{}, err
		}
		sc.ns = ns
	}
	if rows != nil {
		for i, r := range rows {
			vs[i] = vs[r]
			if ns != nil {
				ns[i] = ns[r]
			}
		}
		vs = vs[:n]
	}
	size := h.size(vs, ns)
	if size > maxSize {
		return texts.Vector{}, corrupt("more than %d bytes", maxSize)
	}
	out := texts.Vector{Data: make([]byte, 0, size), Offsets: make([]uint32, n+1)}
	if h.kind == Int || h.kind == Digits {
		out.Data = out.Data[:size]
		h.renderInts(out, vs)
		return out, nil
	}
	if out.Data, err = h.render(out, vs, ns); err != nil {
		return texts.Vector{}, err
	}
	return out, nil
}

// size is how many bytes the texts will have; of some kinds somewhat more.
func (h *Head) size(vs []int64, ns []uint32) int {
	size := len(vs) * (len(h.prefix) + len(h.suffix))
	switch h.kind {
	case Int, Digits:
		for _, v := range vs {
			size += max(digits(magnitude(v)), h.width) + int(uint64(v)>>63)
		}
	case Decimal:
		for i, v := range vs {
			decimals := h.most
			if ns != nil {
				decimals = int(ns[i])
			}
			size += max(digits(magnitude(v)), decimals+1) + int(uint64(v)>>63) + 1
		}
	case Time:
		size += len(vs) * (h.time.size + 1 + h.time.fraction)
	case IPv4:
		size += len(vs) * 15
	case Hex:
		for _, v := range vs {
			size += max((bits.Len64(uint64(v))+3)/4, h.width)
		}
	}
	// Where it is but an upper bound, the texts themselves may still have a size
	// that is allowed.
	if h.kind == Time || h.kind == IPv4 || h.kind == Decimal {
		return min(size, maxSize)
	}
	return size
}

// renderInts fills out.Data, which is as long as all texts, and sets their ends.
func (h *Head) renderInts(out texts.Vector, vs []int64) {
	at, data, ends, plain := 0, out.Data, out.Offsets[1:], len(h.prefix)+len(h.suffix) == 0
	for i, v := range vs {
		if !plain {
			at += copy(data[at:], h.prefix)
		}
		u := uint64(v)
		if v < 0 {
			data[at] = '-'
			at++
			u = -u
		}
		n := max(digits(u), h.width)
		putPadded(data[at:at+n], u)
		at += n
		if !plain {
			at += copy(data[at:], h.suffix)
		}
		ends[i] = uint32(at)
	}
}

// render appends the texts to out.Data and sets the ends in out.Offsets.
func (h *Head) render(out texts.Vector, vs []int64, ns []uint32) ([]byte, error) {
	data := out.Data
	ends := out.Offsets[1:]
	form := h.time
	if form.layout != nil {
		own := *form.layout // it remembers the last one: not for several goroutines
		own.last = nil
		form.layout = &own
	}
	letters := byte('a' - 10)
	if h.upper {
		letters = 'A' - 10
	}
	for i, v := range vs {
		data = append(data, h.prefix...)
		switch h.kind {
		case Decimal:
			if ns != nil {
				data = appendDecimal(data, v, int(ns[i]), int(ns[i]))
			} else {
				data = appendDecimal(data, v, h.most, h.least)
			}
		case Time:
			data = form.append(data, v)
		case IPv4:
			data = appendPadded(data, uint64(v>>24), 1)
			data = appendPadded(append(data, '.'), uint64(v>>16&255), 1)
			data = appendPadded(append(data, '.'), uint64(v>>8&255), 1)
			data = appendPadded(append(data, '.'), uint64(v&255), 1)
		case Hex:
			data = appendHexNumber(data, uint64(v), h.width, letters)
		}
		data = append(data, h.suffix...)
		if len(data) > maxSize {
			return nil, corrupt("more than %d bytes", maxSize)
		}
		ends[i] = uint32(len(data))
	}
	return data, nil
}

func (h *Head) takeBytes(src stream.Source, rows []uint32, n int) (texts.Vector, error) {
	width := h.bytes.width
	one := len(h.prefix) + 2*width + len(h.suffix)
	if h.kind == UUID {
		one += 4
	}
	if n*one > maxSize || h.n*width > maxSize {
		return texts.Vector{}, corrupt("more than %d bytes", maxSize)
	}
	raw, err := h.bytes.decode(src)
	if err != nil {
		return texts.Vector{}, err
	}
	var codes []uint32
	if h.bytes.codes != nil {
		sc := scratches.Get().(*scratch)
		defer scratches.Put(sc)
		if codes, err = h.bytes.codes.DecodeCodes(src, uint32(h.bytes.count), sc.ns[:0]); err != nil {
			return texts.Vector{}, err
		}
		sc.ns = codes
	}
	alphabet := "0123456789abcdef"
	if h.upper {
		alphabet = "0123456789ABCDEF"
	}
	out := texts.Vector{Data: make([]byte, 0, n*one), Offsets: make([]uint32, 1, n+1)}
	for i := range n {
		row := i
		if rows != nil {
			row = int(rows[i])
		}
		if codes != nil {
			row = int(codes[row])
		}
		out.Data = append(out.Data, h.prefix...)
		for k, c := range raw[row*width : row*width+width] {
			if h.kind == UUID && (k == 4 || k == 6 || k == 8 || k == 10) {
				out.Data = append(out.Data, '-')
			}
			out.Data = append(out.Data, alphabet[c>>4], alphabet[c&15])
		}
		out.Data = append(out.Data, h.suffix...)
		out.End()
	}
	return out, nil
}
