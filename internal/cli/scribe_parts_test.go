package cli

import (
	"strings"
	"testing"
	"time"
)

// What a scribe has that is more than one server and some files.
func TestWriteScribeStatusParts(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	s := ScribeStatus{
		Running: true, PID: 1, Version: "1.0", Started: now.Add(-time.Hour), StateDir: "/s", Config: "/etc/scribe.yml",
		Reloaded: now.Add(-5 * time.Minute), Lost: 1000,
		Server: &ScribeServer{Address: "a:1", Connected: true, Since: now, Protocol: "lumberjack/2"},
		Servers: []ScribePeer{
			{Address: "a:1", State: "connected", Latency: 12345 * time.Microsecond, LinesAcked: 5000},
			{Address: "b:2", State: "failed", LastError: "refused\x1b", LastErrorAt: now.Add(-time.Minute)},
		},
		Sources: []ScribeSource{
			{Name: "journal", Lines: 12, Waiting: 3, Unit: "entries", Lost: 1},
			{Name: "spool", Lines: 7, Waiting: 2000, Unit: "bytes", Limit: 1000000, Problem: "full: what writes to it waits"},
			{Name: "udp://x", LastError: "in use", LastErrorAt: now},
		},
	}
	var out strings.Builder
	if err := WriteScribeStatus(&out, &s, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"config   /etc/scribe.yml, taken over 5 min ago\n",
		"SERVER  STATE      ACKS IN  LINES  LAST ERROR\n",
		"a:1     connected     12ms  5,000\n",
		`b:2     failed                  0  refused\x1b (60 s ago)`,
		"journal  12 lines, 3 entries wait, 1 lost\n",
		"spool    7 lines, 2.0 kB wait of 1.0 MB, full: what writes to it waits\n",
		"(in use, just now)\n",
		"lost     1.0 kB that no server will ever get",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q\n%s", want, &out)
		}
	}
	s.ConfigProblem = "a:1: wrong\nb:2: wrong, too"
	out.Reset()
	if err := WriteScribeStatus(&out, &s, now); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "config   a change of /etc/scribe.yml was not taken over:\n         a:1: wrong\n         b:2: wrong, too\n") {
		t.Errorf("got\n%s", &out)
	}
}
