package template

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// The seeds differ from process to process, so that nobody can send texts whose
// hashes collide. No result depends on them: a hash only finds what is then compared.
var (
	seedA = rand.Uint64() | 1
	seedB = rand.Uint64() | 1
)

func load(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashBytes adds data[p:e] and its length to the hash h.
func hashBytes(h uint64, data []byte, p, e int) uint64 {
	n := e - p
	h ^= seedB + uint64(n)
	for n > 16 {
		h = mix(load(data, p)^seedA, load(data, p+8)^h)
		p += 16
		n -= 16
	}
	var a, b uint64
	switch {
	case n >= 8:
		a, b = load(data, p), load(data, e-8)
	case n > 0 && p+8 <= len(data):
		a = load(data, p) << (64 - 8*uint(n))
	case n > 0: // at the end of data; the same number as above
		for i := e - 1; i >= p; i-- {
			a = a<<8 | uint64(data[i])
		}
		a <<= 64 - 8*uint(n)
	}
	return mix(a^seedA, b^h)
}

// index finds numbers by hash: an open addressing table of what 0..n-1 was added.
// The caller compares what it finds.
type index struct {
	entries []entry
	n       int
}

type entry struct {
	hash uint64
	id   uint32 // plus one; 0: the entry is empty
}

// reset empties the index and makes room for about n numbers.
func (x *index) reset(n int) {
	size := 64
	for size < 2*n {
		size *= 2
	}
	if size > cap(x.entries) {
		x.entries = make([]entry, size)
	} else {
		x.entries = x.entries[:size]
		clear(x.entries)
	}
	x.n = 0
}

// first returns where to begin to look for h; the next place is one further, by mask.
func (x *index) first(h uint64) (at, mask uint64) {
	mask = uint64(len(x.entries) - 1)
	return h & mask, mask
}

// put fills the empty entry at with the next number and keeps the table at most
// half full.
func (x *index) put(at, hash uint64) (id int) {
	x.n++
	x.entries[at] = entry{hash: hash, id: uint32(x.n)}
	if 2*x.n > len(x.entries) {
		old := x.entries
		x.entries = make([]entry, 2*len(old))
		for _, e := range old {
			if e.id == 0 {
				continue
			}
			i, mask := x.first(e.hash)
			for x.entries[i].id != 0 {
				i = (i + 1) & mask
			}
			x.entries[i] = e
		}
	}
	return x.n - 1
}
