package exec_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

// What changed stands on top, what has only more or less of a share through it does
// not come at all, and neither does what grew with everything.
func TestCompareRanksBySignificance(t *testing.T) {
	src := &memsource.Source{BlockRows: 200}
	at := time.Date(2026, 3, 18, 12, 0, 0, 0, time.UTC)
	hour := func(back int, lines map[string]int) {
		b := &record.Batch{}
		i := 0
		for _, line := range []string{"steady", "flood", "gone", "some"} {
			for range lines[line] {
				obj := fmt.Sprintf(`{"message":"%s of request %d","kind":%q}`, line, i, line)
				if err := b.AppendJSON([]byte(obj), at.Add(time.Duration(-back)*time.Hour+time.Duration(i)*time.Millisecond).UnixNano()); err != nil {
					t.Fatal(err)
				}
				i++
			}
		}
		src.Add(b)
	}
	hour(2, map[string]int{"steady": 1000, "gone": 300, "some": 40})
	hour(1, map[string]int{"steady": 1000, "flood": 5000, "some": 44})
	e := exec.New(exec.Options{Source: src, Parallel: 3, Clock: func() time.Time { return at }})
	from, to := at.Add(-time.Hour).UnixNano(), at.UnixNano()
	ask := func(query string) (rows []string, st scan.Stats) {
		st, err := e.Run(t.Context(), lang.Request{Query: parse(t, query), From: from, To: to}, func(b *scan.Block) error {
			for i := range b.Len() {
				var parts []string
				for j := range b.Columns[:5] {
					parts = append(parts, string(b.Columns[j].Value(i).AppendText(nil)))
				}
				rows = append(rows, strings.Join(parts, " "))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return rows, st
	}
	got, st := ask("* | compare 1h")
	want := []string{
		"pattern flood of request <num> 0 5000 new", "value kind=flood 0 5000 new", "rows * 1340 6044 grown",
		"pattern gone of request <num> 300 0 vanished", "value kind=gone 300 0 vanished",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || len(st.Notes) > 0 {
		t.Errorf("%s\nnotes %q", strings.Join(got, "\n"), st.Notes)
	}
	if got, _ := ask("kind=steady | compare 1h"); len(got) != 0 {
		t.Errorf("of what is steady: %q", got)
	}
	if _, st := ask("* | compare 30m"); len(st.Notes) != 1 || !strings.Contains(st.Notes[0], "overlap") {
		t.Errorf("notes %q", st.Notes)
	}
	// Whoever asked for the last hour did so some milliseconds ago.
	from, to = from-int64(5*time.Millisecond), math.MaxInt64
	if got, st := ask("* | compare 1h"); len(got) != len(want) || got[0] != want[0] || len(st.Notes) > 0 {
		t.Errorf("without an end: %q\nnotes %q", got, st.Notes)
	}
}

// A field that turns out to have very many values is left out, and that is said.
func TestCompareLeavesOutWhatHasTooManyValues(t *testing.T) {
	src := &memsource.Source{BlockRows: 1000}
	at := time.Date(2026, 3, 18, 12, 0, 0, 0, time.UTC)
	b := &record.Batch{}
	const rows = 60_000
	for i := range rows {
		id := "same"
		if i < rows/4 {
			id = fmt.Sprint("id", i)
		}
		level := "info"
		if i >= rows/2 {
			level = "error"
		}
		obj := fmt.Sprintf(`{"id":%q,"level":%q}`, id, level)
		if err := b.AppendJSON([]byte(obj), at.Add(time.Duration(i-rows)*50*time.Millisecond).UnixNano()); err != nil {
			t.Fatal(err)
		}
	}
	src.Add(b)
	e := exec.New(exec.Options{Source: src, Parallel: 1})
	var got []string
	req := lang.Request{Query: parse(t, "* | compare 25m | fields what"), From: at.Add(-25 * time.Minute).UnixNano(), To: at.UnixNano()}
	st, err := e.Run(t.Context(), req, func(b *scan.Block) error {
		for i := range b.Len() {
			got = append(got, string(b.Columns[0].Value(i).Bytes))
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != "level=info level=error" && strings.Join(got, " ") != "level=error level=info" {
		t.Errorf("%q, %v", got, err)
	}
	if notes := strings.Join(st.Notes, "; "); !strings.Contains(notes, "id is not compared") {
		t.Errorf("notes %q", notes)
	}
}

// What is compared is bounded by the query's memory, and never blocks others.
func TestCompareWithinItsMemory(t *testing.T) {
	e := exec.New(exec.Options{Source: numbered(t, 20_000), MaxBytes: 64 << 10})
	_, err := e.Run(t.Context(), lang.Request{Query: parse(t, "* | compare 1h"), From: 4000e9, To: 20_000e9}, func(*scan.Block) error { return nil })
	var over *scan.BudgetError
	if !errors.As(err, &over) {
		t.Errorf("%v", err)
	}
}
