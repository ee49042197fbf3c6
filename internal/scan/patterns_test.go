package scan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func formOf(text string) string { return FormText(string(AppendForm(nil, []byte(text)))) }

func TestForms(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"connection refused", "connection refused"},
		{"Failed password for root from 10.1.2.3 port 4022 ssh2", "Failed password for root from <ip> port <num> <_>"},
		{"Mar  7 13:06:56 web-01 sshd[1234]: ok", "<time> <_> sshd[<num>]: ok"},
		{"2026-03-18T10:00:00.123Z took 1.5 s, -3 left", "<time> took <num> s, <num> left"},
		{"2026-03-18 10:00:00,123 INFO", "<time> INFO"},
		{"2026/03/18 10:00:00 x", "<time> x"},
		{`1.2.3.4 - - [18/Mar/2026:10:00:00 +0000] "GET /a/b1?x=2 HTTP/1.1" 200 512 "-"`, `<ip> - - [<time> <num>] "GET <_> HTTP/<num>" <num> <num> "-"`},
		{"at 10:42:31, on 2026-03-18", "at <time>, on <time>"},
		{"mac 00:1a:2b:10:42:31", "mac <num>:<_>:<_>:<time>"},
		{"id 550e8400-e29b-41d4-a716-446655440000 commit 4a5b6c7d", "id <uuid> commit <hex>"},
		{"999.1.2.3 is no address", "<_> is no address"},
		{`user "bob" and "bob7" and "a long text without any digit"`, `user "bob" and "<_>" and "<_>"`},
		{`say "a \"9\" b" end`, `say "<_>" end`},
		{`open "7`, `open "<num>`},
		{"open /var/log/x.log: no such file, / is there, a/b stays", "open <_> no such file, / is there, a/b stays"},
		{"k=v7 (9) <x9>", "k=<_> (<num>) <<_>>"},
		{"Grüße ä9 日本", "Grüße <_> 日本"},
		{"first line 1\r\nsecond\nthird", "first line <num>\n<_>"},
		{"one line\n", "one line"},
		{"a\x00b", "a b"},
		{"a    b  7", "a b <num>"},
		{"\xff\xfe ok", "\ufffd ok"},
		{strings.Repeat("word ", 200), strings.Repeat("word ", 120) + "word<_>"},
	} {
		if got := formOf(c.text); got != c.want {
			t.Errorf("%q\ngot  %q\nwant %q", c.text, got, c.want)
		}
	}
}

func TestCleanForm(t *testing.T) {
	for _, c := range []struct {
		parts []any
		want  string
	}{
		{[]any{"port ", SlotNum, " ssh"}, "port <num> ssh"},
		{[]any{"web-", SlotNum, ".example: ", SlotIP}, "<_>: <ip>"},
		{[]any{SlotTime, SlotNum}, "<_>"},
		{[]any{"a\n", SlotNum, " b"}, "a\n<_>"},
		{[]any{"a\x00b"}, "a b"},
		{[]any{"a  b \x00", SlotNum}, "a b <num>"},
		{[]any{strings.Repeat("word ", 200)}, strings.Repeat("word ", 120) + "word<_>"},
	} {
		var form []byte
		for _, p := range c.parts {
			switch p := p.(type) {
			case string:
				form = AppendStatic(form, []byte(p))
			case Slot:
				form = AppendSlot(form, p)
			}
		}
		if got := FormText(string(CleanForm(nil, form))); got != c.want {
			t.Errorf("%q\ngot  %q\nwant %q", form, got, c.want)
		}
	}
}

