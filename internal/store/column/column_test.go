package column

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"journalist/internal/record"
	"journalist/internal/store/stream"
)

func TestEncode(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	kinds := []func() record.Value{
		func() record.Value { return record.IntValue(rng.Int64N(1000)) },
		func() record.Value { return record.StringValue(fmt.Append(nil, "text ", rng.IntN(3))) },
		func() record.Value { return record.StringValue(fmt.Append(nil, "long text ", rng.Int64())) },
		func() record.Value { return record.BoolValue(rng.IntN(2) == 0) },
		func() record.Value { return record.Value{Kind: record.Null} },
		func() record.Value { return record.NumberValue([]byte("1.5e3")) },
		func() record.Value { return record.Value{Kind: record.JSON, Bytes: []byte(`["a b",1]`)} },
	}
	var x Encoder
	for range 300 {
		rows := 1 + rng.IntN(2000)
		density, mix := 1+rng.IntN(40), 1+rng.IntN(len(kinds))
		from := rng.IntN(len(kinds))
		var b Builder
		want := map[int]record.Value{}
		for i := range rows {
			if density < 30 && rng.IntN(density) > 0 {
				continue
			}
			v := kinds[(from+rng.IntN(mix))%len(kinds)]()
			want[i] = v
			b.Add(uint32(i), v)
		}
		c := b.Finish("f", rows)
		if c == nil {
			continue
		}
		m := stream.NewMemory()
		raw := x.Append(nil, m.Writer, c, rows)
		src, _ := m.Source()
		d := NewDecoder(raw)
		read := ReadEntry(&d, rows)
		if d.Err() != nil || len(d.Data) > 0 {
			t.Fatal(d.Err(), read)
		}
		got, err := read.Decode(rows, src, Opened{})
		if err != nil {
			t.Fatal(err)
		}
		all := make([]uint32, rows)
		for i := range all {
			all[i] = uint32(i)
		}
		taken := got.Take("f", all)
		for i := range rows {
			v := taken.Value(i)
			if x := want[i]; v.Kind != x.Kind || v.Int != x.Int || string(v.Bytes) != string(x.Bytes) {
				t.Fatalf("row %d: %v, want %v", i, v, x)
			}
		}
	}
}

// FuzzDecode: no bytes make the decoders panic or allocate without bound.
func FuzzDecode(f *testing.F) {
	var b Builder
	for i := range uint32(40) {
		if i%3 > 0 {
			b.Add(i, record.StringValue(fmt.Appendf(nil, "user%d came from 10.0.0.%d", i, i)))
		}
	}
	m := stream.NewMemory()
	var x Encoder
	f.Add(x.Append(nil, m.Writer, b.Finish("f", 40), 40), []byte("\x00user\x01"), EncodeValues([]record.Value{record.BoolValue(true)}), 40)
	f.Fuzz(func(t *testing.T, entry, one, other []byte, n int) {
		n = n & 0xfff
		_, _ = DecodeValues(other, n)
		d := NewDecoder(entry)
		e := ReadEntry(&d, n)
		if d.Err() != nil {
			return
		}
		m := stream.NewMemory()
		for i := range 8 {
			m.Put(stream.Class(i%6), [][]byte{one, other}[i%2])
		}
		src, _ := m.Source()
		if c, err := e.Decode(n, src, Opened{}); err == nil && c.Len != e.Len {
			t.Fatal("wrong number of values")
		}
		_, _ = e.Counts(src)
	})
}
