package exec_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

// What changes rows gives the same on blocks of the source as on rows at hand,
// whatever pipes are around it.
func TestStepsOnBlocksAgreeWithStepsOnTables(t *testing.T) {
	steps := []string{
		`extract "<x>c" from b`, `extract ",<a>" from a`, `extract /(?P<y>\d)(?P<z>\d)?/ from c`, `extract "<d><" from @timestamp`,
		`eval x = a * 2`, `eval b = concat(a, b)`, `eval a = if (b:*) c else dataset`, `eval t = @timestamp - 60`,
		`where x:*`, `where a>0`, `where c`, `where -b=1`, `dedup a`, `dedup x, b`,
	}
	ends := []string{
		``, ` | fields a, x, @timestamp`, ` | fields - a, x`, ` | sort x, -a`, ` | sort b, @timestamp`, ` | limit 2`,
		` | stats count() as n, max(x), median(a) by b, x`, ` | top 3 x`, ` | fields x, b | limit 3`, ` | uniq x, y`,
		` | stats first(x), last(a), values(x)`,
	}
	rapid.Check(t, func(t *rapid.T) {
		src := &memsource.Source{BlockRows: rapid.IntRange(1, 20).Draw(t, "block"), Plain: rapid.Bool().Draw(t, "plain")}
		for _, b := range rapid.SliceOfN(genBatch(), 0, 4).Draw(t, "batches") {
			src.Add(b)
		}
		middle := strings.Join(rapid.SliceOfN(rapid.SampledFrom(steps), 1, 4).Draw(t, "steps"), " | ")
		end := rapid.SampledFrom(ends).Draw(t, "end")
		e := exec.New(exec.Options{Source: src, Parallel: rapid.IntRange(1, 4).Draw(t, "parallel")})
		got := answer(t, e, "* | "+middle+end)
		want := answer(t, e, fmt.Sprintf("* | limit %d | %s%s", math.MaxInt32/4, middle, end))
		if strings.Contains(end, "sort") { // rows of equal keys may come in any order
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s%s\non blocks %q\non tables %q", middle, end, got, want)
		}
	})
}

// answer runs a query and shows its rows.
func answer(t *rapid.T, e *exec.Engine, text string) (rows []string) {
	q, err := lang.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Run(t.Context(), lang.Request{Query: q}, func(b *scan.Block) error {
		for i := range b.Len() {
			s := ""
			if b.Times != nil {
				s = fmt.Sprint(b.Times[i], b.Dataset)
			}
			column := func(name string) {
				for j := range b.Columns {
					if v := b.Columns[j].Value(i); b.Columns[j].Name == name && v.Kind != record.Missing {
						s += fmt.Sprintf(" %s=%s", name, show(v))
					}
				}
			}
			if b.ShapeOf == nil {
				for j := range b.Columns {
					column(b.Columns[j].Name)
				}
			} else {
				for _, n := range b.Shapes[b.ShapeOf[i]] {
					column(n.Dotted)
				}
			}
			rows = append(rows, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// What is an estimate is said in the statistics, under the name of its column.
func TestEstimatesAreSaid(t *testing.T) {
	e := exec.New(exec.Options{Source: newBlocks(), Parallel: 1})
	for text, want := range map[string]string{
		"* | stats p50(status) as p, count_uniq(user)": "p is within 0.4 %",
		"* | stats p50(user)":                          "",
	} {
		st, err := e.Run(t.Context(), lang.Request{Query: parse(t, text)}, func(b *scan.Block) error {
			if f, ok := b.Columns[0].Value(0).Float(); want != "" && (!ok || math.Abs(f-400) > 400/256.) {
				t.Errorf("%s: %v", text, f)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(st.Notes, "; "); !strings.HasPrefix(notes, want) || want == "" && notes != "" || len(st.Notes) > 1 {
			t.Errorf("%s: notes %q, want %q", text, notes, want)
		}
	}
}

// A step that makes long texts ends with the query's memory, not the server's.
func TestStepsKeepToTheBudget(t *testing.T) {
	e := exec.New(exec.Options{Source: newBlocks(), Parallel: 2, MaxBytes: 4 << 20})
	double := strings.Repeat(" | eval x = concat(x, x)", 14)
	for _, text := range []string{
		"* | eval x = user" + double + " | stats count_uniq(x)",
		"* | eval x = user" + double + ` | extract /(?P<a>.(?P<b>.*))/ from x | stats max(a), max(b)`,
		"* | dedup @timestamp | fields user",
	} {
		_, err := e.Run(t.Context(), lang.Request{Query: parse(t, text)}, func(*scan.Block) error { return nil })
		var over *scan.BudgetError
		if !errors.As(err, &over) {
			t.Errorf("%.40s…: %v", text, err)
		}
	}
}
