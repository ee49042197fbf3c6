package ints

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/store/stream"
)

// roundTrip encodes vs, reads it back and returns its mode and the bytes it took.
func roundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
}, vs []int64,
) (mode string, size int) {
	t.Helper()
	w := stream.NewMemory()
	before := slices.Clone(vs)
	raw := Append([]byte("x"), w.Writer, vs)
	if !slices.Equal(before, vs) {
		t.Fatalf("Append changed its input")
	}
	src, size := w.Source()
	d := stream.NewDecoder(raw[1:])
	h := Read(&d, len(vs))
	if d.Err() != nil || len(d.Data) != 0 {
		t.Fatalf("mode %s: error %v, %d bytes left", h.Mode(), d.Err(), len(d.Data))
	}
	got, err := h.Decode(src, []int64{7})
	if err != nil || !slices.Equal(got[1:], vs) || got[0] != 7 {
		t.Fatalf("mode %s: error %v\n got %v\nwant %v", h.Mode(), err, clip(got[1:]), clip(vs))
	}
	if len(vs) > 0 && (h.Min() != slices.Min(vs) || h.Max() != slices.Max(vs)) || h.Len() != len(vs) {
		t.Fatalf("mode %s: %d from %d to %d", h.Mode(), h.Len(), h.Min(), h.Max())
	}
	return h.Mode(), size + len(raw) - 1
}

func clip(vs []int64) []int64 { return vs[:min(len(vs), 50)] }

// fill makes n numbers.
func fill(n int, f func(i int) int64) []int64 {
	vs := make([]int64, n)
	for i := range vs {
		vs[i] = f(i)
	}
	return vs
}

// shapes are vectors of which each has a mode that is plainly the right one.
func shapes() map[string][]int64 {
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.2, 1, 1<<40)
	walk, up := int64(1<<50), int64(1_700_000_000_000_000_000)
	steps := []int64{1, 33, 77, 200}
	far := fill(500, func(int) int64 { return r.Int64() })
	return map[string][]int64{
		"constant":     fill(1000, func(int) int64 { return math.MinInt64 }),
		"up":           fill(1000, func(i int) int64 { return 5 + 1000*int64(i) }),
		"down":         fill(1000, func(i int) int64 { return 5 - 7*int64(i) }),
		"inline":       fill(20, func(int) int64 { return -r.Int64N(256) }),
		"packed":       fill(3000, func(int) int64 { return r.Int64N(1 << 21) }),
		"bucket":       fill(30000, func(int) int64 { return int64(zipf.Uint64()) }),
		"up planes":    fill(30000, func(int) int64 { up += 1e6 * steps[r.IntN(4)]; return up }),
		"delta planes": fill(30000, func(int) int64 { walk += steps[r.IntN(4)] - 80; return walk }),
		"up bucket":    fill(30000, func(int) int64 { up += int64(math.Exp(r.Float64() * 30)); return up }),
		"delta bucket": fill(30000, func(int) int64 {
			walk += int64(math.Exp(r.Float64()*30)) * (2*r.Int64N(2) - 1)
			return walk
		}),
		"dictionary": fill(30000, func(int) int64 { return far[r.IntN(200)] }),
		"recency":    fill(30000, func(i int) int64 { return far[(i/100+r.IntN(3))%500] }),
		"planes": fill(30000, func(i int) int64 {
			return int64(r.IntN(4))<<40 | int64(r.IntN(4))<<32 | int64(r.IntN(4))<<24 | int64(r.IntN(4))<<16 | int64(r.IntN(4))<<8 | int64(r.IntN(4))
		}),
	}
}

func TestEachShapeHasItsMode(t *testing.T) {
	for want, vs := range shapes() {
		if mode, size := roundTrip(t, vs); mode != want {
			t.Errorf("%s became %s, %d bytes", want, mode, size)
		}
	}
}

func TestAllModesRoundTrip(t *testing.T) {
	for name, vs := range shapes() {
		if len(vs) < 100 || slices.Min(vs) == slices.Max(vs) {
			continue
		}
		for mode := planes; mode < modes; mode++ {
			w := stream.NewMemory()
			e := &encoder{w: w.Writer, class: stream.Ints, div: 1, low: slices.Min(vs), sorted: slices.IsSorted(vs)}
			e.top = uint64(slices.Max(vs)) - uint64(e.low)
			for _, v := range vs {
				e.frame = append(e.frame, uint64(v)-uint64(e.low))
			}
			if up := mode == upPlanes || mode == upBucket; up && !e.sorted || (mode == deltaPlanes || mode == deltaBucket) && e.sorted {
				continue
			}
			raw, ok := e.as(mode, nil)
			if !ok {
				continue // too many different numbers for a list
			}
			src, _ := w.Source()
			d := stream.NewDecoder(raw)
			h := Read(&d, len(vs))
			got, err := h.Decode(src, nil)
			if d.Err() != nil || len(d.Data) != 0 || err != nil || !slices.Equal(got, vs) {
				t.Errorf("%s as %s: errors %v, %v, %d bytes left", name, modeNames[mode], d.Err(), err, len(d.Data))
			}
		}
	}
}

// Times of rows: what a constant step costs, and what whole milliseconds cost.
func TestTimesAreSmall(t *testing.T) {
	const n = 65536
	if _, size := roundTrip(t, fill(n, func(i int) int64 { return 1_700_000_000_000_000_000 + int64(i)*1_000_000 })); size > 40 {
		t.Errorf("%d bytes for regular times", size)
	}
	r := rand.New(rand.NewPCG(3, 4))
	at := int64(1_700_000_000_000_000_000)
	if _, size := roundTrip(t, fill(n, func(int) int64 { at += r.Int64N(16) * 1_000_000; return at })); size > n/2+1000 {
		t.Errorf("%d bytes for %d times in steps of 0 to 15 ms", size, n)
	}
}

