package scan

import (
	"math"
	"strconv"
	"strings"
)

// Unit says what a number with a unit measures.
type Unit uint8

// The units. A duration is a number of seconds, a size a number of bytes.
const (
	NoUnit Unit = iota
	Duration
	Size
)

// durations are divided by, so that 300ms and 0.3s are the same number.
var durations = map[string]struct{ times, by float64 }{
	"ns": {1, 1e9}, "us": {1, 1e6}, "µs": {1, 1e6}, "μs": {1, 1e6}, "ms": {1, 1e3},
	"s": {1, 1}, "m": {60, 1}, "h": {3600, 1}, "d": {86400, 1}, "w": {7 * 86400, 1},
}

var sizes = map[string]float64{
	"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
}

// ParseNumber reads a number (5, -1.5, 2e3), a duration (250ms, 1.5h, 1h30m) or a
// size (10MB, 4KiB; the letters in any case). One space may stand before the unit.
func ParseNumber(text string) (n float64, unit Unit, ok bool) {
	if text == "" || len(text) > 64 {
		return 0, NoUnit, false
	}
	if c := text[0]; c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
		return 0, NoUnit, false
	}
	i := strings.IndexFunc(text, func(r rune) bool { return r != '.' && r != '-' && r != '+' && (r < '0' || r > '9') })
	if i < 0 || text[i] == 'e' || text[i] == 'E' {
		f, err := strconv.ParseFloat(text, 64)
		return f, NoUnit, err == nil
	}
	n, err := strconv.ParseFloat(text[:i], 64)
	if err != nil {
		return 0, NoUnit, false
	}
	name := strings.TrimPrefix(text[i:], " ")
	if f, found := sizes[strings.ToLower(name)]; found {
		return n * f, Size, true
	}
	rest := text
	if text[0] == '-' || text[0] == '+' {
		rest = text[1:]
	}
	sum := 0.0
	for rest != "" {
		part, tail, ok := durationPart(rest)
		if !ok {
			return 0, NoUnit, false
		}
		sum, rest = sum+part, tail
	}
	return math.Copysign(sum, n), Duration, true
}

func durationPart(s string) (seconds float64, rest string, ok bool) {
	isDigit := func(r rune) bool { return r == '.' || '0' <= r && r <= '9' }
	i := strings.IndexFunc(s, func(r rune) bool { return !isDigit(r) })
	if i <= 0 {
		return 0, "", false
	}
	n, err := strconv.ParseFloat(s[:i], 64)
	name := strings.TrimPrefix(s[i:], " ")
	end := strings.IndexFunc(name, isDigit)
	if end < 0 {
		end = len(name)
	}
	u, found := durations[name[:end]]
	return n * u.times / u.by, name[end:], err == nil && found
}
