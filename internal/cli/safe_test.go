package cli

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestSafe(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain text", "plain text"},
		{"tab\tstays", "tab\tstays"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"a\r\nb", `a\r\nb`},
		{"\x00\x07\x7f", `\x00\x07\x7f`},
		{"\u009b31m", `\u009b31m`},
		{"\u202egnp.exe\u2066", `\u202egnp.exe\u2066`},
		{"\ufeffbom\u200b\u2028", `\ufeffbom\u200b\u2028`},
		{"bad \xff\xc3", `bad \xff\xc3`},
		{"Größe 日本 👩‍👧", "Größe 日本 👩‍👧"},
	} {
		if got := Safe(c.in); got != c.want {
			t.Errorf("Safe(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// However a text is cut into writes, the same comes out.
func TestSafeWriterCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringOf(rapid.SampledFrom([]rune("aä日👩\u202e\x1b\n\u009b"))).Draw(t, "text"))
		text = append(text, rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "tail")...)
		var out bytes.Buffer
		w := NewSafeWriter(&out)
		for rest := text; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			if got, err := w.Write(rest[:n]); err != nil || got != n {
				t.Fatalf("Write: %d, %v", got, err)
			}
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if want := AppendSafe(nil, text, true); !bytes.Equal(out.Bytes(), want) {
			t.Fatalf("%q: %q, want %q", text, &out, want)
		}
	})
}
