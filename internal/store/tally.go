package store

import (
	"bytes"
	"hash/maphash"
	"math/bits"

	"journalist/internal/record"
)

// tally counts rows by group, for one worker: a hash table of its own, because a group
// is looked up for every row. What a look-up touches stands close together, since most
// of its time is waiting for memory.
type tally struct {
	seed   maphash.Seed
	slots  []tallySlot
	counts []int64
	ends   []uint32 // where the groups' texts end
	texts  []byte
	list   []tallied
}

// tallySlot is a place of the table: the upper half of the hash, and the group's number
// plus one, 0 for none.
type tallySlot struct{ hash, group uint32 }

// tallied is the rest of a group's key.
type tallied struct {
	bucket int64
	num    int64
	low    uint32 // half of the hash
	kind   record.Kind
}

func newTally() tally { return tally{seed: maphash.MakeSeed(), slots: make([]tallySlot, 64)} }

// add counts n rows of a bucket and a value.
func (t *tally) add(bucket int64, v record.Value, n int64) {
	h := maphash.Bytes(t.seed, v.Bytes)
	h ^= bits.RotateLeft64((uint64(v.Int)^uint64(bucket)*0x9e3779b97f4a7c15)*0xbf58476d1ce4e5b9, 31) + uint64(v.Kind)
	high, mask := uint32(h>>32), uint32(len(t.slots)-1)
	for i := uint32(h) & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s.group == 0 {
			t.list = append(t.list, tallied{bucket, v.Int, uint32(h), v.Kind})
			t.counts = append(t.counts, n)
			t.texts = append(t.texts, v.Bytes...)
			t.ends = append(t.ends, uint32(len(t.texts)))
			t.slots[i] = tallySlot{high, uint32(len(t.list))}
			if 2*len(t.list) > len(t.slots) {
				t.grow()
			}
			return
		}
		if s.hash == high && t.is(int(s.group-1), bucket, v) {
			t.counts[s.group-1] += n
			return
		}
	}
}

// text is that of a group's value.
func (t *tally) text(group int) []byte {
	from := uint32(0)
	if group > 0 {
		from = t.ends[group-1]
	}
	return t.texts[from:t.ends[group]:t.ends[group]]
}

func (t *tally) is(group int, bucket int64, v record.Value) bool {
	g := &t.list[group]
	return g.kind == v.Kind && g.num == v.Int && g.bucket == bucket && bytes.Equal(t.text(group), v.Bytes)
}

func (t *tally) grow() {
	old := t.slots
	t.slots = make([]tallySlot, 2*len(old))
	mask := uint32(len(t.slots) - 1)
	for _, s := range old {
		if s.group == 0 {
			continue
		}
		i := t.list[s.group-1].low & mask
		for t.slots[i].group != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = s
	}
}

// value is that of a group, its bytes shared.
func (t *tally) value(group int) record.Value {
	v := record.Value{Kind: t.list[group].kind, Int: t.list[group].num}
	switch v.Kind {
	case record.String, record.Number, record.JSON:
		v.Bytes = t.text(group)
	}
	return v
}

// merge adds another worker's counts.
func (t *tally) merge(o *tally) {
	for i := range o.list {
		t.add(o.list[i].bucket, o.value(i), o.counts[i])
	}
}

// maxTallyText is how long the texts of all groups together may be.
const maxTallyText = 16 << 20

// fits is an error when there are too many groups.
func (t *tally) fits() error {
	if len(t.list) > maxGroups || len(t.texts) > maxTallyText {
		return errNotMine
	}
	return nil
}
