package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"journalist/internal/cli"
)

func TestExploreCommands(t *testing.T) {
	last := asked(t, `{"stats":{}}`)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"values", "status"}, "* | top 20 status"},
		{[]string{"values", "user name", "type:nginx", "x", "-n", "5"}, `type:nginx x | top 5 "user name"`},
		{[]string{"values", "a.b", "--rare"}, "* | rare 20 a.b"},
		{[]string{"facets", "level:error", "-n", "7"}, "level:error | facets 7"},
		{[]string{"facets"}, "* | facets 20"},
		{[]string{"patterns"}, "* | patterns 50"},
		{[]string{"patterns", "x | where y", "--of", "path"}, "x | where y | patterns 50 of path"},
		{[]string{"compare"}, "* | compare 1h | limit 50"},
		{[]string{"compare", "x", "-s", "15m"}, "x | compare 15m | limit 50"},
		{[]string{"compare", "x", "-s", "1y"}, "x | compare 1y | limit 50"},
		{[]string{"compare", "x", "-s", "15m", "--with", "7d"}, "x | compare 7d | limit 50"},
		{[]string{"compare", "--from", "2026-03-01T12:00:00Z", "--to", "2026-03-01T13:30:00Z"}, "* | compare 90m | limit 50"},
		{[]string{"context", "panic"}, "(panic) | context 10 10"},
		{[]string{"context", "a OR b", "--host", "web 1", "-B", "3"}, `host="web 1" (a OR b) | context 3 0`},
		{[]string{"context", "--host", "h", "--of-file", "/a b", "--at", "2026-03-01T12:00:05Z"}, `host="h" file="/a b" | limit 1 | context 10 10`},
	} {
		if code, _, errs := journalist(t, "", c.args...); code != 0 || last().Query != c.want {
			t.Errorf("%q: code %d, asked %q, want %q; %s", c.args, code, last().Query, c.want, errs)
		}
	}
	if q := last(); q.To != "2026-03-01T12:00:06Z" || q.From != "2026-02-22T12:00:06Z" {
		t.Errorf("--at asked for %s to %s", q.From, q.To)
	}
	for _, args := range [][]string{
		{"values"},
		{"context"},
		{"compare", "--with", "soon"},
		{"hosts", "--silent", "x"},
		{"context", "--at", "whenever"},
		{"context", "x", "-C", "-3"},
		{"compare", "--from", "2026-03-02", "--to", "2026-03-01"},
		{"facets", "-n", "0"},
	} {
		if code, _, errs := journalist(t, "", args...); code != cli.ExitUsage || errs == "" {
			t.Errorf("%q: code %d, %s", args, code, errs)
		}
	}
}

func TestHosts(t *testing.T) {
	at := func(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339Nano) }
	last := asked(t, fmt.Sprintf(`{"host":"web-01","last":%q,"count":10}`+"\n"+`{"host":null,"last":%q,"count":1}`+"\n"+`{"stats":{}}`, at(26*time.Hour), at(time.Minute)))
	code, out, errs := journalist(t, "", "hosts", "type:nginx", "--check")
	lines := strings.Split(out, "\n")
	if code != cli.ExitCheck || len(lines) != 4 || !strings.HasPrefix(lines[0], "host") || !strings.Contains(lines[1], "26h") || !strings.HasSuffix(lines[1], "silent") || strings.Contains(lines[2], "silent") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	if errs != "1 of 2 hosts silent for more than 15m and three of their intervals\n" {
		t.Errorf("stderr %s", errs)
	}
	if q := last(); q.Query != "type:nginx | stats min(@timestamp) as first, max(@timestamp) as last, count() as count by host | sort last, host" || q.From == "" {
		t.Errorf("asked %+v", q)
	}
	code, out, _ = journalist(t, "", "hosts", "-o", "json", "--silent", "2d")
	if code != 0 || !strings.Contains(out, `"lag":60`) || strings.Contains(out, `"silent":true`) {
		t.Errorf("code %d, %s", code, out)
	}
}

// The commands ask files, too.
func TestExploreFiles(t *testing.T) {
	files(t)
	host, _ := os.Hostname()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"values", "level", "*", "b.json", "-o", "csv"}, "level,count\nerror,1\ninfo,1\n"},
		{[]string{"hosts", "--file", "b.json", "-o", "json"}, `{"host":"` + host + `","first":"2026-03-01T11:00:00Z","last":"2026-03-01T12:00:00Z","count":2,"interval":3600,"lag":`},
	} {
		if code, out, errs := journalist(t, "", c.args...); code != 0 || !strings.HasPrefix(out, c.want) {
			t.Errorf("%q: code %d, %s%s", c.args, code, out, errs)
		}
	}
}
