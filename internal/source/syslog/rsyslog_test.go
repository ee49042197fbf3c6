package syslog

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// rsyslogd runs the real one with this configuration until the test ends, and returns
// a connection to the socket that it listens on.
func rsyslogd(t *testing.T, dir, conf, socket string) net.Conn {
	t.Helper()
	file := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.Command("/usr/sbin/rsyslogd", "-n", "-f", file, "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it holds nothing
		if err := <-ended; err == nil {
			t.Error("rsyslogd ended by itself")
		}
		if t.Failed() {
			t.Log(out.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("unixgram", socket)
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		if time.Now().After(deadline) {
			t.Fatalf("rsyslogd does not listen: %v", err) // what it says follows
		}
	}
}

// TestRsyslog lets the real rsyslogd forward to each kind of socket, and the real
// logger write to it.
func TestRsyslog(t *testing.T) {
	dir := t.TempDir()
	realClock := func(o *Options) { o.Now = time.Now }
	s := newSink()
	udp, _ := listening(t, s, "udp://127.0.0.1:0", realClock)
	tcp, _ := listening(t, s, "tcp://127.0.0.1:0", realClock)
	s5424, _ := listening(t, s, "tcp://127.0.0.1:0", realClock)
	local, _ := listening(t, s, "unix://"+filepath.Join(dir, "out.sock"), realClock)
	port := func(l *Listener) string {
		_, p, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	in := filepath.Join(dir, "in.sock")
	conf := fmt.Sprintf(`
module(load="imuxsock" SysSock.Use="off")
module(load="omuxsock")
input(type="imuxsock" Socket="%s" RateLimit.Interval="0")
global(workDirectory="%s" localHostname="relay")
$OMUxSockSocket %s
action(type="omfwd" target="127.0.0.1" port="%s" protocol="udp" template="RSYSLOG_TraditionalForwardFormat")
action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_ForwardFormat")
action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" TCP_Framing="traditional" template="RSYSLOG_SyslogProtocol23Format")
*.* :omuxsock:
`, in, dir, local.addr.name, port(udp), port(tcp), port(s5424))
	c := rsyslogd(t, dir, conf, in)
	const n = 20
	for i := range n {
		write(t, c, fmt.Sprintf("<%d>Feb  5 17:32:18 myapp[%d]: number %02d", 24+i%8, 100+i, i))
	}
	logger := exec.Command("logger", "-u", local.addr.name, "-d", "-p", "local3.err", "-t", "tool", "from logger")
	if text, err := logger.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	rows := s.wait(t, "every message four times", func(rows []string) bool {
		k := 0
		for _, r := range rows {
			if strings.HasPrefix(r, "number ") {
				k++
			}
		}
		return k >= 4*n && slices.ContainsFunc(rows, func(r string) bool { return strings.HasPrefix(r, "from logger") })
	})
	count := map[string]int{}
	for _, row := range rows {
		count[row]++
		if strings.Contains(row, "_error") {
			t.Errorf("not understood: %s", row)
		}
		if strings.HasPrefix(row, "from logger") && (!strings.Contains(row, `"level":"error","facility":"local3","app":"tool"`) || strings.Contains(row, `"host"`)) {
			t.Errorf("%s", row)
		}
	}
	for i := range n {
		level := []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}[i%8]
		rest := fmt.Sprintf(`"host":"relay","level":"%s","facility":"daemon","app":"myapp","procid":"%d"}[]`, level, 100+i)
		k := 0
		for row, c := range count {
			if strings.HasPrefix(row, fmt.Sprintf(`number %02d {"@timestamp":"20`, i)) && strings.HasSuffix(row, rest) {
				k += c
			}
		}
		if k != 4 {
			t.Errorf("number %02d came %d times whole, want 4 (%s)", i, k, rest)
		}
	}
}
