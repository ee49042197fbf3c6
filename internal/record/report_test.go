package record

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	want := Report{Host: "web-01", Version: "1", Started: time.Unix(1, 0).UTC(), Files: 2, LagBytes: 3, LagSeconds: 1.5, LastError: strings.Repeat("\x00é", 4000)}
	fields, err := want.Fields()
	if err != nil {
		t.Fatal(err)
	}
	got, ok, err := ReportOf(&Lines{Fields: fields})
	if !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	if len(got.LastError) == 0 || len(got.LastError) >= len(want.LastError) {
		t.Errorf("last error of %d bytes", len(got.LastError))
	}
	got.LastError, want.LastError = "", ""
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, l := range []*Lines{{}, {Fields: []Pair{{Name: "host", Value: "x"}}}, {Fields: fields, Rows: make([]Line, 1)}} {
		if _, ok, err := ReportOf(l); ok || err != nil {
			t.Errorf("%+v is taken for a report: %v", l, err)
		}
	}
	for _, text := range []string{"", "{", `{"files":"x"}`, strings.Repeat(" ", MaxReport+1)} {
		if _, ok, err := ReportOf(&Lines{Fields: []Pair{{Name: ReportField, Value: text}}}); !ok || err == nil {
			t.Errorf("%.20q: %v, %v", text, ok, err)
		}
	}
}
