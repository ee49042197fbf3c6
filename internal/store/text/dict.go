package text

import (
	"bytes"
	"hash/maphash"

	"journalist/internal/store/texts"
)

// maxEntries is the most entries of a dictionary.
const maxEntries = 1 << 16

// hopeless tells after so many values, of which so many were new, that most of a
// row group's values will not be repeated: so many random ones of 32 Ki different
// ones would have been repeated more often.
func hopeless(values, distinct int) bool {
	switch values {
	case 2 << 10:
		return distinct > values*31/32
	case 8 << 10:
		return distinct > values*7/8
	}
	return false
}

// dict is a dictionary of a vector. Its memory is reused.
type dict struct {
	entries texts.Vector // in the order in which they come first
	codes   []uint32     // the entry of each value
	table   []bucket
	old     []bucket // scratch
	seed    maphash.Seed
	seeded  bool
}

// bucket is a place in the hash table, which is open: entry is a number plus one, or
// 0 for none.
type bucket struct {
	hash  uint32
	entry uint32
}

// build makes the dictionary of v if at most a third of the values are distinct: above
// that, templates of the values themselves tend to be smaller. Which entries it has
// and in which order does not depend on the hash.
func (d *dict) build(v texts.Vector) bool {
	if !d.seeded {
		d.seed, d.seeded = maphash.MakeSeed(), true
	}
	n := v.Len()
	limit := min(n/3, maxEntries)
	d.entries.Reset()
	d.codes = d.codes[:0]
	d.resize(256)
	last := uint32(0)
	for i := range n {
		b := v.At(i)
		if i > 0 && bytes.Equal(b, d.entries.At(int(last))) {
			d.codes = append(d.codes, last)
			continue
		}
		h := maphash.Bytes(d.seed, b)
		k, found := d.find(uint32(h), b)
		if found {
			last = d.table[k].entry - 1
			d.codes = append(d.codes, last)
			continue
		}
		last = uint32(d.entries.Len())
		if int(last) >= limit {
			return false
		}
		d.entries.Add(b)
		d.codes = append(d.codes, last)
		d.table[k] = bucket{hash: uint32(h), entry: last + 1}
		if d.entries.Len()*2 > len(d.table) {
			d.grow()
		}
		if hopeless(i+1, d.entries.Len()) {
			return false
		}
	}
	return true
}

// find returns the place of b in the table, or where it belongs.
func (d *dict) find(hash uint32, b []byte) (place uint32, found bool) {
	mask := uint32(len(d.table) - 1)
	for k := hash & mask; ; k = (k + 1) & mask {
		t := d.table[k]
		if t.entry == 0 {
			return k, false
		}
		if t.hash == hash && bytes.Equal(d.entries.At(int(t.entry-1)), b) {
			return k, true
		}
	}
}

func (d *dict) resize(n int) {
	if cap(d.table) < n {
		d.table = make([]bucket, n)
		return
	}
	d.table = d.table[:n]
	clear(d.table)
}

// grow doubles the table.
func (d *dict) grow() {
	old := append(d.old[:0], d.table...)
	d.old = old
	d.resize(2 * len(d.table))
	mask := uint32(len(d.table) - 1)
	for _, t := range old {
		if t.entry == 0 {
			continue
		}
		k := t.hash & mask
		for d.table[k].entry != 0 {
			k = (k + 1) & mask
		}
		d.table[k] = t
	}
}
