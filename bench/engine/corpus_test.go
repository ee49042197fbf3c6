package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func TestRows(t *testing.T) {
	const head = `{"@timestamp":"2026-11-01T00:00:00.180Z","host":"h2","app":"x"`
	for _, c := range []struct {
		name, line string
		json       bool
		want       string // the row, "" when the line is left out
	}{
		{"text", `a "b" \c`, false, head + `,"message":"a \"b\" \\c"}`},
		{"bytes that are no UTF-8", "a\xffb\x00", false, head + `,"message":"a` + "\uFFFD" + `b\u0000"}`},
		{"empty", "", false, ""},
		{"object", ` {"a":1, "b":{"c":[1, 2]}} `, true, head + `,"a":1,"b":{"c":[1, 2]}}`},
		{"own members go", `{"host":"q","app":1,"message":{},"@timestamp":0,"z":null}`, true, head + `,"z":null}`},
		{"the last of two counts", `{"a":1,"b":2,"a":3}`, true, head + `,"a":3,"b":2}`},
		{"nothing left", `{"host":"q"}`, true, ""},
		{"empty object", `{}`, true, ""},
		{"array", `[1]`, true, ""},
		{"cut off", `{"a":1`, true, ""},
		{"no number", `{"a":NaN}`, true, ""},
		{"two objects", `{"a":1} {"b":2}`, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := ""
			if c.want != "" {
				want = action + c.want + "\n"
			}
			got := string(appendRow(nil, &set{Name: "x", JSON: c.json, Rows: 9}, []byte(c.line)))
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if want != "" && !json.Valid([]byte(c.want)) {
				t.Errorf("the row is no JSON: %s", c.want)
			}
		})
	}
}

func TestShift(t *testing.T) {
	s := &set{Name: "x"}
	var body []byte
	for range 3 {
		body = appendRow(body, s, []byte("line"))
		s.Rows++
	}
	moved := append([]byte(nil), body...)
	if err := shift(moved, 25*time.Hour); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(string(body), "2026-11-01T00:", "2026-11-02T01:")
	if string(moved) != want {
		t.Errorf("got  %s\nwant %s", moved, want)
	}
	for _, bad := range []string{"action\n{\"a\":1}\n", "action\n" + rowHead + "2026-11-99T00:00:00.000Z\"}\n", "action\n" + rowHead} {
		if err := shift([]byte(bad), time.Hour); err == nil {
			t.Errorf("%q was shifted", bad)
		}
	}
}

func TestNames(t *testing.T) {
	var list []source
	for _, name := range []string{"apache_vhost.log", "auth.log.zst", "nginx.json", "a.json", "a.log", "windows.json.gz"} {
		stem, json, ok := logFile(name)
		if !ok {
			t.Fatalf("%s is no log", name)
		}
		list = append(list, source{name: stem, file: name, json: json})
	}
	got := map[string]string{}
	for _, s := range nameSources(list) {
		got[s.file] = s.name
	}
	want := map[string]string{
		"apache_vhost.log": "nginx", "auth.log.zst": "auth", "nginx.json": "nginx_json",
		"a.json": "a", "a.log": "a_log", "windows.json.gz": "otrf",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"x.tar.zst", "README.md", ".log", "x.log.bz2"} {
		if _, _, ok := logFile(name); ok {
			t.Errorf("%s counts as a log", name)
		}
	}
}

// Bodies that lie ready are the same corpus as the files that they were made of.
func TestReadyBodies(t *testing.T) {
	dir, ready := t.TempDir(), t.TempDir()
	var text strings.Builder
	for i := range 200_000 { // more than one body
		fmt.Fprintf(&text, "line %d of a log that is packed\r\n\n", i)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := z.EncodeAll([]byte(text.String()), nil)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "first.log.zst"), packed, 0o600); err != nil {
		t.Fatal(err)
	}
	o := testOptions(t, dir)
	o.sets = []string{"other=first"}
	made, err := openCorpus(t.Context(), o, ready)
	if err != nil {
		t.Fatal(err)
	}
	a := made.sets[0]
	if a.Name != "other" || a.Rows != 200_000 || len(a.bodies) < 2 || a.JSON {
		t.Fatalf("made %+v", a)
	}
	m, err := json.Marshal(meta{Lines: a.Rows, Raw: a.Raw, Parts: len(a.bodies)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ready, "bodies", "other.meta"), m, 0o600); err != nil {
		t.Fatal(err)
	}
	o.corpus, o.sets = filepath.Join(ready, "bodies"), nil
	opened, err := openCorpus(t.Context(), o, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made.sets, opened.sets, cmp.AllowUnexported(set{})); diff != "" {
		t.Error(diff)
	}
	if got, want := opened.span(), 2*time.Hour; got != want { // 200,000 rows of 20 ms are 67 minutes
		t.Errorf("span %s, want %s", got, want)
	}
	o.sets = []string{"absent"}
	if _, err := openCorpus(t.Context(), o, t.TempDir()); err == nil {
		t.Error("a set that is not there was found")
	}
}

func TestDiffer(t *testing.T) {
	for _, c := range []struct {
		name  string
		by    comparison
		a, b  rows
		slack float64
		same  bool
	}{
		{"number and text of it", byNumbers, rows{{"n": 5.0}}, rows{{"n": "5"}}, 0, true},
		{"other number", byNumbers, rows{{"n": 5.0}}, rows{{"n": "6"}}, 0, false},
		{"within what was lost", byNumbers, rows{{"n": 6.0}}, rows{{"n": "5"}}, 1, true},
		{"a row more", byNumbers, rows{{"n": 5.0}, {"n": 1.0}}, rows{{"n": "5"}}, 0, false},
		{"not a number", byNumbers, rows{{"n": 5.0}}, rows{{"n": "NaN"}}, 0, false},
		{"close", byEstimate, rows{{"n": 101.0}}, rows{{"n": "100"}}, 0, true},
		{"not close", byEstimate, rows{{"n": 103.0}}, rows{{"n": "100"}}, 0, false},
		{"times", byTimes, rows{{"@timestamp": "2026-11-01T00:00:00.1Z"}}, rows{{"_time": "2026-11-01T00:00:00.100Z"}}, 0, true},
		{"other times", byTimes, rows{{"@timestamp": "2026-11-01T00:00:00.1Z"}}, rows{{"_time": "2026-11-01T00:00:00.2Z"}}, 0, false},
	} {
		if why := (question{by: c.by}).differ(c.a, c.b, c.slack); (why == "") != c.same {
			t.Errorf("%s: %q", c.name, why)
		}
	}
}
