package syslog

import (
	"encoding/json"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fieldsOf(m *Message) string { return "{" + string(m.AppendFields(nil)) + "}" }

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in, text, fields string
		local            bool
	}{
		{
			in: "<34>1 2026-01-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed", text: "'su root' failed",
			fields: `{"@timestamp":"2026-01-11T22:14:15.003Z","host":"mymachine.example.com","level":"critical","facility":"auth","app":"su","msgid":"ID47"}`,
		},
		{
			in: `<165>1 2026-01-11T22:14:15.000003-07:00 192.0.2.1 myproc 8710 - [ex@32473 iut="3" e="a\"b\]c\\d\n"][x ip="1" n="2" ip="3"] text`, text: "text",
			fields: `{"@timestamp":"2026-01-12T05:14:15.000003Z","host":"192.0.2.1","level":"notice","facility":"local4","app":"myproc","procid":"8710","sd":{"ex@32473":{"iut":"3","e":"a\"b]c\\d\\n"},"x":{"ip":["1","3"],"n":"2"}}}`,
		},
		{in: "<0>1 - - - - - -", text: "", fields: `{"level":"emergency","facility":"kern"}`},
		{
			in: "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8", text: "'su root' failed for lonvick on /dev/pts/8",
			fields: `{"@timestamp":"2025-10-11T22:14:15Z","host":"mymachine","level":"critical","facility":"auth","app":"su"}`,
		},
		{
			in: "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", text: "Use the BFG!",
			fields: `{"@timestamp":"2026-02-05T17:32:18Z","host":"10.0.0.99","level":"notice","facility":"user"}`,
		},
		{
			in: "<30>Feb  5 17:32:18 web-01 nginx[123]: a: b\n", text: "a: b",
			fields: `{"@timestamp":"2026-02-05T17:32:18Z","host":"web-01","level":"info","facility":"daemon","app":"nginx","procid":"123"}`,
		},
		{
			in: "<30>Feb  5 17:32:18 nginx[123]: from the C library\x00", text: "from the C library", local: true,
			fields: `{"@timestamp":"2026-02-05T17:32:18Z","level":"info","facility":"daemon","app":"nginx","procid":"123"}`,
		},
		{
			in: "<30>Feb  5 17:32:18 two words and no tag", text: "two words and no tag", local: true,
			fields: `{"@timestamp":"2026-02-05T17:32:18Z","level":"info","facility":"daemon"}`,
		},
		{
			in: "<30>2026-02-05T17:32:18.5+01:00 web-01 app: rsyslog's own form", text: "rsyslog's own form",
			fields: `{"@timestamp":"2026-02-05T16:32:18.5Z","host":"web-01","level":"info","facility":"daemon","app":"app"}`,
		},
		{
			in: "<189>123: *Feb  5 17:32:18.123: %SYS-5-CONFIG_I: Configured from console", text: "Configured from console",
			fields: `{"@timestamp":"2026-02-05T17:32:18.123Z","level":"notice","facility":"local7","app":"%SYS-5-CONFIG_I"}`,
		},
		{
			in: "<189>Feb  5 2024 17:32:18 fw : %ASA-6-302013: Built", text: "Built",
			fields: `{"@timestamp":"2024-02-05T17:32:18Z","host":"fw","level":"notice","facility":"local7","app":"%ASA-6-302013"}`,
		},
		{
			in: "<4>Feb 29 00:00:00 h kernel: [12.5] leap", text: "[12.5] leap",
			fields: `{"@timestamp":"2024-02-29T00:00:00Z","host":"h","level":"warning","facility":"kern","app":"kernel"}`,
		},
		{
			in: "<4>Mar  2 06:00:00 2001:db8::1 x y", text: "x y",
			fields: `{"@timestamp":"2026-03-02T06:00:00Z","host":"2001:db8::1","level":"warning","facility":"kern"}`,
		},
		{in: "<13>no time at all", text: "no time at all", fields: `{"level":"notice","facility":"user"}`},
		{in: "<13>app[7]: no time", text: "no time", fields: `{"level":"notice","facility":"user","app":"app","procid":"7"}`},
		{in: "<13>", text: "", fields: `{"level":"notice","facility":"user"}`},
		{in: "<13>http://example.com/ is no tag", text: "http://example.com/ is no tag", fields: `{"level":"notice","facility":"user"}`},
		{in: "<13>Feb 30 00:00:00 h x: no such day", text: "Feb 30 00:00:00 h x: no such day", fields: `{"level":"notice","facility":"user"}`},
	} {
		m, err := Parse([]byte(c.in), Options{Now: now, Local: c.local})
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if string(m.Text) != c.text || fieldsOf(&m) != c.fields {
			t.Errorf("%q:\n got %q %s\nwant %q %s", c.in, m.Text, fieldsOf(&m), c.text, c.fields)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"":                                  ErrPriority,
		"hello":                             ErrPriority,
		"<>x":                               ErrPriority,
		"<192>x":                            ErrPriority,
		"<1234>x":                           ErrPriority,
		"<1":                                ErrPriority,
		"<13>1 2026-01-01T00:00:00Z h a p":  ErrHeader,
		"<13>1 yesterday h a p m - x":       ErrHeader,
		"<13>1 - h a p m ":                  ErrHeader,
		"<13>1 - h a p m x":                 ErrData,
		"<13>1 - h a p m [":                 ErrData,
		`<13>1 - h a p m [a b="c] x`:        ErrData,
		`<13>1 - h a p m [a b="c"]x`:        ErrData,
		`<13>1 - h a p m [a b=c] x`:         ErrData,
		`<13>1 - h a p m [a b="c\`:          ErrData,
		"<13>1 2026-01-01T00:00:00Z  a p m": ErrHeader,
	} {
		if _, err := Parse([]byte(in), Options{Now: now}); err != want {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}

// Times without a zone are the listener's.
func TestZone(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	m, err := Parse([]byte("<13>Jan  1 00:30:00 h a: x"), Options{Now: time.Date(2026, 1, 1, 0, 31, 0, 0, berlin)})
	if err != nil || fieldsOf(&m) != `{"@timestamp":"2025-12-31T23:30:00Z","host":"h","level":"notice","facility":"user","app":"a"}` {
		t.Errorf("%s, %v", fieldsOf(&m), err)
	}
	// On New Year's Eve a sender may be ahead.
	m, err = Parse([]byte("<13>Jan  1 00:00:01 h a: x"), Options{Now: time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC)})
	if err != nil || time.Unix(0, m.Time).UTC().Year() != 2026 {
		t.Errorf("%s, %v", fieldsOf(&m), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("<34>1 2026-01-11T22:14:15.003Z h su - ID47 [a b=\"c\"] x"), false)
	f.Add([]byte("<30>Feb  5 17:32:18 2024 nginx[123]: a"), true)
	f.Add([]byte("<189>123: *Feb  5 2024 17:32:18.123: %SYS-5-CONFIG_I: x"), false)
	f.Fuzz(func(t *testing.T, b []byte, local bool) {
		m, err := Parse(b, Options{Now: now, Local: local})
		if err != nil {
			return
		}
		if s := fieldsOf(&m); !json.Valid([]byte(s)) {
			t.Fatalf("%q: %s", b, s)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	in := []byte("<30>Feb  5 17:32:18 web-01 nginx[123]: 10.0.0.1 - - GET /index.html HTTP/1.1 200 1234")
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(in, Options{Now: now})
		if err != nil {
			b.Fatal(err)
		}
		buf = m.AppendFields(buf[:0])
	}
}
