package ints

import (
	"math"
	"math/bits"
	"slices"
	"sync"

	"journalist/internal/store/stream"
)

// number is what vectors are decoded into.
type number interface{ int64 | uint32 }

// maxParts is the most streams of a vector besides those of its list.
const maxParts = 8

// Decode appends the numbers to dst. All of them are within [Min, Max].
func (h *Head) Decode(src stream.Source, dst []int64) ([]int64, error) {
	return decode(h, src, dst)
}

var wideScratch = sync.Pool{New: func() any { return new([]int64) }}

// DecodeCodes appends the codes to dst; one that is not below limit is an error.
func (h *Head) DecodeCodes(src stream.Source, limit uint32, dst []uint32) ([]uint32, error) {
	if h.n == 0 {
		return dst, nil
	}
	if h.low < 0 || h.Max() >= int64(limit) {
		return dst, corrupt("code %d of %d", h.Max(), limit)
	}
	if (h.mode != deltaPlanes && h.mode != deltaBucket || h.top <= math.MaxInt32) && h.wide <= 4 {
		return decode(h, src, dst)
	}
	// Differences of such codes may have more than 32 bits.
	scratch := wideScratch.Get().(*[]int64)
	defer wideScratch.Put(scratch)
	vs, err := h.Decode(src, (*scratch)[:0])
	if err != nil {
		return dst, err
	}
	*scratch = vs
	dst = slices.Grow(dst, h.n)
	for _, v := range vs {
		dst = append(dst, uint32(v))
	}
	return dst, nil
}

// decode appends the numbers to dst. They are known to fit T.
func decode[T number](h *Head, src stream.Source, dst []T) ([]T, error) {
	var parts [maxParts][]byte
	if h.mode > lineDown && h.mode != inline {
		// Streams are checked before anything is allocated for them.
		if err := h.parts(src, &parts); err != nil {
			return dst, err
		}
	}
	dst = slices.Grow(dst, h.n)
	out := dst[len(dst) : len(dst)+h.n]
	low := uint64(h.low)
	ok := true
	switch h.mode {
	case constant:
		for i := range out {
			out[i] = T(low)
		}
	case lineUp:
		for i := range out {
			out[i] = T(low + uint64(i)*h.div)
		}
	case lineDown:
		for i := range out {
			out[i] = T(low + uint64(len(out)-1-i)*h.div)
		}
	case inline:
		unpack(out, h.raw, bits.Len64(h.top))
		ok = scale(h, out)
	case packed:
		unpack(out, parts[0], bits.Len64(h.top))
		ok = scale(h, out)
	case planes:
		ok = joinScaled(h, out, parts[:width(h.top)])
	case bucket:
		var most uint64
		if most, ok = unbucket(out, parts[0], parts[1]); most > h.top {
			ok = false
		}
		ok = ok && scale(h, out)
	case upPlanes, deltaPlanes:
		if h.wide == 0 {
			clear(out[1:])
		} else {
			joinPlanes(out[1:], parts[:h.wide])
		}
		ok = sum(h, out)
	case upBucket, deltaBucket:
		var most uint64
		if most, ok = unbucket(out[1:], parts[0], parts[1]); uint64(T(most)) != most {
			ok = false
		}
		ok = ok && sum(h, out)
	default:
		var err error
		if ok, err = lookUp(h, src, out, &parts); err != nil {
			return dst, err
		}
	}
	if !ok {
		return dst, corrupt("streams of mode %s do not fit each other, or a number above %d", h.Mode(), h.Max())
	}
	return dst[:len(dst)+h.n], nil
}

// parts gets the streams and checks their lengths, so far as they are known.
func (h *Head) parts(src stream.Source, parts *[maxParts][]byte) error {
	count, size := 1, h.n
	switch h.mode {
	case planes:
		count = width(h.top)
	case packed:
		size = packedLen(h.n, bits.Len64(h.top))
	case bucket:
		count = 2
	case upPlanes, deltaPlanes:
		count, size = int(h.wide), h.n-1
	case upBucket, deltaBucket:
		count, size = 2, h.n-1
	case recency:
		if h.far > 0 {
			count = 3
		}
	}
	for i := range count {
		b, err := src.Stream(h.at + stream.ID(i))
		if err != nil {
			return err
		}
		want := size
		if i > 0 {
			switch h.mode {
			case bucket, upBucket, deltaBucket:
				want = len(b)
			case recency:
				want = h.far
			}
		}
		if len(b) != want {
			return corrupt("stream %d of mode %s has %d bytes, %d expected", h.at+stream.ID(i), h.Mode(), len(b), want)
		}
		parts[i] = b
	}
	return nil
}

