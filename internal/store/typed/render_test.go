package typed

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestDigits(t *testing.T) {
	check := func(u uint64) {
		want := strconv.FormatUint(u, 10)
		if got := digits(u); got != len(want) {
			t.Fatalf("%d has %d digits, not %d", u, len(want), got)
		}
		var b [2 * slack]byte
		for width := 1; width < 20; width++ {
			if got := string(b[:putUint(b[:], 0, u, width)]); got != strings.Repeat("0", max(0, width-len(want)))+want {
				t.Fatalf("%d became %q", u, got)
			}
		}
		if got := string(b[:putHex(b[:], 0, u, 1, lowerLetters)]); got != strconv.FormatUint(u, 16) {
			t.Fatalf("%x became %q", u, got)
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
