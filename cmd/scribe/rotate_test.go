package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"journalist/internal/cli"
)

// rotated is a site with a folder of logs and logrotate's configuration of it.
type rotated struct {
	*site
	logs, conf, state string
	n                 int
}

func newRotated(t *testing.T, directives string) *rotated {
	s := newSite(t)
	r := &rotated{site: s, logs: filepath.Join(s.dir, "logs"), conf: filepath.Join(s.dir, "logrotate.conf"), state: filepath.Join(s.dir, "state")}
	if err := os.Mkdir(r.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, r.conf, fmt.Sprintf("%s/*.log %s\n", r.logs, directives))
	return r
}

func (r *rotated) put(t *testing.T, f *os.File, k int) {
	t.Helper()
	for range k {
		if _, err := fmt.Fprintf(f, "line %d\n", r.n); err != nil {
			t.Fatal(err)
		}
		r.n++
	}
}

func (r *rotated) open(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(r.logs, "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// want wants every line once, and nothing else.
func (r *rotated) want(t *testing.T) {
	t.Helper()
	for i := range r.n {
		r.await(t, fmt.Sprintf("line %d", i))
	}
	for i := range r.n {
		if n := r.count(fmt.Sprintf("line %d", i)); n != 1 {
			t.Fatalf("line %d came %d times", i, n)
		}
	}
	if n := r.distinct(); n != r.n {
		t.Fatalf("%d different lines came, %d were written", n, r.n)
	}
}

// scribe rotate beside a scribe that runs: it is asked, and each line comes once.
func TestRotateBesideRun(t *testing.T) {
	s := newRotated(t, "{ rotate 2 copytruncate notifempty compress delaycompress }")
	f := s.open(t)
	conf := s.site.conf(t, "scribe.conf", s.addr, "", filepath.Join(s.logs, "app.log*"))
	r := start(t, "run", "--config", conf, "--state-dir", s.state)
	for range 3 {
		s.put(t, f, 1000)
		s.await(t, fmt.Sprintf("line %d", s.n-1))
		if code, out := once(t, "rotate", "--force", "--state-dir", s.state, s.conf); code != 0 {
			t.Fatalf("exit code %d\n%s\n%s", code, out, r.out)
		}
		s.put(t, f, 10)
	}
	s.want(t)
	for _, name := range []string{"app.log.1", "app.log.2.gz"} {
		if _, err := os.Stat(filepath.Join(s.logs, name)); err != nil {
			t.Errorf("%v\n%s", err, r.out)
		}
	}
	r.end(t)

	// Alone it knows what the last one knew.
	if code, out := once(t, "rotate", "--force", "--gate-wait", "1s", "--state-dir", s.state, s.conf); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	s.put(t, f, 10)
	r = start(t, "run", "--config", conf, "--state-dir", s.state)
	s.want(t)
	r.end(t)
}

// run --rotate does it by itself; the first system's two files, as they are but for
// the size.
func TestRunRotates(t *testing.T) {
	s := newRotated(t, "{\n  daily\n  dateext\n  size 1k\n  copytruncate\n  notifempty\n  compress\n  rotate 7\n}")
	f := s.open(t)
	s.put(t, f, 1000)
	conf := s.site.conf(t, "scribe.conf", s.addr, "", filepath.Join(s.logs, "*.log"))
	began := time.Now()
	r := start(t, "run", "--config", conf, "--state-dir", s.state, "--rotate", s.conf)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.out)
		}
	})
	st := awaitStatus(t, s.state, func(st *cli.ScribeStatus) bool {
		return st.Rotation != nil && (st.Rotation.Rotated > 0 || len(st.Rotation.Problems) > 0)
	})
	if st.Rotation.Rotated != 1 || len(st.Rotation.Problems) > 0 || st.Rotation.Lost != 0 || st.Rotation.AtRisk != 0 || len(st.Rotation.Waiting) != 0 {
		t.Errorf("%+v", st.Rotation)
	}
	dated := func(at time.Time) string { return filepath.Join(s.logs, "app.log-"+at.Format("20060102")+".gz") }
	if names, err := filepath.Glob(filepath.Join(s.logs, "app.log-*")); err != nil || len(names) != 1 ||
		(names[0] != dated(began) && names[0] != dated(time.Now())) { // midnight may have passed
		t.Errorf("there are %q, %v\n%s", names, err, r.out)
	}
	if fi, err := f.Stat(); err != nil || fi.Size() > 4096 {
		t.Errorf("the log has %d bytes, %v", fi.Size(), err)
	}
	s.put(t, f, 10)
	s.want(t)
	if code, out := once(t, "rotate", "--state-dir", s.state, s.conf); code != 0 || !strings.Contains(out, "rotated 0 logs") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	other := filepath.Join(s.dir, "other.conf")
	write(t, other, s.logs+"/*.log { rotate 1 }\n")
	if code, out := once(t, "rotate", "--state-dir", s.state, other); code != cli.ExitFailure || !strings.Contains(out, "the scribe that runs rotates by "+s.conf) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if code, out := once(t, "status", "--state-dir", s.state); code != 0 || !strings.Contains(out, "rotated  1 logs") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	r.end(t)
}

// What the scribe that runs rotates, it rotates at once when it is asked to.
func TestRotateNow(t *testing.T) {
	s := newRotated(t, "{ monthly copytruncate notifempty rotate 7 }")
	f := s.open(t)
	s.put(t, f, 1000)
	conf := s.site.conf(t, "scribe.conf", s.addr, "", filepath.Join(s.logs, "*.log"))
	r := start(t, "run", "--config", conf, "--state-dir", s.state, "--rotate", s.conf)
	awaitStatus(t, s.state, func(st *cli.ScribeStatus) bool { return st.Rotation != nil })
	for i := range 2 {
		if code, out := once(t, "rotate", "--force", "--state-dir", s.state, s.conf); code != 0 || !strings.Contains(out, "rotated 1 log;") {
			t.Fatalf("exit code %d\n%s\n%s", code, out, r.out)
		}
		if _, err := os.Stat(filepath.Join(s.logs, fmt.Sprintf("app.log.%d", i+1))); err != nil {
			t.Error(err)
		}
		s.put(t, f, 100)
	}
	s.want(t)
	r.end(t)
}

func TestRotateDry(t *testing.T) {
	s := newRotated(t, "{ rotate 2 compress create 0640 }")
	s.put(t, s.open(t), 10)
	code, out := once(t, "rotate", "--dry-run", "-f", "--state-dir", s.state, s.conf)
	if code != 0 || !strings.Contains(out, "nothing waits for them") || !strings.Contains(out, "rename "+s.logs+"/app.log to "+s.logs+"/app.log.1\n") || !strings.Contains(out, "compress "+s.logs+"/app.log.1 to") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if entries, _ := os.ReadDir(s.logs); len(entries) != 1 {
		t.Errorf("there are %v", entries)
	}
	if _, err := os.Stat(s.state); !os.IsNotExist(err) {
		t.Errorf("state was made: %v", err)
	}
	bad := filepath.Join(s.dir, "bad.conf")
	write(t, bad, s.logs+"/*.log {\nrotat 7\n}\n")
	if code, out := once(t, "rotate", "--dry-run", "--state-dir", s.state, bad); code != cli.ExitFailure || !strings.Contains(out, "unknown directive \"rotat\"") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if code, out := once(t, "rotate", "-f", "--state-dir", s.state, bad); code != cli.ExitFailure || !strings.Contains(out, "bad.conf:2: unknown directive \\\"rotat\\\": did you mean rotate?") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
