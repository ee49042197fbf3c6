package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"journalist/internal/cli"
)

// Each kind of rule does its work when it comes from a file.
func TestTestCommandOfEachRule(t *testing.T) {
	for rule, want := range map[string]string{
		`drop: 'level:warn'`:               ``,
		`keep: 'level:error'`:              ``,
		`sample: {rate: 1}`:                `{"level":"warn","password":"p","user":"u","sample_rate":1,"message":"hi"}`,
		`mask: secrets`:                    `{"level":"warn","password":"***","user":"u","message":"hi"}`,
		`mask: {pattern: u, with: x}`:      `{"level":"warn","password":"p","user":"x","message":"hi"}`,
		`add: {team: core}`:                `{"level":"warn","password":"p","user":"u","team":"core","message":"hi"}`,
		`remove: [password]`:               `{"level":"warn","user":"u","message":"hi"}`,
		`rename: {user: name}`:             `{"level":"warn","password":"p","name":"u","message":"hi"}`,
		`{remove: [password], if: 'warn'}`: `{"level":"warn","user":"u","message":"hi"}`,
		`{remove: [password], if: 'no'}`:   `{"level":"warn","password":"p","user":"u","message":"hi"}`,
	} {
		dir := t.TempDir()
		conf, log := filepath.Join(dir, "scribe.yml"), filepath.Join(dir, "app.log")
		write(t, log, `{"level":"warn","password":"p","user":"u","message":"hi"}`+"\n")
		write(t, conf, fmt.Sprintf("output: {servers: [a:1]}\nfiles:\n  - paths: [%q]\n    format: json\n    rules:\n      - %s\n", log, rule))
		code, out := once(t, "test", log, "--config", conf)
		out, _, _ = strings.Cut(out, "\n")
		if code != 0 || (want == "") != !strings.HasPrefix(out, "{") {
			t.Errorf("%s: exit code %d\n%s", rule, code, out)
			continue
		}
		if want == "" {
			continue
		}
		var got, wanted map[string]any
		if err := errors.Join(json.Unmarshal([]byte(out), &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
			t.Fatalf("%s: %v\n%s", rule, err, out)
		}
		for _, name := range []string{"@timestamp", "offset", "host", "file"} {
			delete(got, name)
		}
		if d := cmp.Diff(wanted, got); d != "" {
			t.Errorf("%s: %s", rule, d)
		}
	}
}

func TestTestCommand(t *testing.T) {
	dir := t.TempDir()
	conf, log := filepath.Join(dir, "scribe.yml"), filepath.Join(dir, "app.log")
	write(t, log, "level=debug a\nat once password=hunter2\n\tat frame 1\n\tat frame 2\nlast\n")
	write(t, conf, fmt.Sprintf(`output: {servers: [a:1]}
host: web-01
files:
  - paths: [%q]
    fields: {type: app}
    multiline: {pattern: '^\t', what: previous}
    rules: [{drop: 'debug'}, {mask: secrets}, {add: {team: core}}]
`, log))
	code, out := once(t, "test", log, "--config", conf)
	rows := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(rows) != 3 || !strings.Contains(rows[0], `\n\tat frame 2"`) || strings.Contains(out, "hunter2") ||
		!strings.Contains(rows[0], `"team":"core"`) || !strings.Contains(rows[1], `"last"`) || !strings.Contains(rows[2], "1 more were dropped") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if code, out := once(t, "test", log, "-n", "1"); code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "level=debug a") {
		t.Errorf("without configuration: exit code %d\n%s", code, out)
	}
	write(t, filepath.Join(dir, "none.txt"), "x\n")
	if code, out := once(t, "test", filepath.Join(dir, "none.txt"), "--config", conf); code != cli.ExitFailure || !strings.Contains(out, "would not be read") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
