package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

var rewrite = flag.Bool("rewrite", false, "write packaging/scribe.schema.json anew")

const completeYAML = `# everything
host: web-01
fields: {env: prod, port: 80, beta: true}
host_facts: [os, arch]
output:
  servers: [logs1:5043, "[2001:db8::1]:5043"]
  mode: balance
  protocol: v2
  tls: {ca: ca.crt, certificate: /etc/web-01.crt, key: "${KEYS:-keys}/web-01.key", name: logs}
  timeout: 20s
  progress: 150s
  rebalance: 10m
limits: {memory: 64MiB, bandwidth: 1MB/s, open_files: 100, queue: 4MiB}
files:
  - paths: [/var/log/app/*.log, "/srv/**/$HOME.log"]
    exclude: ["*.tmp"]
    fields: {type: app}
    start: 2026-01-31T12:00:00Z
    ignore_older: 0
    close_inactive: 5m
    hold_deleted: {time: 12h, bytes: 1GiB}
    compressed: false
    encoding: utf-16le
    max_line: 64KiB
    over_long: truncate
    multiline: {pattern: '^\s+x$', negate: true, flush_after: 5s, max_lines: 500, max_bytes: 1MiB}
    format: docker
    priority: 3
    rules:
      - drop: 'level:debug'
      - keep: 'level>=warn OR error'
      - sample: {rate: 0.1, if: 'GET /health'}
      - mask: [secrets, {pattern: 'ssn=(\d+)', with: 'ssn=${1}'}]
      - add: {team: core}
      - remove: [password]
      - rename: {msg: message}
      - sample: 0.5
        if: 'type:x'
  - paths: [/a]
    start: end
    multiline: [java, go]
stdin: {fields: {type: build}, multiline: go}
journal: {units: [nginx.service], matches: ["PRIORITY=3"], since: boot, fields: {a: b}, rules: [{drop: x}], priority: 1}
syslog: [{listen: "unix:///run/scribe/log.sock"}, {listen: "udp://0.0.0.0:5514", remote: true, fields: {type: syslog}}]
containers: {docker: /var/run/docker.sock, kubernetes: {url: "https://k", token_file: token, ca: /ca, node: n}}
spool: {dir: queue, bytes: 1GiB}
rotate: [/etc/logrotate.d/app, mine.conf]
metrics: {listen: 127.0.0.1:9293}
`

func TestForwarderYAML(t *testing.T) {
	dir := t.TempDir()
	f, err := LoadForwarder(write(t, dir, "scribe.yml", completeYAML), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Warnings) > 0 {
		t.Errorf("warnings: %v", f.Warnings)
	}
	got, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(got), dir, "DIR") + "\n"
	golden := filepath.Join("testdata", "complete.json")
	if *rewrite {
		write(t, "testdata", "complete.json", text)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("got\n%s\nwant that of %s", text, golden)
	}
}

