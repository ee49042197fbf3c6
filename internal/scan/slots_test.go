package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func valuesIn(form, text string) []string {
	at, ok := newSlotFinder(form).find([]byte(text))
	if !ok {
		return nil
	}
	out := make([]string, len(at))
	for i, v := range at {
		out[i] = string(v)
	}
	return out
}

func TestSlotFinder(t *testing.T) {
	for _, c := range []struct {
		of, text string // the form is that of the first
		want     []string
	}{
		{"port 7 from 1.2.3.4", "port 4022 from 10.0.0.1", []string{"4022", "10.0.0.1"}},
		{"Mar  7 13:06:56 u1 sshd[12]: ok", "Mar 18 03:06:56 web-02 sshd[7]: ok", []string{"Mar 18 03:06:56", "web-02", "7"}},
		{"2026-03-18 10:00:00,123 took 5 s", "2026-03-18T10:00:09Z took 1.5 s", []string{"2026-03-18T10:00:09Z", "1.5"}},
		{`a9 "GET /a/b1?x=2 HTTP/1.1" 200 "q1"`, `b "GET /c HTTP/2" 404 "a long b"`, []string{"b", "/c", "2", "404", "a long b"}},
		{"user u1 in", "user root in", []string{"root"}},
		{"user u1 in", "user two words in", []string{"two words"}},
		{"user u1 in", "user in in", []string{"in"}},
		{"user u1", "user u1", []string{"u1"}},
		{"user u1", "user two words ", []string{"two words"}},
		{"user u1", "user u2\n", []string{"u2"}},
		{"trace 1\nat a", "trace 22 \r\n at b\n at c\n", []string{"22", " at b\n at c"}},
		{"a    b  7", "a b    8", []string{"8"}},
		{"a 7", "b 7", nil},
		{"a 7 b", "a 7 c", nil},
		{"a u7 b", "a  b", nil},
		{"a 7", "a", nil},
		{"", "", []string{}},
		{"no slots", "no slots", []string{}},
		{"(x1)", "(y)", []string{"y"}},
	} {
		form := string(AppendForm(nil, []byte(c.of)))
		if got := valuesIn(form, c.text); !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s in %q: %q, want %q", FormText(form), c.text, got, c.want)
		}
	}
}

// In the text that a form was made of, all its values are found, and between them
// stands what is static.
func TestSlotsOfOwnForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SampledFrom([]string{"a", "b7", "9", "1.2.3.4", "/x/y", `"q1"`, "10:42:31", "2026-03-18 10:00:00", " ", " ", ": ", "=", "(", ")", "ä", "GET"})
		text := strings.Join(rapid.SliceOfN(words, 0, 30).Draw(t, "text"), "")
		form := string(AppendForm(nil, []byte(text)))
		values := valuesIn(form, text)
		if values == nil {
			t.Fatalf("%q: nothing found of %s", text, FormText(form))
		}
		rest := text
		for i, v := range values {
			at := strings.Index(rest, v)
			if v == "" || at < 0 {
				t.Fatalf("%q, %s: value %d is %q of %q", text, FormText(form), i+1, v, values)
			}
			rest = rest[at+len(v):]
		}
	})
}

func FuzzSlots(f *testing.F) {
	f.Add("a 1 \"x1\" /a/b\nrest", "a 2 \"y z\" /c\nmore")
	f.Fuzz(func(t *testing.T, of, text string) {
		form := string(AppendForm(nil, []byte(of)))
		for _, v := range valuesIn(form, text) {
			if v == "" || !strings.Contains(text, v) {
				t.Fatalf("%q is no value in %q", v, text)
			}
		}
	})
}

