package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const testNow = int64(1_700_000_000_123_456_789)

// show prints row i as "time name=kind:text …", with a slash between levels.
func show(b *Batch, i int) string {
	var s strings.Builder
	if b.OwnTime(i) {
		s.Write(AppendTime(nil, b.Time(i)))
	} else {
		s.WriteString("now")
	}
	for j := range b.Fields(i) {
		id, v := b.Field(i, j)
		fmt.Fprintf(&s, " %s=%s:%s", strings.ReplaceAll(b.Name(id).Path, "\x00", "/"), v.Kind, v.AppendText(nil))
	}
	return s.String()
}

func TestAppendJSON(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var b Batch
		for range 3 { // the second and third are guided by the ones before
			if err := b.AppendJSON([]byte(in), testNow); err != nil {
				t.Errorf("%s: %v", in, err)
				return
			}
		}
		for i := range 3 {
			if got := show(&b, i); got != want {
				t.Errorf("%s\n got %s\nwant %s", in, got, want)
			}
			if !b.OwnTime(i) && b.Time(i) != testNow {
				t.Errorf("%s: time %d", in, b.Time(i))
			}
		}
	}
	f(`{}`, `now`)
	f(" \r\n\t{ \n} \n", `now`)
	f(`{"a":1,"b":-0,"c":1.50,"d":1e3,"e":123456789012345678,"f":1234567890123456789}`,
		`now a=int:1 b=number:-0 c=number:1.50 d=number:1e3 e=int:123456789012345678 f=number:1234567890123456789`)
	f(`{"t":true,"f":false,"n":null,"s":""}`, `now t=bool:true f=bool:false n=null: s=string:`)
	f(`{"a":{"b":{"c":1},"d":2},"e":{}}`, `now a/b/c=int:1 a/d=int:2 e=json:{}`)
	f(`{"a":{"b":1},"a.b":2}`, `now a/b=int:1 a.b=int:2`)
	f(`{"a":[1, {"x":[]} ,"\n"],"b":[ ]}`, `now a=json:[1, {"x":[]} ,"\n"] b=json:[ ]`)
	f("{\"a\":[1,\n {\"x y\": [\r\n]}],\"b\":{\n}}", `now a=json:[1,{"x y":[]}] b=json:{}`)
	f(`{"":1,"x":{"":2}}`, `now =int:1 x/=int:2`)
	f(`{"k":1,"k":"two"}`, `now k=int:1 k=string:two`)
	f(`{"s":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00"}`, "now s=string:\"\\/\b\f\n\r\tAé€😀")
	f(`{"s":"\ud800","t":"\udc00x","u":"\ud800\ud800\udc00"}`, "now s=string:\ufffd t=string:\ufffdx u=string:\ufffd\U00010000")
	f("{\"s\":\"a\xffb\"}", "now s=string:a\xffb")
	f("{\"s\":[\"a\xffb\"]}", "now s=json:[\"a\ufffdb\"] _error=string:bytes that are not UTF-8 were replaced: s")
	f(`{"a\u0000b":1,"\u0041\n":2}`, "now a\ufffdb=int:1 A\n=int:2")
	f(`{"s":"\u0000"}`, "now s=string:\x00")

	f(`{"@timestamp":"2026-01-02T03:04:05.678Z","m":1}`, `2026-01-02T03:04:05.678Z m=int:1`)
	f(`{"@timestamp":"2026-01-02 03:04:05,5+02:00"}`, `2026-01-02T01:04:05.5Z`)
	f(`{"@timestamp":1700000000}`, `2023-11-14T22:13:20Z`)
	f(`{"@timestamp":1700000000123}`, `2023-11-14T22:13:20.123Z`)
	f(`{"@timestamp":1700000000123456}`, `2023-11-14T22:13:20.123456Z`)
	f(`{"@timestamp":1700000000123456789}`, `2023-11-14T22:13:20.123456789Z`)
	f(`{"@timestamp":1700000000.25}`, `2023-11-14T22:13:20.25Z`)
	f(`{"@timestamp":1.7e9}`, `2023-11-14T22:13:20Z`)
	f(`{"@timestamp":"1700000000123"}`, `2023-11-14T22:13:20.123Z`)
	f(`{"@timestamp":"yesterd\u0061y","m":1}`, `now @timestamp_raw=string:yesterday m=int:1 _error=string:no time: @timestamp`)
	f(`{"@timestamp":{"a":1}}`, `now @timestamp_raw=string:{"a":1} _error=string:no time: @timestamp`)
	f(`{"@timestamp":null}`, `now @timestamp_raw=string:null _error=string:no time: @timestamp`)
	f(`{"@timestamp":1e30}`, `now @timestamp_raw=string:1e30 _error=string:no time: @timestamp`)
	f(`{"@timestamp":1700000000,"@timestamp":1800000000}`,
		`2023-11-14T22:13:20Z @timestamp_raw=string:1800000000 _error=string:second one was ignored: @timestamp`)
	f(`{"a":{"@timestamp":1}}`, `now a/@timestamp=int:1`)
}