func TestExtremes(t *testing.T) {
	for _, vs := range [][]int64{
		nil,
		{0},
		{math.MaxInt64},
		{math.MinInt64, math.MaxInt64},
		{math.MaxInt64, math.MinInt64},
		{math.MinInt64, 0, math.MaxInt64},
		{math.MaxInt64, -1, math.MinInt64, -1, math.MaxInt64},
		fill(5000, func(i int) int64 { return []int64{math.MinInt64, math.MaxInt64, 0}[i%3] }),
		fill(5000, func(i int) int64 { return math.MaxInt64 - int64(i*i) }),
		fill(5000, func(i int) int64 { return math.MinInt64 + int64(i*i) }),
		fill(5000, func(i int) int64 { return int64(uint64(i) * 0x9E3779B97F4A7C15) }),
	} {
		roundTrip(t, vs)
	}
}

func TestRoundTripOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 6000)).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		base, shift := rapid.Int64().Draw(t, "base"), rapid.IntRange(0, 63).Draw(t, "shift")
		step := rapid.OneOf(rapid.Just(int64(1)), rapid.Int64()).Draw(t, "step")
		pool := fill(rapid.IntRange(1, 1000).Draw(t, "pool"), func(int) int64 { return base + r.Int64()>>shift*step })
		last := base
		vs := fill(n, map[string]func(i int) int64{
			"noise": func(int) int64 { return base + r.Int64()>>shift*step },
			"walk":  func(int) int64 { last += r.Int64() >> shift * step; return last },
			"pool":  func(int) int64 { return pool[r.IntN(len(pool))] },
			"runs":  func(i int) int64 { return pool[(i/7+r.IntN(2))%len(pool)] },
		}[rapid.SampledFrom([]string{"noise", "walk", "pool", "runs"}).Draw(t, "kind")])
		if rapid.Bool().Draw(t, "sorted") {
			slices.Sort(vs)
		}
		roundTrip(t, vs)
	})
}

func TestCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for name, of := range map[string]func(i int) uint32{
		"one":     func(int) uint32 { return 3 },
		"up":      func(i int) uint32 { return uint32(i) },
		"few":     func(int) uint32 { return r.Uint32N(5) },
		"many":    func(int) uint32 { return r.Uint32N(1000) },
		"more":    func(int) uint32 { return r.Uint32N(100_000) },
		"highest": func(int) uint32 { return math.MaxUint32 - 1 - r.Uint32N(2) },
		"recent":  func(i int) uint32 { return uint32(i/50) + r.Uint32N(3) },
	} {
		for _, n := range []int{0, 1, 2, 50, 5000, 70_000} {
			codes := make([]uint32, n)
			for i := range codes {
				codes[i] = of(i)
			}
			w := stream.NewMemory()
			raw := AppendCodes(nil, w.Writer, codes)
			src, _ := w.Source()
			d := stream.NewDecoder(raw)
			h := Read(&d, n)
			got, err := h.DecodeCodes(src, math.MaxUint32, []uint32{9})
			if d.Err() != nil || err != nil || !slices.Equal(got[1:], codes) {
				t.Errorf("%d of %s: errors %v, %v", n, name, d.Err(), err)
			}
			if n == 0 {
				continue
			}
			limit := slices.Max(codes)
			if _, err = h.DecodeCodes(src, limit, nil); !errors.Is(err, stream.ErrCorrupt) {
				t.Errorf("%d of %s, which reach the limit %d: %v", n, name, limit, err)
			}
		}
	}
}

func TestDivisor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		by := rapid.Uint64Range(1, math.MaxUint64).Draw(t, "by")
		u := rapid.Uint64().Draw(t, "u")
		if rapid.Bool().Draw(t, "multiple") {
			u = u / by * by
		}
		d := newDivisor(by)
		if q, ok := d.divide(u); ok != (u%by == 0) || ok && q != u/by {
			t.Fatalf("%d/%d: %d, %v", u, by, q, ok)
		}
	})
}

func BenchmarkInts(b *testing.B) {
	for name, vs := range shapes() {
		if len(vs) < 2000 {
			continue
		}
		w := stream.NewMemory()
		raw := Append(nil, w.Writer, vs)
		src, size := w.Source()
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := stream.NewWriter(func([]byte) stream.Ref { return stream.Ref{} })
				raw = Append(raw[:0], w, vs)
			}
			report(b, len(vs), size)
		})
		b.Run("decode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var out []int64
			for b.Loop() {
				d := stream.NewDecoder(raw)
				out, _ = Read(&d, len(vs)).Decode(src, out[:0])
			}
			report(b, len(vs), size)
		})
	}
}

func report(b *testing.B, n, size int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
	b.ReportMetric(float64(8*size)/float64(n), "bits/value")
}

func ExampleAppend() {
	w := stream.NewMemory()
	raw := Append(nil, w.Writer, []int64{1000, 3000, 5000, 7000})
	src, _ := w.Source()
	d := stream.NewDecoder(raw)
	h := Read(&d, 4)
	vs, err := h.Decode(src, nil)
	fmt.Println(h.Mode(), h.Min(), h.Max(), vs, err)
	// Output: up 1000 7000 [1000 3000 5000 7000] <nil>
}
