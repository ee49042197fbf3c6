package ints

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The ranks of the encoder and of the decoder are those that a plain slice gives.
func TestRanksAreThoseOfASlice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var ranks ranks
	var places places
	var want []uint32
	near := make([]bool, 200*maxRank)
	for i := range uint32(200 * maxRank) {
		if len(want) > 0 && r.IntN(4) > 0 {
			k := r.IntN(len(want))
			v := want[k]
			if x, y := ranks.pull(k), places.pull(k); x != v || uint32(y) != v {
				t.Fatalf("turn %d: rank %d is %d and %d, want %d", i, k, x, y, v)
			}
			want = slices.Insert(slices.Delete(want, k, k+1), 0, v)
		} else {
			ranks.push(i, near)
			places.push(uint16(i))
			want = slices.Insert(want, 0, i)
			want = want[:min(len(want), maxRank)]
		}
		if places.n != len(want) || !slices.Equal(ranks.list[:ranks.n], want) {
			t.Fatalf("turn %d: ranks %v, want %v", i, ranks.list[:ranks.n], want)
		}
		if n := count(near); n != len(want) {
			t.Fatalf("turn %d: %d are said to be near, want %d", i, n, len(want))
		}
		for k, v := range want {
			if !near[v] {
				t.Fatalf("turn %d: %d is said to be far", i, v)
			}
			if got := uint32(places.words[k/4] >> (k % 4 * 16) & 0xffff); got != v {
				t.Fatalf("turn %d: place %d is %d, want %d", i, k, got, v)
			}
		}
	}
}

func count(set []bool) (n int) {
	for _, in := range set {
		if in {
			n++
		}
	}
	return n
}
