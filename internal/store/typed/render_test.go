package typed

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestDigits(t *testing.T) {
	check := func(u uint64) {
		want := strconv.FormatUint(u, 10)
		if got := digits(u); got != len(want) {
			t.Fatalf("%d has %d digits, not %d", u, len(want), got)
		}
		if got := string(appendPadded([]byte("x"), u, 0)); got != "x"+want {
			t.Fatalf("%d became %q", u, got)
		}
	}
	for _, p := range unsignedPowers {
		check(p - 1)
		check(p)
		check(p + 1)
	}
	for n := range 64 {
		check(1 << n)
		check(1<<n - 1)
	}
	check(math.MaxUint64)
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		check(r.Uint64() >> r.IntN(64))
	}
}
