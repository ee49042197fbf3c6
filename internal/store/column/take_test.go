package column

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// TestTake compares what is taken of columns of all forms, full and sparse, with the
// values that were put in, for rows that follow one another and others, both ways.
func TestTake(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	kinds := []func(i int) record.Value{
		func(i int) record.Value { return record.IntValue(int64(i)) },
		func(i int) record.Value { return record.StringValue(fmt.Append(nil, "text ", i%7)) },
		func(i int) record.Value { return record.StringValue(fmt.Append(nil, "a longer text ", i*i)) },
		func(int) record.Value { return record.StringValue([]byte("same")) },
		func(i int) record.Value {
			if i%2 == 0 {
				return record.NumberValue(fmt.Append(nil, i, ".5"))
			}
			return record.StringValue(fmt.Append(nil, "odd ", i*i))
		},
	}
	seen := map[scan.Form]int{}
	var x Encoder
	for range 400 {
		rows := 1 + rng.IntN(600)
		kind, density := kinds[rng.IntN(len(kinds))], rng.IntN(4)
		var b Builder
		want := make([]record.Value, rows)
		for i := range rows {
			if density == 0 || rng.IntN(5) < density {
				want[i] = kind(i)
				b.Add(uint32(i), want[i])
			}
		}
		c := b.Finish("f", rows)
		if c == nil {
			continue
		}
		if rng.IntN(2) == 0 {
			c = stored(t, &x, c, rows)
		}
		from, to := rng.IntN(rows), rows
		to = from + rng.IntN(to-from+1)
		var near, far []uint32
		for r := range rows {
			if r >= from && r < to {
				near = append(near, uint32(r))
			}
			if rng.IntN(40) < 1+density*10 {
				far = append(far, uint32(r))
			}
		}
		for _, list := range [][]uint32{near, far} {
			for range 2 {
				got := c.Take("f", list)
				seen[got.Form]++
				if got.Len != len(list) || got.Name != "f" {
					t.Fatalf("%d values of %q, want %d", got.Len, got.Name, len(list))
				}
				for i, r := range list {
					v, x := got.Value(i), want[r]
					if v.Kind != x.Kind || v.Int != x.Int || string(v.Bytes) != string(x.Bytes) {
						t.Fatalf("row %d: %v, want %v", r, v, x)
					}
				}
				slices.Reverse(list)
			}
		}
	}
	for form := scan.Plain; form <= scan.Ints; form++ {
		if seen[form] == 0 {
			t.Errorf("no answer of form %d", form)
		}
	}
}

// stored encodes a column and decodes it.
func stored(t *testing.T, x *Encoder, c *Col, rows int) *Col {
	t.Helper()
	m := stream.NewMemory()
	raw := x.Append(nil, m.Writer, c, rows)
	src, _ := m.Source()
	d := NewDecoder(raw)
	e := ReadEntry(&d, rows)
	got, err := e.Decode(rows, src, Opened{})
	if err != nil || d.Err() != nil {
		t.Fatal(err, d.Err())
	}
	return got
}

func TestSpread(t *testing.T) {
	var v texts.Vector
	v.Reset()
	v.Add([]byte("one"))
	v.Add([]byte("two"))
	c := Spread("f", v, []uint32{None, 4, None, 9, None}, 3)
	want := []string{"", "one", "", "two", ""}
	for i := range want {
		if x := c.Value(i); string(x.Bytes) != want[i] || (x.Kind == record.Missing) != (want[i] == "") {
			t.Errorf("value %d: %v, want %q", i, x, want[i])
		}
	}
}
