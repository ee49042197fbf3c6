package ints

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The list of ranks moves within its array: it stays the one that a plain slice is.
func TestRanksAreThoseOfASlice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ranks := newRanks[uint32]()
	var want []uint32
	for i := range uint32(20 * maxRank) {
		if len(want) > 0 && r.IntN(4) == 0 {
			k := r.IntN(len(want))
			v := want[k]
			if got := ranks.pull(k); got != v {
				t.Fatalf("turn %d: rank %d is %d, want %d", i, k, got, v)
			}
			want = slices.Insert(slices.Delete(want, k, k+1), 0, v)
		} else {
			ranks.push(i)
			want = slices.Insert(want, 0, i)
			want = want[:min(len(want), maxRank)]
		}
		if !slices.Equal(ranks.list(), want) {
			t.Fatalf("turn %d: ranks %v, want %v", i, ranks.list(), want)
		}
	}
}
