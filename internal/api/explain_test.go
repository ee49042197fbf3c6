package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"journalist/internal/query/exec"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// storeWorld is a world over a real store with parts of two datasets.
func storeWorld(t *testing.T) *world {
	t.Helper()
	var batches []*record.Batch
	for _, dataset := range []string{"shop", "secret"} {
		b := &record.Batch{Dataset: dataset}
		for _, line := range []string{`{"@timestamp":"2026-10-01T11:30:00Z","message":"order paid","status":200}`, `{"@timestamp":"2026-10-01T11:31:00Z","message":"order lost","status":500}`} {
			if err := b.AppendJSON([]byte(line), 0); err != nil {
				t.Fatal(err)
			}
		}
		batches = append(batches, b)
	}
	s := storeOf(t, batches...)
	w := newWorld(t, func(o *Options) { o.Querier = exec.New(exec.Options{Source: s, Clock: o.Clock}) })
	w.now = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	return w
}

// explained asks and returns the explanation.
func (w *world) explained(token, query, how string) (x scan.Explanation, body string) {
	w.t.Helper()
	q, _ := json.Marshal(query) // a string
	got := w.do(token, "POST", "/api/v1/query", `{"explain":`+how+`,"query":`+string(q)+`}`)
	lines := strings.Split(strings.TrimSpace(got.Body.String()), "\n")
	var first struct {
		Explain *scan.Explanation `json:"explain"`
	}
	if got.Code != 200 || len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &first) != nil || first.Explain == nil || !strings.HasPrefix(lines[1], `{"stats":{`) {
		w.t.Fatalf("%s: %d %s", query, got.Code, got.Body)
	}
	return *first.Explain, got.Body.String()
}

func TestExplain(t *testing.T) {
	w := storeWorld(t)
	x, body := w.explained("read", "paid | stats count() by dataset", `"all"`)
	var line any
	if err := json.Unmarshal([]byte(body[:strings.IndexByte(body, '\n')]), &line); err != nil {
		t.Fatal(err)
	}
	if err := readOpenAPI(t).check(object{"$ref": "#/components/schemas/ExplainLine"}, line); err != nil {
		t.Errorf("%v: %s", err, body)
	}
	if x.Query != "paid | stats count() by dataset" || x.Rows != 2 || len(x.Scans) != 1 || x.Scans[0].Total.Decided[scan.Scanned] != 2 || len(x.Scans[0].Groups) != 2 {
		t.Errorf("%s", body)
	}
	if x, body := w.explained("read", "absent", `true`); x.Scans[0].Total.Decided[scan.ByWords] != 2 || x.Scans[0].Groups != nil {
		t.Errorf("%s", body)
	}
	if x, body := w.explained("read", "paid", `"plan"`); x.Scans != nil || len(x.Plan.Source) == 0 {
		t.Errorf("%s", body)
	}
	x, body = w.explained("shop", "paid | limit 5", `"all"`)
	if strings.Contains(body, "secret") || x.Scans[0].Others != 0 || x.Rows != 1 {
		t.Errorf("whoever is bound to shop is told of others: %s", body)
	}
	for _, how := range []string{`"much"`, `1`, `{}`} {
		if got := w.do("read", "POST", "/api/v1/query", `{"query":"x","explain":`+how+`}`); got.Code != 400 {
			t.Errorf("explain %s: %d %s", how, got.Code, got.Body)
		}
	}
	if got := w.do("read", "POST", "/api/v1/query", `{"query":"(x","explain":true}`); got.Code != 400 || !strings.Contains(got.Body.String(), "position") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// A querier that cannot explain says so.
func TestExplainRefused(t *testing.T) {
	w := newWorld(t)
	if got := w.do("read", "POST", "/api/v1/query", `{"query":"x","explain":true}`); got.Code != 400 || !strings.Contains(got.Body.String(), "explained") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
