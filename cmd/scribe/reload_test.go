//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"journalist/internal/cli"
)

// Configurations change while lines are written and files rotated: other fields,
// other rules, other groups, another server. Each line comes once.
func TestReloadUnderLoad(t *testing.T) {
	s, other := newSite(t), newSite(t)
	dir := filepath.Join(s.dir, "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	conf, state := filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state")
	files := fmt.Sprintf("files: [{paths: [%q], fields: {n: %%d}}]\n", dir+"/*.log")
	s.yml(t, conf, fmt.Sprintf(files, 0))
	r := start(t, "run", "--config", conf, "--state-dir", state)
	awaitStatus(t, state, func(*cli.ScribeStatus) bool { return true })

	const lines = 6000
	var written atomic.Bool
	go func() {
		defer written.Store(true)
		writeAndRename(t, dir, lines, func() bool { return s.count("line 0")+other.count("line 0") > 0 })
	}()
	reloads := 0
	for ; !written.Load(); reloads++ {
		to, rest := s, fmt.Sprintf(files, reloads)
		switch reloads % 6 {
		case 1:
			to = other
		case 2:
			rest = strings.Replace(rest, "fields:", "rules: [{add: {team: core}}, {mask: secrets}], fields:", 1)
		case 4:
			rest += "fields: {all: x}\nlimits: {queue: 1MiB}\n"
		}
		to.yml(t, conf, rest)
		if err := ask(t.Context(), state, "reload", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	all := func() bool {
		return s.distinct()+other.distinct() >= lines
	}
	for deadline := time.Now().Add(patience); !all() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	st, err := askStatus(t.Context(), state)
	if err != nil {
		t.Error(err)
	}
	r.end(t)
	wrong, there := 0, 0
	for i := range lines {
		text := fmt.Sprintf("line %d", i)
		if n := s.count(text) + other.count(text); n != 1 {
			if wrong++; wrong < 10 {
				t.Errorf("%q came %d times", text, n)
			}
		}
		there += other.count(text)
	}
	if wrong > 0 {
		t.Errorf("%d lines are wrong after %d reloads\n%s\n%+v", wrong, reloads, r.out, st.Files)
	}
	if reloads < 5 || there == 0 {
		t.Errorf("%d reloads, %d lines at the other server: the test tests nothing", reloads, there)
	}
}

// writeAndRename writes numbered lines to app.log, which it renames each thousand, and
// goes on behind the first when that has come.
func writeAndRename(t *testing.T, dir string, lines int, come func() bool) {
	var f *os.File
	name := filepath.Join(dir, "app.log")
	for i := range lines {
		if i%1000 == 0 {
			if f != nil {
				_ = f.Close() // written
				if err := os.Rename(name, fmt.Sprintf("%s.%d", name, i)); err != nil {
					t.Error(err)
				}
			}
			var err error
			if f, err = os.Create(name); err != nil {
				t.Error(err)
				return
			}
		}
		if _, err := fmt.Fprintf(f, "line %d\n", i); err != nil {
			t.Error(err)
		}
		for i == 0 && !come() && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	_ = f.Close() // written
}

// What is wrong stays without effect and is told; SIGHUP does the same as reload.
func TestReloadOfAWrongConfiguration(t *testing.T) {
	s := newSite(t)
	log, conf, state := filepath.Join(s.dir, "app.log"), filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state")
	write(t, log, "one\n")
	good := fmt.Sprintf("files: [{paths: [%q]}]\n", log)
	s.yml(t, conf, good)
	r := start(t, "run", "--config", conf, "--state-dir", state)
	s.await(t, "one")

	for _, c := range []struct{ rest, want string }{
		{"files: [{paths: [", "YAML"},
		{good + "limits: {queue: much}", "limits.queue"},
		{fmt.Sprintf("files: [{paths: [%q], rules: [{drop: 'a ('}]}]", log), "rules: "},
		{fmt.Sprintf("files: [{paths: [%q], encoding: klingon}]", log), "klingon"},
		{fmt.Sprintf("files: [{paths: [%q], multiline: {pattern: '%%{NONSENSE}'}}]", log), "NONSENSE"},
		{"files: [{paths: ['[']}]", "pattern"},
	} {
		s.yml(t, conf, c.rest)
		if code, out := once(t, "reload", "--state-dir", state); code != cli.ExitFailure || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d\n%s", c.rest, code, out)
		}
	}
	if _, out := once(t, "status", "--state-dir", state); !strings.Contains(out, "was not taken over") {
		t.Errorf("status\n%s", out)
	}
	write(t, log, "two\n")
	s.await(t, "two")

	more := filepath.Join(s.dir, "more.log")
	write(t, more, "three\n")
	s.yml(t, conf, fmt.Sprintf("host: renamed\nfiles: [{paths: [%q, %q]}]\n", log, more))
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.await(t, "three")
	st := awaitStatus(t, state, func(st *cli.ScribeStatus) bool { return st.ConfigProblem == "" && st.Reloaded.After(st.Started) })
	if len(st.Files) != 2 {
		t.Errorf("files %+v", st.Files)
	}
	if code, out := once(t, "reload", "--state-dir", state); code != 0 || !strings.Contains(out, "in effect") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	r.end(t)
	if code, out := once(t, "reload", "--state-dir", state); code != cli.ExitFailure || !strings.Contains(out, "no scribe runs") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	for _, line := range []string{"one", "two", "three"} {
		if n := s.count(line); n != 1 {
			t.Errorf("%q came %d times", line, n)
		}
	}
	if !s.hosts["renamed"] {
		t.Errorf("hosts %v", s.hosts)
	}
}

// A server that is down is changed for one that works: what waited goes there.
func TestReloadToAnotherServer(t *testing.T) {
	s := newSite(t)
	log, conf, state := filepath.Join(s.dir, "app.log"), filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := *s
	down.server = &server{addr: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files := fmt.Sprintf("files: [{paths: [%q]}]\n", log)
	down.yml(t, conf, files)
	r := start(t, "run", "--config", conf, "--state-dir", state)
	for i := range 5 {
		write(t, log, fmt.Sprintf("line %d\n", i))
		awaitStatus(t, state, func(st *cli.ScribeStatus) bool { return st.Server.QueueLines == int64(i+1) })
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	s.yml(t, conf, files)
	if err := ask(t.Context(), state, "reload", nil, nil); err != nil {
		t.Fatal(err)
	}
	s.await(t, "line 4")
	write(t, log, "new\n")
	s.await(t, "new")
	r.end(t)
	for i := range 5 {
		if n := s.count(fmt.Sprintf("line %d", i)); n != 1 {
			t.Errorf("line %d came %d times", i, n)
		}
	}
}
