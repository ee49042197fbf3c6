package record

import (
	"encoding/json"
	"strings"
	"testing"
)

// walked shows what a walk finds, a member a line.
func walked(w JSONWalk) string {
	var b strings.Builder
	for w.Next() {
		b.WriteString(w.Name() + "=" + string(w.Value()) + "\n")
	}
	return b.String()
}

func TestJSONMembers(t *testing.T) {
	for in, want := range map[string]string{
		`{}`: "", ` { } `: "", `[1]`: "", `"x"`: "", ``: "", `7`: "",
		`{"a":1,"b" : {"c":[1,{"d":"}"}]} , "e":"x\"]" }`: "a=1\nb={\"c\":[1,{\"d\":\"}\"}]}\ne=\"x\\\"]\"\n",
		"\n{\t\"a\\u0062\\n\" :\r null , \"\":{}}":        "ab\n=null\n={}\n",
		`{"a":1,"a":-2.5e3}`:                              "a=1\na=-2.5e3\n",
		`{"a":[true,false],"b":[],"c":"\\"}`:              "a=[true,false]\nb=[]\nc=\"\\\\\"\n",
	} {
		if got := walked(JSONMembers([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	w := JSONMembers([]byte(` {"a":1, "bc" : 2}`))
	for range 2 {
		w.Next()
	}
	if string(w.RawName()) != "bc" || w.NameAt() != 10 {
		t.Errorf("name %q at %d", w.RawName(), w.NameAt())
	}
}

func TestJSONElements(t *testing.T) {
	for in, want := range map[string]string{
		`[]`: "", `{"a":1}`: "", ``: "",
		` [ 1 ,"a,]" , [2,[ ]],{"b":[3]} ,null]`: "=1\n=\"a,]\"\n=[2,[ ]]\n={\"b\":[3]}\n=null\n",
	} {
		if got := walked(JSONElements([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzJSONWalk: in valid JSON a walk finds what encoding/json does, and it copes
// with any text.
func FuzzJSONWalk(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[1,"}"]},"\u0061\\":"x"}`))
	f.Add([]byte(`[1,"a",[2],{"b":3}]`))
	f.Add([]byte(`{"a" 1`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var members map[string]json.RawMessage
		var elements []json.RawMessage
		_, _ = json.Unmarshal(text, &members), json.Unmarshal(text, &elements) // those that are one
		n := 0
		for w := JSONElements(text); w.Next(); n++ {
			if elements != nil && string(w.Value()) != string(elements[n]) {
				t.Fatalf("element %d of %q is %q", n, text, w.Value())
			}
		}
		if elements != nil && n != len(elements) {
			t.Fatalf("%d elements in %q", n, text)
		}
		found := map[string]string{}
		for w := JSONMembers(text); w.Next(); {
			found[strings.ToValidUTF8(w.Name(), "\ufffd")] = string(w.Value())
		}
		for name, v := range members {
			if found[name] != string(v) && !strings.ContainsRune(name, '\ufffd') {
				t.Fatalf("%q of %q is %q, want %q", name, text, found[name], v)
			}
		}
	})
}

func TestAppendUnescaped(t *testing.T) {
	for in, want := range map[string]string{
		``: "", `plain`: "plain", `a\n\t\r\b\f\/\\\"`: "a\n\t\r\b\f/\\\"", "raw\x01\ttab": "raw\x01\ttab",
		`\u00e9\ud834\udd1e`: "é𝄞", `\ud834`: "\ufffd", `\ud834\ud834x`: "\ufffd\ufffdx", `\udd1e`: "\ufffd",
	} {
		if got, ok := AppendUnescaped([]byte("-"), []byte(in)); string(got) != "-"+want || !ok {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
	for _, in := range []string{`\`, `\q`, `\u12`, `\u12x4`, `\ud834\uzzzz`} {
		if got, ok := AppendUnescaped(nil, []byte(in)); ok {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestCutRune(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 2, "ab"}, {"aä", 2, "a"}, {"äää", 2, "ä"}, {"\xff\xff\xff\xff\xff\xff", 5, "\xff\xff\xff\xff\xff"}, {"€", 2, ""}} {
		if got := c.in[:CutRune([]byte(c.in), c.n)]; got != c.want {
			t.Errorf("%q cut at %d: %q, want %q", c.in, c.n, got, c.want)
		}
	}
}
