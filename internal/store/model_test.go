package store

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// TestModel compares answers to random requests over random rows with a plain
// evaluation of every row, through flushes, merges and restarts.
func TestModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			o := options(newFS())
			s := mustOpen(t, o)
			var rows []row
			for step := range 15 {
				for range 1 + rng.IntN(4) {
					batch := make([]row, 1+rng.IntN(30))
					dataset := ""
					for i := range batch {
						batch[i] = randomRow(rng)
						if dataset == "" {
							dataset = batch[i].dataset
						}
						batch[i].dataset = dataset
					}
					if err := s.Append(context.Background(), batchOf(batch)); err != nil {
						t.Fatal(err)
					}
					rows = append(rows, batch...)
				}
				switch rng.IntN(4) {
				case 0:
					if err := s.Flush(context.Background()); err != nil {
						t.Fatal(err)
					}
				case 1:
					if step%3 == 0 {
						if err := s.Close(); err != nil {
							t.Fatal(err)
						}
						s = mustOpen(t, o)
					}
				}
				compareRandom(t, rng, s, rows)
			}
		})
	}
}

func compareRandom(t *testing.T, rng *rand.Rand, s *Store, rows []row) {
	t.Helper()
	diff(t, "everything", first(collect(t, s, all())), expected(rows, all()))
	for range 8 {
		req := &scan.Request{From: -1 << 63, To: 1<<63 - 1, Whole: true, Filter: randomExpr(rng, 2)}
		if rng.IntN(2) == 0 {
			req.From = start.UnixNano() + int64(rng.IntN(100e9))
			req.To = req.From + int64(rng.IntN(60e9))
		}
		if rng.IntN(4) == 0 {
			req.Datasets = []string{"web"}
		}
		req.Parallel = rng.IntN(3)
		req.Order = scan.Order(rng.IntN(3))
		want := expected(rows, req)
		got, st := collect(t, s, req)
		what := fmt.Sprintf("%+v", req)
		if st.RowsMatched != int64(len(want)) || len(st.Partial) > 0 {
			t.Fatalf("%s: statistics %+v, %d rows expected", what, st, len(want))
		}
		if req.Order == scan.Any {
			sortRows(got)
			sortRows(want)
		}
		diff(t, what, got, want)
		compareLimit(t, rng, s, req, want)
		compareCount(t, s, req, want)
	}
}

func first[A, B any](a A, _ B) A { return a }

func sortRows(rows []row) {
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.String(), b.String())) })
}

// compareLimit asks for the first rows, and for columns instead of whole records.
func compareLimit(t *testing.T, rng *rand.Rand, s *Store, req *scan.Request, want []row) {
	limited := *req
	limited.Limit = 1 + rng.IntN(10)
	limited.Whole = false
	limited.Columns = []string{"message", "rare7", "dataset", "status"}
	got, _ := collect(t, s, &limited)
	n := min(limited.Limit, len(want))
	if len(got) != n {
		t.Fatalf("%+v: %d rows, want %d", limited, len(got), n)
	}
	if req.Order == scan.Any {
		return
	}
	for i, g := range got {
		// Rows of equal time of two datasets may come in either order.
		if g.time != want[i].time {
			t.Fatalf("%+v: row %d has the time %d, want %d", limited, i, g.time, want[i].time)
		}
		if len(req.Datasets) != 1 {
			continue
		}
		for j, name := range limited.Columns {
			v, _ := want[i].get(name)
			if f := g.fields[j]; f.value.Kind != v.Kind || string(f.value.AppendText(nil)) != string(v.AppendText(nil)) {
				t.Fatalf("%+v: row %d: %s is %v, want %v", limited, i, name, f.value, v)
			}
		}
	}
}

func compareCount(t *testing.T, s *Store, req *scan.Request, want []row) {
	for _, by := range [][]scan.Key{nil, {{Field: "@timestamp", Span: 7e9, Offset: 1e9}}, {{Field: "level"}}, {{Field: "mixed"}, {Field: "@timestamp", Span: 60e9}}, {{Field: "dataset"}}} {
		a := &scan.Aggregation{Request: *req, By: by, Aggs: []scan.Agg{{Func: "count"}}}
		groups, _, ok, err := s.Aggregate(context.Background(), a)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		counts := map[string]int64{}
		for i := range want {
			counts[keyOf(&want[i], by)]++
		}
		if by == nil {
			counts[""] += 0
		}
		got := map[string]int64{}
		for _, g := range groups {
			key := ""
			for _, v := range g.Keys {
				key += fmt.Sprintf("%s:%s|", v.Kind, v.AppendText(nil))
			}
			got[key] += g.Values[0].Int
		}
		if fmt.Sprint(got) != fmt.Sprint(counts) {
			t.Fatalf("count by %v of %+v:\n got %v\nwant %v", by, req, got, counts)
		}
	}
}

func keyOf(r *row, by []scan.Key) string {
	key := ""
	for _, k := range by {
		v, _ := r.get(k.Field)
		if k.Span > 0 {
			v = record.IntValue(floorDiv(r.time+k.Offset, k.Span)*k.Span - k.Offset)
		}
		key += fmt.Sprintf("%s:%s|", v.Kind, v.AppendText(nil))
	}
	return key
}
