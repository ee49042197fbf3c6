package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"journalist/internal/record"
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
