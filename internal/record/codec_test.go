package record

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

func randomBatch(rng *rand.Rand) *Batch {
	b := &Batch{Dataset: []string{"", "logs"}[rng.IntN(2)], Client: "web-01", Window: rng.Uint64()}
	if rng.IntN(2) == 0 {
		b.Position = Position{ID: SourceID{1, 2, 3}, From: rng.Uint64() >> 8, To: rng.Uint64(), Resume: rng.IntN(2) == 0}
	}
	value := func() Value {
		text := fmt.Appendf(nil, "text %d", rng.Int64())
		return []Value{
			{Kind: Null},
			BoolValue(true),
			IntValue(rng.Int64() - rng.Int64()),
			{Kind: Number, Bytes: []byte("1.5e300")},
			{Kind: String, Bytes: text[:rng.IntN(len(text)+1)]},
			{Kind: JSON, Bytes: []byte(`[1,"a"]`)},
			{Kind: String, Bytes: []byte{0xff, 0}},
		}[rng.IntN(7)]
	}
	for range rng.IntN(4) {
		b.AddCommon(b.NameID(fmt.Sprintf("common%d", rng.IntN(3))), value())
	}
	b.NameID("never used")
	start := b.Position.From
	for range rng.IntN(40) {
		b.AddRow(rng.Int64() - rng.Int64())
		b.SetStart(start)
		start += uint64(rng.IntN(100))
		for range rng.IntN(5) {
			b.Add(b.NameID(fmt.Sprintf("a\x00f%d", rng.IntN(9))), value())
		}
	}
	return b
}

// describe prints everything that the binary form keeps.
func describe(b *Batch) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%q %q %x %+v\n", b.Dataset, b.Client, b.Window, b.Position)
	for j := range b.Commons() {
		id, v := b.Common(j)
		fmt.Fprintf(&out, "common %q %v\n", b.Name(id).Path, v)
	}
	for i := range b.Len() {
		fmt.Fprint(&out, b.Time(i))
		if !b.Position.ID.IsZero() {
			fmt.Fprint(&out, " at ", b.Start(i))
		}
		for j := range b.Fields(i) {
			id, v := b.Field(i, j)
			fmt.Fprintf(&out, " %q %v", b.Name(id).Path, v)
		}
		fmt.Fprintln(&out)
	}
	return out.String()
}

func TestBatchBinary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 500 {
		b := randomBatch(rng)
		if b.Len() > 3 && i%4 == 0 {
			b.TrimBefore(b.Start(2))
		}
		var got Batch
		if err := got.UnmarshalBinary(b.AppendBinary([]byte("before"))[len("before"):]); err != nil {
			t.Fatal(err)
		}
		if g, w := describe(&got), describe(b); g != w {
			t.Fatalf("got %s\nwant %s", g, w)
		}
	}
}

// FuzzBatch: no bytes make the decoder panic, and what it accepts is kept by
// another round.
func FuzzBatch(f *testing.F) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 10 {
		f.Add(randomBatch(rng).AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b, again Batch
		if err := b.UnmarshalBinary(bytes.Clone(data)); err != nil {
			if !errors.Is(err, ErrCorruptBatch) {
				t.Fatal(err)
			}
			return
		}
		if err := again.UnmarshalBinary(b.AppendBinary(nil)); err != nil {
			t.Fatal(err)
		}
		if g, w := describe(&again), describe(&b); g != w {
			t.Fatalf("got %s\nwant %s", g, w)
		}
	})
}
