package ints

import (
	"math"
	"math/bits"
)

// divisor divides exactly, by one multiplication with the inverse modulo 2^64.
type divisor struct {
	by, inverse, limit uint64
	shift              int
}

func newDivisor(by uint64) divisor {
	shift := bits.TrailingZeros64(by)
	odd := by >> shift
	inverse := odd // right in the lowest 3 bits; each step doubles them
	for range 5 {
		inverse *= 2 - odd*inverse
	}
	return divisor{by: by, inverse: inverse, limit: math.MaxUint64 / by, shift: shift}
}

// divide returns u/by where by divides u, otherwise ok is false.
func (d *divisor) divide(u uint64) (q uint64, ok bool) {
	q = bits.RotateLeft64(u*d.inverse, -d.shift)
	return q, q <= d.limit
}

// reduce divides the numbers by what divides them all and returns it. They must not
// all be 0.
func reduce(us []uint64) uint64 {
	var d divisor
	for _, u := range us {
		if u == 0 {
			continue
		}
		if d.by == 0 {
			d = newDivisor(u)
		} else if _, ok := d.divide(u); !ok {
			d = newDivisor(gcd(d.by, u))
		}
		if d.by == 1 {
			return 1
		}
	}
	for i, u := range us {
		us[i], _ = d.divide(u)
	}
	return d.by
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
