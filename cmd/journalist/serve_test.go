package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"journalist/internal/cli"
)

// server is a `journalist serve` in this process.
type server struct {
	t      *testing.T
	dir    string // data folder
	cancel context.CancelFunc
	done   chan int
	log    *lockedBuffer
	info   serverInfo
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startServer starts serve with the data folder ./data and fresh ports, and waits
// until it says that it is ready.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	return startServerIn(t, "data", args...)
}

// startServerIn is startServer with another data folder.
func startServerIn(t *testing.T, data string, args ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{t: t, dir: data, cancel: cancel, done: make(chan int, 1), log: &lockedBuffer{}}
	a := &app{stdin: strings.NewReader(""), stdout: s.log, stderr: s.log}
	args = append([]string{"serve", "--http", "127.0.0.1:0", "--lumberjack", "127.0.0.1:0", "--data", data}, args...)
	go func() { s.done <- a.run(ctx, args) }()
	t.Cleanup(s.stop)
	s.waitFor("journalist is ready")
	info, err := dataDir(s.dir).readInfo()
	if err != nil {
		t.Fatal(err)
	}
	s.info = info
	return s
}

// waitFor waits until the server's log holds a text.
func (s *server) waitFor(text string) {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(s.log.String(), text) {
		select {
		case code := <-s.done:
			s.done <- code
			s.t.Fatalf("serve ended with %d:\n%s", code, s.log)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%q does not come:\n%s", text, s.log)
		}
	}
}

// stop stops the server as SIGTERM does and expects that it ends well.
func (s *server) stop() {
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.cancel = nil
	select {
	case code := <-s.done:
		if code != 0 {
			s.t.Errorf("serve ended with %d:\n%s", code, s.log)
		}
	case <-time.After(30 * time.Second):
		s.t.Errorf("serve does not end:\n%s", s.log)
	}
}

func must(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	code, out, errs := journalist(t, "", args...)
	if code != 0 {
		t.Fatalf("journalist %v: code %d\n%s%s", args, code, out, errs)
	}
	return out, errs
}

// The way of a new user, and what stays after a restart.
func TestFirstStartToQuery(t *testing.T) {
	home(t)
	s := startServer(t)
	first, err := os.ReadFile("data/first-login")
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`jt_\S+`).FindString(string(first))
	if info, err := os.Stat("data/first-login"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("first-login: %v, error %v", info.Mode(), err)
	}
	if token == "" || !strings.Contains(string(first), s.info.URL+"/#login=") {
		t.Fatalf("first-login holds %q", first)
	}
	if log := s.log.String(); strings.Contains(log, token) || strings.Contains(log, "#login=") || !strings.Contains(log, "first-login") {
		t.Errorf("the log holds a secret, or not where it is:\n%s", log)
	}

	t.Setenv("JOURNALIST_TOKEN", token)
	must(t, "login", s.info.URL) // with the admin token
	t.Setenv("JOURNALIST_TOKEN", "")
	if _, errs := must(t, "login"); !strings.Contains(errs, "read") { // with one of its own
		t.Errorf("login: %s", errs)
	}
	profile, ok, err := cli.LoadProfile("config/journalist/login.json")
	if err != nil || !ok || profile.Token == token || profile.TokenID == "" {
		t.Errorf("profile %+v, %v, %v", profile, ok, err)
	}

	now := time.Now().UTC()
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "%s line %d of the test\n", now.Add(time.Duration(i-200)*time.Second).Format(time.RFC3339), i)
	}
	if err := os.WriteFile("a.log", []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs := must(t, "import", "a.log", "--host", "web-01"); !strings.Contains(errs, "100 accepted, 0 refused") {
		t.Errorf("import: %s", errs)
	}
	check := func() {
		t.Helper()
		out, _ := must(t, "query", "host=web-01 line", "-s", "1h", "-o", "raw", "-n", "1000")
		if got := strings.Split(strings.TrimSpace(out), "\n"); len(got) != 100 || !strings.HasSuffix(got[0], "line 99 of the test") {
			t.Errorf("query: %d lines, the first %q", len(got), got[0])
		}
		out, _ = must(t, "query", "test | stats count() as n by host", "-s", "1h", "-o", "csv")
		if out != "host,n\nweb-01,100\n" {
			t.Errorf("stats: %q", out)
		}
	}
	check()
	if out, errs := must(t, "fields", "-s", "1h"); !strings.Contains(out, "web-01 (100)") {
		t.Errorf("fields: %s%s", out, errs)
	}
	code, _, errs := journalist(t, "", "query", "level:error (host:web-01")
	if code != cli.ExitUsage || !strings.Contains(errs, "^") {
		t.Errorf("a query that does not parse: code %d\n%s", code, errs)
	}
	if out, _ := must(t, "token", "link"); !strings.HasPrefix(out, s.info.URL+"/#login=") {
		t.Errorf("token link: %s", out)
	}

	s.stop()
	if out, errs := must(t, "verify"); out != "" || !strings.Contains(errs, "100 records") {
		t.Errorf("verify: %s%s", out, errs)
	}
	if err := os.Remove("data/first-login"); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(s.info.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	startServer(t, "--http", net.JoinHostPort(host, port)) // where login expects it
	if _, err := os.Stat("data/first-login"); err == nil {
		t.Error("a later start makes a first login again")
	}
	check()

	// Logging out revokes the token that login made.
	must(t, "logout")
	t.Setenv("JOURNALIST_URL", s.info.URL)
	t.Setenv("JOURNALIST_TOKEN", profile.Token)
	if code, _, errs := journalist(t, "", "query", "x"); code != cli.ExitAuth {
		t.Errorf("the token of a login that is over: code %d, %s", code, errs)
	}
}

// A damaged store is found, and nothing is checked below a running server.
func TestVerifyFindsDamage(t *testing.T) {
	home(t)
	s := startServer(t)
	must(t, "login")
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, "a line that becomes part of a part %d\n", i)
	}
	if err := os.WriteFile("a.log", []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "a.log")
	if code, _, errs := journalist(t, "", "verify"); code != cli.ExitFailure || !strings.Contains(errs, "in use") {
		t.Errorf("beside the server: code %d, %s", code, errs)
	}
	s.stop()
	var part string
	err := filepath.WalkDir("data/store/data", func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			part = path
		}
		return err
	})
	if err != nil || part == "" {
		t.Fatalf("no part: %v", err)
	}
	data, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/3] ^= 0x40
	if err := os.WriteFile(part, data, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := journalist(t, "", "verify")
	if code != cli.ExitCheck || !strings.Contains(out, filepath.Base(part)) || !strings.Contains(errs, "1 problem\n") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}

