package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes a configuration file and returns its name.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func noEnv(string) (string, bool) { return "", false }

// list prints problems without the directory.
func list(dir string, p Problems) string {
	return strings.ReplaceAll(p.Error(), dir+string(filepath.Separator), "")
}

// wantProblems loads a file of this name and text and wants all that is wrong with it.
func wantProblems(t *testing.T, name, text, problems, warnings string) {
	t.Helper()
	dir := t.TempDir()
	got, err := LoadForwarder(write(t, dir, name, text), noEnv)
	var p Problems
	if err != nil && !errors.As(err, &p) {
		t.Errorf("%s: %v", text, err)
		return
	}
	if list(dir, p) != problems {
		t.Errorf("%s\nproblems %s\n    want %s", text, list(dir, p), problems)
	}
	if list(dir, got.Warnings) != warnings {
		t.Errorf("%s\nwarnings %s\n    want %s", text, list(dir, got.Warnings), warnings)
	}
}

const complete = `# the shippers of the web servers
{
  "network": {
    "servers": [ "logs.example.com:5043", "[2001:db8::1]:5043" ],
    # authenticate both ways
    "ssl certificate": "/etc/scribe/web.crt",
    "ssl key": "/etc/scribe/web.key",
    "SSL CA": "/etc/scribe/ca.crt",
    "timeout": 30
  },
  "Files": [
    { "paths": [ "/var/log/syslog", "/var/log/*.log" ],
      "fields": { "type": "syslog", "dc": "fra", "a": "1" } },
    { "paths": [ "${LOGS}/*.log" ], "Dead Time": "1h30m" }
  ]
}
`

func TestForwarder(t *testing.T) {
	dir := t.TempDir()
	env := func(name string) (string, bool) { return "/srv/" + strings.ToLower(name), name == "LOGS" }
	f, err := LoadForwarder(write(t, dir, "scribe.conf", complete), env)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%q %s %s %s %s", f.Servers, f.SSLCert, f.SSLKey, f.SSLCA, f.Timeout)
	want := `["logs.example.com:5043" "[2001:db8::1]:5043"] /etc/scribe/web.crt /etc/scribe/web.key /etc/scribe/ca.crt 30s`
	if got != want {
		t.Errorf("network\n got %s\nwant %s", got, want)
	}
	for i := range f.Files {
		f.Files[i].File = filepath.Base(f.Files[i].File)
	}
	got = ""
	for _, g := range f.Files {
		got += fmt.Sprintln(g.Paths, g.Fields, g.DeadTime, g.File, g.Line)
	}
	want = "[/var/log/syslog /var/log/*.log] [{type syslog} {dc fra} {a 1}] 24h0m0s scribe.conf 12\n" +
		"[/srv/logs/*.log] [] 1h30m0s scribe.conf 14\n"
	if got != want {
		t.Errorf("files\n got %s\nwant %s", got, want)
	}
	if len(f.Warnings) > 0 {
		t.Errorf("warnings: %v", f.Warnings)
	}
}

