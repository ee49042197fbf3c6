package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/cli"
	"journalist/internal/ingest/lumberjack"
	"journalist/internal/pki"
	"journalist/internal/record"
	"journalist/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is journalist's end: the real listener and certificates over a sink that
// keeps the lines in memory.
type server struct {
	addr string

	mu       sync.Mutex
	lines    map[string]int // text: how often it came
	hosts    map[string]bool
	arrivals chan struct{}
}

func (s *server) Submit(_ context.Context, b *record.Batch) <-chan error {
	s.mu.Lock()
	for i := range b.Len() {
		m, _ := b.Find(i, record.FieldMessage)
		h, _ := b.Find(i, record.FieldHost)
		s.lines[string(m.Bytes)]++
		s.hosts[string(h.Bytes)] = true
	}
	s.mu.Unlock()
	select {
	case s.arrivals <- struct{}{}:
	default:
	}
	done := make(chan error, 1)
	done <- nil
	return done
}

func (s *server) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[text]
}

// distinct is how many different lines came.
func (s *server) distinct() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// patience is how long tests wait for what must come. It is no bound of scribe's: a
// rotation alone is durable in some sixty steps, one after the other, of which each
// may take a second on a disk that others write to.
const patience = 3 * time.Minute

// await waits until a line has come.
func (s *server) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(patience)
	for s.count(text) == 0 {
		select {
		case <-s.arrivals:
		case <-deadline:
			t.Fatalf("%q did not arrive", text)
		}
	}
}

// site is a server, a certificate for a forwarder and its folder.
type site struct {
	*server
	dir string
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.Open(vfs.OS, filepath.Join(dir, "pki"), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue("web-01")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"web.crt": pair.Cert, "web.key": pair.Key, "ca.crt": pair.CA} {
		write(t, filepath.Join(dir, name), string(data))
	}
	s := &server{lines: map[string]int{}, hosts: map[string]bool{}, arrivals: make(chan struct{}, 1)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	srv := lumberjack.New(lumberjack.Options{Sink: s, TLS: ca.MutualConfig(nil)})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &site{server: s, dir: dir}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// conf writes a configuration; extra goes into "network".
func (s *site) conf(t *testing.T, name, addr, extra string, paths ...string) string {
	t.Helper()
	quoted, err := json.Marshal(paths)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, name)
	write(t, path, fmt.Sprintf(`{
  # as logstash-forwarder reads it
  "network": {"servers": [%q], "ssl certificate": "%[2]s/web.crt", "ssl key": "%[2]s/web.key", "ssl ca": "%[2]s/ca.crt"%[3]s},
  "files": [{"paths": %[4]s, "fields": {"type": "app"}}]
}`, addr, s.dir, extra, quoted))
	return path
}

// yml writes a scribe.yml for this site's server over the one that may be there.
func (s *site) yml(t *testing.T, path, rest string) {
	t.Helper()
	text := fmt.Sprintf("output:\n  servers: [%q]\n  tls: {ca: %[2]s/ca.crt, certificate: %[2]s/web.crt, key: %[2]s/web.key}\n%[3]s\n", s.addr, s.dir, rest)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// running is a scribe in this process.
type running struct {
	stop func()
	out  *output
	code chan int
}

type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{stop: cancel, out: &output{}, code: make(chan int, 1)}
	a := &app{stdout: r.out, stderr: r.out}
	go func() { r.code <- a.run(ctx, args) }()
	return r
}

// end stops it and wants exit code 0.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	select {
	case code := <-r.code:
		if code != 0 {
			t.Errorf("exit code %d\n%s", code, r.out)
		}
	case <-time.After(patience):
		t.Fatalf("scribe does not stop\n%s", r.out)
	}
}

// once runs a command that ends by itself.
func once(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out output
	a := &app{stdout: &out, stderr: &out}
	return a.run(t.Context(), args), out.String()
}