func TestAppendJSONErrors(t *testing.T) {
	f := func(in string, offset int, msg string) {
		t.Helper()
		var b Batch
		if err := b.AppendJSON([]byte(`{"before":1}`), 1); err != nil {
			t.Fatal(err)
		}
		err := b.AppendJSON([]byte(in), 2)
		var je *JSONError
		if !errors.As(err, &je) || je.Offset != offset || !strings.Contains(je.Msg, msg) {
			t.Errorf("%.60s: got %v, want %q at %d", in, err, msg, offset)
		}
		if err := b.AppendJSON([]byte(`{"after":2}`), 3); err != nil {
			t.Fatal(err)
		}
		if b.Len() != 2 || show(&b, 0) != "now before=int:1" || show(&b, 1) != "now after=int:2" {
			t.Errorf("%.60s: the batch's other rows changed", in)
		}
	}
	f(``, 0, "unexpected end")
	f(`[1]`, 0, "expected an object")
	f(`"x"`, 0, "expected an object")
	f(`{"a":1} x`, 8, "text after the object")
	f(`{"a":1}{"a":2}`, 7, "text after the object")
	f(`{"a":1,}`, 7, "expected a key")
	f(`{a:1}`, 1, "expected a key")
	f(`{"a" 1}`, 5, "expected a colon")
	f(`{"a":}`, 5, "expected a value")
	f(`{"a":1`, 6, "unexpected end")
	f(`{"a":1 "b":2}`, 7, "expected a comma")
	f(`{"a":tru}`, 5, "expected a value")
	f(`{"a":01}`, 6, "expected a comma")
	f(`{"a":1.}`, 5, "invalid number")
	f(`{"a":-}`, 5, "invalid number")
	f(`{"a":1e}`, 5, "invalid number")
	f(`{"a":"x`, 7, "string is not closed")
	f(`{"a":"x\`, 7, "invalid escape")
	f(`{"a":"\x"}`, 6, "invalid escape")
	f(`{"a":"\u12g4"}`, 6, "invalid escape")
	f("{\"a\":\"x\ny\"}", 7, "control character")
	f(`{"a":[1,]}`, 8, "expected a value")
	f(`{"a":[1 2]}`, 8, "expected a comma")
	f(`{"a":[{"b"}]}`, 10, "expected a colon")
	f(`{"a":[`, 6, "unexpected end")
	f(`{"a":[1}`, 7, "expected a comma")
	f(strings.Repeat(`{"a":`, MaxNesting+1), 5*MaxNesting, "nested deeper")
	f(`{"a":`+strings.Repeat(`[`, 100000), 5+MaxNesting-1, "nested deeper")
	f(`{"`+strings.Repeat("n", MaxName+1)+`":1}`, 1, "field name is longer")
	f(`{"`+strings.Repeat("\\n", MaxName+1)+`":1}`, 1, "field name is longer")
	f(`{"`+strings.Repeat("n", MaxName)+`":{"":1}}`, 516, "field name is longer")
	f(`{`+strings.Repeat(`"a":1,`, MaxFields)+`"a":1}`, 1+6*MaxFields+4, "more than 2000 fields")
	large := `"` + strings.Repeat("x", MaxValue) + `"`
	f(`{"a":`+large+`,"b":`+large+`,"c":`+large+`,"d":`+large+`}`, 4*5+3*len(large), "record is larger")
}

func TestAppendJSONLimits(t *testing.T) {
	var b Batch
	euro := strings.Repeat("x", MaxValue-1) + "€ and more"
	f := func(in string, kind Kind, wantLen int) {
		t.Helper()
		b.Reset()
		if err := b.AppendJSON([]byte(`{"a":{"b":`+in+`}}`), 1); err != nil {
			t.Fatal(err)
		}
		v, _ := b.Find(0, "a.b")
		mark, _ := b.Find(0, FieldError)
		if v.Kind != kind || len(v.Bytes) != wantLen || string(mark.Bytes) != "value was cut at 1048576 bytes: a.b" {
			t.Errorf("%.20s: kind %s, %d bytes, mark %q", in, v.Kind, len(v.Bytes), mark.Bytes)
		}
	}
	f(`"`+euro+`"`, String, MaxValue-1)
	f(`"\n`+euro+`"`, String, MaxValue)
	f(`[`+strings.Repeat("1,", MaxValue)+`1]`, String, MaxValue)
	f("[\n"+strings.Repeat("1,", MaxValue)+`1]`, String, MaxValue)
	f(strings.Repeat("1", MaxValue+1), String, MaxValue)

	b.Reset()
	if err := b.AppendJSON([]byte(strings.Repeat(`{"a":`, MaxNesting)+`1`+strings.Repeat(`}`, MaxNesting)), 1); err != nil {
		t.Errorf("nesting at the limit: %v", err)
	}
	if err := b.AppendJSON([]byte(`{`+strings.Repeat(`"a":1,`, MaxFields-1)+`"a":1}`), 1); err != nil {
		t.Errorf("fields at the limit: %v", err)
	}
	if err := b.AppendJSON([]byte(`{"`+strings.Repeat("n", MaxName)+`":1}`), 1); err != nil {
		t.Errorf("name at the limit: %v", err)
	}
}

const benchRecord = `{"@timestamp":"2026-01-02T03:04:05.678Z","level":"info","message":"request finished after 13 ms with status 200 for client 10.0.0.17","service":{"name":"checkout","version":"2.14.1"},"http":{"method":"POST","path":"/api/v1/orders","status":200,"bytes":5123},"duration_ms":13.25,"trace":"4bf92f3577b34da6a3ce929d0e0e4736","user":"u-183923","cached":false,"host":"web-07.example.net","tags":["prod","eu"]}`

func TestAppendJSONDoesNotAllocate(t *testing.T) {
	var b Batch
	rec := []byte(benchRecord)
	fill := func() {
		b.Reset()
		for range 100 {
			if err := b.AppendJSON(rec, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n != 0 {
		t.Errorf("%v allocations for 100 records", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	var batch Batch
	rec := []byte(benchRecord)
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		if batch.Len() == 1000 {
			batch.Reset()
		}
		if err := batch.AppendJSON(rec, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseTime(b *testing.B) {
	in := []byte("2026-01-02T03:04:05.678Z")
	for b.Loop() {
		if _, ok := ParseTime(in); !ok {
			b.Fatal("not read")
		}
	}
}

// flatten is AppendJSON by way of encoding/json.
func flatten(dec *json.Decoder, prefix string, emit func(path string, v any)) error {
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		path := prefix + strings.ReplaceAll(key.(string), "\x00", "\ufffd")
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		if raw[0] == '{' {
			sub := json.NewDecoder(bytes.NewReader(raw))
			sub.UseNumber()
			if _, err := sub.Token(); err != nil {
				return err
			}
			if sub.More() {
				if err := flatten(sub, path+"\x00", emit); err != nil {
					return err
				}
				continue
			}
		}
		var v any
		one := json.NewDecoder(bytes.NewReader(raw))
		one.UseNumber()
		if err := one.Decode(&v); err != nil {
			return err
		}
		emit(path, v)
	}
	return nil
}

func FuzzAppendJSON(f *testing.F) {
	for _, s := range []string{
		benchRecord, `{}`, `{"a":[1,{"b":[]}],"c":{"d":{}}}`, `{"\u0000\ud83d\ude00":"\ud800\n"}`, "{\"a\":[\n1\r]}",
		`{"a":-0.1e+5,"a":null}`, `{"@timestamp":1700000000}`, `{"@timestamp":"x"}`, `{"a":"12345678\"12345678\\"}`, "{\"\xff\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Batch
		if err := b.AppendJSON([]byte(`{"@timestamp":5,"a":1}`), 1); err != nil {
			t.Fatal(err)
		}
		err := b.AppendJSON(data, testNow)
		object := bytes.HasPrefix(bytes.TrimLeft(data, " \r\n\t"), []byte("{")) && json.Valid(data)
		if err != nil {
			limit := strings.Contains(err.Error(), "nested deeper") || strings.Contains(err.Error(), "longer") || strings.Contains(err.Error(), "more than")
			if object && !limit {
				t.Fatalf("valid object refused: %v", err)
			}
			if b.Len() != 1 || b.Fields(0) != 1 {
				t.Fatal("an error changed the batch")
			}
			return
		}
		if !object {
			t.Fatal("accepted what is no JSON object")
		}
		out := b.AppendBinary(nil)
		if err := new(Batch).UnmarshalBinary(out); err != nil {
			t.Fatalf("batch does not survive its binary form: %v", err)
		}
		if _, marked := b.Find(1, FieldError); marked || !utf8.Valid(data) {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		if _, err := dec.Token(); err != nil {
			t.Fatal(err)
		}
		j := 0
		err = flatten(dec, "", func(path string, want any) {
			if path == FieldTime {
				return
			}
			if j >= b.Fields(1) {
				t.Fatalf("field %q is missing", path)
			}
			id, v := b.Field(1, j)
			j++
			if b.Name(id).Path != path {
				t.Fatalf("field %d is %q, want %q", j, b.Name(id).Path, path)
			}
			text := v.AppendJSON(nil)
			var got any
			one := json.NewDecoder(bytes.NewReader(text))
			one.UseNumber()
			if err := one.Decode(&got); err != nil || bytes.ContainsAny(text, "\n\r") {
				t.Fatalf("%q: %v in %q", path, err, text)
			}
			w, _ := json.Marshal(want)
			g, _ := json.Marshal(got)
			if !bytes.Equal(w, g) {
				t.Fatalf("%q is %s, want %s", path, g, w)
			}
		})
		if err != nil || j != b.Fields(1) {
			t.Fatalf("%d fields, want %d (%v)", b.Fields(1), j, err)
		}
	})
}

func TestTimeMatchesStandardLibrary(t *testing.T) {
	for _, ns := range []int64{0, 1, -1, 1e9, -1e9, 1700000000123456789, 951782400e9, -9e18, 9.2e18, -86400e9} {
		for step := range int64(50) {
			ns := ns/1e9*1e9 + ns%1e9 + step*7_777_777_777_777
			want := time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
			got := string(AppendTime(nil, ns))
			if got != want {
				t.Fatalf("%d: got %s, want %s", ns, got, want)
			}
			if back, ok := ParseTime([]byte(got)); !ok || back != ns {
				t.Fatalf("%s: read back %d (%v), want %d", got, back, ok, ns)
			}
		}
	}
}

func TestParseTime(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		ns, ok := ParseTime([]byte(in))
		got := "none"
		if ok {
			got = string(AppendTime(nil, ns))
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	f("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z")
	f("2026-01-02t03:04:05z", "2026-01-02T03:04:05Z")
	f("2026-01-02 03:04:05", "2026-01-02T03:04:05Z")
	f("2026/01/02 03:04:05", "2026-01-02T03:04:05Z")
	f("2026-01-02T03:04:05.123456789123Z", "2026-01-02T03:04:05.123456789Z")
	f("2026-01-02T03:04:05,12-0330", "2026-01-02T06:34:05.12Z")
	f("2026-01-02T03:04:05+14", "2026-01-01T13:04:05Z")
	f("2026-01-02 03:04:05 +0100", "2026-01-02T02:04:05Z")
	f("2026-01-02 03:04:05.1 UTC", "2026-01-02T03:04:05.1Z")
	f("2026-01-02", "2026-01-02T00:00:00Z")
	f("2026-01-02T03:04", "2026-01-02T03:04:00Z")
	f("2026-01-02T03:04+01:00", "2026-01-02T02:04:00Z")
	f("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z")
	f("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z")
	for _, bad := range []string{
		"", "2", "2026-01-02T", "2026-01-02T03", "2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01",
		"2026-04-31", "2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Zx",
		"2026-01-02T03:04:05+99:00", "1500-01-01T00:00:00Z", "2300-01-01T00:00:00Z", "20a6-01-02T03:04:05Z", "2026-01-02x03:04:05Z",
		"2026.01.02 03:04:05",
	} {
		f(bad, "none")
	}
	prefix := func(in string, want int) {
		t.Helper()
		if _, _, n := ParseTimePrefix([]byte(in)); n != want {
			t.Errorf("%s: takes %d bytes, want %d", in, n, want)
		}
	}
	prefix("2026-01-02 03:04:05 Zookeeper", 19)
	prefix("2026-01-02 03:04:05 -1 users", 19)
	prefix("2026-01-02 03:04:05.5 UTC [12]", 25)
	prefix("2026-01-02 03:04:05 +0200]", 25)
	prefix("2026-01-02 03:04:05 +02000", 19)
	prefix("2026-01-02 03:04:05. Next", 19)
	prefix("2026-01-02", 0)
}
