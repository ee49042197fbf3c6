package record

import (
	"slices"
	"testing"
)

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

func TestUniform(t *testing.T) {
	var b Batch
	if _, ok := b.Uniform(); ok {
		t.Fatal("no rows are all the same")
	}
	text, number := b.NameID("text"), b.NameID("number")
	for i := range 3 {
		b.AddRow(int64(i))
		b.Add(text, StringValue([]byte("abc")[i:]))
		b.Add(number, IntValue(int64(i)))
	}
	if sizes, ok := b.Uniform(); !ok || !slices.Equal(sizes, []int{6, 0}) {
		t.Fatalf("sizes %v, %v", sizes, ok)
	}
	for what, change := range map[string]func(b *Batch){
		"another name":    func(b *Batch) { b.Add(number, IntValue(1)); b.Add(text, StringValue(nil)) },
		"one field less":  func(b *Batch) { b.Add(text, StringValue(nil)) },
		"a missing value": func(b *Batch) { b.Add(text, Value{}); b.Add(number, IntValue(1)) },
	} {
		b.AddRow(3)
		change(&b)
		if _, ok := b.Uniform(); ok {
			t.Errorf("uniform in spite of %s", what)
		}
		b.DropRow()
	}
}

// TestTrimBefore: what lies before a committed position goes, and of a row that lies
// on both sides the rest is kept.
func TestTrimBefore(t *testing.T) {
	batch := func(texts ...string) *Batch {
		b := new(Batch)
		at := uint64(0)
		for _, s := range texts {
			b.AddRow(1)
			b.SetStart(at)
			b.SetSpan(uint32(len(s) + 1))
			b.Add(b.NameID(FieldMessage), StringValue([]byte(s)))
			b.Add(b.NameID(FieldOffset), IntValue(int64(at)))
			at += uint64(len(s) + 1)
		}
		return b
	}
	for _, c := range []struct {
		pos     uint64
		removed int
		rest    string
	}{
		{0, 0, "now message=string:event\n more offset=int:0"},
		{6, 0, "now message=string: more offset=int:6"},
		{12, 1, "now message=string:next offset=int:12"},
		{11, 1, "now message=string:next offset=int:12"}, // of the first, only the line end is new
		{13, 1, "now message=string:ext offset=int:13"},
	} {
		b := batch("event\n more", "next")
		if n := b.TrimBefore(c.pos); n != c.removed || show(b, 0) != c.rest {
			t.Errorf("before %d: %d removed, then %s; want %d, %s", c.pos, n, show(b, 0), c.removed, c.rest)
		}
	}
	b := batch("event\n more")
	b.SetSpan(30) // the source has other bytes than the message
	if n := b.TrimBefore(6); n != 0 || show(b, 0) != "now message=string:event\n more offset=int:0" {
		t.Errorf("%d removed, then %s", n, show(b, 0))
	}
	b = batch("a", "b")
	b.SetSpan(0)
	if n := b.TrimBefore(3); n != 2 || b.Len() != 0 {
		t.Errorf("%d removed of rows whose length nobody said", n)
	}
}
