package api

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

// withRecords is a world whose answers come from the executor, over records.
func withRecords(t *testing.T, records ...string) *world {
	t.Helper()
	source := &memsource.Source{}
	b := &record.Batch{Dataset: "logs"}
	for _, text := range records {
		if err := b.AppendJSON([]byte(text), 0); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	source.Add(b)
	return newWorld(t, func(o *Options) {
		o.Querier = exec.New(exec.Options{Source: source, Parallel: 2, Clock: o.Clock})
	})
}

// investigate asks and returns the rows, one a line.
func (w *world) investigate(path string, params ...string) string {
	w.t.Helper()
	v := url.Values{}
	for i := 0; i < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	got := w.do("read", "GET", "/api/v1/"+path+"?"+v.Encode(), "")
	if got.Code != 200 {
		w.t.Fatalf("%s %v: %d %s", path, params, got.Code, got.Body)
	}
	rows, trailer := split(w.t, got.Body.String())
	if len(trailer["stats"]) == 0 {
		w.t.Errorf("%s %v: %s", path, params, got.Body)
	}
	return strings.Join(rows, "\n")
}

func investigated(t *testing.T) *world {
	return withRecords(t,
		`{"@timestamp":"2026-10-01T11:59:00Z","host":"web-01","level":"info","status":200,"count":1,"message":"GET /a 200"}`,
		`{"@timestamp":"2026-10-01T11:58:00Z","host":"web-01","level":"info","status":204,"message":"GET /b 204"}`,
		`{"@timestamp":"2026-10-01T11:50:00Z","host":"web-02","level":"Error","status":500,"message":"GET /c 500"}`,
		`{"@timestamp":"2026-10-01T09:30:00.5Z","host":"db/[1]","level":"error","message":"disk full"}`,
		`{"@timestamp":"2026-10-01T09:00:00Z","level":"info","message":"no host"}`,
		`{"@timestamp":"2026-09-01T09:00:00Z","host":"old","level":"info","message":"long ago"}`,
	)
}

func TestValues(t *testing.T) {
	w := investigated(t)
	for _, c := range []struct {
		params []string
		want   string
	}{
		{[]string{"field", "host"}, `{"host":"web-01","count":2}` + "\n" + `{"host":"web-02","count":1}`},
		{[]string{"field", "host", "from", "now-1d"}, `{"host":"web-01","count":2}` + "\n" + `{"host":"db/[1]","count":1}` + "\n" + `{"host":"web-02","count":1}`},
		{[]string{"field", "host", "from", "now-1d", "prefix", "DB/["}, `{"host":"db/[1]","count":1}`},
		{[]string{"field", "host", "prefix", "1"}, ``},
		{[]string{"field", "level", "prefix", "err", "from", "now-1d"}, `{"level":"Error","count":1}` + "\n" + `{"level":"error","count":1}`},
		{[]string{"field", "status", "prefix", "20"}, `{"status":200,"count":1}` + "\n" + `{"status":204,"count":1}`},
		{[]string{"field", "status", "limit", "1"}, `{"status":200,"count":1}`},
		{[]string{"field", "host", "query", "level:error _time:[2026-10-01 TO 2026-10-02]"}, `{"host":"db/[1]","count":1}` + "\n" + `{"host":"web-02","count":1}`},
		{[]string{"field", "level", "query", "* | where status>=204"}, `{"level":"Error","count":1}` + "\n" + `{"level":"info","count":1}`},
		{[]string{"field", "count"}, `{"count":1,"n":1}`},
		{[]string{"field", "no such"}, ``},
	} {
		if got := w.investigate("values", c.params...); got != c.want {
			t.Errorf("%v: %s, want %s", c.params, got, c.want)
		}
	}
}

func TestHosts(t *testing.T) {
	w := investigated(t)
	w.now = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	want := `{"host":null,"first":"2026-10-01T09:00:00Z","last":"2026-10-01T09:00:00Z","count":1,"interval":null,"lag":10800,"silent":true}
{"host":"db/[1]","first":"2026-10-01T09:30:00.5Z","last":"2026-10-01T09:30:00.5Z","count":1,"interval":null,"lag":8999.5,"silent":true}
{"host":"web-02","first":"2026-10-01T11:50:00Z","last":"2026-10-01T11:50:00Z","count":1,"interval":null,"lag":600,"silent":false}
{"host":"web-01","first":"2026-10-01T11:58:00Z","last":"2026-10-01T11:59:00Z","count":2,"interval":60,"lag":60,"silent":false}`
	if got := w.investigate("hosts"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	got := w.investigate("hosts", "silent", "5m", "from", "now-1h", "query", "host:*", "limit", "1")
	if got != `{"host":"web-02","first":"2026-10-01T11:50:00Z","last":"2026-10-01T11:50:00Z","count":1,"interval":null,"lag":600,"silent":true}` {
		t.Error(got)
	}
	// What ended in the past is looked at from its end.
	got = w.investigate("hosts", "from", "2026-09-01", "to", "2026-09-01T09:10:00Z")
	if got != `{"host":"old","first":"2026-09-01T09:00:00Z","last":"2026-09-01T09:00:00Z","count":1,"interval":null,"lag":600,"silent":false}` {
		t.Error(got)
	}
	if got = w.investigate("hosts", "query", "nothing"); got != "" {
		t.Error(got)
	}
	csv := w.do("read", "GET", "/api/v1/hosts?limit=1&query=host:*", "", "Accept", "text/csv").Body.String()
	if csv != "host,first,last,count,interval,lag,silent\r\ndb/[1],2026-10-01T09:30:00.5Z,2026-10-01T09:30:00.5Z,1,,8999.5,true\r\n" {
		t.Errorf("%q", csv)
	}
	// Whoever sends every half an hour is not silent after one, unless told otherwise.
	for silent, want := range map[string]string{"": "false", "59m": "true"} {
		b := &scan.Block{Columns: []scan.Column{
			{Name: "host", Form: scan.Consts, Len: 1, Values: []record.Value{record.StringValue([]byte("cron"))}},
			{Name: "first", Form: scan.Ints, Time: true, Len: 1, Ints: []int64{w.now.Add(-3 * time.Hour).UnixNano()}},
			{Name: "last", Form: scan.Ints, Time: true, Len: 1, Ints: []int64{w.now.Add(-time.Hour).UnixNano()}},
			{Name: "count", Form: scan.Ints, Len: 1, Ints: []int64{5}},
		}}
		params := url.Values{}
		if silent != "" {
			params.Set("silent", silent)
		}
		see, err := hostsSeen(w.handler.(*Server), params, lang.Request{To: end})
		if err != nil {
			t.Fatal(err)
		}
		row := ""
		for _, c := range see(b).Columns[4:] {
			row += c.Name + " " + string(c.Value(0).AppendText(nil)) + " "
		}
		if row != "interval 1800 lag 3600 silent "+want+" " {
			t.Errorf("%q: %s", silent, row)
		}
	}
}

func TestFacetsPatternsContextCompare(t *testing.T) {
	w := investigated(t)
	w.now = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		path   string
		params []string
		want   []string // what the rows begin with
	}{
		{"facets", []string{"limit", "2"}, []string{
			`{"field":"host","kind":"string","count":3,"distinct":2,"values":[{"value":"web-01","count":2},{"value":"web-02","count":1}]}`,
			`{"field":"level","kind":"string","count":3,"distinct":2,"values":[{"value":"info","count":2},{"value":"Error","count":1}]}`,
		}},
		{"patterns", []string{"limit", "1"}, []string{`{"pattern":"GET <_> <num>","count":3,"trend":[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,1],"first":"2026-10-01T11:50:00Z","last":"2026-10-01T11:59:00Z","example":"GET /a 200","values":[{"slot":1,"kind":"any","rows":3,"distinct":3,"top":[{"value":"/a","count":1},`}},
		{"patterns", []string{"of", "host", "query", "host:web*"}, []string{`{"pattern":"<_>","count":3,`}},
		{"context", []string{"query", "204", "before", "1", "after", "1", "by", "host", "source", "true"}, []string{
			`{"@timestamp":"2026-10-01T11:58:00Z","dataset":"logs",`, `{"@timestamp":"2026-10-01T11:59:00Z","dataset":"logs",`,
		}},
		{"context", []string{"query", "204 OR b", "by", "host", "limit", "1", "before", "0"}, []string{ // the newest hit
			`{"@timestamp":"2026-10-01T11:58:00Z","dataset":"logs",`,
		}},
		{"context", []string{"query", "204", "by", "host", "limit", "1"}, []string{ // of hits
			`{"@timestamp":"2026-10-01T11:58:00Z","dataset":"logs",`, `{"@timestamp":"2026-10-01T11:59:00Z","dataset":"logs",`,
		}},
		{"compare", []string{"span", "1h", "limit", "1"}, []string{`{"kind":"`}},
	} {
		got := strings.Split(w.investigate(c.path, c.params...), "\n")
		if len(got) != len(c.want) {
			t.Errorf("%s %v: %s", c.path, c.params, strings.Join(got, "\n"))
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s %v, row %d: %s, want %s", c.path, c.params, i, got[i], c.want[i])
			}
		}
	}
}

