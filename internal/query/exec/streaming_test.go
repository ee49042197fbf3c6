package exec_test

import (
	"errors"
	"strings"
	"testing"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// TestNothingIsKeptBeforeAnAggregation holds that pipes which change rows one by one
// keep none of them in memory: 20,000 rows do not fit the budget, seven groups do.
func TestNothingIsKeptBeforeAnAggregation(t *testing.T) {
	e := exec.New(exec.Options{Source: numbered(t, 20_000), Parallel: 2})
	run := func(q string) (rows int, err error) {
		_, err = e.Run(t.Context(), lang.Request{Query: parse(t, q), MaxBytes: 500_000}, count(&rows))
		return rows, err
	}
	var over *scan.BudgetError
	if _, err := run("* | sort n | stats count() by host"); !errors.As(err, &over) {
		t.Fatalf("20,000 rows fit the budget of this test: %v", err)
	}
	for _, before := range []string{
		"", "fields host, n", "fields n, host | where n>=0", "fields - message", "fields host | fields host", "where n>=0 | fields host",
		"fields host, n | eval m = n", "eval m = n | fields host, m | where m>=0", `extract "line <x>" | fields x, host | where x>=0`,
		"fields message, host | extract \"line <x>\"", "limit 15000", "limit 15000 | fields host", "fields host, message | where line", "fields host | eval host = concat(host, \"x\")",
	} {
		for _, after := range []string{"stats count() by host", "stats sum(n), avg(n) by host", "top 10 host", "uniq host", "stats count() if (host:*) by host"} {
			q := strings.ReplaceAll("* | "+before+" | "+after, "|  |", "|")
			if rows, err := run(q); err != nil || rows != 7 {
				t.Errorf("%s: %d rows, %v", q, rows, err)
			}
		}
	}
}
