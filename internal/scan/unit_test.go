package scan

import (
	"testing"

	"journalist/internal/record"
)

func TestParseNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		n    float64
		unit Unit
	}{
		{"5", 5, NoUnit},
		{"-1.5", -1.5, NoUnit},
		{"2e3", 2000, NoUnit},
		{"+.5", 0.5, NoUnit},
		{"250ms", 0.25, Duration},
		{"300ms", 0.3, Duration},
		{"1.5h", 5400, Duration},
		{"1h30m", 5400, Duration},
		{"10 s", 10, Duration},
		{"7µs", 7e-6, Duration},
		{"-5m", -300, Duration},
		{"1w", 604800, Duration},
		{"10MB", 1e7, Size},
		{"10mb", 1e7, Size},
		{"4KiB", 4096, Size},
		{"3 B", 3, Size},
		{"1.5gib", 1.5 * (1 << 30), Size},
	} {
		n, unit, ok := ParseNumber(c.text)
		if n != c.n || unit != c.unit || !ok {
			t.Errorf("%s: %v %v %v", c.text, n, unit, ok)
		}
	}
	for _, s := range []string{"", "x", "ms", "5x", "5 ", "1h30", "1h 30m5", "--5", "1.2.3", "10.0.0.1", "2026-01-31", "0x10", "inf", "5ms5"} {
		if n, unit, ok := ParseNumber(s); ok {
			t.Errorf("%s: %v %v, want no number", s, n, unit)
		}
	}
}

func TestCompareWithUnits(t *testing.T) {
	longer := Compare{Field: "took", Op: Gt, Value: str("250ms"), Number: 0.25, IsNumber: true, Unit: Duration}
	for _, c := range []struct {
		v    record.Value
		want bool
	}{
		{str("312ms"), true},
		{str("0.3s"), true},
		{str("90us"), false},
		{num("0.3"), true}, // a plain number is seconds
		{record.IntValue(0), false},
		{str("1 MB"), false}, // no duration: compares as text
		{record.Value{Kind: record.JSON, Bytes: []byte(`["1ms","2s"]`)}, true},
	} {
		if got := longer.Matches(c.v); got != c.want {
			t.Errorf("%s: %v, want %v", c.v.AppendText(nil), got, c.want)
		}
	}
}