// What is wrong is told, with its place in what the client has sent.
func TestBadInvestigations(t *testing.T) {
	w := newWorld(t)
	for target, c := range map[string]struct {
		kind     string
		position int
	}{
		"values":                            {"bad_request", -1},
		"values?field=":                     {"bad_request", -1},
		"values?field=a&limit=0":            {"bad_request", -1},
		"values?field=a&limit=10001":        {"bad_request", -1},
		"values?field=a&top=5":              {"bad_request", -1},
		"values?field=a&from=now&to=now-1h": {"bad_request", -1},
		"values?field=a&query=%22open":      {"query", 0},
		"values?field=a&query=a+%7C+stat":   {"query", 4},
		"values?field=a&prefix=" + strings.Repeat("x", maxPrefix+1): {"bad_request", -1},
		"values?field=" + strings.Repeat("x", maxPrefix+1):          {"bad_request", -1},
		"hosts?silent=long":                          {"bad_request", -1},
		"hosts?silent=-1s":                           {"bad_request", -1},
		"hosts?query=" + strings.Repeat("x", 65<<10): {"limit", -1},
		"compare":                  {"bad_request", -1},
		"compare?span=soon":        {"bad_request", -1},
		"compare?span=1h%7Cdelete": {"bad_request", -1},
		"context?before=-1":        {"bad_request", -1},
		"context?after=1001":       {"bad_request", -1},
		"context?by=a,,b":          {"bad_request", -1},
		"context?source=maybe":     {"bad_request", -1},
		"facets?limit=x":           {"bad_request", -1},
		"patterns?of=":             {"bad_request", -1},
	} {
		got := w.do("read", "GET", "/api/v1/"+target, "")
		var e struct {
			Kind     string
			Position *int
		}
		if err := json.Unmarshal(got.Body.Bytes(), &e); err != nil || got.Code != 400 || e.Kind != c.kind {
			t.Errorf("%.60s: %d %s %v", target, got.Code, got.Body, err)
		}
		if (e.Position != nil) != (c.position >= 0) || e.Position != nil && *e.Position != c.position {
			t.Errorf("%.60s: %s", target, got.Body)
		}
	}
}

// The pipes that stand behind the client's query are the language's own.
func TestPipesOfInvestigations(t *testing.T) {
	for _, c := range []struct{ path, params, want string }{
		{"values", "field=a+b&prefix=1/2.5", `where "a b":/^1\/2\.5/i | stats count() as count by "a b" | sort -count, "a b" | limit 200`},
		{"facets", "", "facets"},
		{"facets", "limit=7", "facets 7"},
		{"patterns", "limit=7&of=my+text", `patterns 7 of "my text"`},
		{"context", "", "context 5 5"},
		{"context", "before=0&after=3&by=host,+my+file", `context 0 3 by host, "my file"`},
		{"context", "limit=9&by=host", "context 5 5 by host"},
		{"compare", "span=1h30m", "compare 1h30m"},
		{"compare", "span=1h30m&limit=9", "compare 1h30m | limit 9"},
	} {
		v, err := url.ParseQuery(c.params)
		if err != nil {
			t.Fatal(err)
		}
		got, err := investigations[c.path].pipes(v)
		if err != nil || got != c.want {
			t.Errorf("%s?%s: %q %v, want %q", c.path, c.params, got, err, c.want)
		}
	}
}
