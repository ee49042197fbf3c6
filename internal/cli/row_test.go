package cli

import (
	"encoding/json"
	"testing"
)

func TestParseRow(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string // name, text, name, text …; nil means an error
	}{
		{`{}`, []string{}},
		{` { } `, []string{}},
		{`{"a":1}`, []string{"a", "1"}},
		{`{"a":"x\n\"y\"","b":null,"c":[1,{"d":"]}"}],"e":{"f":{}}}`, []string{"a", "x\n\"y\"", "b", "", "c", `[1,{"d":"]}"}]`, "e", `{"f":{}}`}},
		{`{"\u00fc":"größe" , "t" : true}`, []string{"ü", "größe", "t", "true"}},
		{``, nil},
		{`[]`, nil},
		{`{"a"}`, nil},
		{`{"a":}`, nil},
		{`{"a":1`, nil},
		{`{"a":1}x`, nil},
		{`{"a":"x}`, nil},
		{`{"a":[1}`, nil},
		{`{a:1}`, nil},
	} {
		var row Row
		err := ParseRow([]byte(c.in), &row)
		if (err == nil) != (c.want != nil) {
			t.Errorf("%s: error %v", c.in, err)
			continue
		}
		if err != nil {
			continue
		}
		var got []string
		for _, f := range row.Fields {
			got = append(got, f.Name, f.Text())
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %q", c.in, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %q, want %q", c.in, got, c.want)
				break
			}
		}
	}
}

// What encoding/json takes as an object, ParseRow takes with the same values; and
// nothing makes it panic.
func FuzzParseRow(f *testing.F) {
	f.Add([]byte(`{"a":"x\n\"y\"","b":null,"c":[1,{"d":"]}"}],"e":{"f":{}}}`))
	f.Add([]byte(`{"a":1e5, "b" : "\ud83d\ude00"}`))
	f.Add([]byte(`{"`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var row Row
		err := ParseRow(in, &row)
		var want map[string]json.RawMessage
		if json.Unmarshal(in, &want) != nil || want == nil {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		got := map[string]string{}
		for _, field := range row.Fields {
			got[field.Name] = string(field.Value)
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d names, want %d", in, len(got), len(want))
		}
		for name, value := range want {
			if got[name] != string(value) {
				t.Fatalf("%q: %q is %q, want %q", in, name, got[name], value)
			}
		}
	})
}
