package cli

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s\nwant:\n%s", path, got, want)
	}
}

// render shows the rows of testdata/name.in.
func render(t *testing.T, name string, o RenderOptions) []byte {
	t.Helper()
	in, err := os.ReadFile(filepath.Join("testdata", name+".in"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := NewRenderer(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	var row Row
	for line := range bytes.Lines(in) {
		if err := ParseRow(bytes.TrimSuffix(line, []byte("\n")), &row); err != nil {
			t.Fatal(err)
		}
		if err := r.Row(&row); err != nil {
			t.Fatal(err)
		}
		// Rows are valid only during the call: a renderer that keeps one shows this.
		for i := range line {
			line[i] = '#'
		}
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRenderers(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	for _, in := range []string{"records", "stats", "patterns"} {
		for _, form := range Forms {
			golden(t, in+"."+form, render(t, in, RenderOptions{Form: form, Zone: zone}))
		}
		golden(t, in+".pretty-colour", render(t, in, RenderOptions{Form: "pretty", Zone: zone, Colour: true, Terminal: true, Width: 80}))
		golden(t, in+".raw-terminal", render(t, in, RenderOptions{Form: "raw", Zone: zone, Terminal: true}))
	}
}

// Whatever a log line holds, nothing that acts on a terminal gets there but the
// colours that we set ourselves.
func TestNothingActsOnTheTerminal(t *testing.T) {
	for _, form := range Forms {
		out := render(t, "records", RenderOptions{Form: form, Terminal: true, Width: 80})
		for _, r := range string(out) {
			if r != '\n' && r != '\t' && unprintable(r) {
				t.Errorf("-o %s lets %U through", form, r)
			}
		}
	}
}

func TestUnknownForm(t *testing.T) {
	_, err := NewRenderer(&bytes.Buffer{}, RenderOptions{Form: "xml"})
	if ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), "pretty") {
		t.Errorf("error %v", err)
	}
}

// A column that turns up after the header was written is not lost.
func TestCSVLateColumns(t *testing.T) {
	var out bytes.Buffer
	r := newCSVRenderer(&out)
	add := func(line string) {
		t.Helper()
		var row Row
		if err := ParseRow([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if err := r.Row(&row); err != nil {
			t.Fatal(err)
		}
	}
	for i := range csvSampleRows {
		add(fmt.Sprintf(`{"a":%d}`, i))
	}
	add(`{"a":"x","b":1,"c":"\"q\""}`)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != csvSampleRows+2 || strings.Join(rows[0], "|") != "a|_more" {
		t.Fatalf("%d rows, header %q", len(rows), rows[0])
	}
	if last := rows[len(rows)-1]; last[0] != "x" || last[1] != `{"b":1,"c":"\"q\""}` {
		t.Errorf("last row %q", last)
	}
}

// A table goes on after it has measured its columns.
func TestTableLongAnswer(t *testing.T) {
	var out bytes.Buffer
	r := &tableRenderer{w: &out, o: RenderOptions{}}
	for i := range tableSample + 1 {
		line := fmt.Sprintf(`{"n":%d}`, i)
		if i == tableSample {
			line = `{"n":1,"late":"yes"}`
		}
		var row Row
		if err := ParseRow([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if err := r.Row(&row); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != tableSample+2 || lines[0] != "  n" || lines[len(lines)-1] != "  1  late=yes" {
		t.Errorf("%d lines, first %q, last %q", len(lines), lines[0], lines[len(lines)-1])
	}
}

func TestRenderFields(t *testing.T) {
	a := FieldsAnswer{Sampled: 200, Fields: []FieldInfo{
		{Name: "host", Kind: "string", Count: 200, Distinct: 2, Top: []FieldValue{{"web-01", 150}, {"web\x1b-02", 50}}},
		{Name: "status", Kind: "int", Count: 21, Distinct: 3, Top: []FieldValue{{"200", 20}}},
	}}
	var out bytes.Buffer
	if err := RenderFields(&out, a, RenderOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "fields.table", out.Bytes())
}

func TestQueryErrorHasACaret(t *testing.T) {
	for _, c := range []struct {
		query    string
		position int
		want     string
	}{
		{"größe: AND x", 9, "error: m\n  größe: AND x\n         ^\nhint: h\n"},
		{"a\nb )", 4, "error: m\n  line 2: b )\n            ^\nhint: h\n"},
		{"a \x1b(", 3, "error: m\n  a \\x1b(\n        ^\nhint: h\n"},
		{"abc", 3, "error: m\n  abc\n     ^\nhint: h\n"},
		{"abc", -1, "error: m\nhint: h\n"},
		{"abc", 99, "error: m\nhint: h\n"},
	} {
		var out bytes.Buffer
		WriteQueryError(&out, c.query, c.position, "m", "h")
		if out.String() != c.want {
			t.Errorf("%q at %d:\n%s\nwant:\n%s", c.query, c.position, &out, c.want)
		}
	}
}