// scale turns each u into its number; ok is false if one is greater than top.
func scale[T number](h *Head, out []T) (ok bool) {
	low, div := uint64(h.low), h.div
	most := uint64(0)
	if div == 1 {
		for i, v := range out {
			most = max(most, uint64(v))
			out[i] = T(low + uint64(v))
		}
		return most <= h.top
	}
	for i, v := range out {
		most = max(most, uint64(v))
		out[i] = T(low + uint64(v)*div)
	}
	return most <= h.top
}

// joinScaled is joinPlanes and scale.
func joinScaled[T number](h *Head, out []T, ps [][]byte) (ok bool) {
	if h.div != 1 || len(ps) > 2 {
		joinPlanes(out, ps)
		return scale(h, out)
	}
	low, most, p0 := T(h.low), uint32(0), ps[0][:len(out)]
	if len(ps) == 1 {
		for i, b := range p0 {
			most = max(most, uint32(b))
			out[i] = low + T(b)
		}
		return uint64(most) <= h.top
	}
	p1 := ps[1][:len(out)]
	for i, b := range p0 {
		u := uint32(b) | uint32(p1[i])<<8
		most = max(most, u)
		out[i] = low + T(u)
	}
	return uint64(most) <= h.top
}

// joinPlanes puts the planes together in out; all are as long as out.
func joinPlanes[T number](out []T, ps [][]byte) {
	n := len(out)
	switch len(ps) {
	case 1:
		for i, b := range ps[0][:n] {
			out[i] = T(b)
		}
		return
	case 2:
		p1 := ps[1][:n]
		for i, b := range ps[0][:n] {
			out[i] = T(uint32(b) | uint32(p1[i])<<8)
		}
		return
	case 3:
		p1, p2 := ps[1][:n], ps[2][:n]
		for i, b := range ps[0][:n] {
			out[i] = T(uint32(b) | uint32(p1[i])<<8 | uint32(p2[i])<<16)
		}
		return
	}
	p1, p2, p3 := ps[1][:n], ps[2][:n], ps[3][:n]
	for i, b := range ps[0][:n] {
		out[i] = T(uint32(b) | uint32(p1[i])<<8 | uint32(p2[i])<<16 | uint32(p3[i])<<24)
	}
	for k, p := range ps[4:] {
		shift := 8 * (k + 4)
		for i, b := range p[:n] {
			out[i] |= T(b) << shift
		}
	}
}

// sum adds up the differences that stand in out[1:] and turns each u into its number;
// ok is false if one is greater than top.
func sum[T number](h *Head, out []T) (ok bool) {
	low, div, most := uint64(h.low), h.div, uint64(0)
	ds := out[1:]
	if h.mode == upPlanes || h.mode == upBucket {
		out[0] = T(low)
		u, least := uint64(0), h.first
		for i, d := range ds {
			u += uint64(d) + least
			most = max(most, u)
			ds[i] = T(low + u*div)
		}
		return most <= h.top
	}
	u := h.first
	most = u
	out[0] = T(low + u*div)
	for i, d := range ds {
		z := uint64(d)
		u += z>>1 ^ -(z & 1)
		most = max(most, u)
		ds[i] = T(low + u*div)
	}
	return most <= h.top
}

// lists is memory for the list of a vector.
type lists[T number] struct {
	wide []int64
	list []T
}

var longLists, shortLists = sync.Pool{New: func() any { return new(lists[int64]) }}, sync.Pool{New: func() any { return new(lists[uint32]) }}

// lookUp fills out from the vector's list.
func lookUp[T number](h *Head, src stream.Source, out []T, parts *[maxParts][]byte) (ok bool, err error) {
	pool := &shortLists
	if _, long := any(out).([]int64); long {
		pool = &longLists
	}
	l := pool.Get().(*lists[T])
	defer pool.Put(l)
	if l.wide, err = decode(h.list, src, l.wide[:0]); err != nil {
		return false, err
	}
	l.list = grow(l.list, len(l.wide))
	low := uint64(h.low)
	for i, v := range l.wide {
		if uint64(v) > h.top {
			return false, nil
		}
		l.list[i] = T(low + uint64(v)*h.div)
	}
	codes := parts[0]
	if h.mode == recency {
		return unrecent(out, l.list, codes, parts[1], parts[2]), nil
	}
	var table [256]T
	copy(table[:], l.list)
	most := byte(0)
	out = out[:len(codes)]
	for i, c := range codes {
		most = max(most, c)
		out[i] = table[c]
	}
	return int(most) < len(l.list), nil
}
