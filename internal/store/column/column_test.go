package column

import (
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"journalist/internal/match"
	"journalist/internal/record"
)

func TestInts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	cases := [][]int64{{}, {5}, {math.MinInt64, math.MaxInt64}, {0, math.MinInt64, 3}, {7, 7, 7}, {-3, -2, -1, 0}}
	for range 300 {
		vs := make([]int64, rng.IntN(3000))
		at, step, noise := rng.Int64()-rng.Int64(), int64(rng.IntN(1<<rng.IntN(40))), int64(1)<<rng.IntN(40)
		for i := range vs {
			at += step
			vs[i] = at + rng.Int64N(noise)*int64(rng.IntN(2))
		}
		cases = append(cases, vs)
	}
	for i, vs := range cases {
		got, err := DecodeInts(AppendInts(nil, vs), len(vs))
		if err != nil || len(vs) > 0 && !reflect.DeepEqual(got, vs) {
			t.Fatalf("case %d: %v", i, err)
		}
	}
}

// store keeps blocks in memory.
type store struct{ blocks [][]byte }

func (s *store) put(b []byte) Ref {
	s.blocks = append(s.blocks, b)
	return Ref{Off: uint32(len(s.blocks) - 1), Len: uint32(len(b)), Sum: crc32.ChecksumIEEE(b)}
}

func (s *store) get(r Ref) ([]byte, error) {
	if int(r.Off) >= len(s.blocks) {
		return nil, ErrCorrupt
	}
	return OpenBlock(s.blocks[r.Off])
}

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
		var s store
		var w Words
		e := Encode(c, rows, &w, s.put)
		d := NewDecoder(e.Append(nil))
		read := ReadEntry(&d, rows)
		if d.Err() != nil || len(d.Data) > 0 || !reflect.DeepEqual(read, e) {
			t.Fatal(d.Err(), read, e)
		}
		got, err := read.Decode(rows, s.get)
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

// TestWords: the set has the words that match.EachWord finds, and the filter knows
// them all and few others.
func TestWords(t *testing.T) {
	texts := []string{"", "Error: connection REFUSED", "über ÜBER straße", "K\u212a ſ", "a\xffb", string(make([]byte, 300)), fmt.Sprintf("%0200d x", 7)}
	for i := range 500 {
		texts = append(texts, fmt.Sprintf("user%d from 10.0.%d.%d port %d", i, i%7, i%250, i*31))
	}
	var w Words
	for _, s := range texts {
		w.Add([]byte(s))
	}
	b := w.Bloom()
	for _, s := range texts {
		match.EachWord([]byte(s), func(word []byte) {
			if !b.May(HashWord(word)) {
				t.Errorf("%q is denied", word)
			}
		})
	}
	wrong := 0
	for i := range 10_000 {
		if b.May(HashWord(fmt.Appendf(nil, "absent%d", i))) {
			wrong++
		}
	}
	if wrong > 300 {
		t.Errorf("%d of 10000 absent words pass", wrong)
	}
}

// FuzzDecode: no bytes make the decoders panic or allocate without bound.
func FuzzDecode(f *testing.F) {
	f.Add(AppendBlock(nil, AppendInts(nil, []int64{1, 5, 9, 13})), AppendInts(nil, []int64{3, 1, 4}), 3)
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0x1f, 1, 2, 3, 4}, EncodeValues([]record.Value{record.BoolValue(true)}), 1)
	f.Fuzz(func(t *testing.T, block, raw []byte, n int) {
		n = n & 0xfff
		if _, err := OpenBlock(block); err == nil {
			_, _ = DecodeInts(raw, n)
		}
		if vs, err := DecodeInts(raw, n); err == nil && len(vs) != n {
			t.Fatal("wrong number")
		}
		_, _ = DecodeValues(raw, n)
		_, _, _ = DecodePlain(raw, nil, block, n)
		d := NewDecoder(raw)
		e := ReadEntry(&d, n)
		if d.Err() == nil {
			_, _ = e.Decode(n, func(Ref) ([]byte, error) { return block, nil })
		}
	})
}