// What AppendForm makes is clean, so that forms of either origin are the same.
func TestFormsAreClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SampledFrom([]string{"a", "b7", "9", "1.2.3.4", "/x/y", `"`, `"q1"`, "10:42:31", "2026-03-18", "T10:00:00", " ", " ", ":", "=", "\n", "-", "ä", "\xff", "\x00", "GET /", "[", "]", "\\"})
		text := []byte(strings.Join(rapid.SliceOfN(words, 0, 60).Draw(t, "text"), ""))
		form := AppendForm(nil, text)
		clean := CleanForm(nil, form)
		if FormText(string(form)) != FormText(string(clean)) {
			t.Fatalf("%q\nform  %q\nclean %q", text, form, clean)
		}
	})
}

func top(texts ...string) []string {
	var s PatternSet
	for i, x := range texts {
		p := s.Get(AppendForm(nil, []byte(x)))
		p.Add(&Pattern{Count: 1, First: int64(i), Last: int64(i), Example: x})
	}
	var out []string
	for _, p := range s.Top(100) {
		out = append(out, fmt.Sprintf("%d %s", p.Count, FormText(p.Form)))
	}
	return out
}

func TestPatternsAreUnited(t *testing.T) {
	for _, c := range []struct {
		texts, want []string
	}{
		{[]string{"a 1", "a 2", "b 3"}, []string{"2 a <num>", "1 b <num>"}},
		// Four words stay, five are a slot.
		{[]string{"user ann in", "user bob in", "user cid in", "user dan in"}, []string{"1 user ann in", "1 user bob in", "1 user cid in", "1 user dan in"}},
		{[]string{"user ann in", "user bob in", "user cid in", "user dan in", "user eve in"}, []string{"5 user <_> in"}},
		{[]string{"ann x in", "bob x in", "cid x in", "dan x in", "eve x in", "ann y in"}, []string{"5 <_> x in", "1 ann y in"}},
		// As long as more words than such slots are left.
		{[]string{"a1 up x", "a1 up y", "a1 up z", "a1 up v", "a1 up w"}, []string{"1 <_> up v", "1 <_> up w", "1 <_> up x", "1 <_> up y", "1 <_> up z"}},
		// A word where others have a slot is a value too.
		{[]string{"user u1 in", "user root in"}, []string{"2 user <_> in"}},
		// But not where nothing of the words would be left.
		{[]string{"u1", "root"}, []string{"1 <_>", "1 root"}},
		{[]string{"a", "b", "c", "d", "e", "f"}, []string{"1 a", "1 b", "1 c", "1 d", "1 e", "1 f"}},
		// Classes of slots.
		{[]string{"commit 4a5b6c7d", "commit 12345678"}, []string{"2 commit <hex>"}},
		{[]string{"from 1.2.3.4", "from 5"}, []string{"2 from <_>"}},
	} {
		got := top(c.texts...)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q\ngot  %q\nwant %q", c.texts, got, c.want)
		}
	}
}

func TestRefine(t *testing.T) {
	form := func(parts ...any) string {
		var out []byte
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				out = AppendStatic(out, []byte(p))
			case Slot:
				out = AppendSlot(out, p)
			}
		}
		return string(out)
	}
	for _, c := range []struct{ form, a, b, want string }{
		{form(SlotAny, " from ", SlotAny), "10:42:31 from 1.2.3.4", "10:42:32 from 5.6.7.8", "<time> from <ip>"},
		{form("from ", SlotAny), "from 1.2.3.4", "from 7", "from <_>"},
		{form("from ", SlotAny), "from ann", "from ann", "from <_>"},
		{form("from ", SlotAny), "from 7 and on", "from 7", "from <_>"},
		{form("from ", SlotNum), "from 7", "from 7", "from <num>"},
	} {
		p := Pattern{Form: c.form}
		if p.Refine([]byte(c.a), []byte(c.b)); FormText(p.Form) != c.want {
			t.Errorf("%s, %s: %s, want %s", c.a, c.b, FormText(p.Form), c.want)
		}
	}
}

