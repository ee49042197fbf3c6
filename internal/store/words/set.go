package words

import "slices"

const (
	// shares is how many shares a Set has: so many that one of them is deduplicated
	// within the processor's cache, and so few that the ends of all are in it.
	shares    = 1 << shareBits
	shareBits = 8
	// leastShare is the room of a share that gets its first key.
	leastShare = 16
	// lately is how many keys are known again without a look into their share.
	lately = 1 << 11
)

// Set is a set of keys. The zero value is empty; one goroutine uses it.
//
// A group has some hundred thousand keys. A hash table of so many would wait for
// memory with every key; here a key is only written to the end of its share, the keys
// with the same upper bits, and what is there twice goes when a share is full or the
// keys are asked for.
type Set struct {
	grams gramSet
	// recent has keys that were added lately, each at the place of its lower bits.
	recent [lately]uint64
	shares [shares]share
	table  []uint64 // scratch of share.distinct
	zero   bool     // 0 itself is in the set
}

// share is the keys with the same upper bits. The first ones are distinct.
type share struct {
	keys     []uint64
	distinct int
}

// Reset empties the set and keeps its memory, unless the last use needed far less.
func (s *Set) Reset() {
	used, room := 0, 0
	for i := range s.shares {
		used, room = used+len(s.shares[i].keys), room+cap(s.shares[i].keys)
	}
	keep := room <= 1<<16 || used >= room/16
	for i := range s.shares {
		p := &s.shares[i]
		p.keys, p.distinct = p.keys[:0], 0
		if !keep {
			p.keys = nil
		}
	}
	if used > 0 {
		clear(s.recent[:])
	}
	clear(s.grams[:])
	s.zero = false
}

// Len is the number of keys.
func (s *Set) Len() int {
	n := 0
	for i := range s.shares {
		n += len(s.distinct(i))
	}
	if s.zero {
		n++
	}
	return n
}

// Add adds a key.
func (s *Set) Add(h uint64) {
	r := &s.recent[h%lately]
	if *r == h {
		if h == 0 {
			s.zero = true
		}
		return
	}
	*r = h
	p := &s.shares[h>>(64-shareBits)]
	if len(p.keys) == cap(p.keys) {
		s.full(p)
	}
	p.keys = append(p.keys, h)
}

// full makes room in a share. It leaves at least half of it free, so that a key is
// looked at a bounded number of times.
func (s *Set) full(p *share) {
	s.deduplicate(p)
	if 2*len(p.keys) >= cap(p.keys) {
		p.keys = slices.Grow(p.keys, max(leastShare, cap(p.keys)))
	}
}

// distinct returns the keys of a share, each once.
func (s *Set) distinct(i int) []uint64 {
	p := &s.shares[i]
	if p.distinct < len(p.keys) {
		s.deduplicate(p)
	}
	return p.keys
}

// deduplicate leaves each key of a share once, in the order of their first coming.
func (s *Set) deduplicate(p *share) {
	size := leastShare
	for size < 2*len(p.keys) {
		size *= 2
	}
	if size > len(s.table) {
		s.table = make([]uint64, size)
	}
	table := s.table[:size]
	clear(table)
	mask := uint64(len(table) - 1)
	n := 0
next:
	for _, h := range p.keys {
		if h == 0 { // in a table it would mean a free place
			s.zero = true
			continue
		}
		at := h & mask
		for ; table[at&mask] != 0; at++ {
			if table[at&mask] == h {
				continue next
			}
		}
		table[at&mask] = h
		p.keys[n] = h
		n++
	}
	p.keys, p.distinct = p.keys[:n], n
}

// Each calls f with every key until it fails.
func (s *Set) Each(f func(h uint64) error) error {
	for i := range s.shares {
		for _, h := range s.distinct(i) {
			if err := f(h); err != nil {
				return err
			}
		}
	}
	if s.zero {
		return f(0)
	}
	return nil
}
