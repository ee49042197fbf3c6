package frame

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"journalist/internal/record"
)

func expect(t *testing.T, o Options, src string, want ...string) {
	t.Helper()
	got := texts(anyChunks(t, mustNew(t, o), []byte(src), 7))
	if !slices.Equal(got, want) {
		t.Fatalf("rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPlain(t *testing.T) {
	expect(t, Options{}, "a\r\n\nb\xff\nc", "a", "", "b\xff", "c[_unterminated]")
	expect(t, Options{}, bom+"a\nb"+bom+"\n", "a", "b"+bom)
	expect(t, Options{MaxLine: 16}, strings.Repeat("x", 16)+"\r\n"+strings.Repeat("y", 17)+"\n",
		strings.Repeat("x", 16), strings.Repeat("y", 16)+"[_split]", "y")
	expect(t, Options{MaxLine: 16}, strings.Repeat("x", 15)+"äö\n", strings.Repeat("x", 15)+"[_split]", "äö")
}

func TestTruncate(t *testing.T) {
	long := strings.Repeat("x", 700)
	o := Options{MaxLine: 16, OverLong: Truncate}
	for _, enc := range []string{"", "utf-16le", "latin1"} {
		o.Encoding = enc
		src := encode(t, enc, "a\n"+long+"\nb\n"+long+"\r\nc\n")
		f := mustNew(t, o)
		want := "a|xxxxxxxxxxxxxxxx|b|xxxxxxxxxxxxxxxx|c"
		if enc == "utf-16le" {
			want = strings.ReplaceAll(want, "xxxxxxxxxxxxxxxx", "xxxxxxxx")
		}
		rows := anyChunks(t, f, []byte(src), 3)
		var got []string
		for _, r := range rows {
			got = append(got, r.text)
		}
		if strings.Join(got, "|") != want || rows[1].marks != record.LineTruncated {
			t.Errorf("%s: rows are %v", enc, rows)
		}
		if f.Counts().Cut == 0 {
			t.Errorf("%s: nothing was counted", enc)
		}
	}
}

// encode makes bytes of an encoding.
func encode(t *testing.T, name, s string) string {
	t.Helper()
	var err error
	switch name {
	case "utf-16le":
		s, err = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(s)
	case "utf-16be":
		s, err = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String(s)
	case "latin1", "windows-1252":
		s, err = charmap.Windows1252.NewEncoder().String(s)
	case "shift_jis":
		s, err = japanese.ShiftJIS.NewEncoder().String(s)
	case "iso-2022-jp":
		s, err = japanese.ISO2022JP.NewEncoder().String(s)
	case "gbk":
		s, err = simplifiedchinese.GBK.NewEncoder().String(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEncodings(t *testing.T) {
	for name, lines := range map[string][]string{
		"utf-16le":     {"hello", "", "Grüße ਊ", "\u0a0aऊ\u010a", "𝄞 clef", "日本語"},
		"utf-16be":     {"hello", "", "Grüße ਊ", "\u0a0aऊ\u010a", "𝄞 clef", "日本語"},
		"latin1":       {"hello", "", "Grüße €5"},
		"windows-1252": {"hello", "", "naïve “quotes”"},
		"shift_jis":    {"hello", "", "日本語のログ 表ソ", "ﾊﾝｶｸ"},
		"iso-2022-jp":  {"hello", "", "日本語のログ"},
		"gbk":          {"hello", "", "中文日志 错误"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, end := range []string{"\n", "\r\n"} {
				src := encode(t, name, strings.Join(lines, end)+end)
				expect(t, Options{Encoding: name}, src, lines...)
			}
		})
	}
}

func TestByteOrderMark(t *testing.T) {
	le, be := encode(t, "utf-16le", "a\nbé\n"), encode(t, "utf-16be", "a\nbé\n")
	expect(t, Options{Encoding: "utf-16"}, "\xff\xfe"+le, "a", "bé")
	expect(t, Options{Encoding: "UTF-16"}, "\xfe\xff"+be, "a", "bé")
	expect(t, Options{Encoding: "utf-16"}, le, "a", "bé")
	expect(t, Options{Encoding: "utf-16be"}, "\xfe\xff"+be, "a", "bé")
}

func TestUndecodable(t *testing.T) {
	extra := ` {"_error":"1 characters are not utf-16le"}`
	expect(t, Options{Encoding: "utf-16le"}, "a\x00\x00\xd8b\x00\n\x00c\x00\n\x00", "a\uFFFDb"+extra, "c")
	expect(t, Options{Encoding: "utf-16le"}, "a\x00\n\x00b", "a", "\uFFFD"+extra+"[_unterminated]")
	expect(t, Options{Encoding: "shift_jis"}, "a\x81\nok\n", "a\uFFFD {\"_error\":\"1 characters are not shift_jis\"}", "ok")
	f := mustNew(t, Options{Encoding: "gbk"})
	whole(t, f, []byte("\xff\xff\n"))
	if n := f.Counts().Undecodable; n != 2 {
		t.Errorf("%d characters were counted", n)
	}
}

// TestLongEncoded checks that pieces of long lines are whole characters and that
// their positions are the source's.
func TestLongEncoded(t *testing.T) {
	text := strings.Repeat("日本語", 40)
	for _, name := range []string{"utf-16le", "shift_jis", "gbk"} {
		src := encode(t, name, text+"\nend\n")
		rows := anyChunks(t, mustNew(t, Options{Encoding: name, MaxLine: 40}), []byte(src), 5)
		got, at := "", uint64(0)
		for _, r := range rows[:len(rows)-1] {
			if r.start != at || len(r.text) > 40 {
				t.Fatalf("%s: piece %v, expected at %d", name, r, at)
			}
			at += uint64(r.span)
			got += r.text
		}
		if got != text || rows[len(rows)-1].text != "end" {
			t.Errorf("%s: pieces make %q", name, got)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"longest line":               {MaxLine: 3},
		"neither split nor truncate": {OverLong: "drop"},
		`encoding "klingon"`:         {Encoding: "klingon"},
		"refused":                    {Encoding: "iso-2022-kr"},
		"format":                     {Format: "podman"},
		"leave out the encoding":     {Format: FormatCRI, Encoding: "gbk"},
		"neither a language":         {Multiline: &Multiline{}},
		`language "cobol"`:           {Multiline: &Multiline{Languages: []string{"cobol"}}},
		"not both":                   {Multiline: &Multiline{Languages: []string{"go"}, Pattern: "x"}},
		"%{NOPE} is not known":       {Multiline: &Multiline{Pattern: "^%{NOPE:x}"}},
		"missing closing":            {Multiline: &Multiline{Pattern: "("}},
		"must be previous or next":   {Multiline: &Multiline{Pattern: "x", What: "after"}},
		"must be at least 2":         {Multiline: &Multiline{Pattern: "x", MaxLines: 1}},
		"must be between 16":         {Multiline: &Multiline{Pattern: "x", MaxBytes: 3}},
		"must be above 0":            {Multiline: &Multiline{Pattern: "x", FlushAfter: -1}},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error is %v, want one with %q", o, err, want)
		}
	}
}

// TestTraces has one row for each event of the files in testdata, in which lines of
// equals signs lie between the events.
func TestTraces(t *testing.T) {
	for _, lang := range Languages() {
		t.Run(lang, func(t *testing.T) {
			for _, list := range [][]string{{lang}, combined(lang)} {
				events := traces(t, lang)
				src := strings.Join(events, "\n") + "\n"
				o := Options{Multiline: &Multiline{Languages: list}}
				expect(t, o, src, events...)
				expect(t, o, strings.ReplaceAll(src, "\n", "\r\n"), events...)
				o.Encoding = "utf-16be"
				expect(t, o, encode(t, o.Encoding, src), events...)
			}
		})
	}
}

// combined is lang and a language whose traces look different.
func combined(lang string) []string {
	if lang == "go" {
		return []string{"go", "python"}
	}
	return []string{lang, "go"}
}

func traces(t testing.TB, lang string) []string {
	b, err := os.ReadFile("testdata/" + lang + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n=====\n")
}

func TestPattern(t *testing.T) {
	m := func(m Multiline) Options { return Options{Multiline: &m} }
	expect(t, m(Multiline{Pattern: `^\s`}), "a\n b\n c\nd\ne\n f\n", "a\n b\n c", "d", "e\n f")
	expect(t, m(Multiline{Pattern: `^%{TIMESTAMP_ISO8601:time}`, Negate: true, What: Previous}),
		"stray\n2026-01-02 03:04:05,678 a\nmore\n\n2026-01-02T03:04:06Z b\n", "stray", "2026-01-02 03:04:05,678 a\nmore\n", "2026-01-02T03:04:06Z b")
	expect(t, m(Multiline{Pattern: `^%{SYSLOGTIMESTAMP}`, Negate: true}), "Jan  2 03:04:05 h a\nb\nJan 12 03:04:05 h c\n", "Jan  2 03:04:05 h a\nb", "Jan 12 03:04:05 h c")
	expect(t, m(Multiline{Pattern: `\\$`, What: Next}), "a \\\nb \\\nc\nd\ne \\\n", "a \\\nb \\\nc", "d", "e \\")
	expect(t, m(Multiline{Pattern: `;$`, What: Next, Negate: true}), "select\n1;\nselect 2;\n", "select\n1;", "select 2;")
	for _, name := range grokNames() {
		if _, err := New(m(Multiline{Pattern: "%{" + name + "}"})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEventLimits(t *testing.T) {
	o := Options{Multiline: &Multiline{Pattern: `^ `, MaxLines: 3}}
	expect(t, o, "a\n 1\n 2\n 3\n 4\nb\n", "a\n 1\n 2[_split]", " 3\n 4", "b")
	o.Multiline = &Multiline{Pattern: `^ `, MaxBytes: 16}
	expect(t, o, "12345678\n 234567\n x\n", "12345678\n 234567[_split]", " x")
	o.MaxLine = 16
	expect(t, o, "a\n "+strings.Repeat("y", 20)+"\nb\n", "a[_split]", " "+strings.Repeat("y", 15)+"[_split]", "yyyyy", "b")
}

// TestQuiet checks what waits for more lines and for how long.
func TestQuiet(t *testing.T) {
	f := mustNew(t, Options{Multiline: &Multiline{Pattern: `^\s`, FlushAfter: 3 * time.Second}})
	var l record.Lines
	src := []byte("a\nb\n c\n par")
	used, full, wait := f.Frame(&l, src, 0, 0, Ending{Quiet: time.Second})
	if used != 2 || full || wait != 2*time.Second || len(l.Rows) != 1 {
		t.Errorf("used %d, full %v, wait %s, %d rows", used, full, wait, len(l.Rows))
	}
	used, _, wait = f.Frame(&l, src, 2, 2, Ending{Quiet: 3 * time.Second})
	if used != 5 || wait != 0 || len(l.Rows) != 1 || string(l.Text(0)) != "b\n c" {
		t.Errorf("used %d, wait %s, %d rows", used, wait, len(l.Rows))
	}
	used, _, wait = f.Frame(&l, src, 7, 7, Ending{Quiet: time.Hour})
	if used != 0 || wait != 0 || len(l.Rows) != 0 {
		t.Errorf("of an incomplete line %d bytes were used, wait %s", used, wait)
	}
	used, _, _ = f.Frame(&l, src, 7, 7, Ending{Last: true})
	if used != 4 || l.Rows[0].Marks != record.LineUnterminated {
		t.Errorf("of the last line %d bytes were used, marks %v", used, l.Rows)
	}
	f = mustNew(t, Options{Multiline: &Multiline{Languages: []string{"java"}}})
	if used, _, wait = f.Frame(&l, []byte("a\nb\n"), 0, 0, Ending{}); used != 4 || wait != 0 {
		t.Errorf("lines that begin no trace wait: used %d, wait %s", used, wait)
	}
}

// TestWindow: two lines of which each is longer than an event may be fit into the
// window, so that the first is never cut off for want of room.
func TestWindow(t *testing.T) {
	a, b := strings.Repeat("a", 500), strings.Repeat("b", 500)
	expect(t, Options{MaxLine: 512, Multiline: &Multiline{Pattern: `^b`, MaxBytes: 16}}, a+"\n"+b+"\nc\n", a+"[_split]", b, "c")
}

// TestNothingCopied: joined lines of UTF-8 lie in what was read.
func TestNothingCopied(t *testing.T) {
	f := mustNew(t, Options{Multiline: &Multiline{Pattern: `^\s`}})
	data := []byte("a\n b\n c\nd\n")
	var l record.Lines
	f.Frame(&l, data, 0, 0, Ending{Last: true})
	if len(l.Rows) != 2 || len(l.Data) != len(data) {
		t.Errorf("%d rows, %d bytes of %d", len(l.Rows), len(l.Data), len(data))
	}
}
