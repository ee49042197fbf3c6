package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/cli"
)

func TestHealth(t *testing.T) {
	s := newSite(t)
	log, conf, state := filepath.Join(s.dir, "app.log"), filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state")
	sock := filepath.Join(s.dir, "metrics.sock")
	write(t, log, "one\n")
	s.yml(t, conf, fmt.Sprintf("files: [{paths: [%q]}]\nmetrics: {listen: \"unix://%s\"}\nlimits: {memory: 32MiB}\n", log, sock))
	r := start(t, "run", "--config", conf, "--state-dir", state)
	s.await(t, "one")
	awaitStatus(t, state, func(st *cli.ScribeStatus) bool { return st.Server.LinesAcked == 1 })
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", sock) }, DisableKeepAlives: true,
	}}
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ok", "/metrics": "scribe_ship_lines_acked_total 1", "/metrics?": "scribe_lag_bytes 0", "/metrics?x": "scribe_config_good 1"} {
		resp, err := client.Get("http://scribe" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // read
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s %v\n%s", path, resp.Status, err, body)
		}
	}
	r.end(t)
	if code, out := once(t, "run", "--config", conf, "--metrics", "0.0.0.0:9293"); code != cli.ExitUsage || !strings.Contains(out, "only this machine") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestNotReadyWithoutServer(t *testing.T) {
	s := newSite(t)
	log, conf, state := filepath.Join(s.dir, "app.log"), filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state")
	write(t, log, "one\n")
	down := *s
	down.server = &server{addr: "127.0.0.1:1"}
	down.yml(t, conf, fmt.Sprintf("files: [{paths: [%q]}]\n", log))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := start(t, "run", "--config", conf, "--state-dir", state, "--metrics", addr)
	awaitStatus(t, state, func(st *cli.ScribeStatus) bool { return st.Server.QueueLines == 1 })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // the status is what counts
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz says %s", resp.Status)
	}
	r.end(t)
}
