package frame

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"journalist/internal/record"
)

// framers are those that properties are checked of.
func framers(t testing.TB) (all []*Framer) {
	multi := func(m Multiline) *Multiline { return &m }
	for _, o := range []Options{
		{},
		{MaxLine: 16},
		{MaxLine: 20, OverLong: Truncate},
		{Encoding: "utf-16", MaxLine: 32},
		{Encoding: "utf-16be", OverLong: Truncate, MaxLine: 32},
		{Encoding: "shift_jis", MaxLine: 16},
		{Encoding: "iso-2022-jp"},
		{Encoding: "latin1", MaxLine: 16, Multiline: multi(Multiline{Pattern: `^\s`, MaxLines: 3})},
		{Format: FormatContainer},
		{Format: FormatContainer, MaxLine: 16},
		{Format: FormatContainer, Multiline: multi(Multiline{Pattern: `^\s`, MaxLines: 4, MaxBytes: 40})},
		{Format: FormatDocker, Multiline: multi(Multiline{Languages: Languages()})},
		{MaxLine: 64, Multiline: multi(Multiline{Pattern: `^\s`, MaxBytes: 50})},
		{MaxLine: 64, OverLong: Truncate, Multiline: multi(Multiline{Pattern: `,$`, What: Next, MaxLines: 5})},
		{Multiline: multi(Multiline{Languages: Languages(), MaxLines: 9})},
		{Multiline: multi(Multiline{Languages: []string{"python", "go"}})},
	} {
		all = append(all, mustNew(t, o))
	}
	return all
}

// TestChunks: the rows are the same however the bytes come and wherever framing
// begins again.
func TestChunks(t *testing.T) {
	all := framers(t)
	var lines []string
	for _, l := range Languages() {
		for _, e := range traces(t, l) {
			lines = append(lines, strings.Split(e, "\n")...)
		}
	}
	lines = append(lines, "", " x", "a,", "\xff\xfe", "日本", "a\rb", strings.Repeat("long ", 9), strings.Repeat("é", 300), bom, "\x00\x00")
	line := rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom(lines).Draw(t, "line")
		stream := rapid.SampledFrom([]string{"stdout", "stderr"}).Draw(t, "stream")
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			return crio(rapid.IntRange(0, 12).Draw(t, "sec"), stream, rapid.SampledFrom([]string{"P", "F"}).Draw(t, "tag"), text)
		case 1:
			return dockerLine(rapid.IntRange(0, 12).Draw(t, "sec"), stream, text+rapid.SampledFrom([]string{"", "\n"}).Draw(t, "end"))
		case 2:
			return text + "\r\n"
		}
		return text + "\n"
	})
	rapid.Check(t, func(rt *rapid.T) {
		src := strings.Join(rapid.SliceOfN(line, 0, 30).Draw(rt, "lines"), "")
		i := rapid.IntRange(0, len(all)-1).Draw(rt, "framer")
		anyChunks(t, all[i], []byte(src), rapid.Uint64Range(0, 1<<32).Draw(rt, "seed"))
	})
}

// FuzzFrame: whatever the bytes are, rows lie in order, all bytes are used, and the
// rows do not depend on how the bytes come.
func FuzzFrame(f *testing.F) {
	for i, lang := range Languages() {
		f.Add([]byte(strings.Join(traces(f, lang), "\n")), uint8(i), uint64(i))
	}
	f.Add([]byte(dockerLine(1, "stdout", "a")+crio(2, "stderr", "P", "b")+crio(2, "stdout", "F", "c")), uint8(9), uint64(3))
	f.Add([]byte("\xfe\xff\x00a\x00\n\xd8"), uint8(3), uint64(3))
	all := framers(f)
	f.Fuzz(func(t *testing.T, src []byte, which uint8, seed uint64) {
		if len(src) <= 3000 { // pieces of a byte take time
			anyChunks(t, all[int(which)%len(all)], src, seed)
		}
	})
}

// FuzzDocker compares with encoding/json what the own reading makes of a line.
func FuzzDocker(f *testing.F) {
	f.Add(dockerLine(1, "stdout", "a\tb"))
	f.Add(`{"log":"\\ud834\\udd1e\\u00e9\n"}`)
	f.Add(`{"log":"\r"}`) // goes on: only a line's end is taken off
	fr := mustNew(f, Options{Format: FormatDocker})
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\r") || len(line) > 1000 {
			return
		}
		rows := whole(t, fr, []byte(line+"\n"))
		if len(rows) != 1 {
			t.Fatalf("%d rows of one line", len(rows))
		}
		if want, ok := dockerByJSON(line); ok && strings.Contains(rows[0].extra, "_error") {
			t.Fatalf("%q is not read, json has %q", line, want)
		} else if ok && rows[0].text != want {
			t.Fatalf("%q is %q, json has %q", line, rows[0].text, want)
		}
	})
}

// BenchmarkFrame is framing alone; bytes are the source's.
func BenchmarkFrame(b *testing.B) {
	text := bytes.Repeat([]byte(strings.Repeat("x", 60)+" INFO "+strings.Repeat("y", 57)+"\n"), 256<<10/124)
	var cri bytes.Buffer
	for i := 0; cri.Len() < 250<<10; i++ {
		cri.WriteString(crio(i%60, "stdout", "F", strings.Repeat("x", 100)))
	}
	var docker bytes.Buffer
	for i := 0; docker.Len() < 250<<10; i++ {
		docker.WriteString(dockerLine(i%60, "stdout", strings.Repeat("x", 100)+"\n"))
	}
	for _, c := range []struct {
		name string
		o    Options
		src  []byte
	}{
		{"plain", Options{}, text},
		{"java", Options{Multiline: &Multiline{Languages: []string{"java"}}}, text},
		{"all", Options{Multiline: &Multiline{Languages: Languages()}}, text},
		{"pattern", Options{Multiline: &Multiline{Pattern: `^\s`}}, text},
		{"latin1", Options{Encoding: "latin1"}, text},
		{"utf-16le", Options{Encoding: "utf-16le"}, wideOf(text)},
		{"cri", Options{Format: FormatCRI}, cri.Bytes()},
		{"docker", Options{Format: FormatDocker}, docker.Bytes()},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := mustNew(b, c.o)
			data := append(make([]byte, 0, len(c.src)*f.Grow()), c.src...)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			var l record.Lines
			for b.Loop() {
				f.Frame(&l, data, 0, 0, Ending{})
			}
			if len(l.Rows) == 0 {
				b.Fatal(fmt.Sprint("no rows of ", len(data)))
			}
		})
	}
}

func wideOf(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, c, 0)
	}
	return out
}

// dockerByJSON is the text of a line whose members are those that Docker writes.
func dockerByJSON(line string) (text string, ok bool) {
	var known map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &known) != nil {
		return "", false
	}
	for k, v := range known {
		var s string
		isString := json.Unmarshal(v, &s) == nil && v[0] == '"'
		switch k {
		case "log":
			text, ok = s, isString
		case "stream":
		case "time":
			if _, isTime := parseTime(bytes.Trim(v, `"`)); !isString || !isTime {
				return "", false
			}
		default:
			return "", false
		}
		if !isString {
			return "", false
		}
	}
	if strings.Count(line, `"log"`) != 1 || !utf8.ValidString(line) || len(line) > 40 && strings.Contains(line, `\u00`) {
		return "", false
	}
	if line, ended := strings.CutSuffix(text, "\n"); ended {
		text = strings.TrimSuffix(line, "\r")
	}
	return text, ok
}
