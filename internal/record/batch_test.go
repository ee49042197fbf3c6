package record

import "testing"

func TestExtendAndReplace(t *testing.T) {
	var b Batch
	for i := range 3 {
		b.AddRow(int64(i))
		b.Add(b.NameID("a"), IntValue(int64(i)))
	}
	b.Extend(0, b.NameID("x"), StringValue([]byte("first")))
	b.Extend(2, b.NameID("x"), StringValue([]byte("last")))
	b.Extend(0, b.NameID("y"), IntValue(9))
	b.Replace(1, 0, StringValue([]byte("changed")))
	b.SetOwnTime(1, 77e9)
	check := func(b *Batch, times [3]string) {
		t.Helper()
		for i, want := range []string{times[0] + " a=int:0 x=string:first y=int:9", times[1] + " a=string:changed", times[2] + " a=int:2 x=string:last"} {
			if got := show(b, i); got != want {
				t.Errorf("row %d: %s, want %s", i, got, want)
			}
		}
	}
	check(&b, [3]string{"now", "1970-01-01T00:01:17Z", "now"})
	var back Batch
	if err := back.UnmarshalBinary(b.AppendBinary(nil)); err != nil {
		t.Fatal(err)
	}
	check(&back, [3]string{"now", "now", "now"})
	if back.Time(1) != 77e9 {
		t.Errorf("time %d", back.Time(1))
	}
}
