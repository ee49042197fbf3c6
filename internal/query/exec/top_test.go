package exec_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

// However few groups fit, a top is the same: the values are counted by their hashes
// where they do not.
func TestTopsOfManyGroupsAgreeWithGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := randomSource(t)
		text := rapid.SampledFrom([]string{
			"* | top %d a", "* | rare %d a", "* | top %d a, b", "* | rare %d b, dataset", "b:* | stats count() as n by a | sort -n, a | limit %d",
			"* | stats count() by c | sort count() | limit %d | fields c", "* | extract \"<x>\" from a | top %d x", "* | stats count() as n by a, b | sort -n, a | limit %d",
		}).Draw(t, "query")
		text = fmt.Sprintf(text, rapid.IntRange(1, 6).Draw(t, "n"))
		e := exec.New(exec.Options{Source: src, Parallel: rapid.IntRange(1, 3).Draw(t, "parallel")})
		few := exec.New(exec.Options{Source: src, Parallel: rapid.IntRange(1, 3).Draw(t, "workers"), MaxGroups: rapid.IntRange(1, 3).Draw(t, "groups")})
		want, got := answer(t, e, text), answer(t, few, text)
		if !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %q\nwant %q", text, got, want)
		}
	})
}

// Where not even the hashes fit, they are counted range by range.
func TestTopOfMoreGroupsThanFit(t *testing.T) {
	const values = 60_000
	src := &memsource.Source{BlockRows: 1000, Plain: true}
	b := &record.Batch{}
	for i := range values {
		n := 1
		if i%1000 == 7 {
			n = 2 + i/20_000
		}
		if i == 31_007 {
			n = 700
		}
		for range n {
			if err := b.AppendJSON(fmt.Appendf(nil, `{"id":"%08x-%d"}`, uint32(i)*2654435761, i), int64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	src.Add(b)
	for _, text := range []string{"* | top 30 id", "* | rare 5 id", "* | top 25 id, dataset"} {
		var want []string
		for _, bytes := range []int64{64 << 20, 200 << 10} {
			e := exec.New(exec.Options{Source: src, Parallel: 2, MaxBytes: bytes, MaxGroups: 70_000})
			if bytes < 1<<20 {
				e = exec.New(exec.Options{Source: src, Parallel: 2, MaxBytes: bytes, MaxGroups: 100})
			}
			var got []string
			_, err := e.Run(t.Context(), lang.Request{Query: parse(t, text)}, func(b *scan.Block) error {
				for i := range b.Len() {
					row := ""
					for j := range b.Columns {
						row += show(b.Columns[j].Value(i)) + " "
					}
					got = append(got, row)
				}
				return nil
			})
			if err != nil {
				t.Fatalf("%s in %d bytes: %v", text, bytes, err)
			}
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) || len(got) < 5 {
				t.Errorf("%s in %d bytes\ngot  %q\nwant %q", text, bytes, got, want)
			}
		}
	}
}
