package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"journalist/internal/cli"
	"journalist/internal/scan"
)

// changing are the parts of an explanation that differ from run to run.
var changing = regexp.MustCompile(`; [0-9.]+(µs|ms|s)|[0-9.]+ ms|[0-9,.]+ [kMG]?i?B|\d{4}-\d\d-\d\d/[0-9a-z.-]+`)

func TestExplainOverTheServer(t *testing.T) {
	home(t)
	s := startServer(t)
	first, err := os.ReadFile("data/first-login")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("JOURNALIST_URL", s.info.URL)
	t.Setenv("JOURNALIST_TOKEN", regexp.MustCompile(`jt_\S+`).FindString(string(first)))
	lines := ""
	for _, host := range []string{"a", "a", "b"} {
		lines += `{"@timestamp":"2026-03-01T12:00:00Z","message":"connection refused","host":"` + host + `"}` + "\n"
	}
	if code, _, errs := journalist(t, lines, "import", "--format", "json", "-"); code != 0 {
		t.Fatal(errs)
	}
	out, _ := must(t, "query", "--explain=all", "--from", "2026-03-01", "--to", "2026-03-02", "--tz", "UTC", "(refused OR accepted) -host:c | fields host | top 2 host")
	want := `query    (refused OR accepted) -host:c | fields host | top 2 host
parsed   all of
           one of
             anywhere: refused
             anywhere: accepted
           NOT host has c
         | fields host
         | top 2 host
ask      time from 2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z
         filter ("refused" OR "accepted") AND NOT host:"c"
         columns host
         order any order
whole    the source is asked for the whole aggregation; where it cannot, the executor groups blocks of rows
stream   | fields host: chooses the columns
         | stats count() as count by host: keeps groups, no rows
memory   | sort -count
         | limit 2

scan 1   groups, whole, by the source
         time from 2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z
         filter ("refused" OR "accepted") AND NOT host:"c"
         columns none but the time
         order any order
         all: 1 row group of 3 rows: 1 scanned; 3 rows matched; read host, message#
         memory: 1 row group of 3 rows: 1 scanned; 3 rows matched; read host, message#
           memory/0: 3 rows of 2026-03-01T12:00:00Z to 2026-03-01T12:00:00Z: scanned; 3 rows matched; read host, message#

total    2 rows in the answer; 3 matched of 3 looked at, # read, 1 row group read, 0 passed over, #
`
	if got := changing.ReplaceAllString(out, "#"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	out, _ = must(t, "query", "--explain", "-o", "json", "--from", "2026-03-01", "absent")
	var x struct {
		Explain scan.Explanation
		Stats   cli.Stats
	}
	if err := json.Unmarshal([]byte(out), &x); err != nil || len(x.Explain.Scans) != 1 || x.Explain.Query != "absent" {
		t.Errorf("%v: %s", err, out)
	}
	code, _, errs := journalist(t, "", "query", "--explain", "(x")
	if code != cli.ExitUsage || !strings.Contains(errs, "    ^") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := journalist(t, "", "query", "--explain=much", "x"); code != cli.ExitUsage || !strings.Contains(errs, "plan, parts, all") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, _ := journalist(t, "", "query", "--explain", "-f", "x"); code != cli.ExitUsage {
		t.Errorf("-f with --explain: %d", code)
	}
}

// Of files the parse and the plan are told, and they are not read.
func TestExplainFiles(t *testing.T) {
	home(t)
	if err := os.WriteFile("a.log", []byte("2026-03-01T12:00:00Z error x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := `query    error user:in(warn | fields user) | eval a = b * 2 | where a>5 | sort a | limit 3
parsed   all of
           anywhere: error
           user is one of those that this gives
             anywhere: warn
             | fields user
         | eval a = b * 2
         | where a>5
           a > 5
         | sort a
         | limit 3
ask      time all
         filter "error" AND user in what the query inside gives
         columns all
         order any order
stream   | eval a = b * 2: row by row
         | where a>5: row by row
         | sort a: keeps the rows, or as many as the limit says, in memory
         | limit 3: ends the scan, or the sort
`
	for _, args := range [][]string{{"a.log"}, {"--stdin"}} {
		out, _ := must(t, append([]string{"query", "--explain", "error user:in(warn | fields user) | eval a = b * 2 | where a>5 | sort a | limit 3"}, args...)...)
		if out != want {
			t.Errorf("%v: got\n%s\nwant\n%s", args, out, want)
		}
	}
}
