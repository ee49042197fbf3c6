package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/vfs"
)

func TestTakeOver(t *testing.T) {
	s := newSite(t)
	t.Chdir(s.dir)
	log := filepath.Join(s.dir, "app.log")
	write(t, log, "shipped by logstash-forwarder\nnew\n")
	info, err := vfs.OS.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	st, _, _ := vfs.InodeOf(info)
	write(t, ".logstash-forwarder", fmt.Sprintf(`{%q:{"source":%q,"offset":30,"inode":%d,"device":%d}}`, log, log, st.Ino, st.Dev))
	conf := s.conf(t, "lsf.conf", s.addr, "", log)
	for range 2 { // it is taken over once
		r := start(t, "-config", conf)
		s.await(t, "new")
		r.end(t)
	}
	if n := s.count("shipped by logstash-forwarder"); n != 0 {
		t.Errorf("the old line came %d times", n)
	}
	if n := s.count("new"); n != 1 {
		t.Errorf("the new line came %d times", n)
	}
}

func TestTakeOverOfADamagedRegistry(t *testing.T) {
	s := newSite(t)
	t.Chdir(s.dir)
	log := filepath.Join(s.dir, "app.log")
	write(t, log, "one\n")
	write(t, ".lumberjack", `{"`)
	code, out := once(t, "-config", s.conf(t, "lsf.conf", s.addr, "", log))
	if code != 2 || !strings.Contains(out, "move .lumberjack away") || s.count("one") != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
