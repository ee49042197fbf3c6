//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// systemd hears of the start, each reload and the end.
func TestSystemdHears(t *testing.T) {
	s := newSite(t)
	log, conf, state := filepath.Join(s.dir, "app.log"), filepath.Join(s.dir, "scribe.yml"), filepath.Join(s.dir, "state")
	sock := filepath.Join(s.dir, "notify.sock")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: sock, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // read
	t.Setenv("NOTIFY_SOCKET", sock)
	t.Setenv("WATCHDOG_USEC", "40000")
	heard := func(want string) {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatalf("systemd does not hear %q: %v", want, err)
			}
			if strings.HasPrefix(string(buf[:n]), want) {
				return
			}
		}
	}
	s.yml(t, conf, fmt.Sprintf("files: [{paths: [%q]}]\n", log))
	r := start(t, "run", "--config", conf, "--state-dir", state)
	heard("READY=1\nSTATUS=0 lines shipped")
	heard("WATCHDOG=1")
	go func() { _ = syscall.Kill(os.Getpid(), syscall.SIGHUP) }() // this process is there
	heard("RELOADING=1\nMONOTONIC_USEC=")
	heard("READY=1")
	go r.stop()
	heard("STOPPING=1")
	r.end(t)
}
