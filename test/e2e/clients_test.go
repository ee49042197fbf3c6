package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"journalist/internal/testkit/proc"
)

// Every command that asks a server says the same about a wrong or missing token,
// with the same exit code, and the server counts it.
func TestWrongTokenOnEveryCommand(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	dir := t.TempDir()
	lines := writeFile(t, filepath.Join(dir, "lines.log"), "a line\n")
	wrong := "jt_" + strings.Repeat("0", 43)
	tokenFile := writeFile(t, filepath.Join(dir, "wrong"), wrong+"\n")
	home := []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "JOURNALIST_URL=" + j.URL()}
	refused := 0.0
	for _, args := range [][]string{
		{"query", "x"}, {"tail", "x"}, {"fields", "x"}, {"import", lines}, {"login", j.URL(), "--token-file", tokenFile},
	} {
		code, out := run(t, dir, append(home, "JOURNALIST_TOKEN="+wrong), bin.Journalist, args...)
		if code != 4 {
			t.Errorf("%v with a wrong token: exit code %d, want 4", args, code)
		}
		says(t, strings.Join(args, " "), out, "unknown or revoked", "log in again")
		if strings.Contains(out, wrong) {
			t.Errorf("%v prints the token", args)
		}
		refused++
		if args[0] == "login" {
			continue // asks for what it lacks
		}
		if code, out = run(t, dir, home, bin.Journalist, args...); code != 4 {
			t.Errorf("%v without a token: exit code %d, want 4", args, code)
		}
		says(t, strings.Join(args, " "), out, "no token", "journalist login")
	}
	if got := metric(t, ctx, j, "journalist_http_refused_credentials_total"); got != refused {
		t.Errorf("%v refusals are counted, want %v", got, refused)
	}
	if strings.Contains(j.Output(), wrong) {
		t.Error("the server's log has the token")
	}
	says(t, "journalist's log", j.Output(), "credentials refused", "127.0.0.1")

	// A token that may not do this is told apart from one that is nobody's.
	code, out := run(t, dir, home, bin.Journalist, "token", "create", "--data", j.Data, "--scope", "ingest", "feeder")
	if code != 0 {
		t.Fatalf("token create: %d\n%s", code, out)
	}
	var token string
	for _, word := range strings.Fields(out) {
		if strings.HasPrefix(word, "jt_") {
			token = word
		}
	}
	code, out = run(t, dir, append(home, "JOURNALIST_TOKEN="+token), bin.Journalist, "query", "x")
	if code != 4 {
		t.Errorf("query with a token for ingest: exit code %d, want 4", code)
	}
	says(t, "query with a token for ingest", out, "read")

	// A server that is not there is another failure.
	free, err := proc.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	code, out = run(t, dir, []string{"HOME=" + dir, "JOURNALIST_URL=http://" + free, "JOURNALIST_TOKEN=x"}, bin.Journalist, "query", "x")
	if code != 1 {
		t.Errorf("query without a server: exit code %d, want 1", code)
	}
	says(t, "query without a server", out, "nobody listens there", "--server", free)
	if status, _, err := j.Do(ctx, http.MethodGet, "/api/v1/me", "", nil); err != nil || status != http.StatusOK {
		t.Errorf("the right token: %d (%v)", status, err)
	}
}

// A mistake in a configuration is reported with file, line, and the key that was
// probably meant.
func TestConfigurationMistakes(t *testing.T) {
	dir := t.TempDir()
	const servers = `{"network": {"servers": ["127.0.0.1:1"]}`
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"key.conf", "{\"network\": {\n\"servers\": [\"127.0.0.1:1\"],\n  \"timeuot\": 3},\n\"files\": 1}", []string{"key.conf:3:3", `"timeout"`, "key.conf:4:"}},
		{"files.conf", servers + ",\n \"flies\": [{\"paths\": [\"/x\"]}]}", []string{"files.conf:2:2", `"files"`, "no files are named"}},
		{"paths.conf", servers + ",\n\"files\": [{\"path\": [\"/x\"], \"dead time\": \"1q\"}]}", []string{"paths.conf:2:12", `"paths"`, "paths.conf:2:", "1q"}},
		{"type.conf", "{\"network\": {\n\"servers\": \"127.0.0.1:1\"}, \"files\": [{\"paths\": [\"/x\"]}]}", []string{"type.conf:2:12", "must be a list"}},
		{"comma.conf", servers + "\n\"files\": [{\"paths\": [\"/x\"]}]}", []string{"comma.conf:2:1", "JSON"}},
		{"end.conf", servers + ",\n\"files\": [", []string{"end.conf:2:", "JSON"}},
		{"tls.conf", `{"network": {"servers": ["127.0.0.1:1"], "ssl ca": "/nowhere/ca.crt"}, "files": [{"paths": ["/x"]}]}`, []string{"ssl ca", "/nowhere/ca.crt"}},
		{"empty.conf", "", []string{"empty.conf", "no server is named"}},
	} {
		conf := writeFile(t, filepath.Join(dir, c.name), c.text)
		code, out := run(t, dir, nil, bin.Scribe, "check", "--offline", conf)
		if code != 6 {
			t.Errorf("scribe check %s ended with %d, want 6", c.name, code)
		}
		says(t, "scribe check "+c.name, out, c.want...)
		code, out = run(t, dir, nil, bin.Scribe, "run", "--config", conf, "--state-dir", filepath.Join(dir, "state"))
		if code == 0 {
			t.Errorf("scribe run %s ended with 0", c.name)
		}
		says(t, "scribe run "+c.name, out, c.want...)
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"key.yaml", "http:\n  addr: \":1\"\nlumberjak:\n  addr: \":2\"\n", []string{"key.yaml:3:1", `"lumberjack"`}},
		{"nested.yaml", "retention:\n  default:\n    aeg: 90d\n", []string{"nested.yaml:3:5", `"age"`}},
		{"value.yaml", "retention:\n  default: {age: often}\n", []string{"value.yaml:2:", "often", "duration"}},
		{"floor.yaml", "\ndisk_floor: 95%\n", []string{"floor.yaml:2:13", "90%"}},
		{"zone.yaml", "timezone: Europe/Berlinn\n", []string{"zone.yaml:1:11", "Europe/Berlinn"}},
		{"syntax.yaml", "data: /x\nhttp: [\n", []string{"syntax.yaml:", "YAML"}},
		{"twice.yaml", "data: /x\ndata: /y\n", []string{"twice.yaml:2:1", "line 1"}},
		{"list.yaml", "- data\n", []string{"list.yaml:1:1", "mapping"}},
	} {
		conf := writeFile(t, filepath.Join(dir, c.name), c.text)
		code, out := run(t, dir, nil, bin.Journalist, "serve", "--config", conf, "--data", filepath.Join(dir, "data"), "--http", "127.0.0.1:0", "--lumberjack", "127.0.0.1:0")
		if code != 2 {
			t.Errorf("journalist serve %s ended with %d, want 2", c.name, code)
		}
		says(t, "journalist serve "+c.name, out, c.want...)
	}
}
