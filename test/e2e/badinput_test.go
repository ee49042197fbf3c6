package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"journalist/internal/testkit/proc"
)

// One folder holds everything that can be wrong with a file; scribe ships what can
// be shipped, says what cannot, and goes on.
func TestOddFiles(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	j := startJournalist(t, ctx)
	dir := t.TempDir()
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const long = 100 << 20
	write("empty.log", nil)
	write("crlf.log", []byte("first\r\nsecond\r\n\r\n"))
	write("nul.log", []byte("a\x00b\n\x00\x00\x00\nafter\n"))
	write("utf8.log", []byte("caf\xe9 latin\ngr\xc3\xbc\xc3\x9fe\n"))
	write("clock.log", []byte("1970-01-01T00:00:05Z at the epoch\n2100-01-01T00:00:00Z far ahead\n"))
	write("long.log", append(append(bytes.Repeat([]byte("x"), long), "end\n"...), "short after long\n"...))
	binary := make([]byte, 1<<16)
	for i := range binary {
		binary[i] = byte(i * 7)
	}
	write("binary.log", append(binary, '\n'))
	if err := os.Mkdir(filepath.Join(dir, "folder.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	unreadable := makeUnreadable(t, filepath.Join(dir, "unreadable.log"))
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling.log")); err != nil {
		t.Fatal(err)
	}
	write("vanishing.log", []byte("seen before it vanished\n"))
	write("good.log", []byte("all is well\n"))

	s := newScribe(t, ctx, j, j.Lumberjack, nil, filepath.Join(dir, "*.log"), filepath.Join(dir, "folder.log"))
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	expect := func(query string, want int64) {
		t.Helper()
		if n, err := j.WaitCount(ctx, query, want); err != nil || n != want {
			t.Errorf("%s: %d records, want %d (%v)", query, n, want, err)
		}
	}
	expect("file:*good.log*", 1)
	expect("file:*vanishing.log*", 1)
	if err := os.Remove(filepath.Join(dir, "vanishing.log")); err != nil {
		t.Fatal(err)
	}
	expect("file:*crlf.log*", 3)
	expect(`message="second"`, 1)
	expect("file:*nul.log*", 3)
	expect("file:*utf8.log*", 2)
	expect("message:grüße", 1)
	expect("file:*clock.log*", 2)
	expect("_time:[1970-01-01 TO 1970-01-02]", 1)
	expect(`"short after long"`, 1)
	if n, err := j.Count(ctx, "file:*long.log* tags:_split"); err != nil || n < 2 {
		t.Errorf("the long line came in %d pieces (%v)", n, err)
	}
	expect("file:*empty.log*", 0)

	// The long line is whole: the pieces' lengths add up.
	var all int
	if err := j.Query(ctx, "file:*long.log* | fields message", func(r map[string]any) error {
		all += len(r["message"].(string))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := long + len("end") + len("short after long"); all != want {
		t.Errorf("long.log's lines have %d bytes in the store, want %d", all, want)
	}

	// It still follows.
	f, err := os.OpenFile(filepath.Join(dir, "good.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("still following\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	expect(`"still following"`, 1)
	waitOutput(t, ctx, s.Process, "folder.log")
	if unreadable {
		waitOutput(t, ctx, s.Process, "unreadable.log")
	}
}

// makeUnreadable makes a file that cannot be read, also by root where the kernel
// has one to point at; it tells whether it could.
func makeUnreadable(t *testing.T, name string) bool {
	t.Helper()
	if os.Getuid() != 0 {
		if err := os.WriteFile(name, []byte("secret\n"), 0); err != nil {
			t.Fatal(err)
		}
		return true
	}
	const writeOnly = "/sys/bus/cpu/uevent" // has a size, and reading it fails
	if _, err := os.ReadFile(writeOnly); err == nil || os.IsNotExist(err) {
		return false
	}
	if err := os.Symlink(writeOnly, name); err != nil {
		t.Fatal(err)
	}
	return true
}

// Errors say where, of what kind, and what to do.
func TestErrorsSayWhatToDo(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	j := startJournalist(t, ctx)
	certs, err := j.IssueCert(ctx, "web-01")
	if err != nil {
		t.Fatal(err)
	}
	other := startJournalist(t, ctx) // another site with another CA
	otherCerts, err := other.IssueCert(ctx, "web-01")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "app.log")
	if err := os.WriteFile(log, []byte("a line\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := func(name, text string) string {
		p := filepath.Join(dir, name)
		text = strings.NewReplacer("SERVER", j.Lumberjack, "CERTS", certs, "OTHER", otherCerts, "LOG", log).Replace(text)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const good = `"ssl certificate": "CERTS/web-01.crt", "ssl key": "CERTS/web-01.key", "ssl ca": "CERTS/ca.crt"`
	free, err := proc.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		code       int
		want       []string
	}{
		{"good", `{"network":{"servers":["SERVER"],` + good + `},"files":[{"paths":["LOG"]}]}`, 0, []string{"app.log"}},
		{"typo", "{\"network\":{\"servers\":[\"SERVER\"],\n\"ssl certificat\": \"x\", " + good + "},\n\"files\":[{\"paths\":[\"LOG\"]}]}", 6, []string{"typo:2", "ssl certificate"}},
		{"syntax", "{\"network\":{\"servers\":[\"SERVER\"]},\n\"files\":[{\"paths\":[\"LOG\"]\n}", 6, []string{"syntax:"}},
		{"wrong-ca", `{"network":{"servers":["SERVER"],"ssl certificate": "CERTS/web-01.crt", "ssl key": "CERTS/web-01.key", "ssl ca": "OTHER/ca.crt"},"files":[{"paths":["LOG"]}]}`, 6, []string{"ca.crt"}},
		{"down", `{"network":{"servers":["` + free + `"],` + good + `},"files":[{"paths":["LOG"]}]}`, 6, []string{"refused"}},
	} {
		code, out := run(t, dir, nil, bin.Scribe, "check", conf(c.name, c.text))
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d\n%s", c.name, code, c.code, out)
		}
		for _, w := range c.want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: the output does not say %q:\n%s", c.name, w, out)
			}
		}
	}

	// A certificate of another CA gets no line in, and journalist says so.
	s, err := proc.NewScribe(bin, filepath.Join(dir, "intruder"), proc.ScribeConfig{
		Servers: []string{j.Lumberjack}, Certs: otherCerts, Name: "web-01", Paths: []string{log},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	waitOutput(t, ctx, s.Process, "certificate")
	if n, err := j.Count(ctx, "*"); err != nil || n != 0 {
		t.Errorf("%d records of a foreign certificate (%v)", n, err)
	}

	// HTTP: wrong token, wrong content type, bad query.
	status, body, err := j.Do(ctx, http.MethodPost, "/api/v1/ingest/jsonl", "application/x-www-form-urlencoded", strings.NewReader("{}\n"))
	if err != nil || status != http.StatusUnsupportedMediaType {
		t.Errorf("form content type: %d %s (%v)", status, body, err)
	}
	status, body, err = j.Do(ctx, http.MethodPost, "/api/v1/query", "application/json", strings.NewReader(`{"query":"a | sotr b"}`))
	if err != nil || status != http.StatusBadRequest || !strings.Contains(string(body), "sort") {
		t.Errorf("bad pipe: %d %s (%v)", status, body, err)
	}
	code, out := run(t, dir, []string{"JOURNALIST_URL=" + j.URL(), "JOURNALIST_TOKEN=wrong", "HOME=" + dir}, bin.Journalist, "query", "x")
	if code != 4 {
		t.Errorf("wrong token: exit code %d, want 4\n%s", code, out)
	}
	code, out = run(t, dir, []string{"JOURNALIST_URL=" + j.URL(), "JOURNALIST_TOKEN=" + j.Token, "HOME=" + dir}, bin.Journalist, "query", "status:[1 TO")
	if code != 2 && code != 1 || !strings.Contains(out, "^") {
		t.Errorf("bad query: exit code %d\n%s", code, out)
	}
}

func waitOutput(t *testing.T, ctx context.Context, p *proc.Process, part string) {
	t.Helper()
	for !strings.Contains(p.Output(), part) {
		select {
		case <-ctx.Done():
			t.Fatalf("%q was never said; output:\n%s", part, tailOf(p.Output()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// One data folder belongs to one server; the second says who has it.
func TestSecondServerIsRefused(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	code, out := run(t, t.TempDir(), nil, bin.Journalist, "serve", "--data", j.Data, "--http", "127.0.0.1:0", "--lumberjack", "127.0.0.1:0")
	if code == 0 || !strings.Contains(out, fmt.Sprint(j.PID())) {
		t.Errorf("exit code %d; the output should name process %d:\n%s", code, j.PID(), out)
	}
}
