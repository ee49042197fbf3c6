package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"journalist/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testToken = "jt_token-of-the-test-0123456789abcdef"

// journalist runs a command line in this process, in a folder and with a
// configuration directory of its own.
func journalist(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs}
	code = a.run(t.Context(), args)
	return code, out.String(), errs.String()
}

// home gives the test a working directory and a configuration directory, and an
// environment without settings of whoever runs it.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	for _, name := range []string{
		"JOURNALIST_URL", "JOURNALIST_TOKEN", "JOURNALIST_TOKEN_FILE", "JOURNALIST_CA", "JOURNALIST_DATA", "STATE_DIRECTORY", "NOTIFY_SOCKET",
	} {
		t.Setenv(name, "")
	}
	return dir
}

// fake is a server whose answers the test decides, known by the environment.
func fake(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	home(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testToken {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind":"auth","detail":"unknown token"}`)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	t.Setenv("JOURNALIST_URL", s.URL)
	t.Setenv("JOURNALIST_TOKEN", testToken)
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, text)
	}
}

func TestQueryExitCodes(t *testing.T) {
	row := `{"@timestamp":"2026-03-01T12:00:00Z","dataset":"logs","message":"hello"}` + "\n"
	for name, c := range map[string]struct {
		answer string
		status int
		args   []string
		code   int
		stdout string
		stderr string
	}{
		"rows":           {answer: row + `{"stats":{}}`, args: []string{"hello", "-o", "json"}, stdout: row},
		"none":           {answer: `{"stats":{}}`, args: []string{"hello"}},
		"fail empty":     {answer: `{"stats":{}}`, args: []string{"hello", "--fail-empty"}, code: cli.ExitEmpty},
		"partial":        {answer: row + `{"stats":{"partial":["a part is corrupt"]}}`, args: []string{"hello", "-o", "raw"}, code: cli.ExitPartial, stdout: "hello\n", stderr: "not complete: a part is corrupt"},
		"error after":    {answer: row + `{"error":{"kind":"internal","detail":"disk gone"}}`, args: []string{"hello", "-o", "raw"}, code: cli.ExitFailure, stdout: "hello\n", stderr: "disk gone"},
		"broken off":     {answer: row, args: []string{"hello", "-o", "raw"}, code: cli.ExitFailure, stderr: "broke off"},
		"query error":    {answer: `{"kind":"query","detail":"expected a value","hint":"quote it","position":2}`, status: 400, args: []string{"a", ":"}, code: cli.ExitUsage, stderr: "error: expected a value\n  a :\n    ^\nhint: quote it\n"},
		"verbose":        {answer: row + `{"stats":{"rows_scanned":1234567,"elapsed_ms":12}}`, args: []string{"-v", "-o", "raw", "x"}, stdout: "hello\n", stderr: "1,234,567"},
		"no query":       {code: cli.ExitUsage, stderr: "query --help"},
		"bad limit":      {args: []string{"x", "-n", "0"}, code: cli.ExitUsage, stderr: "-n 0"},
		"bad form":       {args: []string{"x", "-o", "xml"}, code: cli.ExitUsage, stderr: "logfmt"},
		"bad since":      {args: []string{"x", "-s", "soon"}, code: cli.ExitUsage, stderr: "-s soon"},
		"bad from":       {args: []string{"x", "--from", "whenever"}, code: cli.ExitUsage, stderr: "--from"},
		"since and from": {args: []string{"x", "-s", "1h", "--from", "now-1h"}, code: cli.ExitUsage, stderr: "since"},
		"dash":           {args: []string{"-level:debug"}, code: cli.ExitUsage, stderr: `follows "--"`},
		"unknown flag":   {args: []string{"x", "--nope"}, code: cli.ExitUsage, stderr: "--nope"},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(w http.ResponseWriter, r *http.Request) {
				if c.status != 0 {
					w.WriteHeader(c.status)
				}
				answer(c.answer)(w, r)
			})
			code, out, errs := journalist(t, "", append([]string{"query"}, c.args...)...)
			if code != c.code || out != c.stdout || !strings.Contains(errs, c.stderr) {
				t.Errorf("code %d, want %d\nstdout %q, want %q\nstderr %q, want %q", code, c.code, out, c.stdout, errs, c.stderr)
			}
		})
	}
}

// Times are the user's: what names no zone is local, and the server gets instants.
func TestQueryTimes(t *testing.T) {
	var got cli.Question
	fake(t, func(w http.ResponseWriter, r *http.Request) {
		got = cli.Question{}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, `{"stats":{}}`)
	})
	if code, _, errs := journalist(t, "", "query", "--from", "2026-03-01T12:00:00+01:00", "--to", "2026-03-02T00:00:00Z", "-n", "7", "--source", "a", "b c"); code != 0 {
		t.Fatalf("code %d, %s", code, errs)
	}
	want := cli.Question{Query: "a b c", From: "2026-03-01T11:00:00Z", To: "2026-03-02T00:00:00Z", Limit: 7, Source: true}
	if got != want {
		t.Errorf("asked %+v, want %+v", got, want)
	}
	if code, _, errs := journalist(t, "", "query", "--", "-a"); code != 0 || got.Query != "-a" || got.From != "" {
		t.Errorf("code %d, asked %+v, %s", code, got, errs)
	}
}