func TestForwarderYAMLDefaults(t *testing.T) {
	f, err := LoadForwarder(write(t, t.TempDir(), "c.yaml", "output: {servers: a:1}\nfiles: [{paths: [/x]}]\njournal:\nstdin: false\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	g := f.Files[0]
	if f.Timeout != 15*time.Second || f.Output.Mode != "failover" || g.DeadTime != 24*time.Hour || g.SkipCompressed || g.Truncate || !g.Start.Since.IsZero() ||
		f.Journal == nil || f.Stdin != nil || g.Line != 2 || g.Priority != 0 {
		t.Errorf("%+v", f)
	}
}

func TestForwarderYAMLProblems(t *testing.T) {
	const ok = "output: {servers: [a:1]}\nfiles: [{paths: [/x]}]\n"
	f := func(text, problems, warnings string) {
		t.Helper()
		wantProblems(t, "c.yml", text, problems, warnings)
	}
	f(ok+"ouput: {}\nfiles2: 1", "", "c.yml:3:1: ouput: is no known key and is ignored (did you mean \"output\"?)\nc.yml:4:1: files2: is no known key and is ignored (did you mean \"files\"?)")
	f("files: [{paths: [/x], multi_line: java}]\noutput: {servers: [a:1]}", "", `c.yml:1:23: files.multi_line: is no known key and is ignored (did you mean "multiline"?)`)
	f("# nothing", "c.yml: output.servers: no server is named: output: {servers: [logs.example.com:5043]}\n"+
		"c.yml: files: nothing is to be read: name files (\"files: [{paths: [/var/log/*.log]}]\") or another source", "")
	f("output:\n  servers: [logs, a:0]", `c.yml:2:13: output.servers: "logs" is no address: write host:port, such as logs.example.com:5043`+"\n"+
		`c.yml:2:19: output.servers: "a:0": the port must be a number from 1 to 65535`, "")
	f("output: {mode: failovr}", `c.yml:1:16: output.mode: "failovr": write one of failover, balance, random (did you mean "failover"?)`, "")
	f("output: {tls: {key: k}}", "c.yml: output.tls: certificate and key are needed together", "")
	f("output: {timeout: 15}", `c.yml:1:19: output.timeout: "15" is no duration: write a number with a unit, such as 30d, 12h or 1d12h`, "")
	f("output: {timeout: 0s}", `c.yml:1:19: output.timeout: "0s" is too short: at least 1s`, "")
	f("limits: {memory: 1MB}", `c.yml:1:18: limits.memory: "1MB" is too little: at least 24MiB are needed`, "")
	f("files: [{paths: [/x], max_line: 2MiB}]", `c.yml:1:33: files.max_line: "2MiB" is too much: at most 1MiB are possible`, "")
	f("files: [{paths: [/x], priority: 10}]", `c.yml:1:33: files.priority: "10": write a number from 0 to 9`, "")
	f("files: [{paths: [/x], multiline: jave}]", `c.yml:1:34: files.multiline: "jave": write one of java, python, go, ruby, php, dotnet, javascript (did you mean "java"?)`, "")
	f("files: [{paths: [/x], multiline: {what: next}}]", `c.yml:1:34: files.multiline: needs either a kind or a pattern`, "")
	f("files: [{paths: [/x], multiline: {pattern: '(?=x)'}}]", "c.yml:1:44: files.multiline.pattern: error parsing regexp: invalid or unsupported Perl syntax: `(?=` (regular expressions are those of RE2: no look-around, no back references)", "")
	f("files: [{paths: [/x], start: tomorrow}]", `c.yml:1:30: files.start: "tomorrow": write beginning, end, a date such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z`, "")
	f("files: [{paths: [/x], rules: [{drop: a, keep: b}]}]", "c.yml:1:31: rules: a rule does one thing: drop, keep, sample, mask, add, remove or rename", "")
	f("files: [{paths: [/x], rules: [{drop: ''}]}]", "c.yml:1:38: files.rules.drop: an empty filter matches everything; write what is meant, such as 'level:debug'", "")
	f("files: [{paths: [/x], rules: [{sample: {}}, {sample: {rate: 2}}]}]", "c.yml:1:40: files.rules.sample: needs a rate: {rate: 0.1}\n"+
		`c.yml:1:61: files.rules.sample.rate: "2" is no share: write a number above 0 and up to 1`, "")
	f("files: [{paths: [/x], rules: [{mask: [secret, {with: x}]}]}]", `c.yml:1:39: files.rules.mask: "secret": write one of secrets, cards, emails, ips (did you mean "secrets"?)`+"\n"+
		`c.yml:1:47: files.rules.mask: needs a pattern: {pattern: 'ssn=\d+', with: 'ssn=***'}`, "")
	f("syslog: [{listen: 'http://x'}]", `c.yml:1:19: syslog.listen: "http://x": write unix:///path (datagrams), unix-stream:///path, udp://host:port or tcp://host:port`, "")
	f("metrics: {listen: ':9293'}", `c.yml:1:19: metrics.listen: ":9293": only this machine may reach the endpoint, since nobody is asked who he is: write 127.0.0.1:port or unix:///path`, "")
	f("host: ${WHO}", `c.yml:1:7: host: the environment variable "WHO" is not set (${WHO:-text} gives a default, $${ stands for ${)`, "")
	f("files: x", "c.yml:1:8: files: must be a list: [a, b]", "")
	f("files: [/var/log]", "c.yml:1:9: files: must be a mapping of keys to values", "")
	f("a: b: c", "c.yml:1:5: YAML: mapping values are not allowed in this context", "")
}

func TestExpand(t *testing.T) {
	env := func(name string) (string, bool) { return "<" + name + ">", name != "NONE" && name != "EMPTY" }
	for in, want := range map[string]string{
		"": "", "a$b": "a$b", "^x$": "^x$", "${A}": "<A>", "a${A}b${B_1}c": "a<A>b<B_1>c", "${1}": "${1}", "$${A}": "${A}",
		"${A": "${A", "${}": "${}", "${A:-x}": "<A>", "${a b}": "${a b}",
	} {
		if got, err := expand(in, env); err != nil || got != want {
			t.Errorf("%q: %q, want %q (%v)", in, got, want, err)
		}
	}
	none := func(string) (string, bool) { return "", false }
	if got, err := expand("${NONE:-x:-y}${NONE:-}z", none); err != nil || got != "x:-yz" {
		t.Errorf("defaults: %q, %v", got, err)
	}
	if _, err := expand("${NONE}", none); err == nil {
		t.Error("a variable that is not set was taken")
	}
}

// A folder may hold both kinds, certificates beside them, and single values once.
func TestForwarderMixedDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "10-network.conf", `{"network": {"servers": ["a:1"], "ssl ca": "/ca", "timeout": 5}}`)
	write(t, dir, "20-app.yml", "output: {servers: [b:2], mode: random}\nfiles: [{paths: [/app]}]\nhost: x\nfields: {a: 1}\n")
	write(t, dir, "30-db.yaml", "files: [{paths: [/db]}]\nfields: {b: 2}\nlimits: {queue: 1MiB}\n")
	write(t, dir, "40-old.conf", `{"files": [{"paths": ["/old"]}]}`)
	write(t, dir, "web-01.crt", "-----BEGIN")
	write(t, dir, "web-01.KEY", "-----BEGIN")
	f, err := LoadForwarder(dir, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(f.Servers, f.SSLCA, f.Timeout, f.Files[0].Paths, f.Files[1].Paths, f.Files[2].Paths, f.Fields, f.Output.Mode, len(f.Warnings))
	if got != "[a:1 b:2] /ca 5s [/app] [/db] [/old] [{a 1} {b 2}] random 0\n" {
		t.Errorf("got %s", got)
	}
	write(t, dir, "50-again.yml", "host: y\noutput:\n  timeout: 3s\n  tls: {ca: other}\nlimits: {queue: 2MiB}\n")
	_, err = LoadForwarder(dir, noEnv)
	var p Problems
	want := "50-again.yml:1:1: host: is already set in 20-app.yml:3\n" +
		"50-again.yml:3:3: output.timeout: is already set in 10-network.conf:1\n" +
		"50-again.yml:4:9: output.tls.ca: is already set in 10-network.conf:1\n" +
		"50-again.yml:5:10: limits.queue: is already set in 30-db.yaml:3"
	if !errors.As(err, &p) || list(dir, p) != want {
		t.Errorf("error %v", err)
	}
}

// The schema in packaging/ is what the table of keys gives, and the sample beside
// it is right by both, as it stands and with every setting that it shows.
func TestSchemaAndSample(t *testing.T) {
	made, err := ForwarderSchema()
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile("../../packaging/scribe.schema.json", made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile("../../packaging/scribe.schema.json")
	if err != nil || !bytes.Equal(made, there) {
		t.Errorf("packaging/scribe.schema.json is not what the keys give; write it with: go test ./internal/config -run Schema -rewrite (%v)", err)
	}
	var s map[string]any
	if err := json.Unmarshal(made, &s); err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile("../../packaging/scribe.yml")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^( *)#([^ ]|  )`).ReplaceAllString(string(sample), "$1$2")
	shown := map[string]bool{}
	for name, text := range map[string]string{"sample": string(sample), "all": all, "complete": completeYAML} {
		f, err := LoadForwarder(write(t, t.TempDir(), "scribe.yml", text), noEnv)
		if err != nil || len(f.Warnings) > 0 {
			t.Errorf("%s: %v %v", name, err, f.Warnings)
			continue
		}
		var doc any
		if err := yaml.Load([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		for _, p := range validate(s, plain(doc), "") {
			t.Errorf("%s: schema: %s", name, p)
		}
		if name == "all" {
			keysOf(plain(doc), "", shown)
		}
	}
	for _, k := range schemaKeys(s, "") {
		top, _, _ := strings.Cut(k, ".")
		if k == top && !shown[k] {
			t.Errorf("packaging/scribe.yml does not show %s", k)
		}
		if strings.HasPrefix(k, "files.") && strings.Count(k, ".") == 1 && !shown[k] {
			t.Errorf("packaging/scribe.yml does not show %s", k)
		}
	}
}

// The pieces of scribe.yml that the documentation shows are right.
func TestDocumentedForwarder(t *testing.T) {
	shown := 0
	for _, name := range []string{"guide.md", "operations.md"} {
		text, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, rest := range strings.Split(string(text), "```yaml\n")[1:] {
			example, _, _ := strings.Cut(rest, "```")
			if strings.Contains(example, "apiVersion:") || strings.Contains(example, "lumberjack:") {
				continue // Kubernetes', journalist's
			}
			f, err := LoadForwarder(write(t, t.TempDir(), "scribe.yml", example), func(name string) (string, bool) { return name, true })
			var p Problems
			if err != nil && !errors.As(err, &p) {
				t.Fatal(err)
			}
			p = slices.DeleteFunc(append(p, f.Warnings...), func(p Problem) bool { return p.Line == 0 })
			if len(p) > 0 {
				t.Errorf("%s shows\n%s%v", name, example, p)
			}
			shown++
		}
	}
	if shown < 8 {
		t.Errorf("only %d pieces found", shown)
	}
}

// What the schema refuses the program refuses or warns of, and the other way round.
func TestSchemaAgrees(t *testing.T) {
	made, err := ForwarderSchema()
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(made, &s); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"nonsense: 1", "output: {mode: fast}", "output: {timeout: soon}", "output: {timeout: 15s}", "limits: {memory: much}", "limits: {memory: 64MiB}",
		"limits: {queue: 1048576}", "limits: {bandwidth: 1MB/s}", "files: {}", "files: [{paths: /x}]", "files: [{paths: [/x], multiline: cobol}]",
		"files: [{paths: [/x], multiline: [java, go]}]", "files: [{paths: [/x], compressed: maybe}]", "files: [{paths: [/x], priority: 11}]",
		"files: [{paths: [/x], rules: [{mask: secrets}]}]", "files: [{paths: [/x], rules: [{mask: [{pattern: x}]}]}]", "files: [{paths: [/x], rules: [{hide: x}]}]",
		"files: [{paths: [/x], format: xml}]", "files: [{paths: [/x], over_long: drop}]", "host_facts: true", "host_facts: [colour]", "journal: true",
		"journal: {unit: x}", "fields: {a: [1]}", "fields: {a: 1}", "files: [{paths: [/x], rules: [{sample: {rate: 0.5}}]}]", "files: [{paths: [/x], rules: [{sample: {rate: 7}}]}]",
	} {
		f, err := LoadForwarder(write(t, t.TempDir(), "scribe.yml", text+"\n"), noEnv)
		var p Problems
		if err != nil && !errors.As(err, &p) {
			t.Fatal(err)
		}
		p = slices.DeleteFunc(append(p, f.Warnings...), func(p Problem) bool { return p.Line == 0 })
		var doc any
		if err := yaml.Load([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if by := validate(s, plain(doc), ""); (len(by) == 0) != (len(p) == 0) {
			t.Errorf("%s\nschema says %q\nprogram   %v", text, by, p)
		}
	}
}

// plain turns what YAML gives into what JSON gives.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
		return v
	case map[any]any:
		m := map[string]any{}
		for k := range v {
			m[fmt.Sprint(k)] = plain(v[k])
		}
		return m
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case int:
		return float64(v)
	case time.Time:
		return v.Format(time.RFC3339)
	}
	return v
}

// validate holds a value against the part of JSON Schema that schema.go uses.
func validate(s map[string]any, v any, at string) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	if any, ok := s["anyOf"].([]any); ok {
		fits := slices.ContainsFunc(any, func(one interface{}) bool { return len(validate(one.(map[string]interface{}), v, at)) == 0 })
		if !fits {
			complain("fits none of the forms")
		}
	}
	if types, ok := s["type"]; ok {
		list, many := types.([]any)
		if !many {
			list = []any{types}
		}
		if !slices.ContainsFunc(list, func(t any) bool { return isType(t.(string), v) }) {
			complain("%v is not of type %v", v, types)
			return wrong
		}
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		complain("%v is none of %v", v, enum)
	}
	if c, ok := s["const"]; ok && c != v {
		complain("%v is not %v", v, c)
	}
	switch v := v.(type) {
	case string:
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			complain("%q does not match %s", v, p)
		}
		if n, ok := s["minLength"].(float64); ok && len(v) < int(n) {
			complain("%q is too short", v)
		}
	case float64:
		if n, ok := s["minimum"].(float64); ok && v < n {
			complain("%v is below %v", v, n)
		}
		if n, ok := s["maximum"].(float64); ok && v > n {
			complain("%v is above %v", v, n)
		}
		if n, ok := s["exclusiveMinimum"].(float64); ok && v <= n {
			complain("%v is not above %v", v, n)
		}
	case []any:
		if items, ok := s["items"].(map[string]any); ok {
			for i, one := range v {
				wrong = append(wrong, validate(items, one, fmt.Sprintf("%s[%d]", at, i))...)
			}
		}
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		for k, one := range v {
			if p, ok := properties[k].(map[string]any); ok {
				wrong = append(wrong, validate(p, one, join(at, k))...)
			} else if more, ok := s["additionalProperties"].(map[string]any); ok {
				wrong = append(wrong, validate(more, one, join(at, k))...)
			} else if s["additionalProperties"] == false {
				complain("%s is no known key", k)
			}
		}
	}
	return wrong
}

func isType(t string, v any) bool {
	switch v := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case float64:
		return t == "number" || t == "integer" && v == float64(int64(v))
	case []any:
		return t == "array"
	}
	return t == "object"
}

