package cli

import (
	"strings"
	"testing"
	"time"
)

func TestWriteScribeStatus(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	f := func(s ScribeStatus, want string) {
		t.Helper()
		var out strings.Builder
		if err := WriteScribeStatus(&out, &s, now); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", &out, want)
		}
	}
	f(ScribeStatus{StateDir: "/s"}, "scribe is not running, state in /s\n\nno files yet\n")
	f(ScribeStatus{
		Running: true, PID: 17, Version: "1.0", Started: ago(3 * time.Hour), StateDir: "/s",
		Server: &ScribeServer{
			Address: "logs:5043", Connected: true, Since: ago(5 * time.Minute), Protocol: "lumberjack-block/1",
			LinesAcked: 1234567, BytesAcked: 98765432, LastAck: ago(0), QueueLines: 12, QueueBytes: 3456,
		},
		Files: []ScribeFile{
			{Path: "/var/log/a.log", State: "active", Size: 1000, Acked: 900, Lag: 100, AckedAt: ago(30 * time.Second)},
			{Path: "/var/log/long\x1b[name.log", State: "skipped", Size: 7, Acked: 7, AckedAt: ago(72 * time.Hour), Problem: "too old"},
			{Path: "/b", State: "waiting"},
		},
		Problems: []string{"/var/log/c.log: permission denied"},
	}, `scribe 1.0 is running (pid 17, started 3 h ago), state in /s
server   logs:5043, connected 5 min ago, lumberjack-block/1
shipped  1,234,567 lines, 98.8 MB, last acknowledged just now
queue    12 lines, 3.5 kB
problem: /var/log/c.log: permission denied

FILE                        STATE    SIZE  ACKED    LAG  LAST ACK
/var/log/a.log              active   1000    900  100 B  30 s ago
/var/log/long\x1b[name.log  skipped     7      7    0 B  3 days ago  too old
/b                          waiting     0      0    0 B  never
`)
	f(ScribeStatus{Running: true, Version: "1.0", Started: now, Server: &ScribeServer{
		Address: "logs:5043", Failures: 3, LastError: "refused", LastErrorAt: ago(time.Minute),
	}}, `scribe 1.0 is running (pid 0, started just now), state in `+`
server   logs:5043, not connected
error    refused (60 s ago, 3 failures)
shipped  0 lines, 0 B, last acknowledged never
queue    0 lines, 0 B

no files yet
`)
}

func TestWriteScribeCheck(t *testing.T) {
	f := func(c ScribeCheck, problems int, want string) {
		t.Helper()
		var out strings.Builder
		if err := WriteScribeCheck(&out, &c); err != nil {
			t.Fatal(err)
		}
		if out.String() != want || c.Problems() != problems {
			t.Errorf("%d problems, got\n%swant\n%s", c.Problems(), &out, want)
		}
	}
	f(ScribeCheck{
		Paths: []ScribePath{{Pattern: "/a", Files: 1}, {Pattern: "/b*", Note: "none there now"}},
		Steps: []ScribeStep{{Server: "logs:5043", Name: "protocol", OK: true, Detail: "journalist"}},
	}, 0, `ok  config    no mistake found
ok  files     /a: 1 file
ok  files     /b*: 0 files, none there now
ok  protocol  logs:5043: journalist
all is well
`)
	f(ScribeCheck{
		Config: []string{"c:1: x: is no known key"},
		Paths:  []ScribePath{{Pattern: "/a*", Files: 3, Problems: []string{"open /a1: permission denied"}}},
		Steps:  []ScribeStep{{Server: "logs:5043", Name: "tcp", Detail: "refused", Remedy: "start it"}},
	}, 3, `WRONG  config  c:1: x: is no known key
ok     files   /a*: 3 files
WRONG  files   /a*: open /a1: permission denied
WRONG  tcp     logs:5043: refused: start it
3 problems
`)
}