func TestForwarderDefaults(t *testing.T) {
	f, err := LoadForwarder(write(t, t.TempDir(), "c", `{"network":{"servers":["a:1"],"timeout":0,"ssl key":null},"files":[{"paths":["-"],"dead time":""}]}`), noEnv)
	if err != nil || f.Timeout != 15*time.Second || f.Files[0].DeadTime != 24*time.Hour || f.Files[0].Paths[0] != "-" {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestForwarderProblems(t *testing.T) {
	const ok = `"network": {"servers": ["a:1"]}, "files": [{"paths": ["/x"]}]`
	f := func(text, problems, warnings string) {
		t.Helper()
		wantProblems(t, "c", text, problems, warnings)
	}
	// syntax
	f("{\n  \"network\": {\n    \"servers\": [\"a:1\"],\n  }\n}", "c:4:3: JSON: invalid character '}' looking for beginning of object key string", "")
	f("{\n\n # a comment\n  nonsense", "c:4:3: JSON: invalid character 'n' looking for beginning of object key string", "")
	f("{"+ok, "c:1:62: JSON: the file ends too early: a bracket, brace or quote is not closed", "")
	f("{"+ok+"} {}", "c:1:65: JSON: invalid character '{' after top-level value", "")
	f(`[]`, "c:1:1: must be an object: { … }", "")
	// types
	f(`{"network": {"servers": "a:1"}}`, "c:1:25: network.servers: must be a list: [ … ]", "")
	f(`{"network": {"servers": [7, null]}}`, `c:1:26: network.servers: must be text in quotes: "…"`, "")
	f(`{"network": {"timeout": "15"}}`, "c:1:25: network.timeout: must be a number without quotes", "")
	f(`{"network": {"timeout": 1.5}}`, "c:1:25: network.timeout: 1.5 is no whole number", "")
	f(`{"network": {"timeout": -1}}`, "c:1:25: network.timeout: must be a number of seconds, at most a day's", "")
	f(`{"network": []}`, "c:1:13: network: must be an object: { … }", "")
	f(`{"files": {"paths": []}}`, "c:1:11: files: must be a list: [ … ]", "")
	f(`{"files": ["/var/log"]}`, "c:1:12: files: must be an object: { … }", "")
	f(`{"files": [{"paths": ["/x"], "fields": {"port": 80}}]}`, `c:1:49: files.fields.port: must be text in quotes: "…"`, "")
	f(`{"files": [{"paths": ["/x"], "dead time": "soon"}]}`,
		`c:1:43: files.dead time: "soon" is no duration: write a number with a unit, such as 30d, 12h or 1d12h`, "")
	f(`{"network": {"servers": ["logs", "a:0", ":5043"]}}`, strings.Join([]string{
		`c:1:26: network.servers: "logs" is no address: write host:port, such as logs.example.com:5043`,
		`c:1:34: network.servers: "a:0": the port must be a number from 1 to 65535`,
		`c:1:41: network.servers: ":5043" is no address: write host:port, such as logs.example.com:5043`,
	}, "\n"), "")
	// what is missing
	f(`{}`, `c: network.servers: no server is named: "servers": ["logs.example.com:5043"]`+"\n"+
		`c: files: no files are named: "files": [{"paths": ["/var/log/*.log"]}]`, "")
	f(``, `c: network.servers: no server is named: "servers": ["logs.example.com:5043"]`+"\n"+
		`c: files: no files are named: "files": [{"paths": ["/var/log/*.log"]}]`, "c: is empty: it is skipped")
	// warnings
	f(`{`+ok+`, "codec": {"x": [1]}}`, "", `c:1:65: codec: is no known key and is ignored`)
	f(`{"netwrok": {}, `+ok+`}`, "", `c:1:2: netwrok: is no known key and is ignored (did you mean "network"?)`)
	f("{\n"+`"network": {"servers": ["a:1"], "ssl_ca": "x"},`+"\n"+`"files": [{"paths": ["/x"], "deadtime": "1h"}]}`, "",
		`c:2:33: network.ssl_ca: is no known key and is ignored (did you mean "ssl ca"?)`+"\n"+
			`c:3:29: files.deadtime: is no known key and is ignored (did you mean "dead time"?)`)
	f(`{`+ok+`, "files": [{"paths": ["/y"]}]}`, "", "c:1:65: files: stands here a second time; this one counts")
	f(`{"network": {"servers": ["a:1"], "ssl key": "k"}, "files": [{"paths": ["/x"]}]}`, "",
		`c: network: "ssl certificate" and "ssl key" work only together: no client certificate is used`)
	f(`{"network": {"servers": ["a:1"]}, "files": [{"fields": {}}, {"paths": ["/x$NO"]}]}`, "",
		"c:1: the environment variable \"NO\" is not set and becomes empty (a dollar sign cannot stand for itself here)\n"+
			"c:1: files.paths: no path is named: this element does nothing")
}

// Values of the environment may be secrets.
func TestForwarderDoesNotShowTheEnvironment(t *testing.T) {
	env := func(string) (string, bool) { return "s3cr\"et", true }
	_, err := LoadForwarder(write(t, t.TempDir(), "c", "{\n\"network\": {\"ssl key\": \"$KEY\"}}"), env)
	if err == nil || strings.Contains(err.Error(), "s3cr") || !strings.Contains(err.Error(), "c:2: JSON") {
		t.Errorf("error %v", err)
	}
}

func TestForwarderDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "10-network", `{"network": {"servers": ["a:1"], "ssl ca": "/ca", "timeout": 5}}`)
	write(t, dir, "20-app", `{"network": {"servers": ["b:2"]}, "files": [{"paths": ["/app"]}]}`)
	write(t, dir, "30-empty", ``)
	write(t, dir, "05-db", `{"files": [{"paths": ["/db"]}]}`)
	if err := os.Mkdir(filepath.Join(dir, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := LoadForwarder(dir, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintln(f.Servers, f.SSLCA, f.Timeout, f.Files[0].Paths, f.Files[1].Paths); got != "[a:1 b:2] /ca 5s [/db] [/app]\n" {
		t.Errorf("got %s", got)
	}
	if got := list(dir, f.Warnings); got != "old: is no regular file; it is not read\n30-empty: is empty: it is skipped" {
		t.Errorf("warnings %s", got)
	}

	write(t, dir, "40-again", "{\"network\": {\n\"ssl ca\": \"/other\", \"timeout\": 6}}")
	_, err = LoadForwarder(dir, noEnv)
	var p Problems
	if !errors.As(err, &p) || list(dir, p) != "40-again:2:11: network.ssl ca: is already set in 10-network:1\n40-again:2:32: network.timeout: is already set in 10-network:1" {
		t.Errorf("error %v", err)
	}
}

func TestForwarderTooLargeIsIgnored(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "big", "")
	if err := os.Truncate(path, maxForwarder+1); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "c", `{"network": {"servers": ["a:1"]}, "files": [{"paths": ["/x"]}]}`)
	f, err := LoadForwarder(dir, noEnv)
	if err != nil || list(dir, f.Warnings) != "big: has 10485761 bytes, more than 10485760: it is ignored" {
		t.Errorf("%v, warnings %v", err, f.Warnings)
	}
}

func TestForwarderUnreadable(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadForwarder(filepath.Join(dir, "none"), noEnv); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.Symlink(filepath.Join(dir, "none"), filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadForwarder(dir, noEnv); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("dangling link: %v", err)
	}
	if _, err := LoadForwarder("/dev/null", noEnv); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("device: %v", err)
	}
}