func TestTokensAndCertificatesBesideTheServer(t *testing.T) {
	home(t)
	s := startServer(t)
	secret, _ := must(t, "token", "create", "ci", "--scope", "ingest", "--dataset", "ci", "--expires", "30d")
	t.Setenv("JOURNALIST_URL", s.info.URL)
	t.Setenv("JOURNALIST_TOKEN", strings.TrimSpace(secret))
	if code, _, errs := journalist(t, "", "query", "x"); code != cli.ExitAuth {
		t.Errorf("a token that may not read: code %d, %s", code, errs)
	}
	if err := os.WriteFile("a.json", []byte(`{"message":"x"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "--dataset", "ci", "a.json")
	if code, _, errs := journalist(t, "", "import", "a.json"); code != cli.ExitAuth && code != cli.ExitFailure {
		t.Errorf("a dataset that is not the token's: code %d, %s", code, errs)
	}
	if out, _ := must(t, "token", "list"); !strings.Contains(out, "ci") || strings.Contains(out, strings.TrimSpace(secret)) {
		t.Errorf("token list: %s", out)
	}
	must(t, "token", "revoke", "ci")
	for uses, want := range map[string]string{"1": " lets in 1 forwarder until ", "2": " lets in 2 forwarders until "} {
		out, errs := must(t, "token", "create", "web", "--scope", "enroll", "--uses", uses)
		if !strings.HasPrefix(out, "jt_") || !strings.Contains(errs, want) || !strings.Contains(errs, "SCRIBE_TOKEN="+strings.TrimSpace(out)+" scribe enroll ") {
			t.Errorf("token for %s: %s%s", uses, out, errs)
		}
	}
	if code, _, _ := journalist(t, "", "import", "--dataset", "ci", "a.json"); code != cli.ExitAuth {
		t.Errorf("a revoked token: code %d", code)
	}
	if code, _, errs := journalist(t, "", "token", "create", "x", "--scope", "everything"); code != cli.ExitUsage {
		t.Errorf("a scope that is none: code %d, %s", code, errs)
	}

	out, errs := must(t, "cert", "issue", "web-01", "--out", "certs")
	if out != "certs/web-01.key\ncerts/web-01.crt\ncerts/ca.crt\n" || !strings.Contains(errs, s.info.Lumberjack) {
		t.Errorf("cert issue: %s%s", out, errs)
	}
	if info, err := os.Stat("certs/web-01.key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v %v", info, err)
	}
	if code, _, errs := journalist(t, "", "cert", "issue", "web-01", "--out", "certs"); code != cli.ExitFailure || !strings.Contains(errs, "--force") {
		t.Errorf("a second time: code %d, %s", code, errs)
	}
	must(t, "cert", "issue", "web-01", "--out", "certs", "--if-missing")
	must(t, "cert", "issue", "web-01", "--out", "certs", "--force")
	must(t, "cert", "revoke", "web-01")
	if out, _ := must(t, "cert", "list"); strings.Count(out, "revoked") != 2 {
		t.Errorf("cert list: %s", out)
	}
	if code, _, _ := journalist(t, "", "cert", "issue", "../evil", "--out", "certs"); code == 0 {
		t.Error("a name with a path is taken")
	}
}

func TestServeRefusals(t *testing.T) {
	home(t)
	s := startServer(t)
	addr := strings.TrimPrefix(s.info.URL, "http://")
	if err := os.WriteFile("bad.yml", []byte("http:\n  adr: \":1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"data locked":      {[]string{"--data", "data"}, 1, fmt.Sprintf("process %d", os.Getpid())},
		"port busy":        {[]string{"--data", "other", "--http", addr}, 1, "in use by another program"},
		"lumberjack busy":  {[]string{"--data", "other", "--http", "127.0.0.1:0", "--lumberjack", s.info.Lumberjack}, 1, "--lumberjack"},
		"open to everyone": {[]string{"--data", "other", "--http", "0.0.0.0:0", "--http-tls", "off"}, 2, "TLS"},
		"bad address":      {[]string{"--data", "other", "--http", "nonsense"}, 2, "nonsense"},
		"bad config":       {[]string{"--config", "bad.yml"}, 2, "bad.yml:2"},
		"no config":        {[]string{"--config", "none.yml"}, 2, "none.yml"},
		"bad size":         {[]string{"--retention-bytes", "lots"}, 2, "--retention-bytes lots"},
		"bad age":          {[]string{"--retention-age", "lots"}, 2, "--retention-age lots"},
		"bad zone":         {[]string{"--timezone", "Mars/Base"}, 2, "--timezone"},
		"little memory":    {[]string{"--memory", "1MB"}, 2, "64MiB"},
		"data is a file":   {[]string{"--data", "file"}, 1, "file"},
		"no admin token":   {[]string{"--data", "other", "--admin-token-file", "none"}, 1, "none"},
		"no CA":            {[]string{"--data", "other", "--http", "127.0.0.1:0", "--lumberjack", "127.0.0.1:0", "--lumberjack-client-ca", "file"}, 1, "no PEM certificate"},
		"half a pair":      {[]string{"--tls-cert", "x"}, 2, "tls-key"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := journalist(t, "", append([]string{"serve"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("code %d, want %d with %q:\n%s", code, c.code, c.want, errs)
			}
		})
	}
}

// On an address that is not loopback there is TLS, with an authority that login
// can show; and a unix socket works for clients on this machine.
func TestTLSAndUnixSocket(t *testing.T) {
	dir := home(t)
	s := startServer(t, "--http", "0.0.0.0:0", "--lumberjack", "off", "--tls-name", "logs.example.com")
	if !strings.HasPrefix(s.info.URL, "https://localhost:") || !strings.HasPrefix(s.info.Page, "https://logs.example.com:") || s.info.Lumberjack != "" {
		t.Fatalf("server.json: %+v", s.info)
	}
	ca, known, err := cli.ServerCA(t.Context(), s.info.URL)
	if err != nil || known {
		t.Fatalf("ServerCA: known %v, error %v", known, err)
	}
	if fingerprint := cli.Fingerprint(ca); !strings.Contains(s.log.String(), fingerprint) {
		t.Errorf("the fingerprint %s is not in the log:\n%s", fingerprint, s.log)
	}
	must(t, "login")
	must(t, "query", "x")
	secret, _ := must(t, "token", "create", "me")
	if err := os.WriteFile("token", []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	// From elsewhere, with nobody to ask: not trusted, unless the authority is given.
	if code, _, errs := journalist(t, "", "login", s.info.URL, "--token-file", "token"); code != cli.ExitAuth || !strings.Contains(errs, cli.Fingerprint(ca)) {
		t.Errorf("login without --ca: code %d, %s", code, errs)
	}
	must(t, "login", s.info.URL, "--token-file", "token", "--ca", "data/pki/ca.crt")
	must(t, "query", "x")
	s.stop()

	socket := filepath.Join(dir, "s")
	startServer(t, "--http", "unix:"+socket, "--lumberjack", "off")
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket %v, error %v", info.Mode(), err)
	}
	must(t, "login", "--data", "data")
	must(t, "query", "x")
}

// systemd hears of the beginning, a reload and the end.
func TestNotifyAndReload(t *testing.T) {
	dir := home(t)
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	expect := func(want string) {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1000)
		n, err := conn.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:n]), want) {
			t.Errorf("systemd hears %q, error %v, want %q", buf[:n], err, want)
		}
	}
	s := startServer(t)
	expect("READY=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.waitFor("read anew")
	expect("RELOADING=1\nMONOTONIC_USEC=")
	expect("READY=1")
	s.stop()
	expect("STOPPING=1")
}
