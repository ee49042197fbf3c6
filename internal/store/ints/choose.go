package ints

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"journalist/internal/store/stream"
)

const (
	// window is the most numbers that the choice looks at: from the middle.
	window = 4096
	// tried is the length from which compression is tried: shorter streams share
	// a block with others, of which it would say nothing.
	tried = 2048
	// near is how much dearer than the cheapest a mode may seem and still be tried:
	// the estimate does not see repeated sequences.
	near = 1.6
)

// cost is a mode with the bits that it is expected to take.
type cost struct {
	mode byte
	bits float64
}

// choose returns the modes that come into question, the cheapest first.
func (e *encoder) choose() []cost {
	us := e.frame
	if len(us) > window {
		m := min(window, max(1024, len(us)/4))
		at := (len(us) - m) / 2
		us = us[at : at+m]
	}
	e.differences(us)
	e.costs = append(e.costs[:0],
		cost{planes, planesCost(us, width(e.top))},
		cost{packed, float64(len(us)*bits.Len64(e.top)) + perStream},
		cost{bucket, bucketCost(us)})
	if e.class == stream.Ints {
		up, upB := deltaPlanes, deltaBucket
		if e.sorted {
			up, upB = upPlanes, upBucket
		}
		e.costs = append(e.costs, cost{up, planesCost(e.delta, width(highest(e.delta)))}, cost{upB, bucketCost(e.delta)})
	}
	if !e.nested && (!e.sorted || e.class != stream.Ints) {
		e.lists(us)
	}
	slices.SortStableFunc(e.costs, func(a, b cost) int { return cmp.Compare(a.bits, b.bits) })
	if len(e.frame) >= tried {
		e.try(us)
	}
	return e.costs
}

// lists adds the modes that have a list of the different numbers, if these are few.
func (e *encoder) lists(us []uint64) {
	list, ok := e.index.recent(us, e.top, len(us)/2, &e.buf, &e.aux)
	if !ok {
		return
	}
	perNumber := 8 * float64(width(e.top))
	c := entropy(e.buf) + perStream + float64(len(list))*perNumber
	if half := len(e.aux) / 2; half > 0 {
		c += entropy(e.aux[:half]) + entropy(e.aux[half:]) + 2*perStream
	}
	e.costs = append(e.costs, cost{recency, c})
	if len(list) > 256 || e.top < 256 {
		return
	}
	// Every number of the window has a code in the index now.
	for i, u := range us {
		at, _ := e.index.place(u)
		e.buf[i] = byte(at)
	}
	e.costs = append(e.costs, cost{dictionary, entropy(e.buf) + perStream + float64(len(list))*perNumber})
}

// try compresses the modes that seem nearly as cheap as the cheapest and sorts them
// anew.
func (e *encoder) try(us []uint64) {
	limit := e.costs[0].bits * near
	n := 0
	for n < len(e.costs) && e.costs[n].bits <= limit {
		n++
	}
	if n < 2 {
		return
	}
	for i := range e.costs[:n] {
		c := &e.costs[i]
		switch c.mode {
		case planes:
			c.bits = e.tryPlanes(us)
		case upPlanes, deltaPlanes:
			c.bits = e.tryPlanes(e.delta)
		case bucket:
			c.bits = e.tryBuckets(us)
		case upBucket, deltaBucket:
			c.bits = e.tryBuckets(e.delta)
		case dictionary:
			list, _ := e.index.list(us, e.top, 256, &e.buf)
			c.bits = e.size(e.buf) + float64(8*len(list)*width(e.top))
		case recency:
			list, _ := e.index.recent(us, e.top, len(us), &e.buf, &e.aux)
			half := len(e.aux) / 2
			c.bits = e.size(e.buf) + e.size(e.aux[:half]) + e.size(e.aux[half:]) + float64(8*len(list)*width(e.top))
		}
	}
	slices.SortStableFunc(e.costs[:n], func(a, b cost) int { return cmp.Compare(a.bits, b.bits) })
}

func (e *encoder) tryPlanes(us []uint64) (bits float64) {
	for p := range width(highest(us)) {
		e.buf = appendPlane(e.buf[:0], us, p)
		bits += e.size(e.buf)
	}
	return bits
}

func (e *encoder) tryBuckets(us []uint64) float64 {
	e.buf, e.aux = appendBuckets(e.buf[:0], e.aux[:0], us)
	return e.size(e.buf) + 8*float64(len(e.aux))
}

func (e *encoder) size(b []byte) float64 {
	e.trial = stream.Trial(e.trial, b)
	return 8 * float64(min(len(e.trial), len(b)+perBlock))
}

// perStream is what a stream costs in bits besides its bytes: its place in the
// table, and the head of a block.
const perStream = 8 * 6

// perBlock is the head of a block in bytes.
const perBlock = 4

// perByte is what each different byte costs a stream in bits: the description of
// its code.
const perByte = 4

var nLog = func() (t [window + 1]float32) {
	for i := 2; i < len(t); i++ {
		t[i] = float32(float64(i) * math.Log2(float64(i)))
	}
	return t
}()

// histogram is the number of times that each byte occurs.
type histogram [256]uint32

// bits is the entropy of all n bytes, at most window.
func (h *histogram) bits(n int) float64 {
	sum, different := nLog[n], 0
	for _, c := range h {
		if c > 0 {
			sum -= nLog[c]
			different++
		}
	}
	if different == 1 {
		return 0
	}
	return min(float64(sum)+float64(perByte*different), float64(8*n))
}

func entropy(b []byte) float64 {
	var h histogram
	for _, c := range b {
		h[c]++
	}
	return h.bits(len(b))
}

func planesCost(us []uint64, width int) (bits float64) {
	for p := range width {
		var h histogram
		shift := 8 * p
		for _, u := range us {
			h[byte(u>>shift)]++
		}
		bits += h.bits(len(us)) + perStream
	}
	return bits
}

func bucketCost(us []uint64) float64 {
	var h histogram
	low := 0
	for _, u := range us {
		c := u
		if u >= direct {
			e := bits.Len64(u) - 1
			c = uint64(direct+4*(e-4)) + u>>(e-2)&3
			low += e - 2
		}
		h[byte(c)]++
	}
	return h.bits(len(us)) + float64(low) + 2*perStream
}