// The rows of all patterns are as many as were counted, whatever is put together, and
// the order of arrival does not matter.
func TestPatternsLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "1", "x2", "1.2.3.4", "abc123f"})
		texts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(word, 1, 4).Draw(t, "words"), " ")
		}), 1, 80).Draw(t, "texts")
		var a, b PatternSet
		for i, x := range texts {
			a.Get(AppendForm(nil, []byte(x))).Add(&Pattern{Count: 1, First: int64(i), Last: int64(i), Example: x})
		}
		for i := len(texts) - 1; i >= 0; i-- {
			b.Get(AppendForm(nil, []byte(texts[i]))).Add(&Pattern{Count: 1, First: int64(i), Last: int64(i), Example: texts[i]})
		}
		got, again := a.Top(1000), b.Top(1000)
		if !reflect.DeepEqual(got, again) {
			t.Fatalf("in order %+v\nbackwards %+v", got, again)
		}
		var rows int64
		for _, p := range got {
			rows += p.Count
			if p.Example != texts[p.Last] {
				t.Fatalf("%q: example %q of row %d", p.Form, p.Example, p.Last)
			}
		}
		if rows != int64(len(texts)) {
			t.Fatalf("%d rows of %d", rows, len(texts))
		}
	})
}

// Very many forms do not take more memory than the limit allows.
func TestManyPatterns(t *testing.T) {
	var s PatternSet
	const rows = 3 * maxPatterns
	for i := range rows {
		// Forms of one word each, which nothing puts together.
		word := []byte{byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676%26), byte('a' + i/17576%26)}
		p := s.Get(AppendForm(nil, word))
		p.Add(&Pattern{Count: 1, First: int64(i), Last: int64(i)})
		if s.Len() > maxPatterns {
			t.Fatalf("%d patterns", s.Len())
		}
	}
	var sum int64
	list := s.Top(rows)
	for _, p := range list {
		sum += p.Count
	}
	if sum != rows || !s.Folded || list[0].Form != anySlot {
		t.Errorf("%d rows of %d, folded %v, first %q", sum, rows, s.Folded, list[0].Form)
	}
}

func FuzzForm(f *testing.F) {
	f.Add([]byte(`1.2.3.4 "GET /x" 2026-03-18 10:00:00 /a/b "q`))
	f.Fuzz(func(t *testing.T, text []byte) {
		form := AppendForm(nil, text)
		if len(form) > maxForm+maxFormText+8 {
			t.Fatalf("a form of %d bytes", len(form))
		}
		_ = FormText(string(CleanForm(nil, form)))
	})
}

func BenchmarkForm(b *testing.B) {
	text := []byte("Mar 27 13:06:56 web-01 sshd[1234]: Failed password for invalid user u17 from 10.1.2.3 port 4022 ssh2")
	var form []byte
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		form = AppendForm(form[:0], text)
	}
}

// Texts that have nothing in common are counted all the same, and what comes often
// among them stays.
func TestPatternsOfNothingInCommon(t *testing.T) {
	var s PatternSet
	const rows = 60_000
	for i := range rows {
		text := fmt.Sprintf("%s %s %s", letters(i), letters(i*7919+1), letters(i*104729+2))
		if i%3 == 0 {
			text = "connection closed"
		}
		s.Get(AppendForm(nil, []byte(text))).Observe([]byte(text), 1, int64(i), int64(i))
	}
	if !s.Folded || s.Len() > maxPatterns {
		t.Errorf("folded %v, %d patterns", s.Folded, s.Len())
	}
	sum, closed := int64(0), int64(0)
	for _, p := range s.Top(s.Len()) {
		sum += p.Count
		if p.Form == "connection closed" {
			closed = p.Count
		}
	}
	if sum != rows || closed != rows/3 {
		t.Errorf("%d rows, %d of them closed", sum, closed)
	}
}

// letters is a word of its own for each number.
func letters(n int) string {
	word := []byte("w")
	for ; n > 0; n /= 26 {
		word = append(word, byte('a'+n%26))
	}
	return string(word)
}
