package scan

import (
	"encoding/json"
	"strings"
	"testing"

	"journalist/internal/match"
	"journalist/internal/record"
)

type testRow map[string]record.Value

func (r testRow) get(field string) (record.Value, bool) { v, ok := r[field]; return v, ok }

func (r testRow) each(f func(string, record.Value) bool) {
	for name, v := range r {
		if !f(name, v) {
			return
		}
	}
}

func str(s string) record.Value { return record.StringValue([]byte(s)) }

func num(s string) record.Value { return record.NumberValue([]byte(s)) }

func compare(field string, op Op, value string) Compare {
	c := Compare{Field: field, Op: op, Value: str(value)}
	if n := num(value); value[0] >= '0' && value[0] <= '9' || value[0] == '-' {
		c.Value = n
		c.Number, c.IsNumber = n.Float()
	}
	return c
}

func TestEval(t *testing.T) {
	row := testRow{
		"@timestamp": record.IntValue(1_700_000_000_000_000_000),
		"dataset":    str("logs"),
		"message":    str("connection refused by 10.0.0.1"),
		"host":       str("web-01"),
		"status":     record.IntValue(404),
		"took":       num("1.50"),
		"id":         record.IntValue(9007199254740993 / 10 * 10),
		"code":       str("0042"),
		"ok":         record.BoolValue(true),
		"none":       {Kind: record.Null},
		"empty":      str(""),
		"tags":       {Kind: record.JSON, Bytes: []byte(`["red","gr\u00fcn\n7", 8, {"key":"val", "k2":[9.5]}, null, true]`)},
	}
	word := func(field, w string) Expr { return Text{Field: field, Pattern: match.NewWord(w)} }
	for _, c := range []struct {
		name string
		e    Expr
		want bool
	}{
		{"nil", nil, true},
		{"no filter of and", And{}, true},
		{"no filter of or", Or{}, false},
		{"word in message", word("", "Refused"), true},
		{"word in another string", word("", "web"), true},
		{"word in an array", word("", "red"), true},
		{"escaped word in an array", word("", "Grün"), true},
		{"number in an array", word("", "8"), true},
		{"deep in an array", word("", "val"), true},
		{"a key in an array", word("", "key"), false},
		{"bare words leave numbers", word("", "404"), false},
		{"bare words leave dataset", word("", "logs"), false},
		{"number as text of its field", word("status", "404"), true},
		{"bool as text of its field", word("ok", "TRUE"), true},
		{"dataset as text", word("dataset", "logs"), true},
		{"time as text", Text{Field: "@timestamp", Pattern: match.NewPrefix("2023-11-14T22")}, true},
		{"null has no text", Text{Field: "none", Pattern: match.NewWildcard("*")}, false},
		{"empty has text", Text{Field: "empty", Pattern: match.NewWildcard("*")}, true},
		{"null exists", Exists{"none"}, true},
		{"empty exists", Exists{"empty"}, true},
		{"missing", Exists{"nope"}, false},
		{"not missing", Not{Exists{"nope"}}, true},
		{"not of missing compares true", Not{compare("nope", Eq, "x")}, true},
		{"ne of missing", compare("nope", Ne, "x"), false},
		{"ne of null", compare("none", Ne, "x"), false},
		{"ne", compare("host", Ne, "web-02"), true},
		{"eq regards case", compare("host", Eq, "Web-01"), false},
		{"number", compare("status", Ge, "404"), true},
		{"number as number", compare("status", Gt, "5"), true},
		{"number by value", compare("took", Eq, "1.5"), true},
		{"string that spells a number", compare("code", Eq, "42"), true},
		{"quoted compares as text", Compare{Field: "code", Op: Eq, Value: str("42")}, false},
		{"quoted number", Compare{Field: "status", Op: Eq, Value: str("404")}, true},
		{"large integers exactly", compare("id", Eq, "9007199254740991"), false},
		{"text against number as text", compare("host", Gt, "5"), true},
		{"number against text as text", compare("status", Lt, "abc"), true},
		{"bool", compare("ok", Eq, "true"), true},
		{"any element", compare("tags", Eq, "red"), true},
		{"any element is another", compare("tags", Ne, "red"), true},
		{"element as number", compare("tags", Gt, "9"), true},
		{"empty string", compare("empty", Lt, "a"), true},
		{"time", Compare{Field: "@timestamp", Op: Ge, Value: record.IntValue(1_700_000_000_000_000_000)}, true},
		{"time later", Compare{Field: "@timestamp", Op: Gt, Value: record.IntValue(1_700_000_000_000_000_000)}, false},
		{"and", And{word("", "refused"), Not{word("", "accepted")}, Or{Const(false), Const(true)}}, true},
	} {
		if got := Eval(c.e, row.get, row.each); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWordsCoverMatches(t *testing.T) {
	v := record.Value{Kind: record.JSON, Bytes: []byte(`["a\nb", {"k":"GR\u00dcN"}, 12.5, "\ud83d\ude00z"]`)}
	var got []string
	Words(v, func(w []byte) { got = append(got, string(w)) })
	if s := strings.Join(got, " "); s != "a b grün 12 5 z" {
		t.Fatalf("words %q", s)
	}
}

func FuzzLeaves(f *testing.F) {
	f.Add([]byte(`["a",{"b":[1,2.5e3,null,true,"\u00e9\ud83d\ude00\\\""]},[]]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got []string
		Leaves(text, func(v record.Value) bool {
			got = append(got, v.Kind.String()+" "+string(v.AppendText(nil)))
			return true
		})
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		var tree any
		if len(text) == 0 || text[0] != '[' || !json.Valid(text) || d.Decode(&tree) != nil {
			return // no panic is all that is asked of other text
		}
		if want := countLeaves(tree); want > len(got) {
			// The decoder keeps one of two equal keys, so that it may see fewer.
			t.Fatalf("%q: %d leaves, want %d: %q", text, len(got), want, got)
		}
		if list := tree.([]any); len(list) == 1 {
			if s, ok := list[0].(string); ok && got[0] != "string "+s && !strings.Contains(s, "\ufffd") {
				t.Fatalf("%q: %q, want %q", text, got[0], s)
			}
		}
	})
}

func countLeaves(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			n += countLeaves(x)
		}
	case map[string]any:
		for _, x := range v {
			n += countLeaves(x)
		}
	default:
		n = 1
	}
	return n
}
