package lumberjack

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"journalist/internal/record"
)

// one is a run of one line with fields of its own.
func one(extra string, marks record.LineMarks) *record.Lines {
	l := makeLines(1, 5, []byte("the text\n"), record.Pair{Name: "host", Value: "web"}, record.Pair{Name: "file", Value: "/f"},
		record.Pair{Name: "tags", Value: "mine"}, record.Pair{Name: "message", Value: "never"})
	l.Rows[0].Marks = marks
	if extra != "" {
		addExtra(l, 0, extra)
	}
	return l
}

func TestAppendEventWithExtra(t *testing.T) {
	for _, c := range []struct {
		extra string
		marks record.LineMarks
		want  string
	}{
		{`{"a":1, "b" : {"c":[1,{"d":"}"}]} }`, 0, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","a":1,"b":{"c":[1,{"d":"}"}]},"tags":"mine"}`},
		{`{}`, 0, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","tags":"mine"}`},
		{`{"@timestamp":"2026-01-02T03:04:05Z","message":"else","host":"other","offset":null}`, 0, `{"@timestamp":"2026-01-02T03:04:05Z","file":"/f","message":"else","host":"other","offset":null,"tags":"mine"}`},
		{`{"a":1,"a":2,"\u0061":3,"x\"y":"\\"}`, 0, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","a":3,"x\"y":"\\","tags":"mine"}`},
		{`{"tags":["x"]}`, 0, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","tags":["x"]}`},
		{`{"tags":["x"]}`, record.LineSplit, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","tags":["x","_split"]}`},
		{`{"tags":[ ]}`, record.LineSplit, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","tags":["_split"]}`},
		{`{"tags":7}`, record.LineSplit | record.LineTruncated, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","tags":[7,"_split","_truncated"]}`},
		{`{"a":1}`, record.LineSplit, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","a":1,"tags":["mine","_split"]}`},
		{`{"a":`, 0, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","_extra":"{\"a\":","_error":"the fields of this line are no JSON object and stand in _extra","tags":"mine"}`},
		{`[1]`, 0, `{"@timestamp":"2023-11-14T22:13:20.123Z","message":"the text","offset":5,"host":"web","file":"/f","_extra":"[1]","_error":"the fields of this line are no JSON object and stand in _extra","tags":"mine"}`},
	} {
		if diff := cmp.Diff(c.want, string(AppendEvent(nil, one(c.extra, c.marks), 0))); diff != "" {
			t.Errorf("%s: %s", c.extra, diff)
		}
	}
}

// FuzzEventExtra: whatever a row's own fields are, the event is one JSON object
// that has them, or their text.
func FuzzEventExtra(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"tags":["x"],"@timestamp":1}`, `{"a":[{"b":"\""}],"a":{}}`, `{`, ` { "\ud800" : "" } `, `{"":{}}`} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, extra string, marked bool) {
		var marks record.LineMarks
		if marked {
			marks = record.LineSplit
		}
		if extra == "" {
			return
		}
		event := AppendEvent(nil, one(extra, marks), 0)
		var got, own map[string]any
		if err := json.Unmarshal(event, &got); err != nil {
			t.Fatalf("%s: %v", event, err)
		}
		if json.Unmarshal([]byte(extra), &own) != nil || own == nil {
			if utf8.ValidString(extra) && got["_extra"] != extra {
				t.Fatalf("%q is not kept: %s", extra, event)
			}
			return
		}
		delete(own, "tags")
		for name, v := range own {
			if diff := cmp.Diff(v, got[name]); diff != "" && !strings.ContainsRune(name, '\ufffd') {
				t.Fatalf("%q of %s: %s", name, event, diff)
			}
		}
	})
}

func TestVersion1Window(t *testing.T) {
	l := makeLines(1, 5, []byte("one\ntwo\nthree"), record.Pair{Name: "type", Value: "app"}, record.Pair{Name: "host", Value: "web"},
		record.Pair{Name: "file", Value: "/f"}, record.Pair{Name: "line", Value: "never"})
	addExtra(l, 1, `{"a":{"b":[1,2]},"n":1.50,"ok":true,"none":null,"message":"zwei","host":"other","@timestamp":"2026-01-02T03:04:05.678Z"}`)
	addExtra(l, 2, `{"a":`)
	e := NewVersion1Encoder()
	for range 2 { // the numbers begin anew with each window
		e.Begin()
		e.Add(l, 0, 3, true)
		wire, err := e.Finish()
		if err != nil {
			t.Fatal(err)
		}
		got, _ := readAll(strings.NewReader(string(wire)), false, Limits{})
		want := []string{
			"1W3",
			"1:file=/f,host=web,offset=5,line=one,type=app,",
			"2:file=/f,host=other,offset=9,line=zwei,type=app,@timestamp=2026-01-02T03:04:05.678Z,a.b=[1,2],n=1.50,ok=true,none=,",
			"3:file=/f,host=web,offset=13,line=three,type=app,_extra={\"a\":,_error=the fields of this line are no JSON object and stand in _extra: json: unexpected end: expected a value (at byte 5),tags=_unterminated,",
			"seq 3",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if string(wire[:8]) != "1W\x00\x00\x00\x031C" {
			t.Errorf("begins with %q", wire[:8])
		}
	}
}

// TestVersion1ManyPairs: names are found in long events too.
func TestVersion1ManyPairs(t *testing.T) {
	l := makeLines(1, 0, []byte("one\n"), record.Pair{Name: "host", Value: "web"})
	var own []string
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		own = append(own, `"`+string(c)+`":"`+string(c)+`"`)
	}
	own = append(own, `"host":"other"`, `"a":"again"`, `"z":"again"`)
	addExtra(l, 0, "{"+strings.Join(own, ",")+"}")
	var e pairEncoder
	for range 2 {
		e.append(nil, l, 0)
		seen := map[string]string{}
		for _, p := range e.pairs {
			if _, twice := seen[p.Name]; twice {
				t.Errorf("%s stands there twice", p.Name)
			}
			seen[p.Name] = p.Value
		}
		if len(seen) != 29 || seen["host"] != "other" || seen["a"] != "again" || seen["z"] != "again" || seen["m"] != "m" {
			t.Errorf("pairs %v", seen)
		}
	}
}

func TestAckReaderVersion1(t *testing.T) {
	in := AppendAck(AppendAck(nil, Version2, 0), Version1, 77)
	r := NewAckReader(strings.NewReader(string(in)))
	r.Version1()
	for _, want := range []uint32{0, 77} {
		if got, err := r.Next(); got != want || err != nil {
			t.Fatal(got, err)
		}
	}
	r = NewAckReader(strings.NewReader("HTTP/1.1"))
	r.Version1()
	if _, err := r.Next(); err == nil || !strings.Contains(err.Error(), `"1A"`) {
		t.Error(err)
	}
}

// BenchmarkExtras is encoding and decoding rows that each have fields of their own.
func BenchmarkExtras(b *testing.B) {
	text := benchText(b, 256<<10)
	l := makeLines(1, 0, text, record.Pair{Name: "host", Value: "web-01"}, record.Pair{Name: "file", Value: "/var/log/app.log"})
	for i := range l.Rows {
		addExtra(l, i, `{"level":"info","status":200,"path":"/api/v1/items","user":"u1234"}`)
	}
	var dst []byte
	b.Run("block/encode", func(b *testing.B) {
		b.SetBytes(int64(len(l.Data)))
		for b.Loop() {
			dst = AppendBlock(dst[:0], l, 0, len(l.Rows), false)
		}
	})
	b.Run("block/decode", func(b *testing.B) {
		var d BlockDecoder
		b.SetBytes(int64(len(l.Data)))
		for b.Loop() {
			if _, err := d.Decode(dst, 1<<20); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.SetBytes(int64(len(l.Data)))
		for b.Loop() {
			var e eventEncoder
			e.begin(l)
			for i := range l.Rows {
				dst = e.append(dst[:0], i)
			}
		}
	})
	b.Run("pairs", func(b *testing.B) {
		b.SetBytes(int64(len(l.Data)))
		var e pairEncoder
		for b.Loop() {
			for i := range l.Rows {
				dst = e.append(dst[:0], l, i)
			}
		}
	})
}
