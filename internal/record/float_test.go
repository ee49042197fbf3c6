package record

import (
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// The short way gives what strconv gives, to the bit.
func TestParseFloatAgreesWithStrconv(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, s string) {
		want, err := strconv.ParseFloat(s, 64)
		ok := err == nil && s[0] != 'i' && s[0] != 'n' && s[0] != 'I' && s[0] != 'N'
		got, gotOK := StringValue([]byte(s)).Float()
		if gotOK != ok || ok && math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%q: %v %v, want %v %v", s, got, gotOK, want, ok)
		}
	}
	for _, s := range []string{
		"0", "-0", "+1", "1.", ".5", "-.5", ".", "-", "+", "1.5e3", "1e5", "1.2.3", "0.005234", "999999999999999", "9999999999999999",
		"0.00000000000001", "123456789.1234567", "1_000", "0x1p-2", "+Inf", "-infinity", "nan", "1e999", "1 ", "12a", "-1.5", "00012.50", "4.35", "0.1", "0.000431060791015625", "0.00000000000000000001", "99999999999999.5", "999999999999999.5",
	} {
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.StringMatching(`[+-]?(0\.0{0,20})?[0-9]{0,10}\.?[0-9]{1,9}(e-?[0-9]{1,3})?`).Draw(t, "number"))
	})
}
