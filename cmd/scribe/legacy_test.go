package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/cli"
)

// -quiet hid also why nothing was sent, in logstash-forwarder.
func TestQuietTellsOfTrouble(t *testing.T) {
	s, other := newSite(t), newSite(t)
	log := filepath.Join(s.dir, "app.log")
	write(t, log, "one\n")
	conf := other.conf(t, "lsf.conf", s.addr, "", log) // the certificates of another authority
	t.Chdir(s.dir)
	r := start(t, "-config", conf, "-quiet")
	awaitStatus(t, ".scribe", func(st *cli.ScribeStatus) bool { return st.Server.LastError != "" })
	r.end(t)
	if out := r.out.String(); !strings.Contains(out, "level=WARN") || !strings.Contains(out, s.addr) || !strings.Contains(out, "certificate") || strings.Contains(out, "level=INFO") {
		t.Errorf("said\n%s", out)
	}
}

// What logstash-forwarder 0.4.0 and 0.3.1 took on the command line and in a folder
// of configurations has its effect.
func TestLegacyBehaviour(t *testing.T) {
	s := newSite(t)
	t.Chdir(s.dir)
	t.Setenv("LOGDIR", s.dir)
	write(t, "app.log", "old\n")
	for name, text := range map[string]string{
		"conf/10-network": fmt.Sprintf("# comment\n{\"Network\": {\"SERVERS\": [%q], \"ssl certificate\": \"web.crt\", \"ssl key\": \"web.key\", \"ssl ca\": \"ca.crt\", \"timeout\": 15}}\n", s.addr),
		"conf/20-files":   "{\n  # what is read\n  \"files\": [{\"paths\": [\"${LOGDIR}/app.log\"], \"fields\": {\"type\": \"app\"}, \"dead time\": \"2h\"}]\n}\n",
		"conf/30-empty":   "",
		"conf/40-codec":   `{"files": [{"paths": ["/nonexistent/x"], "codec": {"a": 1}}]}`,
	} {
		write(t, name, text)
	}
	args := []string{"-config", "conf", "-sv", "512", "-hb", "8192", "-idle-flush-time", "1s", "-harvest-buffer-size", "1000", "-t"}
	r := start(t, args...)
	awaitStatus(t, ".scribe", func(st *cli.ScribeStatus) bool { return len(st.Files) == 1 && st.Files[0].Acked == 4 })
	write(t, "app.log", "new\r\n\n")
	s.await(t, "new")
	s.await(t, "")
	r.end(t)
	if s.count("old") != 0 {
		t.Error("-t reads what was there before")
	}
	if out := r.out.String(); !strings.Contains(out, "codec: is no known key") || !strings.Contains(out, "30-empty: is empty") {
		t.Errorf("said\n%s", out)
	}
	if err := os.RemoveAll(".scribe"); err != nil {
		t.Fatal(err)
	}
	r = start(t, "-config", "conf", "-from-beginning=true", "-spool-size=1")
	s.await(t, "old")
	r.end(t)
}
