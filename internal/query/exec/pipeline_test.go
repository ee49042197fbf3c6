package exec_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/query/exec"
	"journalist/internal/testkit/memsource"
)

// genPipe makes a pipe that works on rows, or one that ends them.
func genPipe(last bool) *rapid.Generator[string] {
	rows := []string{
		"where a=1", "where b:*", "where a=1 OR b>2", "where a", "where -c:*", "where m>3", "where dataset=x", "where a:in(b=1 | fields a)",
		"fields a, b", "fields a, dataset, @timestamp", "fields c", "fields - a", "fields - b, c", "fields m, a", "fields - dataset",
		"eval m = a + 1", "eval a = b", `eval m = if (b:*) concat(b, "-", c) else len(c)`, "eval b = coalesce(c, a)",
		`extract "<m> " from b`, `extract /(?P<m>[0-9]+)/ from a`, `extract "B <c>" from b`,
		"limit 5", "limit 12", "dedup a", "dedup a, c",
		"sort a", "sort -b, a", "sort dataset", "sort @timestamp", "sort -@timestamp", "sort c, @timestamp", "sort -@timestamp, b",
	}
	ends := []string{
		"stats count() by a", "stats count() as n, count(b), count_uniq(a) by dataset", "stats count(), p90(a) if (b:*) as x, p50(c)", "stats count() by m, a",
		"stats count() by time(7m)", "stats min(@timestamp), max(@timestamp)", "stats values(a), count(m)", "stats count() by bucket(c, 3)",
		"top 3 a", "rare 2 b, c", "uniq c", "uniq a, m", "facets | fields field, count, distinct", "patterns 5 of b | fields pattern, count",
		"stats count() if (a) as word, count() if (-m:*) as n", "sort c | stats count() by a | where \"count()\">1",
		"stats count() as n by a | eval k = n * 2 | where k>2 | sort -k | fields k, a",
	}
	if last {
		return rapid.SampledFrom(ends)
	}
	return rapid.SampledFrom(rows)
}

// However much of a query goes into the scan, it answers the same as when all rows are
// in memory first, pipe by pipe.
func TestPushedDownIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := &memsource.Source{BlockRows: rapid.IntRange(1, 20).Draw(t, "block"), Plain: rapid.Bool().Draw(t, "plain"), Aggregates: rapid.Bool().Draw(t, "aggregates")}
		for _, b := range rapid.SliceOfN(genBatch(), 0, 4).Draw(t, "batches") {
			src.Add(b)
		}
		pipes := rapid.SliceOfN(genPipe(false), 0, 4).Draw(t, "pipes")
		if rapid.Bool().Draw(t, "ends") {
			end := genPipe(true).Draw(t, "end")
			untimed := func(p string) bool {
				return strings.HasPrefix(p, "fields ") && !strings.Contains(p, "-") && !strings.Contains(p, "@timestamp")
			}
			if strings.Contains(end, "time(") && slices.ContainsFunc(pipes, untimed) {
				end = "stats count()" // of rows without a time that would be an error
			}
			pipes = append(pipes, end)
		}
		filter := rapid.SampledFrom([]string{"*", "a:* OR b:*", "-a=1", "dataset=x"}).Draw(t, "filter")
		e := exec.New(exec.Options{Source: src, Parallel: rapid.IntRange(1, 4).Draw(t, "parallel")})
		text := strings.Join(append([]string{filter}, pipes...), " | ")
		got := answer(t, e, text)
		// Behind this sort nothing is pushed down any more.
		memory := strings.Join(append([]string{filter, "sort -@timestamp | limit 1000000"}, pipes...), " | ")
		if want := answer(t, e, memory); !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %q\nwant %q", text, got, want)
		}
	})
}
