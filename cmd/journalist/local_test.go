package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"os"
	"strings"
	"testing"

	"journalist/internal/cli"
)

// files gives the test a folder with logs, and a server that nobody may ask.
func files(t *testing.T) {
	t.Helper()
	fake(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked the server: %s", r.URL) })
	text := "2026-03-01T12:00:00Z web-01 Connection refused\nplain \xff bytes\n2026-03-01T12:00:02Z web-02 connection reset\n"
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	for name, data := range map[string][]byte{
		"a.log": []byte(text), "a.log.1.gz": gz.Bytes(), "noext": []byte("x\n"),
		"b.json": []byte(`{"@timestamp":"2026-03-01T12:00:00Z","level":"error","took":12}` + "\n" + `{"@timestamp":"2026-03-01T11:00:00Z","level":"info","took":300}` + "\n"),
	} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueryFiles(t *testing.T) {
	files(t)
	for _, c := range []struct {
		args  []string
		stdin string
		code  int
		out   string
		errs  string
	}{
		{args: []string{"connection", "a.log", "-o", "raw"}, out: "2026-03-01T12:00:00Z web-01 Connection refused\n2026-03-01T12:00:02Z web-02 connection reset\n"},
		{args: []string{"connection -reset", "a.log", "a.log.1.gz", "-o", "raw"}, out: strings.Repeat("2026-03-01T12:00:00Z web-01 Connection refused\n", 2)},
		{args: []string{"plain", "--file", "a.log", "-o", "raw"}, out: "plain \xff bytes\n"},
		{args: []string{"* | stats count() as n by level | sort level", "--stdin", "-o", "csv"}, stdin: `{"level":"b"}` + "\n" + `{"level":"a"}` + "\n", out: "level,n\na,1\nb,1\n"},
		{args: []string{"level:error | fields @timestamp, took", "b.json", "-o", "json"}, out: `{"@timestamp":"2026-03-01T12:00:00Z","took":12}` + "\n"},
		{args: []string{"* | sort @timestamp | fields took", "b.json", "-o", "raw"}, out: "300\n12\n"},
		{args: []string{"* | sort -@timestamp | fields took", "b.json", "-o", "raw"}, out: "12\n300\n"},
		{args: []string{"*", "b.json", "-n", "1", "-o", "raw"}, out: "2026-03-01T12:00:00Z\tlogs\terror\t12\tHOST\tb.json\n"},
		{args: []string{"*", "b.json", "--to", "2026-03-01T11:30:00Z", "-o", "json"}, out: `"took":300`},
		{args: []string{"web-01 | fields @timestamp", "a.log", "--tz", "Asia/Tokyo", "-o", "table"}, out: "2026-03-01 21:00:00.000"},
		{
			args: []string{"* | timechart 20m count()", "--stdin", "-o", "csv"}, stdin: `{"@timestamp":"2026-03-01T12:45:00Z"}` + "\n" + `{"@timestamp":"2026-03-01T12:01:00Z"}` + "\n",
			out: "time,count()\n2026-03-01T12:00:00Z,1\n2026-03-01T12:20:00Z,0\n2026-03-01T12:40:00Z,1\n",
		},
		{args: []string{"* | timechart count() | stats count() as n", "b.json", "-o", "csv"}, out: "n\n61\n"},
		{args: []string{"nothing | timechart count()", "b.json", "-o", "csv", "--fail-empty"}, code: cli.ExitEmpty},
		{args: []string{"hit", "--stdin", "-B", "1", "-A", "2", "-o", "raw"}, stdin: "0\n1\nhit 2\n3\n4\n5\n6\nhit 7", out: "1\nhit 2\n3\n4\n6\nhit 7\n"},
		{args: []string{"hit", "--stdin", "-C", "1", "-n", "1", "-o", "raw"}, stdin: "0\nhit 1\n2\nhit 3\n", out: "0\nhit 1\n2\n"},
		{args: []string{"refused | context 0 1 | fields message, _context", "a.log", "-o", "csv"}, out: "message,_context\n2026-03-01T12:00:00Z web-01 Connection refused,0\nplain \xff bytes,1\n"},
		{args: []string{"nothing", "--stdin", "--fail-empty"}, code: cli.ExitEmpty},
		{args: []string{"x", "--stdin", "-v"}, stdin: "x\ny\n", out: "x", errs: "1 matched of 2 looked at, 4 B read"},
		{args: []string{"level:(error", "b.json"}, code: cli.ExitUsage, errs: "^"},
		{args: []string{"x", "--file", "missing.log"}, code: cli.ExitFailure, errs: "missing.log"},
		{args: []string{"x", "--file", "."}, code: cli.ExitFailure, errs: "directory"},
		{args: []string{"x", "a.log", "-f"}, code: cli.ExitUsage, errs: "tail -F"},
		{args: []string{"x", "a.log", "--link"}, code: cli.ExitUsage},
		{args: []string{"x", "a.log", "--source"}, code: cli.ExitUsage, errs: "--source"},
		{args: []string{"x", "a.log", "--format", "xml"}, code: cli.ExitUsage, errs: "xml"},
		{args: []string{"x", "a.log", "-n", "0"}, code: cli.ExitUsage},
	} {
		code, out, errs := journalist(t, c.stdin, append([]string{"query"}, c.args...)...)
		host, _ := os.Hostname()
		dir, _ := os.Getwd()
		out = strings.ReplaceAll(strings.ReplaceAll(out, host, "HOST"), dir+"/", "")
		if code != c.code || !strings.Contains(out, c.out) || strings.HasSuffix(c.out, "\n") && out != c.out || !strings.Contains(errs, c.errs) {
			t.Errorf("%q: code %d, want %d\n%s\nwant\n%s\nstderr %s", c.args, code, c.code, out, c.out, errs)
		}
	}
}

// A damaged file makes the answer partial.
func TestQueryDamagedFile(t *testing.T) {
	files(t)
	data, err := os.ReadFile("a.log.1.gz")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cut.gz", data[:len(data)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := journalist(t, "", "query", "refused", "cut.gz", "a.log", "-o", "raw")
	if code != cli.ExitPartial || strings.Count(out, "refused") < 1 || !strings.Contains(errs, "not complete: cut.gz: unexpected EOF") {
		t.Errorf("code %d, %s, %s", code, out, errs)
	}
}

// What does not look like a file is a word of the query.
func TestQueryWordsThatAreFiles(t *testing.T) {
	files(t)
	last := asked(t, `{"stats":{}}`)
	files := func(name string) {
		if err := os.WriteFile(name, []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files("noext")
	files("a.log")
	for _, args := range [][]string{{"error", "a.log", "gone.log"}, {"error", "/var/log/gone"}, {"error", "./gone", "a.log"}, {"error", "a.log", "."}, {"error", "./"}} {
		if code, _, errs := journalist(t, "", append([]string{"query"}, args...)...); code != cli.ExitUsage || !strings.Contains(errs, "quoted as one") {
			t.Errorf("%q: code %d, asked %q, %s", args, code, last().Query, errs)
		}
	}
	for _, args := range [][]string{{"error", "noext"}, {"error", "a.log", "noext"}, {"a.log"}, {"error", "web-01.example.com"}, {"error", "/x.y/i"}, {"error", "/a.b/"}, {"x", "-s", "1h", "10.0.0.1"}} {
		if code, _, errs := journalist(t, "", append([]string{"query"}, args...)...); code != 0 || last().Query != strings.Replace(strings.Join(args, " "), " -s 1h", "", 1) {
			t.Errorf("%q: code %d, asked %q, %s", args, code, last().Query, errs)
		}
	}
}
