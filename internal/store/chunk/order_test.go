package chunk

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRowsAreSortedByTimeAndThenByArrival deals out rows of a few logs, each nearly in
// order, so that few and many runs occur.
func TestRowsAreSortedByTimeAndThenByArrival(t *testing.T) {
	few, many := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "rows")
		logs := rapid.IntRange(1, 2*maxRuns).Draw(t, "logs")
		step := rapid.Int64Range(1, 20).Draw(t, "step")
		refs := make([]Ref, n)
		for i := range refs {
			behind := step * rapid.Int64Range(0, int64(logs)-1).Draw(t, "behind")
			refs[i] = Ref{Time: int64(i)/3 - behind, Src: uint32(i / 50), Row: uint32(i % 50)}
		}
		if logs == 1 {
			few++
		} else if logs > maxRuns {
			many++
		}
		want := slices.Clone(refs)
		slices.SortStableFunc(want, func(a, b Ref) int { return cmp.Compare(a.Time, b.Time) })
		if sortByTime(refs); !slices.Equal(refs, want) {
			t.Fatalf("sorted to %v, want %v", refs, want)
		}
	})
	if few == 0 || many == 0 {
		t.Fatalf("%d cases of one run, %d of many", few, many)
	}
}
