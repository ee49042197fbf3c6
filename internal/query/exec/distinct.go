package exec

import (
	"math"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// distinctCounter counts distinct values by a 64-bit hash of each: two of a
// million values collide once in thirty million queries. Of more than maxHashes
// values it estimates the number.
type distinctCounter struct {
	field  string
	budget *budget
	sets   []hashSet

	hashes []uint64 // of a block's dictionary
	seen   []bool   // of a block's dictionary
}

const (
	// maxHashes is how many distinct values of a group are counted exactly.
	maxHashes = 3 << 18
	// logRegisters says how many registers the estimate has; its standard error is
	// 1.04/sqrt(registers).
	logRegisters = 16
	distinctNote = "is an estimate where it is over 786432: the standard error is 0.4 %"
)

// hash is equal for values of equal kind and content only.
func hash(v record.Value) uint64 {
	var h uint64
	if v.Kind == record.Int || v.Kind == record.Bool {
		h = uint64(v.Int)
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	} else {
		h = xxhash.Sum64(v.Bytes)
	}
	return h + uint64(v.Kind)*0x9e3779b97f4a7c15
}

func (d *distinctCounter) add(v *view, gids *codes, sel []bool, groups int) error {
	d.sets = grown(d.sets, groups)
	col := v.column(d.field)
	if col == nil {
		return nil
	}
	if col.Form == scan.Dict || col.Form == scan.Consts {
		return d.addCoded(v.n, col, gids, sel)
	}
	for i := range v.n {
		if sel != nil && !sel[i] {
			continue
		}
		x := col.Value(i)
		if x.Kind == record.Missing || x.Kind == record.Null {
			continue
		}
		if err := d.sets[gids.at(i)].add(hash(x), d.budget); err != nil {
			return err
		}
	}
	return nil
}

// addCoded hashes each value of a dictionary once.
func (d *distinctCounter) addCoded(n int, col *scan.Column, gids *codes, sel []bool) error {
	d.hashes, d.seen = d.hashes[:0], d.seen[:0]
	for _, x := range col.Values {
		d.hashes = append(d.hashes, hash(x))
		// What does not count has been seen.
		d.seen = append(d.seen, x.Kind == record.Missing || x.Kind == record.Null)
	}
	for i := range n {
		if sel != nil && !sel[i] {
			continue
		}
		var code uint32
		if col.Form == scan.Dict {
			code = col.Codes[i]
		}
		if d.seen[code] {
			continue
		}
		d.seen[code] = gids.same // of several groups each has to see it
		if err := d.sets[gids.at(i)].add(d.hashes[code], d.budget); err != nil {
			return err
		}
	}
	return nil
}

func (d *distinctCounter) merge(o accumulator, to []uint32, groups int) error {
	d.sets = grown(d.sets, groups)
	from := o.(*distinctCounter).sets
	for g := range from[:min(len(from), len(to))] {
		if err := d.sets[to[g]].merge(&from[g], d.budget); err != nil {
			return err
		}
	}
	return nil
}

func (d *distinctCounter) value(g int) record.Value {
	if g >= len(d.sets) {
		return record.IntValue(0)
	}
	return record.IntValue(d.sets[g].count())
}

func (d *distinctCounter) note() string {
	for i := range d.sets {
		if d.sets[i].registers != nil {
			return distinctNote
		}
	}
	return ""
}

// hashSet is a set of hashes in one array with open addressing, 0 being an empty
// slot; when it has grown large, HyperLogLog's registers take its place.
type hashSet struct {
	slots     []uint64
	n         int
	registers []uint8
}

func (s *hashSet) add(h uint64, b *budget) error {
	if s.registers != nil {
		s.register(h)
		return nil
	}
	if h == 0 {
		h = 1
	}
	if 4*s.n >= 3*len(s.slots) {
		if err := s.grow(b); err != nil {
			return err
		}
		if s.registers != nil {
			s.register(h)
			return nil
		}
	}
	s.insert(h)
	return nil
}

func (s *hashSet) insert(h uint64) {
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case h:
			return
		case 0:
			s.slots[i] = h
			s.n++
			return
		}
	}
}

func (s *hashSet) grow(b *budget) error {
	old := s.slots
	if s.n >= maxHashes {
		if err := b.take(1<<logRegisters-8*int64(len(old)), "count_uniq"); err != nil {
			return err
		}
		s.estimate()
		return nil
	}
	n := max(8, 2*len(old))
	if err := b.take(8*int64(n-len(old)), "count_uniq"); err != nil {
		return err
	}
	s.slots, s.n = make([]uint64, n), 0
	for _, h := range old {
		if h != 0 {
			s.insert(h)
		}
	}
	return nil
}

// estimate goes from hashes to registers.
func (s *hashSet) estimate() {
	s.registers = make([]uint8, 1<<logRegisters)
	for _, h := range s.slots {
		if h != 0 {
			s.register(h)
		}
	}
	s.slots = nil
}

func (s *hashSet) register(h uint64) {
	r := &s.registers[h>>(64-logRegisters)]
	*r = max(*r, uint8(bits.LeadingZeros64(h<<logRegisters|1))+1)
}

func (s *hashSet) merge(o *hashSet, b *budget) error {
	if o.registers != nil && s.registers == nil {
		if err := b.take(1<<logRegisters-8*int64(len(s.slots)), "count_uniq"); err != nil {
			return err
		}
		s.estimate()
	}
	for i, r := range o.registers {
		s.registers[i] = max(s.registers[i], r)
	}
	if s.registers == nil && o.n > s.n {
		s.slots, s.n, o.slots, o.n = o.slots, o.n, s.slots, s.n
	}
	// Hashes that come in the order of their slots would crowd at the beginning of a
	// table that has to grow on the way.
	for s.registers == nil && 4*min(s.n+o.n, maxHashes) > 3*len(s.slots) {
		if err := s.grow(b); err != nil {
			return err
		}
	}
	for _, h := range o.slots {
		if h != 0 {
			if err := s.add(h, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// count is exact up to maxHashes. There are always so many more values than
// registers that HyperLogLog needs no correction for few.
func (s *hashSet) count() int64 {
	if s.registers == nil {
		return int64(s.n)
	}
	const m = 1 << logRegisters
	sum := 0.0
	for _, r := range s.registers {
		sum += math.Ldexp(1, -int(r))
	}
	return int64(math.Round(0.7213 / (1 + 1.079/m) * m * m / sum))
}
