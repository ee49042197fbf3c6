package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"journalist/internal/cli"
)

// The test's own binary is the program when a test runs it on a terminal.
func init() {
	if os.Getenv("JOURNALIST_TEST_PROGRAM") != "" {
		main()
	}
}

// terminal is a program on a pseudo-terminal of its own, 60 columns wide.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	done   chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // told when text grows
}

func onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	control := func(f func(fd int) error) {
		t.Helper()
		raw, err := master.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { err = f(int(fd)) }); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	control(func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	control(func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 60}) })
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{t: t, master: master, done: make(chan struct{}), more: make(chan struct{}, 1)}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), "JOURNALIST_TEST_PROGRAM=1", "TERM=xterm", "NO_COLOR=", "TZ=UTC")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close() // the program has its own
	go p.read()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()         // as above
		_ = master.Close()
		<-p.done
	})
	return p
}

func (p *terminal) read() {
	defer close(p.done)
	b := make([]byte, 4096)
	for {
		n, err := p.master.Read(b)
		p.mu.Lock()
		p.text.Write(b[:n])
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (p *terminal) shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// expect waits until the terminal has shown a text, and forgets all until its end.
func (p *terminal) expect(text string) string {
	p.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		p.mu.Lock()
		before, after, ok := strings.Cut(p.text.String(), text)
		if ok {
			p.text.Reset()
			p.text.WriteString(after)
		}
		p.mu.Unlock()
		if ok {
			return before
		}
		select {
		case <-p.more:
		case <-deadline:
			p.t.Fatalf("the terminal does not show %q but\n%q", text, p.shown())
		}
	}
}

func (p *terminal) typed(keys string) {
	p.t.Helper()
	if _, err := io.WriteString(p.master, keys); err != nil {
		p.t.Fatal(err)
	}
}

// code waits for the program's end.
func (p *terminal) code() int {
	p.t.Helper()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	p.t.Fatal(err)
	return -1
}

// ptyServer answers fields, one row to each query, and never ends a query for "slow",
// until it is cancelled.
func ptyServer(t *testing.T) (cancelled chan struct{}) {
	t.Helper()
	home(t)
	cancelled = make(chan struct{}, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/api/v1/fields":
			fmt.Fprint(w, `{"sampled":3,"fields":[{"name":"level","kind":"string","count":3,"distinct":2,"top":[{"value":"error","count":2},{"value":"info","count":1}]},{"name":"left","kind":"int","count":1,"distinct":1,"top":[]}],"stats":{}}`)
		case bytes.Contains(body, []byte("slow")):
			fmt.Fprint(w, `{"message":"first slow row"}`+"\n"+`{"message":"held back"}`+"\n")
			if bytes.Contains(body, []byte(`"progress":true`)) {
				fmt.Fprint(w, `{"progress":{"groups":40,"groups_done":10,"rows_scanned":1234567,"bytes_read":5000,"reached":"2026-03-01T12:00:00Z","elapsed_ms":1000}}`+"\n")
			}
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			cancelled <- struct{}{}
		default:
			fmt.Fprintf(w, `{"@timestamp":"2026-03-01T12:00:00Z","dataset":"logs","host":"web-01","level":"error","message":"connection refused by the other side, which did not say why \u001b[2J","asked":%q}`+"\n", body)
			fmt.Fprint(w, `{"stats":{}}`)
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("JOURNALIST_URL", s.URL)
	t.Setenv("JOURNALIST_TOKEN", testToken)
	return cancelled
}

func TestQueryOnTerminal(t *testing.T) {
	ptyServer(t)
	p := onTerminal(t, "query", "refused | where connection", "--tz", "UTC")
	out := p.expect(`connection\",`)
	for _, want := range []string{
		"\x1b[2m2026-03-01 12:00:00.000\x1b[0m web-01 \x1b[1;31mERROR\x1b[0m \x1b[30;43mconnection\x1b[0m \x1b[30;43mrefused\x1b[0m by\r\n",
		"    the other side, which did not say why \\x1b[2J\r\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the terminal does not show\n%q\nbut\n%q", want, out)
		}
	}
	if code := p.code(); code != 0 {
		t.Errorf("code %d", code)
	}
}

// A query that takes long says so, and Ctrl-C ends it here and at the server.
func TestInterruptOnTerminal(t *testing.T) {
	cancelled := ptyServer(t)
	p := onTerminal(t, "query", "slow", "-o", "raw")
	p.expect("first slow row")
	p.expect("1,234,567 looked at, 5.0 kB read, 25 %, back to 2026-03-01 12:00:00  (Ctrl-C ends the query)")
	p.typed("\x03")
	if code := p.code(); code != cli.ExitInterrupted {
		t.Errorf("code %d", code)
	}
	<-cancelled
}

func TestShellOnTerminal(t *testing.T) {
	cancelled := ptyServer(t)
	p := onTerminal(t, "shell")
	p.expect("journalist 1h> ")
	p.typed("le\t\t")
	p.expect("left:  level:")
	p.typed("v\te\t\r")
	p.expect("level:error")
	p.expect("web-01")
	p.expect("level:error") // in the row
	p.expect("journalist 1h> ")
	p.typed(".since 15m\r")
	p.expect("journalist 15m> ")
	p.typed("slow\r")
	p.expect("first \x1b[30;43mslow\x1b[0m row")
	p.typed("\x03")
	<-cancelled
	p.expect("journalist 15m> ")
	p.typed("given up\x03status:\x03x | st\t\x03")
	p.expect("x | stats ")
	p.typed("found (\r")
	p.expect("found (")
	p.expect("journalist 15m> ")
	p.typed("\x1b[A") // the line before
	p.expect("found (")
	p.typed("\x03.quit\r")
	if code := p.code(); code != 0 {
		t.Errorf("code %d, %q", code, p.shown())
	}
	// The history is there the next time, for its owner only.
	path, err := cli.HistoryPath()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	info, serr := os.Stat(path)
	if err != nil || serr != nil || string(data) != "level:error\n.since 15m\nslow\nfound (\n.quit\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("history %q, %v, %v", data, info, err)
	}
	again := onTerminal(t, "shell")
	again.expect("> ")
	again.typed("\x1b[A\x1b[A\x1b[A")
	again.expect("slow")
	again.typed("\x03\x04")
	if code := again.code(); code != 0 {
		t.Errorf("code %d, %q", code, again.shown())
	}
}
