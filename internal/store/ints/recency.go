package ints

// index finds the place of a number in a list of different ones.
type index struct {
	slots []uint32 // place+1; by number where numbers are small, otherwise hashed
	keys  []uint64 // of the hashed slots
	shift int
	uniq  []uint64
	near  []bool // of each place: it is among the ranks
}

// reset prepares for numbers up to top, of which up to limit may be different.
func (x *index) reset(n int, top uint64, limit int) {
	x.uniq = x.uniq[:0]
	x.shift = 0
	if top < uint64(4*n) {
		x.slots = grow(x.slots, int(top)+1)
		clear(x.slots)
		return
	}
	size, shift := 16, 60
	for size < 2*(limit+1) {
		size, shift = size*2, shift-1
	}
	x.shift = shift
	x.slots, x.keys = grow(x.slots, size), grow(x.keys, size)
	clear(x.slots)
}

// place returns the place of u, which is added if it is new.
func (x *index) place(u uint64) (at uint32, fresh bool) {
	slot := u
	if x.shift > 0 {
		mask := uint64(len(x.slots) - 1)
		slot = u * 0x9E3779B97F4A7C15 >> x.shift
		for x.slots[slot] != 0 && x.keys[slot] != u {
			slot = (slot + 1) & mask
		}
		x.keys[slot] = u
	}
	if at := x.slots[slot]; at != 0 {
		return at - 1, false
	}
	x.uniq = append(x.uniq, u)
	x.slots[slot] = uint32(len(x.uniq))
	return uint32(len(x.uniq) - 1), true
}

// list puts the place of each number into codes and returns the different numbers,
// in order of their first occurrence. ok is false if they are more than limit, at
// most 256. The list is valid until the index is used again.
func (x *index) list(us []uint64, top uint64, limit int, codes *[]byte) (list []uint64, ok bool) {
	x.reset(len(us), top, limit)
	out := grow(*codes, len(us))
	*codes = out
	for i, u := range us {
		at, fresh := x.place(u)
		if fresh && len(x.uniq) > limit {
			return nil, false
		}
		out[i] = byte(at)
	}
	return x.uniq, true
}

// Codes of recency.
const (
	freshCode  = 0
	maxRank    = 64
	farCode    = 255
	maxRecency = 1 << 16
)

// ranks is the list of the places of the numbers that occurred last, the last one
// first, for who looks for a place.
type ranks struct {
	list [maxRank]uint32
	n    int
}

// push puts a new one to the front. near knows of each whether it is in the list.
func (r *ranks) push(v uint32, near []bool) {
	if r.n < maxRank {
		r.n++
	} else {
		near[r.list[maxRank-1]] = false
	}
	copy(r.list[1:r.n], r.list[:r.n-1])
	r.list[0] = v
	near[v] = true
}

// pull moves the one at rank i to the front.
func (r *ranks) pull(i int) uint32 {
	v := r.list[i]
	copy(r.list[1:i+1], r.list[:i])
	r.list[0] = v
	return v
}

// places is the list of ranks for who has the rank: four places in a word, the last
// one in the lowest bits of the first word, so that few words are moved.
type places struct {
	words [maxRank / 4]uint64
	n     int
}

// push puts a new one to the front.
func (p *places) push(v uint16) {
	for w := min(p.n/4, len(p.words)-1); w > 0; w-- {
		p.words[w] = p.words[w]<<16 | p.words[w-1]>>48
	}
	p.words[0] = p.words[0]<<16 | uint64(v)
	p.n = min(p.n+1, maxRank)
}

// pull moves the one at rank i, which is below n, to the front.
func (p *places) pull(i int) uint16 {
	w, shift := i>>2&(len(p.words)-1), uint(i&3)*16
	x := p.words[w]
	v := x >> shift & 0xffff
	below, above := uint64(1)<<shift-1, ^uint64(0)<<shift<<16
	x = x&above | x&below<<16
	for ; w > 0; w-- {
		p.words[w] = x | p.words[w-1]>>48
		x = p.words[w-1] << 16
	}
	p.words[0] = x | v
	return uint16(v)
}

// recent puts the rank of each number into codes and the places of far ones into
// far, first all low bytes, then all high ones. ok is false if more than limit
// different numbers occur. The list is valid until the index is used again.
func (x *index) recent(us []uint64, top uint64, limit int, codes, far *[]byte) (list []uint64, ok bool) {
	limit = min(limit, maxRecency)
	x.reset(len(us), top, limit)
	out, low := grow(*codes, len(us)), (*far)[:0]
	*codes = out
	var high []byte
	var r ranks
	x.near = grow(x.near, limit)
	for i, u := range us {
		at, fresh := x.place(u)
		switch {
		case fresh:
			if len(x.uniq) > limit {
				return nil, false
			}
			out[i] = freshCode
			r.push(at, x.near)
		case x.near[at]:
			k := 0
			for r.list[k] != at {
				k++
			}
			out[i] = byte(1 + k)
			r.pull(k)
		default:
			out[i] = farCode
			low, high = append(low, byte(at)), append(high, byte(at>>8))
			r.push(at, x.near)
		}
	}
	*far = append(low, high...)
	return x.uniq, true
}

// unrecent fills out, which is as long as codes. ok is false if codes, list and far
// places do not belong together.
func unrecent[T number](out, list []T, codes, low, high []byte) (ok bool) {
	if len(list) > maxRecency {
		return false
	}
	var p places
	fresh, far := 0, 0
	var last T // the number of the first place
	out = out[:len(codes)]
	for i, c := range codes {
		switch {
		case c == 1 && i > 0:
		case c == freshCode && fresh < len(list):
			last = list[fresh]
			p.push(uint16(fresh))
			fresh++
		case c == farCode && far < len(low):
			at := int(low[far]) | int(high[far])<<8
			if far++; at >= len(list) {
				return false
			}
			last = list[at]
			p.push(uint16(at))
		case c != freshCode && int(c) <= p.n:
			last = list[p.pull(int(c)-1)]
		default:
			return false
		}
		out[i] = last
	}
	return fresh == len(list) && far == len(low)
}
