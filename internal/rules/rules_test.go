package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// run makes a run of the lines, each of which may have an extra after a tab.
func run(lines ...string) *record.Lines {
	l := &record.Lines{
		Position: record.Position{ID: record.SourceID{1}, From: 100, To: 100},
		ReadTime: 1, Fields: []record.Pair{{Name: "host", Value: "web-01"}, {Name: "file", Value: "/var/log/app.log"}},
	}
	for i, line := range lines {
		text, extra, has := strings.Cut(line, "\t")
		l.Rows = append(l.Rows, record.Line{Start: l.Position.To, Span: uint32(len(text) + 1), Off: uint32(len(l.Data)), Len: uint32(len(text))})
		l.Data = append(l.Data, text...)
		if has {
			l.Extras = append(l.Extras, record.Extra{Row: uint32(i), Off: uint32(len(l.Data)), Len: uint32(len(extra))})
			l.Data = append(l.Data, extra...)
		}
		l.Data = append(l.Data, '\n')
		l.Position.To += uint64(len(text) + 1)
	}
	return l
}

// show is the reverse of run.
func show(l *record.Lines) []string {
	out := []string{}
	for i := range l.Rows {
		s := string(l.Text(i))
		if e := l.ExtraOf(i); e != nil {
			s += "\t" + string(e)
		}
		out = append(out, s)
	}
	return out
}

func word(field, text string) scan.Expr {
	return scan.Text{Field: field, Pattern: match.NewWord(text)}
}

func ready(t *testing.T, names ...string) (all []Mask) {
	t.Helper()
	for _, n := range names {
		m, err := Ready(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m...)
	}
	return all
}

func apply(t *testing.T, o Options, lines ...string) []string {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l := run(lines...)
	before := string(l.Data)
	old := l.Data
	r.Apply(l)
	if string(old[:len(before)]) != before {
		t.Error("the run's own bytes were written to")
	}
	end := l.Position.From
	for i, row := range l.Rows {
		if row.Start < end || row.Start+uint64(row.Span) > l.Position.To {
			t.Errorf("row %d at %d+%d in %+v", i, row.Start, row.Span, l.Position)
		}
		end = row.Start + uint64(row.Span)
	}
	return show(l)
}

