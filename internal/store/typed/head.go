package typed

import (
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
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
	return stream.Corrupt("typed texts: "+format, args...)
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
