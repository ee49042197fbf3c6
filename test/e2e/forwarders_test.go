package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// What a scribe says of itself reaches those who ask the server, and is no line.
func TestForwarders(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	log := writeFile(t, filepath.Join(t.TempDir(), "app.log"), "one\nwithout an end")
	s := newScribe(t, ctx, j, j.Lumberjack, nil, log)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Forwarders []struct {
			Name, Host, Version string
			Files               int
			Lag                 int64 `json:"lag_bytes"`
			Silent              bool
		}
	}
	for len(answer.Forwarders) == 0 {
		status, body, err := j.Do(ctx, "GET", "/api/v1/forwarders", "", nil)
		if err == nil && status == 200 {
			err = json.Unmarshal(body, &answer)
		}
		if err != nil || status != 200 {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no forwarder was heard of; scribe said:\n%s", tailOf(s.Output()))
		case <-time.After(50 * time.Millisecond):
		}
	}
	if f := answer.Forwarders[0]; f.Name != "web-01" || f.Host == "" || f.Version == "" || f.Files != 1 || f.Lag != int64(len("without an end")) || f.Silent {
		t.Errorf("%+v", f)
	}
	code, out := run(t, t.TempDir(), nil, bin.Journalist, "forwarders", "--check", "--server", j.URL(), "--token-file", j.TokenFile())
	if code != 0 {
		t.Errorf("journalist forwarders: %d\n%s", code, out)
	}
	says(t, "journalist forwarders", out, "web-01", fmt.Sprint(len("without an end"), " B"), "ok")
	if n, err := j.WaitCount(ctx, "*", 1); err != nil || n != 1 {
		t.Errorf("%d lines, %v", n, err)
	}
}
