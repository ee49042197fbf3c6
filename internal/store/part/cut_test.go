package part

import (
	"testing"

	"journalist/internal/record"
	"journalist/internal/store/chunk"
)

// rowsOf makes a chunk of rows whose texts are so long.
func rowsOf(sizes ...int) *chunk.Chunk {
	b := &record.Batch{Dataset: "logs"}
	message, text := b.NameID("message"), make([]byte, MaxBytes)
	for i, n := range sizes {
		b.AddRow(int64(i))
		b.Add(message, record.StringValue(text[:n]))
	}
	return chunk.FromBatch(b)
}

func same(rows, size int) []int {
	sizes := make([]int, rows)
	for i := range sizes {
		sizes[i] = size
	}
	return sizes
}

// TestCut: groups are full, or of the same size so that none is small, and no row is in
// none or in two.
func TestCut(t *testing.T) {
	const rowOf = MaxBytes / 1000
	for what, c := range map[string]struct {
		sizes []int
		want  []int // rows of the groups, within a hundredth
	}{
		"one row":             {same(1, 10), []int{1}},
		"what fits":           {same(1000, rowOf), []int{1000}},
		"a little more":       {same(1200, rowOf), []int{1200}},
		"more":                {same(1400, rowOf), []int{700, 700}},
		"much":                {same(2600, rowOf), []int{866, 867, 867}},
		"many rows":           {same(MaxRows+1000, 1), []int{MaxRows/2 + 500, MaxRows/2 + 500}},
		"as many as fit":      {same(MaxRows, 1), []int{MaxRows}},
		"huge rows":           {same(3, MaxBytes), []int{1, 1, 1}},
		"a huge row":          {append(same(1000, 2000), append([]int{MaxBytes}, same(1000, 2000)...)...), []int{1001, 1000}},
		"huge ones at an end": {append(same(1000, 100), MaxBytes, MaxBytes), []int{1001, 1}},
	} {
		t.Run(what, func(t *testing.T) {
			chunks := []*chunk.Chunk{rowsOf(c.sizes...)}
			groups := Cut(chunk.Order(chunks), chunks)
			at := uint32(0)
			for i, g := range groups {
				for _, r := range g {
					if r.Row != at {
						t.Fatalf("group %d: row %d, want %d", i, r.Row, at)
					}
					at++
				}
				if i < len(c.want) && (len(g) < c.want[i]*99/100 || len(g) > c.want[i]*101/100) {
					t.Errorf("group %d of %d rows, want %d", i, len(g), c.want[i])
				}
			}
			if int(at) != len(c.sizes) || len(groups) != len(c.want) {
				t.Errorf("%d groups of %d rows, want %d of %d", len(groups), at, len(c.want), len(c.sizes))
			}
		})
	}
}