func TestRun(t *testing.T) {
	s := newSite(t)
	log, state := filepath.Join(s.dir, "app.log"), filepath.Join(s.dir, strings.Repeat("long-", 20), "state")
	write(t, log, "one\ntwo\n")
	conf := s.conf(t, "scribe.conf", s.addr, "", log)

	r := start(t, "run", "--config", conf, "--state-dir", state, "--host", "web-01")
	s.await(t, "two")
	write(t, log, "three\n")
	s.await(t, "three")
	if code, out := once(t, "run", "--config", conf, "--state-dir", state); code != cli.ExitFailure ||
		!strings.Contains(out, fmt.Sprintf("another scribe (pid %d) uses the state directory", os.Getpid())) {
		t.Errorf("a second scribe: exit code %d\n%s", code, out)
	}
	live := awaitStatus(t, state, func(s *cli.ScribeStatus) bool { return len(s.Files) == 1 && s.Files[0].Acked == 14 })
	if !live.Running || live.PID != os.Getpid() || !live.Server.Connected || live.Server.LinesAcked != 3 || live.Files[0].Lag != 0 {
		t.Errorf("status of the running scribe: %+v %+v", live, live.Server)
	}
	if info, err := os.Stat(filepath.Join(state, socketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v %v", info, err)
	}
	if code, out := once(t, "status", "--state-dir", state); code != 0 || !strings.Contains(out, "is running") || !strings.Contains(out, log) {
		t.Errorf("status: exit code %d\n%s", code, out)
	}
	r.end(t)

	write(t, log, "four\n")
	if code, out := once(t, "status", "--state-dir", state); code != 0 || !strings.Contains(out, "is not running") || !strings.Contains(out, "5 B") {
		t.Errorf("status afterwards: exit code %d\n%s", code, out)
	}
	var stopped cli.ScribeStatus
	if code, out := once(t, "status", "--state-dir", state, "-o", "json"); code != 0 || json.Unmarshal([]byte(out), &stopped) != nil ||
		len(stopped.Files) != 1 || stopped.Files[0].Lag != 5 || stopped.Files[0].AckedAt.IsZero() {
		t.Errorf("status as JSON: exit code %d\n%s", code, out)
	}

	// The next start goes on where it was.
	r = start(t, "run", "--config", conf, "--state-dir", state, "--host", "web-01")
	s.await(t, "four")
	r.end(t)
	for _, line := range []string{"one", "two", "three", "four"} {
		if n := s.count(line); n != 1 {
			t.Errorf("%q came %d times", line, n)
		}
	}
	if len(s.hosts) != 1 || !s.hosts["web-01"] {
		t.Errorf("hosts %v", s.hosts)
	}
	if strings.Contains(r.out.String(), "PRIVATE") {
		t.Error("a key was logged")
	}
}

func awaitStatus(t *testing.T, dir string, ok func(*cli.ScribeStatus) bool) *cli.ScribeStatus {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s, err := askStatus(t.Context(), dir)
		if err == nil && ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %+v, %v", s, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A server that is down holds up neither the reading of the status nor the end.
func TestRunWithoutServer(t *testing.T) {
	s := newSite(t)
	log, state := filepath.Join(s.dir, "app.log"), filepath.Join(s.dir, "state")
	write(t, log, "one\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := start(t, "run", "--config", s.conf(t, "scribe.conf", l.Addr().String(), "", log), "--state-dir", state)
	down := awaitStatus(t, state, func(s *cli.ScribeStatus) bool { return s.Server.LastError != "" && s.Server.QueueLines == 1 })
	if down.Server.Connected || down.Files[0].Acked != 0 || down.Files[0].Lag != 4 {
		t.Errorf("status %+v %+v", down, down.Server)
	}
	r.end(t)
	if !strings.Contains(r.out.String(), "refused") || !strings.Contains(r.out.String(), "the next start sends the rest") {
		t.Errorf("said\n%s", r.out)
	}
}

func TestLegacyFlags(t *testing.T) {
	s := newSite(t)
	log := filepath.Join(s.dir, "app.log")
	write(t, log, "one\n")
	conf := s.conf(t, "lsf.conf", s.addr, `, "codec": "plain"`, log)
	t.Chdir(s.dir)
	r := start(t, "-config", conf, "-spool-size", "10", "-quiet", "-cpuprofile", "cpu.out")
	s.await(t, "one")
	r.end(t)
	if _, err := os.Stat(filepath.Join(s.dir, ".scribe", "lock")); err != nil {
		t.Errorf("state directory: %v", err)
	}
	if info, err := os.Stat("cpu.out"); err != nil || info.Size() == 0 {
		t.Errorf("profile: %v", err)
	}
	if out := r.out.String(); !strings.Contains(out, "network.codec: is no known key") || strings.Contains(out, "level=INFO") {
		t.Errorf("said\n%s", out)
	}

	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-version"}, 0, "scribe dev"},
		{[]string{"-help"}, 0, "usage:"},
		{[]string{"-verbose"}, 1, "not defined"},
		{[]string{"-quiet"}, 1, "-config is missing"},
		{[]string{"-config", "none.conf"}, 2, "none.conf"},
	} {
		if code, out := once(t, c.args...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%q: exit code %d\n%s", c.args, code, out)
		}
	}
}

func TestCheck(t *testing.T) {
	s := newSite(t)
	good := filepath.Join(s.dir, "logs", "app.log")
	write(t, good, "one\n")
	if err := os.Mkdir(filepath.Join(s.dir, "logs", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(s.dir, "logs", "dangling.lnk")); err != nil {
		t.Fatal(err)
	}
	f := func(name string, code int, conf string, want ...string) {
		t.Helper()
		got, out := once(t, "check", conf)
		if got != code {
			t.Errorf("%s: exit code %d, want %d\n%s", name, got, code, out)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: does not say %q\n%s", name, w, out)
			}
		}
	}
	f("good", 0, s.conf(t, "good", s.addr, "", good, s.dir+"/logs/*.log", s.dir+"/later.log", "-"),
		"app.log: 1 file", "later.log: 0 files, none there now", "protocol", "journalist", "all is well")
	f("files", 6, s.conf(t, "files", s.addr, "", s.dir+"/logs/sub", s.dir+"/logs/*.lnk", s.dir+"/[x"),
		"sub is no regular file", "dangling.lnk is a link to a file that is not there", "syntax error in pattern", "3 problems")
	f("typo", 6, s.conf(t, "typo", s.addr, `, "time out": 3`, good), "typo:3:", `network.time out: is no known key and is ignored (did you mean "timeout"?)`, "1 problem")
	f("key", 6, s.conf(t, "key", s.addr, `, "ssl key": "/none"`, good), "/none")
	f("server", 6, s.conf(t, "server", "127.0.0.1:1", "", good), "refused")
	write(t, filepath.Join(s.dir, "syntax"), "{\n\"network\": {]\n}")
	f("syntax", 6, filepath.Join(s.dir, "syntax"), "syntax:2:13: JSON:")
	f("none", 6, filepath.Join(s.dir, "none"), "no such file")
	yml := func(name, rest string) string {
		path := filepath.Join(s.dir, name)
		s.yml(t, path, rest)
		return path
	}
	files := fmt.Sprintf("files: [{paths: [%q]", good)
	f("yaml", 0, yml("good.yml", files+"}]"), "app.log: 1 file", "journalist", "all is well")
	old := filepath.Join(s.dir, "old.conf.yml")
	text, err := os.ReadFile(yml("v1.yml", files+"}]"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, old, strings.Replace(string(text), "output:\n", "output:\n  protocol: v1\n", 1))
	f("protocol", 0, old, "lumberjack version 1", "all is well")
	f("unknown key", 6, yml("key.yml", files+", multi_line: java}]"), `key.yml:4:`, `files.multi_line: is no known key and is ignored (did you mean "multiline"?)`, "1 problem")
	f("filter", 6, yml("filter.yml", files+", rules: [{drop: 'a | limit 1'}]}]"), "filter.yml:4: rules: ", "a rule takes a filter alone")
	f("pattern", 6, yml("mask.yml", files+", rules: [{mask: {pattern: '('}}]}]"), "mask.yml:4:", "missing closing )")
	f("encoding", 6, yml("encoding.yml", files+", encoding: utf-9}]"), "encoding.yml:4: files: ", "utf-9")
	f("two mistakes", 6, yml("two.yml", files+", encoding: utf-9}]\nsyslog: [{listen: 'udp://0.0.0.0:514'}]"), "utf-9", "syslog: ", "2 problems")
	write(t, filepath.Join(s.dir, "logrotate.conf"), good+" {\n  dayly\n  rotate 3\n}\n")
	f("rotation", 6, yml("rotate.yml", files+"}]\nrotate: [logrotate.conf, absent.conf]"), "logrotate.conf:2", "dayly", "absent.conf")
	if err := os.Chmod(filepath.Join(s.dir, "web.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	f("open key", 6, yml("good.yml", files+"}]"), "everybody on this machine may read or write the key (mode 0644)")
	if code, out := once(t, "check", "--state-dir", "/proc/none", "--offline", filepath.Join(s.dir, "good.yml")); code != 6 || !strings.Contains(out, "state directory: ") {
		t.Errorf("state directory: exit code %d\n%s", code, out)
	}
	named := filepath.Join(s.dir, "good.yml")
	_, byName := once(t, "check", "--offline", named)
	if code, out := once(t, "check", "--offline", "--config", named); code == cli.ExitUsage || out != byName {
		t.Errorf("with --config: %d\n%s\nwithout:\n%s", code, out, byName)
	}
	if code, out := once(t, "check", "--config", named, named); code != cli.ExitUsage {
		t.Errorf("with both: %d\n%s", code, out)
	}
	if code, _ := once(t, "check"); code != cli.ExitUsage {
		t.Errorf("check without argument: exit code %d", code)
	}
}

// Those who ask a scribe find the one of systemd's unit without a flag.
func TestStateOf(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("STATE_DIRECTORY", "")
	before := systemStateDir
	t.Cleanup(func() { systemStateDir = before })
	systemStateDir = filepath.Join(t.TempDir(), "none")
	want := func(flag, dir string, known bool) {
		t.Helper()
		if d, ok := stateOf(flag); d != dir || ok != known {
			t.Errorf("%q: %s, %v", flag, d, ok)
		}
	}
	want("", defaultStateDir, false)
	systemStateDir = t.TempDir()
	want("", systemStateDir, true)
	want("x", "x", false)
	if err := os.Mkdir(defaultStateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	want("", defaultStateDir, true)
}

func TestUsageOfUnknownCommand(t *testing.T) {
	if code, out := once(t, "bogus"); code != cli.ExitUsage || !strings.Contains(out, "bogus") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestStatusWithoutState(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/nonexistent/a:/nonexistent/b")
	if code, out := once(t, "status"); code != cli.ExitFailure || !strings.Contains(out, "/nonexistent/a") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if code, _ := once(t, "status", "-o", "xml"); code != cli.ExitUsage {
		t.Errorf("unknown form: exit code %d", code)
	}
}
