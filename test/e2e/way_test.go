package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"journalist/internal/testkit/loggen"
	"journalist/internal/testkit/proc"
)

// TestFirstSteps does what the README tells a new user, by the programs alone: no
// token file, a logstash-forwarder configuration with three files, login, query.
func TestFirstSteps(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	httpAddr, err := proc.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	lumberjack, err := proc.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + filepath.Join(dir, "config")}
	server, err := proc.Start(dir, env, bin.Journalist, "serve", "--http", httpAddr, "--lumberjack", lumberjack)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	})
	for {
		resp, err := http.Get("http://" + httpAddr + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not ready; output:\n%s", server.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
	if code, out := run(t, dir, env, bin.Journalist, "cert", "issue", "web-01"); code != 0 {
		t.Fatalf("cert issue: %d\n%s", code, out)
	}
	var paths []string
	now := time.Now().UTC()
	for i, name := range []string{"app", "web", "db"} {
		p := filepath.Join(dir, name+".log")
		text := ""
		for k := range 10 {
			text += fmt.Sprintf("%s %s line %d\n", now.Add(time.Duration(k-20)*time.Second).Format(time.RFC3339), []string{"error: disk on fire", "all is well"}[(i+k)%2], k)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	conf := fmt.Sprintf(`{
  # as logstash-forwarder reads it
  "network": {
    "servers": [ %q ],
    "ssl certificate": "./web-01.crt", "ssl key": "./web-01.key", "ssl ca": "./ca.crt",
    "timeout": 15
  },
  "files": [
    { "paths": [ %q, %q ], "fields": { "type": "app" } },
    { "paths": [ %q ], "fields": { "type": "db" } }
  ]
}`, lumberjack, paths[0], paths[1], paths[2])
	if err := os.WriteFile(filepath.Join(dir, "forwarder.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := run(t, dir, env, bin.Scribe, "check", "forwarder.conf"); code != 0 {
		t.Fatalf("scribe check: %d\n%s", code, out)
	}
	forwarder, err := proc.Start(dir, env, bin.Scribe, "-config", "forwarder.conf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := forwarder.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	})
	login := []string{"login", "http://" + httpAddr}
	if code, out := run(t, dir, env, bin.Journalist, login...); code != 0 {
		t.Fatalf("login: %d\n%s", code, out)
	}
	var rows []map[string]any
	for len(rows) < 15 {
		cmd := exec.CommandContext(ctx, bin.Journalist, "query", "error", "-s", "1h", "-o", "json")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("query: %v\n%s\nscribe:\n%s", err, &stderr, forwarder.Output())
		}
		rows = rows[:0]
		for line := range strings.Lines(string(out)) {
			var r map[string]any
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("row %q: %v", line, err)
			}
			rows = append(rows, r)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d rows of 15; scribe:\n%s", len(rows), forwarder.Output())
		case <-time.After(50 * time.Millisecond):
		}
	}
	if len(rows) != 15 {
		t.Fatalf("%d rows, want the 15 with an error", len(rows))
	}
	for _, r := range rows {
		if r["file"] == nil || r["host"] == nil || r["type"] == nil || !strings.Contains(r["message"].(string), "error: disk on fire") {
			t.Errorf("row %v", r)
		}
		at, err := time.Parse(time.RFC3339, r["@timestamp"].(string))
		if err != nil || now.Sub(at) < 5*time.Second || now.Sub(at) > 30*time.Second {
			t.Errorf("the line's own time was not taken: %v (%v)", r, err)
		}
	}
	if code, out := run(t, dir, env, bin.Scribe, "status"); code != 0 || !strings.Contains(out, "app.log") {
		t.Errorf("scribe status: %d\n%s", code, out)
	}
}

// A line is in the live tail, in order, soon after it was written.
func TestTailSeesLinesAsTheyAreWritten(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	l := openLog(t, t.TempDir(), "app")
	s := newScribe(t, ctx, j, j.Lumberjack, map[string]string{"type": "app"}, l.path)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	l.write(t, 10)
	if _, err := j.WaitCount(ctx, "type=app", 10); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.URL()+"/api/v1/tail?query="+url.QueryEscape("type=app"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+j.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	events := bufio.NewScanner(resp.Body)
	for events.Scan() && events.Text() != "event: ready" {
		continue
	}
	for i := 10; i < 60; i++ {
		l.write(t, 1)
		row := nextRow(t, events)
		if tag, n, ok := loggen.Number(row["message"].(string)); !ok || tag != "app" || n != i {
			t.Fatalf("line %d: the tail shows %v", i, row)
		}
	}
}

func nextRow(t *testing.T, events *bufio.Scanner) map[string]any {
	t.Helper()
	isRow := false
	for events.Scan() {
		line := events.Text()
		if line == "event: row" {
			isRow = true
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || !isRow {
			continue
		}
		var r map[string]any
		if err := json.Unmarshal([]byte(data), &r); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		return r
	}
	t.Fatalf("the tail ended: %v", events.Err())
	return nil
}

// What HTTP clients send is there after a kill -9 right behind the answer.
func TestAnsweredIngestSurvivesKill(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	total := 0
	for round := range 5 {
		var lines, bulk bytes.Buffer
		for i := range 500 {
			fmt.Fprintf(&lines, `{"@timestamp":%q,"message":"jsonl %d-%d","nested":{"n":%d}}`+"\n", time.Now().UTC().Format(time.RFC3339Nano), round, i, i)
			fmt.Fprintf(&bulk, `{"create":{"_index":"logs"}}`+"\n"+`{"@timestamp":%q,"message":"bulk %d-%d"}`+"\n", time.Now().UTC().Format(time.RFC3339Nano), round, i)
		}
		for path, body := range map[string]io.Reader{"/api/v1/ingest/jsonl": &lines, "/elastic/_bulk": &bulk} {
			status, answer, err := j.Do(ctx, http.MethodPost, path, "application/x-ndjson", body)
			if err != nil || status != http.StatusOK {
				t.Fatalf("%s: %d %v %s", path, status, err, answer)
			}
		}
		total += 1000
		j.Kill()
		if err := j.Start(ctx); err != nil {
			t.Fatal(err)
		}
		n, err := j.Count(ctx, "*")
		if err != nil || n != int64(total) {
			t.Fatalf("after kill %d: %d records of %d (%v)", round+1, n, total, err)
		}
	}
	n, err := j.Count(ctx, "nested.n=499")
	if err != nil || n != 5 {
		t.Errorf("nested.n=499 has %d records, want 5 (%v)", n, err)
	}
}
