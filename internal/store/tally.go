package store

import (
	"bytes"
	"hash/maphash"
	"math/bits"

	"journalist/internal/record"
)

// tally counts rows by group, for one worker: a hash table of its own, because a group
// is looked up for every row and its text is copied only when it is new.
type tally struct {
	seed  maphash.Seed
	slots []uint32 // numbers in list plus one; 0 is empty
	list  []tallied

	last int // in list, of the group that was counted last
}

type tallied struct {
	hash   uint64
	bucket int64
	kind   record.Kind
	num    int64
	text   []byte
	n      int64
}

func newTally() tally { return tally{seed: maphash.MakeSeed(), slots: make([]uint32, 64), last: -1} }

// add counts n rows of a bucket and a value.
func (t *tally) add(bucket int64, v record.Value, n int64) {
	if t.last >= 0 {
		if g := &t.list[t.last]; g.is(bucket, v) {
			g.n += n
			return
		}
	}
	h := maphash.Bytes(t.seed, v.Bytes)
	h ^= bits.RotateLeft64((uint64(v.Int)^uint64(bucket)*0x9e3779b97f4a7c15)*0xbf58476d1ce4e5b9, 31) + uint64(v.Kind)
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		at := t.slots[i]
		if at == 0 {
			t.last = len(t.list)
			t.list = append(t.list, tallied{h, bucket, v.Kind, v.Int, bytes.Clone(v.Bytes), n})
			t.slots[i] = uint32(len(t.list))
			if 2*len(t.list) > len(t.slots) {
				t.grow()
			}
			return
		}
		if g := &t.list[at-1]; g.hash == h && g.is(bucket, v) {
			t.last = int(at - 1)
			g.n += n
			return
		}
	}
}

func (g *tallied) is(bucket int64, v record.Value) bool {
	return g.bucket == bucket && g.kind == v.Kind && g.num == v.Int && bytes.Equal(g.text, v.Bytes)
}

func (t *tally) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for n := range t.list {
		i := t.list[n].hash & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(n + 1)
	}
}

// merge adds another worker's counts.
func (t *tally) merge(o *tally) {
	for i := range o.list {
		g := &o.list[i]
		t.add(g.bucket, record.Value{Kind: g.kind, Int: g.num, Bytes: g.text}, g.n)
	}
}