func FuzzForwarder(f *testing.F) {
	for _, s := range []string{
		complete, "", "{}", "[", `{"network":null}`, `{"files":[{"paths":[null,"$X"],"fields":{"a":"b","a":"c"}}]}`,
		"#\n{\"network\":{\"timeout\":1e9}}", `{"network":{"servers":[["a"]]}}`, `{"a":{"b":[1,{"c":null}]}}`, "{}\n#", "\xff\xfe",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		env := func(name string) (string, bool) { return "<" + name + ">\n\"", len(name)%2 == 0 }
		m := merger{lookup: env, out: &Forwarder{}, set: settings{}}
		m.add("c", text)
		m.finish("c")
		lines := strings.Count(string(text), "\n") + 1
		for _, p := range append(m.problems, m.out.Warnings...) {
			if p.Line < 0 || p.Line > lines || p.Msg == "" {
				t.Fatalf("problem at line %d of %d: %s", p.Line, lines, p)
			}
		}
		if len(m.problems) > 0 {
			return
		}
		if len(m.out.Servers) == 0 || len(m.out.Files) == 0 || m.out.Timeout <= 0 {
			t.Fatalf("accepted without servers, files or timeout: %+v", m.out)
		}
		for _, s := range m.out.Servers {
			if checkServer(s) != "" {
				t.Fatalf("accepted the server %q", s)
			}
		}
	})
}

func TestFlags(t *testing.T) {
	parse := func(args ...string) (ForwarderFlags, string, error) {
		var out strings.Builder
		f, err := ParseForwarderFlags(args, &out)
		if f == nil {
			f = &ForwarderFlags{}
		}
		return *f, out.String(), err
	}
	got, _, err := parse("-config", "/etc/c")
	want := ForwarderFlags{Config: "/etc/c", SpoolSize: 1024, HarvestBuffer: 16384, IdleFlush: 5 * time.Second}
	if err != nil || got != want {
		t.Errorf("defaults: %+v, %v", got, err)
	}
	got, _, err = parse("--config=/etc/c", "-sv", "7", "-hb", "9", "-t", "-syslog", "-quiet", "-cpuprofile", "p", "-idle-flush-time", "1s", "-state-dir", "s", "-host", "h")
	want = ForwarderFlags{
		Config: "/etc/c", SpoolSize: 7, HarvestBuffer: 9, Tail: true, Syslog: true, Quiet: true, CPUProfile: "p",
		IdleFlush: time.Second, StateDir: "s", Host: "h",
	}
	if err != nil || got != want {
		t.Errorf("all: %+v, %v", got, err)
	}
	if got, _, err := parse("-config", "c", "-from-beginning=false"); err != nil || !got.Tail {
		t.Errorf("0.3.1: %+v, %v", got, err)
	}
	if got, _, err := parse("-version"); err != nil || !got.Version {
		t.Errorf("version: %+v, %v", got, err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "-config is missing"},
		{[]string{"-config", "c", "more"}, `unexpected argument "more"`},
		{[]string{"-verbose"}, "flag provided but not defined: -verbose"},
		{[]string{"-config", "c", "-spool-size", "0"}, "-spool-size must be at least 1"},
		{[]string{"-config", "c", "-spool-size", "x"}, "invalid value"},
	} {
		if _, out, err := parse(c.args...); err == nil || !strings.Contains(out, c.want) || !strings.Contains(out, "usage:") {
			t.Errorf("%q: %v, printed %q", c.args, err, out)
		}
	}
	if _, out, err := parse("-h"); !errors.Is(err, ErrHelp) || !strings.Contains(out, "-state-dir") {
		t.Errorf("help: %v %q", err, out)
	}
}
