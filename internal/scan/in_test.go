package scan

import (
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/record"
)

// To be in a set is to be equal to one of its values.
func TestInAgreesWithCompare(t *testing.T) {
	values := rapid.SampledFrom([]record.Value{
		record.IntValue(5), record.IntValue(-1), record.IntValue(1 << 53), record.IntValue(1<<53 + 1),
		str("5"), str("5.0"), num("5.0"), num("0.5"), str(".5"), str("abc"), str("ABC"), str(""), str("05"), num("1e3"), str("1000"),
		num("9007199254740993.0"), record.BoolValue(true), str("true"),
		{Kind: record.Null},
		{},
		{Kind: record.JSON, Bytes: []byte(`["abc",5,null,[0.5]]`)},
		{Kind: record.JSON, Bytes: []byte(`{}`)},
		str("12345678901234567890"), num("12345678901234567890"),
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(values, 0, 5).Draw(t, "set")
		v := values.Draw(t, "value")
		set := NewValueSet()
		want := false
		add := func(x record.Value) bool {
			if x.Kind == record.Missing || x.Kind == record.Null {
				return true
			}
			text := string(x.AppendText(nil))
			c := Compare{Field: "f", Op: Eq, Value: str(text)}
			if f, ok := x.Float(); ok {
				c.Number, c.IsNumber = f, true
				if i, ok := record.CanonicalInt([]byte(text)); ok {
					c.Value = record.IntValue(i)
				}
			}
			want = want || c.Matches(v)
			return true
		}
		for _, x := range list {
			set.Add(x)
			if x.Kind == record.JSON {
				Leaves(x.Bytes, add)
			} else {
				add(x)
			}
		}
		if got := (In{Field: "f", Set: set}).Matches(v); got != want {
			t.Fatalf("%v %q in %v: %v, want %v", v.Kind, v.AppendText(nil), list, got, want)
		}
	})
}
