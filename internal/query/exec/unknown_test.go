package exec_test

import (
	"fmt"
	"slices"
	"testing"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store"
)

// The names near an unknown one are looked for among all fields, not only among those
// of the newest records.
func TestNamesNearOnesOfOldRecords(t *testing.T) {
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &record.Batch{}
	for i := range 3000 {
		field := "other"
		if i == 0 {
			field = "upstream"
		}
		if err := b.AppendJSON(fmt.Appendf(nil, `{%q:%d}`, field, i), int64(i)*1e9); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	q, err := lang.Parse("upstraem=1")
	if err != nil {
		t.Fatal(err)
	}
	stats, err := exec.New(exec.Options{Source: st}).Run(t.Context(), lang.Request{Query: q}, func(*scan.Block) error { return nil })
	if want := []string{"no record has a field upstraem; did you mean upstream?"}; err != nil || !slices.Equal(stats.Notes, want) {
		t.Errorf("%v, notes %q, want %q", err, stats.Notes, want)
	}
}
