package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones
)

const completeServer = `# everything
data: /var/lib/journalist
http:
  addr: "[::]:9292"
  tls: {cert: /c, key: /k}
  names: [logs.example.com, 10.0.0.5]
lumberjack:
  addr: off
  client_ca: /more.crt
retention:
  default: &rule {age: 30d, bytes: 50GB}
  datasets:
    audit: {age: 1y}
    web: *rule
    debug:
disk_floor: 2GB
timezone: Europe/Berlin
log: {level: debug}
`

func TestServer(t *testing.T) {
	c, err := LoadServer(write(t, t.TempDir(), "journalist.yml", completeServer))
	if err != nil {
		t.Fatal(err)
	}
	if c.Zone.String() != "Europe/Berlin" {
		t.Errorf("zone %s", c.Zone)
	}
	c.Zone = nil
	got := fmt.Sprintf("%+v", *c)
	want := "{Data:/var/lib/journalist HTTP:{Addr:[::]:9292 TLS:{Cert:/c Key:/k} Names:[logs.example.com 10.0.0.5]} Lumberjack:{Addr:off ClientCA:/more.crt}" +
		" Retention:{Default:{Age:720h0m0s Bytes:50000000000} Datasets:map[audit:{Age:8760h0m0s Bytes:0} debug:{Age:0s Bytes:0} web:{Age:720h0m0s Bytes:50000000000}]}" +
		" DiskFloor:{Percent:0 Bytes:2000000000} Zone:UTC Log:{Level:DEBUG}}"
	if got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}

func TestServerDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n---\n", "http:\nretention:\n  datasets:\n", "data:\n"} {
		c, err := ParseServer("c", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, want := fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", DefaultServer()); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	d := DefaultServer()
	if d.HTTP.Addr != "127.0.0.1:9292" || d.Lumberjack.Addr != ":5043" || d.Log.Level != slog.LevelInfo || d.Retention.Default != (Retention{}) {
		t.Errorf("defaults %+v", d)
	}
	if d.DiskFloor.Of(1000) != 50 || (Floor{Bytes: 7}).Of(1000) != 7 {
		t.Error("disk floor")
	}
}

// The file that the documentation shows is one.
func TestDocumentedServer(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/operations.md shows no YAML")
	}
	c, err := ParseServer("operations.md", []byte(example))
	if err != nil || c.Data == "" || c.Retention.Default.Age == 0 || len(c.Retention.Datasets) == 0 {
		t.Errorf("%v: %+v", err, c)
	}
}

