package lumberjack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

func newMapper() *mapper {
	return &mapper{client: "web-01", m: newCounters(nil), get: func() *record.Batch { return new(record.Batch) }}
}

// show describes a row.
func show(b *record.Batch, i int) string {
	s := fmt.Sprintf("%d own=%t", b.Time(i), b.OwnTime(i))
	for j := range b.Fields(i) {
		n, v := b.Field(i, j)
		s += fmt.Sprintf(" %s:%s=%s", strings.ReplaceAll(b.Name(n).Path, "\x00", ">"), v.Kind, v.AppendText(nil))
	}
	return s
}

func TestMapPairs(t *testing.T) {
	event := func(kv ...string) *lumberjack.Event {
		ev := &lumberjack.Event{Kind: lumberjack.EventPairs}
		for i := 0; i < len(kv); i += 2 {
			ev.Pairs = append(ev.Pairs, lumberjack.Pair{Name: []byte(kv[i]), Value: []byte(kv[i+1])})
		}
		return ev
	}
	var many []string
	for i := range 20 {
		many = append(many, "k", fmt.Sprint(i))
	}
	long := strings.Repeat("x", record.MaxValue+1)
	for _, c := range []struct {
		name string
		ev   *lumberjack.Event
		want string
	}{
		{"as logstash-forwarder sends", event("file", "/f", "host", "h", "offset", "17", "line", "text", "type", "app"), "7 own=false file:string=/f host:string=h offset:int=17 message:string=text type:string=app"},
		{"offset that is no number", event("offset", "017"), "7 own=false offset:string=017"},
		{"same name twice", event("host", "a", "line", "x", "host", "b"), "7 own=false message:string=x host:string=b"},
		{"same name many times", event(many...), "7 own=false k:string=19"},
		{"time", event("@timestamp", "1970-01-01T00:00:01Z", "line", "x"), "1000000000 own=true message:string=x"},
		{"bad time", event("@timestamp", "soon"), "7 own=false @timestamp_raw:string=soon"},
		{"NUL in a name", event("a\x00b", "1"), "7 own=false a\ufffdb:string=1"},
		{"no pairs", event(), "7 own=false"},
		{"long value", event("line", long), "7 own=false message:string=" + long[1:] + ` _error:string=field "line" of 1048577 bytes is over the limit of 1048576 and was cut`},
	} {
		m := newMapper()
		m.pairs(c.ev, 7)
		if got := show(m.plain[0], 0); got != c.want {
			t.Errorf("%s:\ngot  %.300s\nwant %.300s", c.name, got, c.want)
		}
	}
}

func TestMapJSON(t *testing.T) {
	long := strings.Repeat("x", record.MaxValue+1)
	for _, c := range []struct {
		name string
		ev   lumberjack.Event
		want string
	}{
		{"nested", lumberjack.Event{JSON: []byte(`{"@timestamp":"1970-01-01T00:00:01Z","@metadata":{"beat":"x"},"message":"m","log":{"offset":1}}`)}, "1000000000 own=true message:string=m log>offset:int=1"},
		{"not JSON", lumberjack.Event{JSON: []byte(`{"a":`)}, `7 own=false message:string={"a": _error:string=`},
		{"not an object", lumberjack.Event{JSON: []byte(`[1]`)}, `7 own=false message:string=[1] _error:string=`},
		{"empty", lumberjack.Event{}, `7 own=false message:string= _error:string=`},
		{"cut", lumberjack.Event{JSON: []byte(`{"a":"bcd`), Cut: 100}, `7 own=false message:string={"a":"bcd _error:string=JSON of 100 bytes is over the limit of 9 and was cut`},
		{"cut and still long", lumberjack.Event{JSON: []byte(long), Cut: 9 << 20}, `7 own=false message:string=` + long[1:] + ` _error:string=JSON of 9437184 bytes is over the limit of 1048577 and was cut; kept 1048576 bytes`},
	} {
		m := newMapper()
		m.json(&c.ev, 7)
		if got := show(m.plain[0], 0); !strings.HasPrefix(got, c.want) || m.plain[0].Len() != 1 {
			t.Errorf("%s:\ngot  %.200s\nwant %.200s", c.name, got, c.want)
		}
	}
}

