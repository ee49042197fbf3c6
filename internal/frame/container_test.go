package frame

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"journalist/internal/record"
)

func crio(sec int, stream, tag, text string) string {
	return fmt.Sprintf("2026-03-01T12:00:%02d.669794202Z %s %s %s\n", sec, stream, tag, text)
}

func dockerLine(sec int, stream, text string) string {
	b, err := json.Marshal(map[string]string{"log": text, "stream": stream, "time": fmt.Sprintf("2026-03-01T12:00:%02d.5Z", sec)})
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func ex(sec int, stream, frac string) string {
	return fmt.Sprintf(` {"@timestamp":"2026-03-01T12:00:%02d.%sZ","stream":"%s"}`, sec, frac, stream)
}

func TestCRI(t *testing.T) {
	o := Options{Format: FormatCRI}
	expect(t, o, crio(1, "stdout", "F", "hello")+crio(2, "stderr", "F", "")+crio(3, "stdout", "F:x", "tagged")+"2026-03-01T12:00:04+02:00 stdout F\n",
		"hello"+ex(1, "stdout", "669794202"), ` {"@timestamp":"2026-03-01T12:00:02.669794202Z","message":"","stream":"stderr"}`, "tagged"+ex(3, "stdout", "669794202"),
		` {"@timestamp":"2026-03-01T12:00:04+02:00","message":"","stream":"stdout"}`)
	// Parts of the two streams among each other.
	src := crio(1, "stdout", "P", "a1 ") + crio(1, "stderr", "P", "b1 ") + crio(1, "stdout", "P", "a2 ") + crio(1, "stderr", "F", "b2") +
		crio(2, "stderr", "F", "c") + crio(2, "stdout", "F", "a3") + crio(2, "stdout", "F", "d")
	expect(t, o, src, "a1 a2 a3"+ex(1, "stdout", "669794202"), "b1 b2"+ex(1, "stderr", "669794202"), "c"+ex(2, "stderr", "669794202"), "d"+ex(2, "stdout", "669794202"))
}

func TestDocker(t *testing.T) {
	o := Options{Format: FormatDocker}
	src := dockerLine(1, "stdout", "hello\n") + dockerLine(1, "stdout", "tab\t\"quoted\" <b> é 𝄞 \\n\r\n") +
		dockerLine(2, "stdout", "part one, ") + dockerLine(2, "stderr", "between\n") + dockerLine(2, "stdout", "part two\n") +
		`{"log":"x\n","stream":"stdout","attrs":{"tag":"a}","n":[1,2]},"time":"2026-03-01T12:00:03Z"}` + "\n" +
		`{"log":"surrogates \ud834\udd1e \ud834 \/\n","time":"2026-03-01T12:00:03Z"}` + "\n"
	expect(t, o, src,
		"hello"+ex(1, "stdout", "5"), "tab\t\"quoted\" <b> é 𝄞 \\n"+ex(1, "stdout", "5"),
		"part one, part two"+ex(2, "stdout", "5"), "between"+ex(2, "stderr", "5"),
		`x {"@timestamp":"2026-03-01T12:00:03Z","stream":"stdout","attrs":{"tag":"a}","n":[1,2]}}`,
		"surrogates 𝄞 \uFFFD / "+`{"@timestamp":"2026-03-01T12:00:03Z"}`)
	o.Format = FormatContainer
	expect(t, o, dockerLine(1, "stdout", "d\n")+crio(2, "stderr", "F", "c"), "d"+ex(1, "stdout", "5"), "c"+ex(2, "stderr", "669794202"))
}

// TestDamaged checks that what is not of the format comes as it is.
func TestDamaged(t *testing.T) {
	for _, line := range []string{
		"", "{", "{}", `{"log":"x\n"`, `{"log":"x\q\n","time":"2026-03-01T12:00:03Z"}`, `{"log":"x\n","time":"yesterday"}`, `{"log":5}`,
		`{"log":"a\n"}{"log":"b\n"}`, `{"log":"a\n","other":1}`, `{"log":"\u12"}`, `{"log":"a`, `{"log":"a\`, `{"log":"x","attrs":{]}}`, "\x00\x00",
		"2026-03-01T12:00:03Z", "2026-03-01T12:00:03Z stdout", "2026-03-01T12:00:03Z stdout X text", "2026-03-01T12:00:03Z nowhere F text",
		"2026-13-01T12:00:03Z stdout F text", "panic: not through the runtime",
	} {
		src := crio(1, "stdout", "P", "a ") + line + "\n" + crio(1, "stdout", "F", "b")
		f := mustNew(t, Options{Format: FormatContainer})
		rows := anyChunks(t, f, []byte(src), 11)
		if len(rows) != 2 || rows[0].text != "a b" || rows[1].text != line || !strings.Contains(rows[1].extra, `"_error"`) {
			t.Errorf("%q: rows are\n%s", line, show(rows))
		}
		if f.Counts().Damaged == 0 {
			t.Errorf("%q was not counted", line)
		}
		for _, r := range rows {
			if r.extra != "" && !json.Valid([]byte(r.extra)) {
				t.Errorf("%q: extra %s is not JSON", line, r.extra)
			}
		}
	}
}

// TestContainerTraces joins the traces of both streams, whose lines lie among each
// other.
func TestContainerTraces(t *testing.T) {
	java, python := traces(t, "java"), traces(t, "python")
	a, b := strings.Split(strings.Join(java, "\n"), "\n"), strings.Split(strings.Join(python, "\n"), "\n")
	for _, format := range []string{FormatDocker, FormatCRI} {
		var src strings.Builder
		for i := range max(len(a), len(b)) {
			for _, s := range []struct {
				name  string
				lines []string
			}{{"stdout", a}, {"stderr", b}} {
				if i >= len(s.lines) {
					continue
				}
				if format == FormatCRI {
					src.WriteString(crio(i/20, s.name, "F", s.lines[i]))
				} else {
					src.WriteString(dockerLine(i/20, s.name, s.lines[i]+"\n"))
				}
			}
		}
		got := map[string][]string{}
		f := mustNew(t, Options{Format: format, Multiline: &Multiline{Languages: []string{"java", "python"}}})
		for _, r := range anyChunks(t, f, []byte(src.String()), 5) {
			var extra struct{ Stream string }
			if err := json.Unmarshal([]byte(r.extra), &extra); err != nil {
				t.Fatalf("%v: %v", r, err)
			}
			got[extra.Stream] = append(got[extra.Stream], r.text)
		}
		for name, want := range map[string][]string{"stdout": java, "stderr": python} {
			if g, w := strings.Join(got[name], "\n=====\n"), strings.Join(want, "\n=====\n"); g != w {
				t.Errorf("%s %s: events are\n%s\nwant\n%s", format, name, g, w)
			}
		}
	}
}

// TestContainerWaiting checks what ends the waiting of an event in one stream while
// the other goes on.
func TestContainerWaiting(t *testing.T) {
	o := Options{Format: FormatCRI, Multiline: &Multiline{Pattern: `^\s`}}
	// By the lines' times: 5 s later.
	expect(t, o, crio(1, "stderr", "F", "e")+crio(2, "stdout", "F", "a")+crio(30, "stdout", "F", "b")+crio(31, "stderr", "F", " late"),
		"e"+ex(1, "stderr", "669794202"), "a"+ex(2, "stdout", "669794202"), "b"+ex(30, "stdout", "669794202"), " late"+ex(31, "stderr", "669794202"))
	// By the bytes between.
	var src strings.Builder
	src.WriteString(crio(1, "stderr", "P", "begun "))
	n := 0
	for ; src.Len() < maxGap+1000; n++ {
		src.WriteString(crio(1, "stdout", "F", "line"))
	}
	src.WriteString(crio(1, "stderr", "F", "ended"))
	rows := anyChunks(t, mustNew(t, o), []byte(src.String()), 3)
	if len(rows) != n+2 || rows[0].text != "begun " || rows[0].marks != record.LineSplit || rows[n+1].text != "ended" {
		t.Errorf("%d rows, the first is %v, the last %v", len(rows), rows[0], rows[len(rows)-1])
	}
}

// TestJoinedLimit checks that a line of many parts is cut at the limit.
func TestJoinedLimit(t *testing.T) {
	o := Options{Format: FormatCRI, MaxLine: 32}
	var src strings.Builder
	for range 5 {
		src.WriteString(crio(1, "stdout", "P", "0123456789"))
	}
	src.WriteString(crio(1, "stdout", "F", "end"))
	e := ex(1, "stdout", "669794202")
	expect(t, o, src.String(), strings.Repeat("0123456789", 3)+e+"[_split]", strings.Repeat("0123456789", 2)+"end"+e)
}

// TestEndless: streams whose events overlap without end are cut when the window is
// full, and nothing of them is lost.
func TestEndless(t *testing.T) {
	f := mustNew(t, Options{Format: FormatCRI, Multiline: &Multiline{Pattern: `^\s`, MaxLines: 1 << 20}})
	var src strings.Builder
	n := 0
	for ; src.Len() < 2*f.Window(); n++ {
		stream := "stdout"
		if n%2 == 1 {
			stream = "stderr"
		}
		text := fmt.Sprintf(" %d", n)
		if n%1000 == 0 || n%1000 == 499 { // so that their beginnings never coincide
			text = fmt.Sprintf("begin %d", n)
		}
		src.WriteString(crio(1, stream, "F", text))
	}
	seen := 0
	for _, r := range feed(t, f, []byte(src.String()), func() int { return 200_000 }) {
		seen += strings.Count(r.text, "\n") + 1
	}
	if seen != n {
		t.Errorf("%d lines of %d", seen, n)
	}
}