func TestServerAddresses(t *testing.T) {
	for _, addr := range []string{":9292", "127.0.0.1:9292", "[::1]:9292", "unix:/run/journalist/http.sock"} {
		c, err := ParseServer("c", []byte("http: {addr: \""+addr+"\"}"))
		if err != nil || c.HTTP.Addr != addr {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestServerProblems(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := ParseServer("c", []byte(text))
		var p Problems
		if !errors.As(err, &p) || p.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
	f("data: a\nlumbrjack: {}\n", `c:2:1: lumbrjack: is no known key (did you mean "lumberjack"?)`)
	f("http:\n  adr: x\n  quite_other: 1\n", "c:2:3: http.adr: is no known key (did you mean \"addr\"?)\nc:3:3: http.quite_other: is no known key")
	f("retention: {datasets: {web: {days: 3}}}", "c:1:30: retention.datasets.web.days: is no known key")
	f("http: {addr: 9292}", `c:1:14: http.addr: "9292" is no address: write host:port or :port`)
	f("http: {addr: off}", `c:1:14: http.addr: "off" is no address: write host:port or :port`)
	f("http: {names: a}", "c:1:15: http.names: must be a list: [a, b]")
	f("http: {names: [[a]]}", "c:1:16: http.names: must be a single value")
	f("http: {tls: {cert: /c}}", "c: http.tls: cert and key are needed together")
	f("http: x", "c:1:7: http: must be a mapping of keys to values")
	f("- 1", "c:1:1: must be a mapping of keys to values")
	f("data: [a]", "c:1:7: data: must be a single value")
	f("data: a\ndata: b", "c:2:1: data: stands in line 1 already")
	f("? [a]\n: b", "c:1:3: a key must be plain text")
	f("<<: {data: x}", "c:1:1: <<: is no known key")
	f("retention: {default: {age: soon, bytes: much}}",
		"c:1:28: retention.default.age: \"soon\" is no duration: write a number with a unit, such as 30d, 12h or 1d12h\n"+
			"c:1:41: retention.default.bytes: \"much\" is no size: write a number with a unit, such as 50GB, 512MiB or 1.5TB")
	f("retention: {datasets: {'': {}}}", "c:1:24: retention.datasets.: a dataset has a name")
	f("disk_floor: 95%", `c:1:13: disk_floor: "95%" is no share of a disk: write 0% to 90%`)
	f("timezone: Mars/North", `c:1:11: timezone: the time zone "Mars/North" is not known: write a name such as Europe/Berlin, UTC or Local`)
	f("log: {level: loud}", `c:1:14: log.level: "loud" is no level: write debug, info, warn or error`)
	f("a: b: c", "c:1:5: YAML: mapping values are not allowed in this context")
	f("data: x\n---\ndata: y", "c: YAML: the file holds several documents; only one is read")
	f(strings.Repeat("#", maxServer+1), "c: is too large")
	if _, err := LoadServer(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file was read")
	}
}

func FuzzServer(f *testing.F) {
	for _, s := range []string{completeServer, "", "a: &a [*a]", "data: &x a\nhttp: *x", "? {a: b}\n: c", "--- |\n x", "{", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseServer("c", text)
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v, error %v", c, err)
		}
		if err == nil && (c.Zone == nil || c.Retention.Default.Age < 0 || c.Retention.Default.Bytes < 0 || c.DiskFloor.Bytes < 0) {
			t.Fatalf("accepted %+v", c)
		}
	})
}

func TestUnits(t *testing.T) {
	size := func(in string, want int64) {
		t.Helper()
		got, err := ParseSize(in)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("size %q: %d (%v), want %d", in, got, err, want)
		}
	}
	size("0", 0)
	size("4096", 4096)
	size("50GB", 50e9)
	size("1.5 TB", 15e11)
	size("512MiB", 512<<20)
	size("100M", 100<<20)
	size(" 2k ", 2048)
	size("10 kB", 10000)
	for _, bad := range []string{"", "GB", "-1", "1..5", "5 parsecs", "1e9", "10000000TB", "NaN", "5%"} {
		size(bad, -1)
	}
	duration := func(in string, want time.Duration) {
		t.Helper()
		got, err := ParseDuration(in)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("duration %q: %s (%v), want %s", in, got, err, want)
		}
	}
	duration("0", 0)
	duration("30d", 30*day)
	duration("2w", 14*day)
	duration("1y", 365*day)
	duration("1d12h", 36*time.Hour)
	duration("1y2w3d4h5m", 382*day+4*time.Hour+5*time.Minute)
	duration("1.5d", 36*time.Hour)
	duration("90m", 90*time.Minute)
	for _, bad := range []string{"", "30", "d", "-1d", "1d-1h", "+1h", "1h1d", "400y", "NaNd", "1dd", "Infd", "1m1y"} {
		duration(bad, -1)
	}
}

func TestNearest(t *testing.T) {
	f := func(key, want string) {
		t.Helper()
		if got := nearest(key, networkKeys); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	f("server", "servers")
	f("sslca", "ssl ca")
	f("ssl-certificate", "ssl certificate")
	f("ssl certifcate", "ssl certificate")
	f("tiemout", "timeout")
	f("codec", "")
	f("hosts", "")
	f(strings.Repeat("servers", 20), "")
}
