package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"journalist/internal/record"
	"journalist/internal/store/chunk"
	"journalist/internal/store/part"
	"journalist/internal/vfs"
)

// TestMerge: many small parts become few, every row stays, rows of equal time stay
// in the order of their arrival, and the old files go.
func TestMerge(t *testing.T) {
	fsys := newFS()
	o := options(fsys)
	s := mustOpen(t, o)
	rng := rand.New(rand.NewPCG(5, 5))
	var rows []row
	for i := range 40 {
		batch := make([]row, 50)
		for j := range batch {
			batch[j] = randomRow(rng)
			batch[j].dataset, batch[j].time = "logs", start.UnixNano()+int64(rng.IntN(20))*1e9
			batch[j].fields = append(batch[j].fields, field{"n", record.IntValue(int64(50*i + j))})
		}
		if err := s.Append(context.Background(), batchOf(batch)); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, batch...)
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool {
		st := s.Stats()
		return st.Parts < 2*mergeLeast && len(files(t, fsys, "/data/data")) == st.Parts
	})
	if s.m.merges.Get() == 0 {
		t.Error("nothing was merged")
	}
	got, _ := collect(t, s, all())
	diff(t, "merged", got, expected(rows, all()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sum, err := Verify(fsys, "/data", func(p Problem) { t.Errorf("%s: %v", p.Path, p.Err) })
	if err != nil || sum.Rows != int64(len(rows)) || sum.Leftovers > 0 {
		t.Error(sum, err)
	}
}

// TestPickRun: sizes of neighbours in, which of them are merged out.
func TestPickRun(t *testing.T) {
	same := func(n int, size int64) (parts []*livePart) {
		for range n {
			parts = append(parts, sized(size))
		}
		return parts
	}
	for i, c := range []struct {
		parts []*livePart
		want  string
	}{
		{same(7, 100), "0"},
		{same(8, 100), "8"},
		{same(40, 100), "32"},
		{append(same(1, 1000), same(8, 100)...), "8"}, // the big one is left alone
		{append(same(1, mergeBytes), same(7, 10)...), "0"},
	} {
		if got := fmt.Sprint(len(pickRun(c.parts))); got != c.want {
			t.Errorf("case %d: %s parts, want %s", i, got, c.want)
		}
	}
}

// TestMergeJoinsOnlyNeighbours: of the row groups that are merged, big ones are copied,
// and so is a small one between them; small neighbours become one.
func TestMergeJoinsOnlyNeighbours(t *testing.T) {
	const big, small = part.MaxRows / 2, 10
	for i, c := range []struct {
		parts [][]int // rows of each part's groups
		want  []int
	}{
		{[][]int{{big, small}, {big, small}}, []int{big, small, big, small}},
		{[][]int{{small, small}, {big}}, []int{2 * small, big}},
		{[][]int{{big, small}, {small, big}}, []int{big, 2 * small, big}},
		{[][]int{{small}, {small}, {small}}, []int{3 * small}},
	} {
		fsys := newFS()
		var from []*livePart
		at := int64(0)
		for n, groups := range c.parts {
			p := writeGroups(t, fsys, fmt.Sprintf("/from%d", n), &at, groups)
			from = append(from, &livePart{Part: p})
		}
		w, err := part.Create(fsys, "/merged", "logs")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mergeParts(context.Background(), w, from); err != nil {
			t.Fatal(err)
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		merged, err := part.Open(fsys, "/merged", nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		last := int64(-1)
		for _, g := range merged.Groups {
			got = append(got, g.Rows)
			if g.First != last+1 {
				t.Errorf("case %d: a group begins at %d, want %d", i, g.First, last+1)
			}
			last = g.Last
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("case %d: groups of %v rows, want %v", i, got, c.want)
		}
	}
}

// writeGroups writes a part of groups of so many rows, whose times count up from at.
func writeGroups(t *testing.T, fsys vfs.FS, name string, at *int64, groups []int) *part.Part {
	t.Helper()
	w, err := part.Create(fsys, name, "logs")
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range groups {
		b := &record.Batch{Dataset: "logs"}
		message := b.NameID("message")
		for range rows {
			b.AddRow(*at)
			b.Add(message, record.StringValue([]byte("x")))
			*at++
		}
		if err := w.AddGroup(chunk.FromBatch(b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	p, err := part.Open(fsys, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