func TestRules(t *testing.T) {
	pattern, err := Pattern(`ssn=(\d{3})-\d+-\d+`, `ssn=$1-**`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		o        Options
		in, want []string
	}{
		{"nothing", Options{}, []string{"a", "b"}, []string{"a", "b"}},
		{"drop", Options{Rules: []Rule{{Drop: word("", "debug")}}}, []string{"debug x", "info x", "x\t{\"a\":\"debug\"}"}, []string{"info x"}},
		{"drop by a field of the run", Options{Rules: []Rule{{Drop: word("host", "web")}}}, []string{"a"}, []string{}},
		{"keep", Options{Rules: []Rule{{Keep: word("level", "error")}}}, []string{"a\t{\"level\":\"error\"}", "error", "b\t{\"level\":\"info\"}"}, []string{"a\t{\"level\":\"error\"}"}},
		{"json", Options{Format: JSON}, []string{`{"level":"warn","n":1}`, `oops`, ``}, []string{"\t{\"level\":\"warn\",\"n\":1}", "oops\t{\"_error\":\"the line is no JSON object\"}", ""}},
		{"json of a container", Options{Format: JSON}, []string{`{"level":"warn","stream":"x"}` + "\t{\"stream\":\"stdout\",\"@timestamp\":\"2026-01-01T00:00:00Z\"}"}, []string{"\t{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"level\":\"warn\",\"stream\":\"x\"}"}},
		{
			"json and rules",
			Options{Format: JSON, Rules: []Rule{{Drop: word("level", "debug")}, {Rename: []Renaming{{"msg", "message"}, {"a.b", "ab"}, {"none", "x"}}}, {Remove: []string{"pw", "deep.x"}}}},
			[]string{`{"level":"debug"}`, `{"msg":"hi","pw":"1","deep":{"x":1,"y":[1,{"x":2}]},"a":{"b":"c"}}`},
			[]string{"\t{\"message\":\"hi\",\"deep\":{\"y\":[1,{\"x\":2}]},\"a\":{},\"ab\":\"c\"}"},
		},
		{
			"logfmt",
			Options{Format: Logfmt},
			[]string{`time=1 level=info msg="a \"b\"\n" dur=1.5ms flag empty= =x`, "nothing here", `a="open`},
			[]string{"a \"b\"\n\t" + `{"time":"1","level":"info","dur":"1.5ms","empty":""}`, "nothing here\t{\"_error\":\"the line has no key=value pair\"}", `a="open` + "\t" + `{"a":"\"open"}`},
		},
		{"add", Options{Rules: []Rule{{Add: []record.Pair{{Name: "team", Value: "core"}, {Name: "a", Value: "2"}}}}}, []string{"x", "y\t{\"a\":1,\"b\":2}"}, []string{"x\t{\"team\":\"core\",\"a\":\"2\"}", "y\t{\"b\":2,\"team\":\"core\",\"a\":\"2\"}"}},
		{"add if", Options{Rules: []Rule{{Add: []record.Pair{{Name: "team", Value: "core"}}, If: word("", "x")}}}, []string{"x", "y"}, []string{"x\t{\"team\":\"core\"}", "y"}},
		{"mask", Options{Rules: []Rule{{Mask: []Mask{pattern}}}}, []string{"ssn=123-45-6789 and ssn=987-65-4321", "no"}, []string{"ssn=123-** and ssn=987-**", "no"}},
		{"mask fields", Options{Format: JSON, Rules: []Rule{{Mask: ready(t, "secrets", "cards", "emails")}}}, []string{`{"user":{"Password":"x","mail":"a@b.org"},"list":["4111 1111 1111 1111",1],"n":4111111111111111,"ok":true,"z":null}`}, []string{"\t" + `{"user":{"Password":"***","mail":"***@***"},"list":["**** **** **** 1111",1],"n":"************1111","ok":true,"z":null}`}},
		{"empty lists are no actions", Options{Rules: []Rule{{Mask: []Mask{}, Add: []record.Pair{}, Remove: []string{"pw"}}, {Remove: []string{}, Rename: []Renaming{{"a", "b"}}}}}, []string{"x\t{\"pw\":\"1\",\"a\":2}"}, []string{"x\t{\"b\":2}"}},
		{
			"names of loggers",
			Options{Format: JSON},
			[]string{
				`{"time":"2026-11-22T05:00:00.5+02:00","msg":"slog"}`, `{"ts":1795000000.25,"msg":"zap"}`, `{"time":1531171074631,"msg":"pino"}`,
				`{"timestamp":"2026-11-22 05:00:00Z","message":"m","msg":"n"}`, `{"@timestamp":"x","ts":1795000000}`,
				`{"time":"05:00","ts":12,"timestamp":{"a":1}}`, `{"ts":1795000000123456789}`, `{"ts":1e300}`, `{"ts":-1}`, `{"ts":1795000000123456}`,
			},
			[]string{
				"\t" + `{"@timestamp":"2026-11-22T03:00:00.5Z","time":"2026-11-22T05:00:00.5+02:00","message":"slog"}`,
				"\t" + `{"@timestamp":"2026-11-18T11:06:40.25Z","ts":1795000000.25,"message":"zap"}`,
				"\t" + `{"@timestamp":"2018-07-09T21:17:54.631Z","time":1531171074631,"message":"pino"}`,
				"\t" + `{"@timestamp":"2026-11-22T05:00:00Z","timestamp":"2026-11-22 05:00:00Z","message":"m","msg":"n"}`,
				"\t" + `{"@timestamp":"x","ts":1795000000}`,
				"\t" + `{"time":"05:00","ts":12,"timestamp":{"a":1}}`,
				"\t" + `{"@timestamp":"2026-11-18T11:06:40.123456789Z","ts":1795000000123456789}`,
				"\t" + `{"ts":1e300}`, "\t" + `{"ts":-1}`,
				"\t" + `{"@timestamp":"2026-11-18T11:06:40.123456Z","ts":1795000000123456}`,
			},
		},
		{"time of logfmt", Options{Format: Logfmt}, []string{`ts=2026-11-22T05:00:00Z msg=hi`}, []string{"hi\t" + `{"ts":"2026-11-22T05:00:00Z","@timestamp":"2026-11-22T05:00:00Z"}`}},
		{"an empty line stays one", Options{Rules: []Rule{{Add: []record.Pair{{Name: "team", Value: "core"}}}}}, []string{""}, []string{"\t{\"team\":\"core\",\"message\":\"\"}"}},
		{"message over text", Options{Rules: []Rule{{Rename: []Renaming{{"m", "message"}}}}}, []string{"old\t{\"m\":\"new\",\"message\":\"mid\"}"}, []string{"new"}},
		{"sample all", Options{Rules: []Rule{{Sample: &Sample{1}}}}, []string{"x"}, []string{"x\t{\"sample_rate\":1}"}},
		{"sample none", Options{Rules: []Rule{{Sample: &Sample{0}, If: word("", "x")}}}, []string{"x", "y"}, []string{"y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, apply(t, c.o, c.in...)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	o := Options{Rules: []Rule{{Mask: ready(t, "secrets", "cards", "emails", "ips")}}}
	for in, want := range map[string]string{
		`login user=bob password=hunter2 ok`:                                    `login user=bob password=*** ok`,
		`{"password": "hun\"ter2", "a": 1}`:                                     `{"password": ***, "a": 1}`,
		`Authorization: Bearer abc.def-ghi`:                                     `Authorization: Bearer ***`,
		`authorization=Basic dXNlcjpwYXNz next`:                                 `authorization=Basic *** next`,
		`GET https://bob:s3cret@example.org/x`:                                  `GET https://bob:***@example.org/x`,
		`GET /?api_key=abcdef&x=1`:                                              `GET /?api_key=***&x=1`,
		`key AKIAIOSFODNN7EXAMPLE used`:                                         `key *** used`,
		`jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def end`:                  `jwt *** end`,
		`token => 'abc'`:                                                        `token => ***`,
		`ghp_abcdefghijklmnopqrstuvwxyz0123456789 leaked`:                       `*** leaked`,
		`card 4111-1111-1111-1111 paid`:                                         `card ****-****-****-1111 paid`,
		`card 4111-1111-1111-1112 no card`:                                      `card 4111-1111-1111-1112 no card`,
		`order 1234567890123456789012345 is long`:                               `order 1234567890123456789012345 is long`,
		`mail to jane.doe+x@mail.example.com now`:                               `mail to ***@*** now`,
		`from 192.168.17.200 port 22`:                                           `from 192.168.17.0 port 22`,
		`tokenizer ran over 3 tokens`:                                           `tokenizer ran over 3 tokens`,
		`the password is wrong`:                                                 `the password is wrong`,
		`passwordless login`:                                                    `passwordless login`,
		"-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- x": `***PRIVATE KEY*** x`,
		`0000000000000000`:                                                      `0000000000000000`,
	} {
		if got := apply(t, o, in)[0]; got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

// A run that is read again is sampled in the same way, and about as much stays as
// was asked for.
func TestSampleIsStable(t *testing.T) {
	lines := make([]string, 20000)
	for i := range lines {
		lines[i] = fmt.Sprint("line ", i)
	}
	o := Options{Rules: []Rule{{Sample: &Sample{0.25}}}}
	a, b := apply(t, o, lines...), apply(t, o, lines...)
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	if len(a) < 4500 || len(a) > 5500 {
		t.Errorf("%d of 20000 lines at a rate of 0.25", len(a))
	}
}

func TestRemoveFieldsOfTheRun(t *testing.T) {
	r, err := New(Options{Rules: []Rule{{Remove: []string{"host"}}}})
	if err != nil {
		t.Fatal(err)
	}
	l := run("a")
	fields := l.Fields
	r.Apply(l)
	if d := cmp.Diff([]record.Pair{{Name: "file", Value: "/var/log/app.log"}}, l.Fields); d != "" {
		t.Error(d)
	}
	m := run("b")
	m.Fields = fields
	r.Apply(m)
	if &m.Fields[0] != &l.Fields[0] {
		t.Error("the same fields were made twice")
	}
}

func TestBadRules(t *testing.T) {
	for want, r := range map[string]Rule{
		"nothing to do":     {},
		"several things":    {Drop: scan.Const(true), Keep: scan.Const(true)},
		"from 0 to 1":       {Sample: &Sample{2}},
		"leave out if":      {Drop: scan.Const(true), If: scan.Const(true)},
		"cannot be removed": {Remove: []string{"message"}},
		"0 bytes":           {Add: []record.Pair{{}}},
		"keeps its name":    {Rename: []Renaming{{"message", "x"}}},
	} {
		if _, err := New(Options{Rules: []Rule{r}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for _, expr := range []string{"(", "a*"} {
		if _, err := Pattern(expr, ""); err == nil {
			t.Errorf("pattern %q was taken", expr)
		}
	}
	if _, err := Ready("secret"); err == nil || !strings.Contains(err.Error(), "secrets") {
		t.Errorf("unknown mask: %v", err)
	}
}

// Whatever the lines are, what comes out is a run that can be sent, and its extras
// are objects.
func FuzzRules(f *testing.F) {
	f.Add([]byte(`{"a":1,"msg":"x"}`), uint8(1))
	f.Add([]byte(`a=1 b="c d" password=x`), uint8(2))
	f.Add([]byte(`{"a":{"b":[1,"4111111111111111"]}}`), uint8(5))
	filters := []scan.Expr{word("", "a"), word("a", "1"), scan.Exists{Field: "b"}}
	all, err := Ready("secrets")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte, how uint8) {
		rng := rand.New(rand.NewPCG(uint64(how), 1))
		o := Options{Format: Format(how % 3), Rules: []Rule{
			{Mask: append(all, cards, emails)},
			{Rename: []Renaming{{"msg", "message"}, {"a.b", "c"}}},
			{Remove: []string{"a.x"}},
			{Add: []record.Pair{{Name: "k", Value: "v"}}, If: filters[rng.IntN(len(filters))]},
			{Drop: filters[rng.IntN(len(filters))]},
		}}
		r, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		l := run("first", strings.ReplaceAll(string(line), "\t", " "), "last\t{\"a\":1}")
		r.Apply(l)
		var b record.Batch
		for i := range l.Rows {
			_ = l.Text(i)
			if e := l.ExtraOf(i); e != nil && len(line) < record.MaxName {
				if err := b.AppendJSON(e, 1); err != nil {
					t.Fatalf("extra %q: %v", e, err)
				}
			}
		}
	})
}

func BenchmarkApply(b *testing.B) {
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"time":"2026-01-01T00:00:00Z","level":"info","msg":"request %d done","path":"/a/b/%d","status":200}`, i, i*7)
	}
	for name, o := range map[string]Options{
		"json": {Format: JSON},
		"drop": {Rules: []Rule{{Drop: word("", "debug")}}},
		"mask": {Rules: []Rule{{Mask: append(append([]Mask{cards, emails}, secrets...), ips)}}},
	} {
		b.Run(name, func(b *testing.B) {
			r, err := New(o)
			if err != nil {
				b.Fatal(err)
			}
			l := run(lines...)
			b.SetBytes(int64(len(l.Data)))
			b.ReportAllocs()
			rows := l.Rows
			for b.Loop() {
				m := *l
				m.Rows, m.Extras = append([]record.Line(nil), rows...), nil
				r.Apply(&m)
			}
		})
	}
}
