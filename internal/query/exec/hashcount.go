package exec

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// hashShards is in how many parts hashes are counted, by their first eight bits, so
// that several workers can count at once and memory is let go of part by part.
const hashShards = 256

// hashCounts counts 64-bit hashes, of which two of a million values are equal once in
// thirty million queries. Several goroutines may add, by way of hashBuffers; nobody
// may while others read. When memory ends, the last half of the shards is let go:
// the hashes in [lo, end) are counted.
type hashCounts struct {
	budget *budget
	lo     int
	hi     atomic.Int32
	shards [hashShards]hashShard
}

// hashShard is an open hash table. A slot holds the hash without its first eight bits
// and a count below maxSmall; larger ones stand in many.
type hashShard struct {
	mu    sync.Mutex
	slots []uint64
	n     int
	many  map[uint64]int64
}

const (
	maxSmall  = 255
	manyBytes = 48
)

func newHashCounts(b *budget, lo int) *hashCounts {
	c := &hashCounts{budget: b, lo: lo}
	c.hi.Store(hashShards)
	return c
}

// end is the shard before which all is counted.
func (c *hashCounts) end() int { return int(c.hi.Load()) }

func (c *hashCounts) counts(shard int) bool { return shard >= c.lo && shard < c.end() }

// get returns the count of a hash, 0 where there is none or it is not counted.
func (c *hashCounts) get(h uint64) int64 {
	if shard := int(h >> 56); c.counts(shard) {
		return c.shards[shard].get(h)
	}
	return 0
}

// each calls f with all hashes that are counted.
func (c *hashCounts) each(f func(h uint64, n int64)) {
	for i := c.lo; i < c.end(); i++ {
		s := &c.shards[i]
		for _, slot := range s.slots {
			h := slot>>8 | uint64(i)<<56
			switch n := int64(slot & maxSmall); n {
			case 0:
			case maxSmall:
				f(h, s.many[h])
			default:
				f(h, n)
			}
		}
	}
}

// free gives all memory back.
func (c *hashCounts) free() {
	for i := range c.shards {
		c.drop(i)
	}
}

func (c *hashCounts) drop(shard int) {
	s := &c.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = c.budget.take(-8*int64(len(s.slots))-manyBytes*int64(len(s.many)), "") // giving back does not fail
	s.slots, s.n, s.many = nil, 0, nil
}

// take takes memory; where there is none left it lets half of the shards go.
func (c *hashCounts) take(n int64) error {
	for {
		err := c.budget.take(n, "groups")
		if err == nil {
			return nil
		}
		_ = c.budget.take(-n, "") // as above
		hi := c.end()
		if hi-c.lo <= 1 {
			return err
		}
		to := c.lo + (hi-c.lo)/2
		if !c.hi.CompareAndSwap(int32(hi), int32(to)) {
			continue // another worker did
		}
		for i := to; i < hi; i++ {
			c.drop(i)
		}
	}
}

// home is where the probing for a hash begins.
func (s *hashShard) home(h uint64) int {
	hi, _ := bits.Mul64(h<<8, uint64(len(s.slots)))
	return int(hi)
}

func (s *hashShard) get(h uint64) int64 {
	if len(s.slots) == 0 {
		return 0
	}
	for i := s.home(h); ; {
		slot := s.slots[i]
		if slot == 0 {
			return 0
		}
		if slot>>8 == h&(1<<56-1) {
			if n := int64(slot & maxSmall); n < maxSmall {
				return n
			}
			return s.many[h]
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// add counts a hash; there is room for one more. It tells whether the count came to
// stand among the many.
func (s *hashShard) add(h uint64, n int64) (large bool) {
	key := h << 8
	for i := s.home(h); ; {
		slot := s.slots[i]
		if slot == 0 || slot&^maxSmall == key {
			if slot == 0 {
				s.n++
			}
			old := int64(slot & maxSmall)
			switch {
			case old == maxSmall:
				s.many[h] += n
				return false
			case old+n < maxSmall:
				s.slots[i] = key | uint64(old+n)
				return false
			}
			s.slots[i] = key | maxSmall
			if s.many == nil {
				s.many = map[uint64]int64{}
			}
			s.many[h] = old + n
			return true
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// full tells whether the table should grow before the next hash comes.
func (s *hashShard) full() bool { return 5*(s.n+1) > 4*len(s.slots) }

// resize moves the hashes to another table.
func (s *hashShard) resize(slots []uint64) {
	old := s.slots
	s.slots = slots
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		i := s.home(slot >> 8)
		for s.slots[i] != 0 {
			if i++; i == len(s.slots) {
				i = 0
			}
		}
		s.slots[i] = slot
	}
}

// hashBuffers collect one worker's hashes by shard, so that a shard is locked for many
// of them at once.
type hashBuffers struct {
	to   *hashCounts
	list [hashShards][]hashed
}

type hashed struct {
	hash uint64
	n    int64
}

// bufferedHashes is how many wait for one shard.
const bufferedHashes = 128

func newHashBuffers(to *hashCounts) *hashBuffers { return &hashBuffers{to: to} }

func (b *hashBuffers) add(h uint64, n int64) error {
	shard := int(h >> 56)
	if !b.to.counts(shard) {
		return nil
	}
	list := b.list[shard]
	if list == nil {
		list = make([]hashed, 0, bufferedHashes)
	}
	b.list[shard] = append(list, hashed{h, n})
	if len(b.list[shard]) == bufferedHashes {
		return b.flushShard(shard)
	}
	return nil
}

func (b *hashBuffers) flush() error {
	for i := range b.list {
		if err := b.flushShard(i); err != nil {
			return err
		}
	}
	return nil
}

// flushShard moves what was collected of a shard. Memory is asked for while no shard is
// locked, because it may cost shards.
func (b *hashBuffers) flushShard(shard int) error {
	list := b.list[shard]
	b.list[shard] = list[:0]
	s := &b.to.shards[shard]
	for len(list) > 0 {
		s.mu.Lock()
		if !b.to.counts(shard) {
			s.mu.Unlock()
			return nil
		}
		large := int64(0)
		for len(list) > 0 && !s.full() {
			if s.add(list[0].hash, list[0].n) {
				large++
			}
			list = list[1:]
		}
		size := len(s.slots)
		s.mu.Unlock()
		if err := b.to.take(manyBytes * large); err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		grown := max(64, size+size/2)
		if err := b.to.take(8 * int64(grown-size)); err != nil {
			return err
		}
		s.mu.Lock()
		if b.to.counts(shard) && len(s.slots) == size {
			s.resize(make([]uint64, grown))
			s.mu.Unlock()
			continue
		}
		s.mu.Unlock()                                  // another worker was faster, or the shard is gone
		_ = b.to.budget.take(-8*int64(grown-size), "") // giving back does not fail
	}
	return nil
}