// keysOf collects the keys of a document, schemaKeys those of a schema.
func keysOf(v any, at string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			into[join(at, k)] = true
			keysOf(one, join(at, k), into)
		}
	case []any:
		for _, one := range v {
			keysOf(one, at, into)
		}
	}
}

func schemaKeys(s map[string]any, at string) (keys []string) {
	if items, ok := s["items"].(map[string]any); ok {
		keys = append(keys, schemaKeys(items, at)...)
	}
	properties, _ := s["properties"].(map[string]any)
	for k, p := range properties {
		keys = append(keys, join(at, k))
		keys = append(keys, schemaKeys(p.(map[string]any), join(at, k))...)
	}
	return keys
}

func FuzzForwarderYAML(f *testing.F) {
	for _, s := range []string{completeYAML, "", "a: &a [*a]", "files: &x [{paths: [a]}]\nsyslog: *x", "? {a: b}\n: c", "stdin: |\n x", "{", "\xff", "host: ${A}${"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := merger{lookup: func(name string) (string, bool) { return name, len(name)%2 == 0 }, out: &Forwarder{}, set: settings{}}
		m.addYAML("/etc/c.yml", text)
		m.finish("/etc/c.yml")
		for _, p := range append(m.problems, m.out.Warnings...) {
			if p.Line < 0 || p.Msg == "" {
				t.Fatalf("problem %s", p)
			}
		}
		if len(m.problems) > 0 {
			return
		}
		if len(m.out.Servers) == 0 || m.out.Timeout <= 0 {
			t.Fatalf("accepted without servers or timeout: %+v", m.out)
		}
		for _, g := range m.out.Files {
			if g.Priority < 0 || g.Priority > 9 || g.MaxLine < 0 || g.DeadTime < 0 {
				t.Fatalf("accepted %+v", g)
			}
		}
	})
}
