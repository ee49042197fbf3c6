package exec

import (
	"maps"
	"math"
	"slices"
)

// sketch counts numbers by their sign, their exponent and the first bits of their
// mantissa. A bucket is 1/128 of a power of two wide, so that its middle is within
// 1/256 of each number in it. Sketches merge without loss, in any order.
//
// The buckets of a power of two are a page; few powers of two occur at a time.
type sketch struct {
	pages    map[uint32]*[pageSize]int64
	n        int64
	min, max float64
}

const (
	logPage  = 7
	pageSize = 1 << logPage
	// bucketShift takes the bits of a float64 that a bucket does not tell apart off.
	bucketShift = 52 - logPage
	pageBytes   = 8*pageSize + 64
)

func newSketch() *sketch {
	return &sketch{pages: map[uint32]*[pageSize]int64{}, min: math.Inf(1), max: math.Inf(-1)}
}

// bucketOf numbers the buckets in the order of their values.
func bucketOf(f float64) uint32 {
	u := math.Float64bits(f)
	if u>>63 != 0 {
		u = ^u
	} else {
		u |= 1 << 63
	}
	return uint32(u >> bucketShift)
}

// middle is the middle of a bucket.
func middle(bucket uint32) float64 {
	u := uint64(bucket)<<bucketShift | 1<<(bucketShift-1)
	if u>>63 != 0 {
		return math.Float64frombits(u &^ (1 << 63))
	}
	return math.Float64frombits(^u)
}

func (s *sketch) add(f float64, n int64, b *budget) error {
	bucket := bucketOf(f + 0) // -0 is 0
	p, err := s.page(bucket>>logPage, b)
	if err != nil {
		return err
	}
	p[bucket%pageSize] += n
	s.n += n
	s.min, s.max = min(s.min, f), max(s.max, f)
	return nil
}

func (s *sketch) page(id uint32, b *budget) (*[pageSize]int64, error) {
	p := s.pages[id]
	if p == nil {
		if err := b.take(pageBytes, "percentiles"); err != nil {
			return nil, err
		}
		p = new([pageSize]int64)
		s.pages[id] = p
	}
	return p, nil
}

func (s *sketch) merge(o *sketch, b *budget) error {
	for id, from := range o.pages {
		p, err := s.page(id, b)
		if err != nil {
			return err
		}
		for i, n := range from {
			p[i] += n
		}
	}
	s.n += o.n
	s.min, s.max = min(s.min, o.min), max(s.max, o.max)
	return nil
}

func (s *sketch) quantile(phi float64) float64 {
	k := rank(phi, s.n)
	for _, id := range slices.Sorted(maps.Keys(s.pages)) {
		for i, n := range s.pages[id] {
			if k -= n; k < 0 {
				return min(max(middle(id<<logPage|uint32(i)), s.min), s.max)
			}
		}
	}
	return s.max
}
