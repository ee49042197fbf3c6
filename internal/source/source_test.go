package source

import (
	"strings"
	"testing"

	"journalist/internal/record"
)

func TestBuilder(t *testing.T) {
	id := record.SourceID{1}
	b := NewBuilder(id, 100)
	b.Add([]byte("one"), 4, 0, nil)
	b.Add([]byte("two"), 5, record.LineUnterminated, func(dst []byte) []byte { return append(dst, `{"a":1}`...) })
	b.Add([]byte(strings.Repeat("ä", record.MaxValue)), 6, 0, func(dst []byte) []byte { return dst })
	b.Add(nil, 1, 0, func(dst []byte) []byte { return append(dst, make([]byte, record.MaxRecord)...) })
	fields := []record.Pair{{Name: "type", Value: "x"}}
	l := b.Take(7, fields, 3)
	if want := (record.Position{ID: id, From: 100, To: 116}); l.Position != want || l.ReadTime != 7 || l.Priority != 3 || len(l.Rows) != 4 {
		t.Errorf("%+v", l.Position)
	}
	for i, want := range []struct {
		text, extra string
		marks       record.LineMarks
		start       uint64
	}{
		{"one", "", 0, 100},
		{"two", `{"a":1}`, record.LineUnterminated, 104},
		{strings.Repeat("ä", record.MaxValue/2), "", record.LineTruncated, 109},
		{"", `{"_error":"fields of 4194304 bytes are over the limit and were left out"}`, record.LineTruncated, 115},
	} {
		if r := l.Rows[i]; string(l.Text(i)) != want.text || string(l.ExtraOf(i)) != want.extra || r.Marks != want.marks || r.Start != want.start {
			t.Errorf("row %d: %+v %.100q %.100q", i, r, l.Text(i), l.ExtraOf(i))
		}
	}
	if b.Len() != 0 || b.Bytes() != 0 {
		t.Errorf("%d lines, %d bytes are left", b.Len(), b.Bytes())
	}
	b.Add([]byte("next"), 1, 0, nil)
	if l := b.Take(0, nil, 0); l.Position.From != 116 || l.Position.To != 117 {
		t.Errorf("%+v", l.Position)
	}
	b.Restart(record.SourceID{2}, 5)
	if l := b.Take(0, nil, 0); l.Position != (record.Position{ID: record.SourceID{2}, From: 5, To: 5}) {
		t.Errorf("%+v", l.Position)
	}
}