func TestMapBlocks(t *testing.T) {
	m := newMapper()
	block := func(l *record.Lines) (done *record.Batch) {
		m.block(l, func(b *record.Batch) { done = b })
		return done
	}
	if block(run(1, 0, true, "a", "b")) != nil || block(run(1, 4, false, "c")) != nil {
		t.Fatal("runs that follow each other were not joined")
	}
	check := func(b *record.Batch, rows int, from, to uint64, resume bool) {
		t.Helper()
		if b == nil || b.Len() != rows || b.Position.From != from || b.Position.To != to || b.Position.Resume != resume || b.Client != "web-01" || b.Window != 0 {
			t.Fatalf("batch %+v", b)
		}
	}
	check(block(run(2, 0, true, "x")), 3, 0, 6, true)    // another source
	check(block(run(2, 9, false, "y")), 1, 0, 2, true)   // a gap
	check(block(run(2, 11, true, "z")), 1, 9, 11, false) // resume
	l := run(2, 13, false, "other fields")
	l.Fields = []record.Pair{{Name: "host", Value: "elsewhere"}}
	check(block(l), 1, 11, 13, true)
	check(m.endRun(), 1, 13, 26, false)
	if m.endRun() != nil {
		t.Error("a batch twice")
	}
}

func TestMapLargeWindows(t *testing.T) {
	m := newMapper()
	obj := []byte(`{"message":"` + strings.Repeat("x", 1<<20-100) + `"}`)
	for range 20 {
		m.json(&lumberjack.Event{JSON: obj}, 7)
	}
	batches := m.endPlain(99)
	if len(batches) < 2 {
		t.Fatalf("%d batches", len(batches))
	}
	seen := map[uint64]bool{}
	rows := 0
	for _, b := range batches {
		if b.Bytes() > record.MaxBatchBytes || seen[b.Window] || b.Window == 0 {
			t.Errorf("batch of %d bytes, window %d", b.Bytes(), b.Window)
		}
		seen[b.Window] = true
		rows += b.Len()
	}
	if rows != 20 || batches[0].Window != 99 {
		t.Errorf("%d rows, window %d", rows, batches[0].Window)
	}
	again := newMapper()
	for range 20 {
		again.json(&lumberjack.Event{JSON: obj}, 8)
	}
	for i, b := range again.endPlain(99) {
		if b.Window != batches[i].Window {
			t.Error("the same window on another connection has another identity")
		}
	}
}

func TestDropMetadata(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                          `{}`,
		`{"@metadata":{}}`:            `{}`,
		`{"@metadata":1,"a":2}`:       `{"a":2}`,
		`{"a":1, "@metadata" : "x" }`: `{"a":1 }`,
		`{"a":1,"@metadata":[1,{"b":"}"}],"c":"@metadata"}`:     `{"a":1,"c":"@metadata"}`,
		`{"a":{"@metadata":1}}`:                                 `{"a":{"@metadata":1}}`,
		`{"a":"\"@metadata\":1"}`:                               `{"a":"\"@metadata\":1"}`,
		`{"a":"@metadata","b":1}`:                               `{"a":"@metadata","b":1}`,
		`{"@metadata":{"beat":"x","raw":"\\\""},"message":"m"}`: `{"message":"m"}`,
		`{"@metadata":true}`:                                    `{}`,
		`{"@metadata":`:                                         `{"@metadata":`,
		`{"@metadata`:                                           `{"@metadata`,
		`{"@metadata":{"a`:                                      `{"@metadata":{"a`,
	} {
		if got := string(dropMetadata([]byte(in))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func FuzzDropMetadata(f *testing.F) {
	for _, s := range []string{`{"@metadata":1,"a":2}`, `{"a":[{"@metadata":1}],"@metadata":{"b":"}"}}`, `{"@metadata":`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var before, after map[string]any
		valid := json.Unmarshal([]byte(in), &before) == nil
		out := dropMetadata([]byte(in))
		if !valid {
			return
		}
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%s became %s: %v", in, out, err)
		}
		if strings.Count(in, `"@metadata"`) > 1 || strings.Contains(in, `\`) {
			return // one of them goes, or its name is spelled otherwise
		}
		delete(before, "@metadata")
		if diff := cmp.Diff(before, after); diff != "" && len(before)+len(after) > 0 {
			t.Fatal(diff)
		}
	})
}
