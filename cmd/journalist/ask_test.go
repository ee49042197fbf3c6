package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"journalist/internal/cli"
)

// asked is a server that notes the questions and answers each with the same text.
func asked(t *testing.T, answer string) func() cli.Question {
	t.Helper()
	var mu sync.Mutex
	var last cli.Question
	fake(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		last = cli.Question{}
		if err := json.NewDecoder(r.Body).Decode(&last); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, answer)
	})
	return func() cli.Question {
		mu.Lock()
		defer mu.Unlock()
		return last
	}
}

func TestQueryContextLines(t *testing.T) {
	last := asked(t, `{"stats":{}}`)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"panic"}, "panic"},
		{[]string{"panic", "-C", "3"}, "panic | context 3 3"},
		{[]string{"panic", "-A", "2"}, "panic | context 0 2"},
		{[]string{"panic", "now", "-B", "9", "-C", "4"}, "panic now | context 9 4"},
	} {
		if code, _, errs := journalist(t, "", append([]string{"query"}, c.args...)...); code != 0 || last().Query != c.want {
			t.Errorf("%v: code %d, asked %q, want %q; %s", c.args, code, last().Query, c.want, errs)
		}
	}
	for _, args := range [][]string{{"x", "-A", "-1"}, {"x", "-C", "1", "-f"}, {"x", "-f", "-o", "csv"}, {"x", "-f", "--to", "now"}} {
		if code, _, _ := journalist(t, "", append([]string{"query"}, args...)...); code != cli.ExitUsage {
			t.Errorf("%v: code %d", args, code)
		}
	}
}

func TestQueryZone(t *testing.T) {
	last := asked(t, `{"@timestamp":"2026-03-01T12:00:00Z","dataset":"logs","message":"hello"}`+"\n"+`{"stats":{}}`)
	code, out, errs := journalist(t, "", "query", "x", "--tz", "Asia/Tokyo", "--from", "2026-03-01", "--to", "2026-03-02")
	if code != 0 || out != "2026-03-01 21:00:00.000 hello\n" {
		t.Errorf("code %d, %q, %s", code, out, errs)
	}
	if q := last(); q.Zone != "Asia/Tokyo" || q.From != "2026-02-28T15:00:00Z" || q.To != "2026-03-01T15:00:00Z" {
		t.Errorf("asked %+v", q)
	}
	for _, zone := range []string{"Moon/Base", "Local", "../etc/passwd"} {
		if code, _, errs := journalist(t, "", "query", "x", "--tz", zone); code != cli.ExitUsage || !strings.Contains(errs, zone) {
			t.Errorf("%s: code %d, %s", zone, code, errs)
		}
	}
}

func TestQueryStatsAndNotes(t *testing.T) {
	asked(t, `{"n":1}`+"\n"+`{"stats":{"rows_matched":2,"rows_scanned":1234567,"bytes_read":5000,"groups_read":3,"groups_skipped":40,"elapsed_ms":12,"notes":["count_uniq is within 1 %","a\u001b[2Jb"]}}`)
	code, out, errs := journalist(t, "", "query", "x", "-o", "json", "--stats")
	want := "1 rows; 2 matched of 1,234,567 looked at, 5.0 kB read, 12 ms\n3 row groups read, 40 passed over\nnote: count_uniq is within 1 %\nnote: a\\x1b[2Jb\n"
	if code != 0 || out != "{\"n\":1}\n" || errs != want {
		t.Errorf("code %d, %q, stderr\n%s", code, out, errs)
	}
	if _, _, errs := journalist(t, "", "query", "x"); !strings.HasPrefix(errs, "note: count_uniq") {
		t.Errorf("notes without --stats: %s", errs)
	}
}

func TestQueryLink(t *testing.T) {
	fake(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked the server: %s", r.URL) })
	t.Setenv("JOURNALIST_URL", "https://logs.example.com:9292")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"query", "level:error", "--link"}, "https://logs.example.com:9292/#q=level:error\n"},
		{[]string{"query", "a b", "-s", "15m", "--link"}, "https://logs.example.com:9292/#q=a+b&from=now-15m&to=now\n"},
		{[]string{"query", "a", "--from", "2026-03-01T12:00:00Z", "--to", "2026-03-01T13:00:00Z", "--link"}, "https://logs.example.com:9292/#q=a&from=2026-03-01T12:00:00Z&to=2026-03-01T13:00:00Z\n"},
		{[]string{"query", "a", "-f", "--link"}, "https://logs.example.com:9292/#q=a&live=1\n"},
		{[]string{"tail", "a", "--link"}, "https://logs.example.com:9292/#q=a&live=1\n"},
	} {
		if code, out, errs := journalist(t, "", c.args...); code != 0 || out != c.want {
			t.Errorf("%v: code %d, %s%s", c.args, code, out, errs)
		}
	}
}

// What is there comes oldest first and before what arrives, and a row that comes both
// ways comes once.
func TestQueryFollow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/query" {
			fmt.Fprint(w, `{"message":"two"}`+"\n"+`{"message":"one"}`+"\n"+`{"stats":{"partial":["some part"]}}`)
			return
		}
		fmt.Fprint(w, "event: ready\ndata: {}\n\nevent: row\ndata: {\"message\":\"two\"}\n\nevent: row\ndata: {\"message\":\"three\"}\n\nevent: row\ndata: {\"message\":\"two\"}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	var errs bytes.Buffer
	out := &stopAfter{cancel: cancel, want: "one\ntwo\nthree\ntwo\n"}
	a := &app{stdin: &errs, stdout: out, stderr: &errs}
	if code := a.run(ctx, []string{"query", "-f", "-o", "raw", "x"}); code != cli.ExitInterrupted || out.String() != out.want {
		t.Errorf("code %d, %q, stderr %s", code, out, &errs)
	}
	if !strings.Contains(errs.String(), "not complete: some part") {
		t.Errorf("stderr %s", &errs)
	}
}

// A query that fails when the tail is open already ends the command with its error.
func TestQueryFollowFails(t *testing.T) {
	fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/query" {
			fmt.Fprint(w, `{"error":{"kind":"internal"}}`)
			return
		}
		fmt.Fprint(w, "event: ready\ndata: {}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	if code, _, errs := journalist(t, "", "query", "-f", "x"); code != cli.ExitFailure || errs == "" {
		t.Errorf("code %d, stderr %s", code, errs)
	}
}