func TestNoServerNoToken(t *testing.T) {
	home(t)
	if code, _, errs := journalist(t, "", "query", "x"); code != cli.ExitUsage || !strings.Contains(errs, "journalist login") {
		t.Errorf("no server: code %d, %s", code, errs)
	}
	t.Setenv("JOURNALIST_URL", "http://127.0.0.1:1")
	if code, _, errs := journalist(t, "", "query", "x"); code != cli.ExitAuth || !strings.Contains(errs, "no token") {
		t.Errorf("no token: code %d, %s", code, errs)
	}
	t.Setenv("JOURNALIST_TOKEN", "x")
	if code, _, errs := journalist(t, "", "query", "x"); code != cli.ExitFailure || !strings.Contains(errs, "nobody listens") {
		t.Errorf("nobody there: code %d, %s", code, errs)
	}
	fake(t, answer(""))
	t.Setenv("JOURNALIST_TOKEN", "wrong")
	if code, _, errs := journalist(t, "", "query", "x"); code != cli.ExitAuth || strings.Contains(errs, "wrong\n") {
		t.Errorf("wrong token: code %d, %s", code, errs)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fake(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	var out bytes.Buffer
	a := &app{stdin: &out, stdout: &out, stderr: &out}
	if code := a.run(ctx, []string{"query", "x"}); code != cli.ExitInterrupted || out.Len() != 0 {
		t.Errorf("code %d, output %s", code, &out)
	}
}

func TestTailCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fake(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "event: ready\ndata: {}\n\nevent: row\ndata: {\"message\":\"one\"}\n\nevent: missed\ndata: {\"missed\":3}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	var errs bytes.Buffer
	out := &stopAfter{cancel: cancel, want: "one\n"}
	a := &app{stdin: &errs, stdout: out, stderr: &errs}
	if code := a.run(ctx, []string{"tail", "-o", "raw", "x"}); code != cli.ExitInterrupted || out.String() != "one\n" {
		t.Errorf("code %d, %q, stderr %s", code, out, &errs)
	}
	if code, _, errs := journalist(t, "", "tail", "-o", "csv"); code != cli.ExitUsage || !strings.Contains(errs, "logfmt") {
		t.Errorf("-o csv: code %d, %s", code, errs)
	}
}

// stopAfter cancels once the wanted text was written.
type stopAfter struct {
	bytes.Buffer
	cancel context.CancelFunc
	want   string
}

func (s *stopAfter) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	if strings.Contains(s.String(), s.want) {
		s.cancel()
	}
	return n, err
}

func TestFieldsCommand(t *testing.T) {
	fake(t, answer(`{"sampled":3,"fields":[{"name":"host","kind":"string","count":3,"distinct":1,"top":[{"value":"<a>","count":3}]}],"stats":{}}`))
	code, out, errs := journalist(t, "", "fields", "x")
	if code != 0 || !strings.Contains(out, "host") || !strings.Contains(out, "100.0%") || !strings.Contains(errs, "3 lines") {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
	if code, out, _ := journalist(t, "", "fields", "-o", "json"); code != 0 || !strings.Contains(out, `"value":"<a>"`) {
		t.Errorf("json: code %d, %s", code, out)
	}
}

func TestImportCommand(t *testing.T) {
	fake(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, `{"accepted":1,"rejected":1,"errors":[{"line":2,"error":"no record"}]}`)
	})
	code, _, errs := journalist(t, "{\"a\":1}\n{\"a\":\n", "import", "-")
	if code != cli.ExitFailure || !strings.Contains(errs, "2 lines read") || !strings.Contains(errs, "1 accepted, 1 refused") || !strings.Contains(errs, "stdin:2: no record") {
		t.Errorf("code %d, %s", code, errs)
	}
	if code, _, errs := journalist(t, "", "import", "/does/not/exist"); code != cli.ExitFailure || !strings.Contains(errs, "/does/not/exist: no such file") {
		t.Errorf("missing file: code %d, %s", code, errs)
	}
	if code, _, errs := journalist(t, "", "import", "--field", "x", "-"); code != cli.ExitUsage || !strings.Contains(errs, "NAME=VALUE") {
		t.Errorf("bad field: code %d, %s", code, errs)
	}
	if code, _, _ := journalist(t, "", "import"); code != cli.ExitUsage {
		t.Errorf("no file: code %d", code)
	}
}

func TestUsage(t *testing.T) {
	home(t)
	for _, args := range [][]string{{}, {"token"}, {"cert"}, {"nonsense"}, {"cert", "issue"}, {"version", "x"}} {
		if code, _, _ := journalist(t, "", args...); code != cli.ExitUsage {
			t.Errorf("journalist %v: code %d", args, code)
		}
	}
	if code, out, _ := journalist(t, "", "version"); code != 0 || !strings.HasPrefix(out, "journalist ") {
		t.Errorf("version: code %d, %s", code, out)
	}
	if code, out, _ := journalist(t, "", "completion", "bash"); code != 0 || !strings.Contains(out, "bash completion") {
		t.Errorf("completion: code %d", code)
	}
	for _, args := range [][]string{{"token", "list"}, {"cert", "issue", "x"}, {"verify"}, {"token", "link", "--data", "nowhere"}} {
		if code, _, errs := journalist(t, "", args...); code != cli.ExitFailure || !strings.Contains(errs, "no data folder") {
			t.Errorf("journalist %v without data: code %d, %s", args, code, errs)
		}
	}
	if _, err := os.Stat("data"); err == nil {
		t.Error("a command made a data folder")
	}
	if code, _, errs := journalist(t, "", "token", "list", "--server", "https://x"); code != cli.ExitUsage || !strings.Contains(errs, "--data") {
		t.Errorf("token --server: code %d, %s", code, errs)
	}
}
