package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The running server listens where it was told and nowhere else, and no listener
// serves anybody who shows no credentials.
func TestNothingIsOpen(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)

	want := map[string]bool{j.HTTP: true, j.Lumberjack: true}
	for _, addr := range listeners(t, j.PID()) {
		if !want[addr] {
			t.Errorf("journalist listens on %s, which nobody configured", addr)
		}
		delete(want, addr)
	}
	for addr := range want {
		t.Errorf("journalist does not listen on %s", addr)
	}

	public := map[string]bool{"GET /healthz": true, "GET /readyz": true, "GET /": true}
	for _, route := range []string{
		"GET /", "GET /healthz", "GET /readyz", "GET /metrics",
		"POST /api/v1/query", "GET /api/v1/query", "GET /api/v1/tail?query=*", "GET /api/v1/histogram?query=*",
		"GET /api/v1/fields?query=*", "GET /api/v1/health", "GET /api/v1/stats", "POST /api/v1/ingest/jsonl", "GET /api/v1/me", "POST /api/v1/logout",
		"GET /elastic/", "POST /elastic/_bulk", "PUT /elastic/_bulk", "POST /elastic/logs/_bulk", "GET /elastic/_license",
		"GET /api/v1/unknown", "GET /debug/pprof/", "GET /api/v1/../../metrics",
	} {
		for _, credential := range []string{"", "Bearer wrong", "Basic YTpi", "ApiKey YTpi", "Bearer jt_" + strings.Repeat("0", 43)} {
			method, path, _ := strings.Cut(route, " ")
			req, err := http.NewRequestWithContext(ctx, method, j.URL()+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			if credential != "" {
				req.Header.Set("Authorization", credential)
			}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatalf("%s: %v", route, err)
			}
			_ = resp.Body.Close()
			if !public[route] && resp.StatusCode < 300 {
				t.Errorf("%s with credential %q answers %s", route, credential, resp.Status)
			}
			if public[route] && resp.StatusCode != http.StatusOK {
				t.Errorf("%s answers %s", route, resp.Status)
			}
		}
	}

	// Lumberjack: plain text and TLS without a certificate get nothing.
	plain, err := net.Dial("tcp", j.Lumberjack)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	if answersWindow(plain) {
		t.Error("lumberjack answers a window over plain TCP")
	}
	conn, err := tls.Dial("tcp", j.Lumberjack, &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		defer func() { _ = conn.Close() }()
		if answersWindow(conn) {
			t.Error("lumberjack answers a window without a client certificate")
		}
	}
	if n, err := j.Count(ctx, "*"); err != nil || n != 0 {
		t.Errorf("%d records got in without credentials (%v)", n, err)
	}
}

// answersWindow sends a version 2 window of one event and tells whether any
// acknowledgement comes back.
func answersWindow(c net.Conn) bool {
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return false
	}
	event := `{"message":"intruder"}`
	frame := "2W\x00\x00\x00\x012J\x00\x00\x00\x01\x00\x00\x00" + string(rune(len(event))) + event
	if _, err := c.Write([]byte(frame)); err != nil {
		return false
	}
	answer := make([]byte, 6)
	n, _ := c.Read(answer)
	return n >= 2 && answer[0] == '2' && answer[1] == 'A'
}

// A page on all addresses without TLS is refused.
func TestPlainHTTPBeyondLoopbackIsRefused(t *testing.T) {
	dir := t.TempDir()
	code, out := run(t, dir, nil, bin.Journalist, "serve", "--data", filepath.Join(dir, "data"), "--http", "0.0.0.0:0", "--http-tls", "off", "--lumberjack", "127.0.0.1:0")
	if code == 0 || !strings.Contains(strings.ToLower(out), "tls") {
		t.Errorf("exit code %d, output:\n%s", code, out)
	}
}

// listeners returns the addresses on which a process accepts TCP connections.
func listeners(t *testing.T, pid int) []string {
	t.Helper()
	inodes := map[string]bool{}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if link, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && strings.HasPrefix(link, "socket:[") {
			inodes[strings.Trim(link[len("socket:"):], "[]")] = true
		}
	}
	var out []string
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			c := strings.Fields(lines.Text())
			if len(c) > 9 && c[3] == "0A" && inodes[c[9]] {
				out = append(out, decodeAddr(t, c[1]))
			}
		}
		_ = f.Close()
	}
	return out
}

func decodeAddr(t *testing.T, hex string) string {
	t.Helper()
	host, port, _ := strings.Cut(hex, ":")
	var p uint16
	if _, err := fmt.Sscanf(port, "%X", &p); err != nil {
		t.Fatal(err)
	}
	if len(host) != 8 {
		return fmt.Sprintf("[%s]:%d", host, p)
	}
	var a [4]byte
	if _, err := fmt.Sscanf(host, "%02X%02X%02X%02X", &a[3], &a[2], &a[1], &a[0]); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", net.IP(a[:]), p)
}
