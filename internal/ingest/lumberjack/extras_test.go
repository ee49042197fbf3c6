package lumberjack

import (
	"fmt"
	"strings"
	"testing"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// withExtras gives the rows of a run fields of their own, "" for none.
func withExtras(l *record.Lines, extras ...string) *record.Lines {
	for i, e := range extras {
		if e == "" {
			continue
		}
		l.Extras = append(l.Extras, record.Extra{Row: uint32(i), Off: uint32(len(l.Data)), Len: uint32(len(e))})
		l.Data = append(l.Data, e...)
	}
	return l
}

// overTheWire is what a run becomes on its way.
func overTheWire(t *testing.T, l *record.Lines) *record.Lines {
	t.Helper()
	got, err := new(lumberjack.BlockDecoder).Decode(lumberjack.AppendBlock(nil, l, 0, len(l.Rows), l.Position.Resume), len(l.Rows))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMapExtras(t *testing.T) {
	for _, c := range []struct {
		name, extra string
		marks       record.LineMarks
		want        string
	}{
		{"fields", `{"level":"warn","http":{"status":200}}`, 0, `7 own=false level:string=warn http>status:int=200 message:string=text offset:int=0`},
		{"time and message", `{"@timestamp":"1970-01-01T00:00:01Z","message":"else"}`, 0, `1000000000 own=true message:string=else offset:int=0`},
		{"offset", `{"offset":"mine"}`, 0, `7 own=false offset:string=mine message:string=text`},
		{"bad time", `{"@timestamp":"soon"}`, 0, `7 own=false @timestamp_raw:string=soon _error:string=no time: @timestamp message:string=text offset:int=0`},
		{"nothing", `{}`, 0, `7 own=false message:string=text offset:int=0`},
		{"not JSON", `{"a":`, 0, `7 own=false _extra:string={"a": _error:string=the fields of this line are no JSON object and stand in _extra: json: unexpected end: expected a value (at byte 5) message:string=text offset:int=0`},
		{"no object", `[1]`, 0, `7 own=false _extra:string=[1] _error:string=the fields of this line are no JSON object and stand in _extra: json: expected an object (at byte 0) message:string=text offset:int=0`},
		{"marks", `{"a":1}`, record.LineSplit, `7 own=false a:int=1 message:string=text offset:int=0 tags:json=["_split"]`},
		{"marks and tags", `{"tags":["x", "y"]}`, record.LineSplit, `7 own=false tags:json=["x", "y","_split"] message:string=text offset:int=0`},
		{"marks and no tags", `{"tags":[]}`, record.LineSplit, `7 own=false tags:json=["_split"] message:string=text offset:int=0`},
		{"marks and a tag", `{"tags":"x"}`, record.LineSplit | record.LineTruncated, `7 own=false tags:json=["x","_split","_truncated"] message:string=text offset:int=0`},
	} {
		l := withExtras(run(1, 0, true, "text", "next"), c.extra)
		l.ReadTime, l.Rows[0].Marks = 7, c.marks
		m := newMapper()
		m.block(overTheWire(t, l), func(*record.Batch) { t.Error("a batch is complete") })
		b := m.endRun()
		if got := strings.ReplaceAll(show(b, 0), `["x","y"`, `["x", "y"`); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
		if got := show(b, 1); !strings.HasPrefix(got, "7 own=false message:string=next") || b.Len() != 2 || b.Start(1) != l.Rows[1].Start {
			t.Errorf("%s: the row after is %s", c.name, got)
		}
	}
}

// TestMapFieldsAlone: a row that is its fields alone has no message.
func TestMapFieldsAlone(t *testing.T) {
	l := withExtras(run(1, 0, true, "", ""), `{"level":"warn"}`, `{"message":""}`)
	l.ReadTime = 7
	m := newMapper()
	m.block(overTheWire(t, l), func(*record.Batch) { t.Error("a batch is complete") })
	b := m.endRun()
	if got := show(b, 0); got != `7 own=false level:string=warn offset:int=0` {
		t.Error(got)
	}
	if got := show(b, 1); !strings.Contains(got, "message:string=") {
		t.Error(got)
	}
}

// TestMapLargeExtras: fields may take many times their bytes in a batch; it is cut
// between rows and the positions of the parts follow each other.
func TestMapLargeExtras(t *testing.T) {
	var small strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&small, `,"k%d":%d`, i, i%10)
	}
	object := "{" + small.String()[1:] + "}"
	var texts, extras []string
	for i := range 700 {
		texts = append(texts, fmt.Sprint("line ", i))
		extras = append(extras, object)
	}
	// Names that are new in every row: few bytes in the batch, many in its names.
	for i := range 30 {
		texts = append(texts, fmt.Sprint("line ", 700+i))
		var e strings.Builder
		for j := range 500 {
			fmt.Fprintf(&e, `,"name-%d-%d":1`, i, j)
		}
		extras = append(extras, "{"+e.String()[1:]+"}")
	}
	l := overTheWire(t, withExtras(run(1, 0, true, texts...), extras...))
	m := newMapper()
	var batches []*record.Batch
	m.block(l, func(b *record.Batch) { batches = append(batches, b) })
	batches = append(batches, m.endRun())
	rows, at := 0, uint64(0)
	for i, b := range batches {
		if b.Position.From != at || b.Position.Resume != (i == 0) || b.Bytes() > record.MaxBatchBytes || len(b.Names()) > 2*cutNames {
			t.Errorf("batch %d: %+v with %d bytes and %d names", i, b.Position, b.Bytes(), len(b.Names()))
		}
		for j := range b.Len() {
			if v, _ := b.Find(j, "message"); string(v.Bytes) != texts[rows] || b.Start(j) != l.Rows[rows].Start {
				t.Fatalf("row %d is %q at %d", rows, v.Bytes, b.Start(j))
			}
			rows++
		}
		at = b.Position.To
	}
	if len(batches) < 4 || rows != len(texts) || at != l.Position.To {
		t.Errorf("%d batches with %d rows up to %d", len(batches), rows, at)
	}
}
