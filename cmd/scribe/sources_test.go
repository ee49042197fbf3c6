package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"journalist/internal/cli"
)

// fakeJournal is a journalctl that writes entries of the export format and then
// waits; each entry has the cursor of its number, and those from the one asked for
// on come.
const fakeJournal = `#!/bin/sh
from=1
for a in "$@"; do
  case "$a" in --cursor=*) from="${a#--cursor=c}";; esac
done
for i in 1 2 3; do
  if [ "$i" -ge "$from" ]; then
    printf '__CURSOR=c%d\n__REALTIME_TIMESTAMP=176000000000000%d\n_HOSTNAME=web-01\nPRIORITY=3\n_SYSTEMD_UNIT=nginx.service\nMESSAGE=entry %d\n\n' "$i" "$i" "$i"
  fi
done
exec sleep 60
`

// The sources that are no files, through rules and the queue on disk, over a reload
// that changes some of them.
func TestSources(t *testing.T) {
	s := newSite(t)
	bin := filepath.Join(s.dir, "bin")
	write(t, filepath.Join(bin, "journalctl"), fakeJournal)
	if err := os.Chmod(filepath.Join(bin, "journalctl"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	conf, state, sock := filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state"), filepath.Join(s.dir, "log.sock")
	text := fmt.Sprintf(`journal: {rules: [{drop: 'entry 2'}]}
syslog: [{listen: "unix://%s", rules: [{mask: secrets}], fields: {n: %%d}}]
spool: {dir: queue, bytes: 16MiB}
`, sock)
	s.yml(t, conf, fmt.Sprintf(text, 1))
	r := start(t, "run", "--config", conf, "--state-dir", state)
	s.await(t, "entry 1")
	s.await(t, "entry 3")
	send := func(msg string) {
		t.Helper()
		c, err := net.Dial("unixgram", sock)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("<13>Oct 11 22:14:15 web-01 app[7]: " + msg)); err != nil {
			t.Error(err)
		}
		_ = c.Close() // written
	}
	send("hello")
	s.await(t, "hello")
	send("password=hunter2")
	s.await(t, "password=***")

	s.yml(t, conf, fmt.Sprintf(text, 2))
	if err := ask(t.Context(), state, "reload", nil, nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(sock); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the socket does not come back")
		}
	}
	send("again")
	s.await(t, "again")
	st := awaitStatus(t, state, func(st *cli.ScribeStatus) bool { return len(st.Sources) == 3 })
	if code, out := once(t, "status", "--state-dir", state); code != 0 || !strings.Contains(out, "journal ") || !strings.Contains(out, sock) || !strings.Contains(out, "spool ") {
		t.Errorf("status: exit code %d\n%s\n%+v", code, out, st.Sources)
	}
	r.end(t)

	// The journal goes on behind what was acknowledged.
	r = start(t, "run", "--config", conf, "--state-dir", state)
	awaitStatus(t, state, func(st *cli.ScribeStatus) bool { return len(st.Sources) == 3 })
	send("third start")
	s.await(t, "third start")
	r.end(t)
	for line, want := range map[string]int{"entry 1": 1, "entry 2": 0, "entry 3": 1, "hello": 1, "again": 1, "third start": 1} {
		if n := s.count(line); n != want {
			t.Errorf("%q came %d times, want %d", line, n, want)
		}
	}
}

// A reload stops no source that only moved in its file: what is sent to a socket
// meanwhile would be lost.
func TestSourceThatOnlyMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scribe.yml")
	f := &forwarder{planner: newPlanner(settings{config: path}, t.TempDir(), slog.New(slog.DiscardHandler))}
	keys := func(before, word string) (out []string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(before+"output: {servers: [a:1]}\njournal: {rules: [{drop: "+word+"}]}\n"+
			"syslog: [{listen: 'udp://127.0.0.1:5514', rules: [{drop: "+word+"}]}]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := f.load()
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range f.wantedSources(p) {
			out = append(out, w.key)
		}
		return out
	}
	was := keys("", "noise")
	if moved := keys("# a comment\n", "noise"); len(was) != 2 || !slices.Equal(moved, was) {
		t.Errorf("was\n%q\nis\n%q", was, moved)
	}
	if other := keys("", "other"); slices.Contains(was, other[0]) || slices.Contains(was, other[1]) {
		t.Errorf("other rules make no difference: %q", other)
	}
}

