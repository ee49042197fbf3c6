package exec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Few distinct values are counted exactly; of many the number is estimated, and what
// the count holds goes down to the registers.
func TestDistinctIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := &budget{max: 1 << 30}
	var s hashSet
	peak := int64(0)
	for n := 1; n <= 3_000_000; n++ {
		if err := s.add(rng.Uint64(), b); err != nil {
			t.Fatal(err)
		}
		peak = max(peak, b.used.Load())
		if n == maxHashes && s.count() != maxHashes {
			t.Errorf("%d of %d values", s.count(), maxHashes)
		}
	}
	if off := math.Abs(float64(s.count())-3e6) / 3e6; off > 4*0.0041 {
		t.Errorf("%d of 3,000,000 values: off by %.2f %%", s.count(), 100*off)
	}
	if held := b.used.Load(); held != 1<<logRegisters || len(s.registers) != 1<<logRegisters || s.slots != nil {
		t.Errorf("%d bytes are accounted for, and %d registers and %d slots held", held, len(s.registers), len(s.slots))
	}
	if peak > 16<<20 {
		t.Errorf("%d bytes on the way", peak)
	}
	if d := (&distinctCounter{sets: []hashSet{{}, s}}); d.note() != distinctNote {
		t.Errorf("the estimate is not told: %q", d.note())
	}
	if d := (&distinctCounter{sets: []hashSet{{n: 1}}}); d.note() != "" {
		t.Errorf("an exact count has the note %q", d.note())
	}
}
