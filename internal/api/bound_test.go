package api

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"journalist/internal/auth"
	"journalist/internal/query/exec"
	"journalist/internal/record"
	"journalist/internal/testkit/memsource"
)

// Whatever a query says, credentials that are bound to datasets see nothing of the
// others: no record, no value, no name of a field.
func TestNothingOfOtherDatasets(t *testing.T) {
	src := &memsource.Source{}
	for dataset, lines := range map[string][]string{
		"shop":  {`{"@timestamp":"2026-10-01T11:30:00Z","message":"order 1 paid","host":"web-01","file":"a.log","user":"anna"}`, `{"@timestamp":"2026-10-01T11:32:00Z","message":"order 2 paid","host":"web-01","file":"a.log","user":"bob"}`},
		"web":   {`{"@timestamp":"2026-10-01T11:33:00Z","message":"GET /","host":"web-01","file":"a.log","user":"anna"}`},
		"other": {`{"@timestamp":"2026-10-01T11:31:00Z","message":"hidden 1 thing","host":"web-01","file":"a.log","user":"anna","h_name":"hidden"}`, `{"@timestamp":"2026-10-01T10:31:00Z","message":"hidden 2 things","host":"hidden-01","file":"a.log","user":"hidden"}`},
	} {
		b := &record.Batch{Dataset: dataset}
		for _, text := range lines {
			if err := b.AppendJSON([]byte(text), 0); err != nil {
				t.Fatal(err)
			}
		}
		src.Add(b)
	}
	w := newWorld(t, func(o *Options) {
		o.Querier = exec.New(exec.Options{Source: src, Clock: o.Clock})
	})
	w.now = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	var err error
	if w.tokens["two"], _, err = w.auth.CreateToken(auth.TokenSpec{Name: "two", Scopes: []auth.Scope{auth.Read}, Datasets: []string{"shop", "web"}}); err != nil {
		t.Fatal(err)
	}
	if w.tokens["nothing"], _, err = w.auth.CreateToken(auth.TokenSpec{Name: "nothing", Scopes: []auth.Scope{auth.Read}, Datasets: []string{"empty"}}); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"", "*", "paid OR *", "NOT nothing", "dataset=other", "paid OR dataset=other", "dataset!=shop", "-dataset=shop",
		"* | stats values(message), values(dataset) by host", "* | top message", "* | uniq dataset", "* | sort message",
		"* | timechart count() by user", "* | facets", "* | patterns", "* | patterns of user", "* | compare 1h", "* | context 9 by host",
		`"order 1" | context 9`, "* | eval d = dataset | stats count() by d", "h_nam:x", "h_nam:x | stats count()",
		"* | stats count() if (dataset=other) as n | where n>0",
		"user:in(dataset=other | fields user)", "* | where user:in(thing | fields user)", "-user:in(things | fields user) thing",
	} {
		body, err := json.Marshal(map[string]any{"query": query, "from": "2026-10-01", "source": true})
		if err != nil {
			t.Fatal(err)
		}
		v := "?from=2026-10-01&query=" + url.QueryEscape(query)
		for _, token := range []string{"shop", "two", "nothing"} {
			for _, target := range []string{"query", "histogram" + v + "&by=dataset", "fields" + v, "values" + v + "&field=user", "hosts" + v, "context" + v} {
				method, text := "GET", ""
				if target == "query" {
					method, text = "POST", string(body)
				}
				got := w.do(token, method, "/api/v1/"+target, text)
				if strings.Contains(got.Body.String(), "hidden") || strings.Contains(got.Body.String(), "h_name") || got.Code == 500 {
					t.Errorf("%s with token %s: %d %s", target, token, got.Code, got.Body)
				}
				if target == "query" && (token == "nothing" || strings.Contains(query, "in(")) && strings.Contains(got.Body.String(), "order") {
					t.Errorf("%s: %s", query, got.Body)
				}
			}
		}
		// Who is not bound does see it, or the test could not fail.
		if query == "*" && !strings.Contains(w.query(string(body)).Body.String(), "hidden") {
			t.Error("there is nothing to see")
		}
	}
}