func TestPatternIndex(t *testing.T) {
	form := func(text string) string { return string(AppendForm(nil, []byte(text))) }
	x := NewPatternIndex([]Pattern{{Form: form("user u1 in")}, {Form: form("user root in")}, {Form: form("port 7")}})
	for text, want := range map[string]int{
		"user u9 in": 0, "user root in": 1, "user ann in": 0, "port 22": 2, "port a7": 2, "port none": 2, "host 7": -1, "user a b in": -1,
	} {
		for range 2 {
			if got := x.Of([]byte(form(text))); got != want {
				t.Errorf("%s: %d, want %d", text, got, want)
			}
		}
	}
}

func TestSlotValues(t *testing.T) {
	form := string(AppendForm(nil, []byte("2026-03-18 10:00:00 u1 took 5 ms")))
	var parts [2]*SlotValues
	for i := range parts {
		parts[i] = NewSlotValues(form)
	}
	for i, line := range []string{
		"2026-03-18 10:00:02 ann took 12 ms", "2026-03-18 10:00:01 bob took 007 ms", "2026-03-18 10:00:03 ann took -3.5 ms", "other",
		"2026-03-18 10:00:00 a\x1b\"b took 12 ms",
	} {
		parts[i%2].Add([]byte(line), int64(1+i/4))
	}
	parts[0].Merge(parts[1])
	want := `[{"slot":1,"kind":"time","rows":5,"distinct":4,"min":"2026-03-18 10:00:00","max":"2026-03-18 10:00:03","top":[` +
		`{"value":"2026-03-18 10:00:00","count":2},{"value":"2026-03-18 10:00:01","count":1},{"value":"2026-03-18 10:00:02","count":1},{"value":"2026-03-18 10:00:03","count":1}]},` +
		`{"slot":2,"kind":"any","rows":5,"distinct":3,"top":[{"value":"a\u001b\"b","count":2},{"value":"ann","count":2},{"value":"bob","count":1}]},` +
		`{"slot":3,"kind":"num","rows":5,"distinct":3,"min":-3.5,"max":12,"top":[{"value":12,"count":3},{"value":-3.5,"count":1},{"value":"007","count":1}]}]`
	if got := string(parts[0].AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// However many values there are, those that are counted are bounded.
func TestManySlotValues(t *testing.T) {
	v := NewSlotValues(string(AppendForm(nil, []byte("id u1"))))
	const rows = 3 * maxSlotValues
	for i := range rows {
		v.Add(fmt.Appendf(nil, "id x%d", i), 1)
	}
	s := &v.slots[0]
	if v.Rows() != rows || len(s.counts) != maxSlotValues || !s.more || !strings.Contains(string(v.AppendJSON(nil)), `"distinct":1000,"more":true`) {
		t.Errorf("%d rows, %d values, more %v", v.Rows(), len(s.counts), s.more)
	}
}

// Of the texts of patterns that become one, as many stay as are kept.
func TestTextsOfPatterns(t *testing.T) {
	texts := func(name string, n int) (list [][]byte) {
		for i := range n {
			list = append(list, fmt.Appendf(nil, "%s%d", name, i))
		}
		return list
	}
	for _, c := range []struct {
		a, b         int // texts
		rowsA, rowsB int64
		want         int // of b
	}{
		{3, 4, 3, 4, 4},
		{MaxTexts, MaxTexts, 1000, 1000, MaxTexts / 2},
		{MaxTexts, MaxTexts, 3000, 1000, MaxTexts / 4},
		{MaxTexts, 10, 3000, 1000, 10},
		{10, MaxTexts, 1000, 3000, MaxTexts - 10},
		{MaxTexts, 0, 1000, 1000, 0},
	} {
		a := Pattern{Count: c.rowsA, Texts: texts("a", c.a)}
		a.Add(&Pattern{Count: c.rowsB, Texts: texts("b", c.b)})
		n := 0
		for _, x := range a.Texts {
			if x[0] == 'b' {
				n++
			}
		}
		if len(a.Texts) != min(MaxTexts, c.a+c.b) || n < c.want-10 || n > c.want+10 {
			t.Errorf("%+v: %d texts, %d of the other", c, len(a.Texts), n)
		}
	}
}