// A source that cannot be opened ends the start, but not a scribe that runs.
func TestSourceThatCannotBeOpened(t *testing.T) {
	s := newSite(t)
	conf, state, log := filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state"), filepath.Join(s.dir, "app.log")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // only taken
	files := fmt.Sprintf("files: [{paths: [%q]}]\n", log)
	syslog := fmt.Sprintf("syslog: [{listen: \"tcp://%s\"}]\n", taken.Addr())
	write(t, log, "one\n")
	s.yml(t, conf, files+syslog)
	if code, out := once(t, "run", "--config", conf, "--state-dir", state); code != cli.ExitFailure || !strings.Contains(out, "syslog: ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	s.yml(t, conf, files)
	r := start(t, "run", "--config", conf, "--state-dir", state)
	s.await(t, "one")
	s.yml(t, conf, files+syslog)
	if err := ask(t.Context(), state, "reload", nil, nil); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, state, func(st *cli.ScribeStatus) bool {
		return len(st.Sources) == 1 && strings.Contains(st.Sources[0].Problem, "in use")
	})
	write(t, log, "two\n")
	s.await(t, "two")
	r.end(t)
}

// Lines of containers get what their path says.
func TestContainers(t *testing.T) {
	s := newSite(t)
	conf, state := filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state")
	log := filepath.Join(s.dir, "pods", "shop_cart-7d9_0aa1b2c3-0000-4000-8000-000000000001", "web", "0.log")
	write(t, log, "2016-10-06T00:17:09.669794202Z stdout P first \n2016-10-06T00:17:09.669794203Z stdout F half\n")
	s.yml(t, conf, fmt.Sprintf("files: [{paths: [\"%s/pods/*/*/*.log\"], format: container}]\n", s.dir))
	code, out := once(t, "test", log, "--config", conf)
	if code != 0 || !strings.Contains(out, `"message":"first half"`) || !strings.Contains(out, `"@timestamp":"2016-10-06T00:17:09.6697942`) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	r := start(t, "run", "--config", conf, "--state-dir", state)
	s.await(t, "first half")
	r.end(t)
}

// The standard input goes through framing, rules and the queue on disk, in its own
// configuration as in logstash-forwarder's.
func TestStdin(t *testing.T) {
	s := newSite(t)
	before := os.Stdin
	t.Cleanup(func() { os.Stdin = before })
	feed := func(run func(in *os.File)) {
		t.Helper()
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		os.Stdin = in
		run(out)
		_ = out.Close() // its reader has ended
		_ = in.Close()  // read
	}
	say := func(out *os.File, text string) {
		t.Helper()
		if _, err := out.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	conf, state := filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state")
	s.yml(t, conf, "stdin: {multiline: {pattern: '^ '}, rules: [{drop: 'noise'}]}\nspool: {dir: queue}\n")
	feed(func(out *os.File) {
		r := start(t, "run", "--config", conf, "--state-dir", state)
		say(out, "noise\nfirst\n second\nthird\nfourth\n")
		s.await(t, "first\n second")
		s.await(t, "third")
		if err := ask(t.Context(), state, "reload", nil, nil); err != nil {
			t.Error(err)
		}
		say(out, "fifth\nsixth\n")
		s.await(t, "fifth")
		r.end(t)
		if strings.Contains(r.out.String(), "takes effect at the next start") {
			t.Errorf("an unchanged configuration counts as changed\n%s", r.out)
		}
	})
	feed(func(out *os.File) {
		r := start(t, "run", "--config", s.conf(t, "lsf.conf", s.addr, "", "-"), "--state-dir", state)
		say(out, "old way\n")
		s.await(t, "old way")
		r.end(t)
	})
	for _, line := range []string{"first\n second", "third", "fourth", "fifth", "old way"} {
		if n := s.count(line); n != 1 {
			t.Errorf("%q came %d times", line, n)
		}
	}
	if s.count("noise") != 0 {
		t.Error("a rule was not applied")
	}
}
