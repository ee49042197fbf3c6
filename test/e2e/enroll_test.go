package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"journalist/internal/testkit/proc"
)

// A machine that has nothing but an address and a token gets its certificate and
// ships with it; the token is good once, and for nothing else.
func TestEnroll(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	dir := t.TempDir()
	token := func() string {
		name := filepath.Join(t.TempDir(), "token")
		code, out := run(t, dir, nil, bin.Journalist, "token", "create", "web-07", "--scope", "enroll", "--data", j.Data)
		if code != 0 {
			t.Fatalf("token create: %d\n%s", code, out)
		}
		says(t, "token create", out, "lets in 1 forwarder", "scribe enroll "+j.URL())
		lines := strings.Split(strings.TrimSpace(out), "\n")
		for _, l := range lines { // the two streams may come in either order
			if strings.HasPrefix(l, "jt_") {
				writeFile(t, name, l+"\n")
			}
		}
		return name
	}
	first := token()
	certs := filepath.Join(dir, "certs")
	code, out := run(t, dir, nil, bin.Scribe, "enroll", j.URL(), "--token-file", first, "--name", "web-07", "--out", certs)
	if code != 0 {
		t.Fatalf("enroll: %d\n%s", code, out)
	}
	says(t, "enroll", out, "web-07 is enrolled", "scribe discover --server "+j.Lumberjack)
	info, err := os.Stat(filepath.Join(certs, "web-07.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info, err)
	}
	for what, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"the token again":      {[]string{"--token-file", first, "--name", "web-08"}, 4, "unknown or revoked"},
		"a name that is taken": {[]string{"--token-file", token(), "--name", "web-07"}, 1, "has a certificate already"},
		"no token":             {[]string{"--name", "web-09"}, 2, "--scope enroll"},
		"another token":        {[]string{"--token", "jt_abc", "--name", "web-09"}, 2, "no token for enrolling"},
		"a bad name":           {[]string{"--token-file", first, "--name", "../x"}, 2, "--name"},
	} {
		code, out := run(t, dir, nil, bin.Scribe, append([]string{"enroll", j.URL(), "--out", t.TempDir()}, c.args...)...)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d", what, code, c.code)
		}
		says(t, what, out, c.says)
	}
	code, out = run(t, dir, nil, bin.Scribe, "enroll", j.URL(), "--token-file", first, "--name", "web-07", "--out", certs)
	if code == 0 {
		t.Error("a key was replaced")
	}
	says(t, "enrolling into the same folder", out, "there already")

	log := writeFile(t, filepath.Join(dir, "app.log"), "one\ntwo\n")
	s, err := proc.NewScribe(bin, filepath.Join(dir, "scribe"), proc.ScribeConfig{
		Servers: []string{j.Lumberjack}, Certs: certs, Name: "web-07", Paths: []string{log}, Timeout: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	if n, err := j.WaitCount(ctx, "*", 2); err != nil || n != 2 {
		t.Errorf("%d lines, %v\n%s", n, err, tailOf(s.Output()))
	}
}
