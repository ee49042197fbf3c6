package filter

import "math/bits"

// Bitmap is a set of rows.
type Bitmap []uint64

// NewBitmap makes an empty set for n rows.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// SetRange adds the rows [from, to).
func (b Bitmap) SetRange(from, to int) {
	for i := from; i < to; {
		if i%64 == 0 && to-i >= 64 {
			b[i/64] = ^uint64(0)
			i += 64
			continue
		}
		b[i/64] |= 1 << (i % 64)
		i++
	}
}

// Has tells whether row i is in the set.
func (b Bitmap) Has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }

// Set adds row i.
func (b Bitmap) Set(i uint32) { b[i/64] |= 1 << (i % 64) }

// Count is the number of rows in the set.
func (b Bitmap) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Empty tells whether no row is in the set.
func (b Bitmap) Empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

// Rows appends the rows of the set, ascending.
func (b Bitmap) Rows(dst []uint32) []uint32 {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			dst = append(dst, uint32(64*i+bits.TrailingZeros64(w)))
		}
	}
	return dst
}

func (b Bitmap) clear() { clear(b) }

func (b Bitmap) or(o Bitmap) {
	for i, w := range o {
		b[i] |= w
	}
}

func (b Bitmap) andNot(o Bitmap) {
	for i, w := range o {
		b[i] &^= w
	}
}

// keep removes the rows for which hold is false.
func (b Bitmap) keep(hold func(row int) bool) {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			bit := bits.TrailingZeros64(w)
			if !hold(64*i + bit) {
				b[i] &^= 1 << bit
			}
		}
	}
}

func (b Bitmap) and(o Bitmap) {
	for i := range b {
		b[i] &= o[i]
	}
}
