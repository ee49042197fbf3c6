package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// sizeUnits: with a B and without an i they are powers of 1000, else of 1024.
var sizeUnits = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kb": 1e3, "kib": 1 << 10,
	"m": 1 << 20, "mb": 1e6, "mib": 1 << 20,
	"g": 1 << 30, "gb": 1e9, "gib": 1 << 30,
	"t": 1 << 40, "tb": 1e12, "tib": 1 << 40,
}

// ParseSize reads a number of bytes as people write it: "50GB" (10⁹), "512MiB"
// (2²⁰), "100M" (2²⁰), "1.5 TB", "4096".
func ParseSize(text string) (int64, error) {
	s := strings.TrimSpace(text)
	n := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if n < 0 {
		n = len(s)
	}
	number, err := strconv.ParseFloat(s[:n], 64)
	unit, known := sizeUnits[strings.ToLower(strings.TrimSpace(s[n:]))]
	if err != nil || !known {
		return 0, fmt.Errorf("%q is no size: write a number with a unit, such as 50GB, 512MiB or 1.5TB", text)
	}
	if number*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is more than any disk holds", text)
	}
	return int64(number * unit), nil
}

const day = 24 * time.Hour

// longUnits are those that time.ParseDuration does not know, longest first.
var longUnits = []struct {
	name string
	unit time.Duration
}{{"y", 365 * day}, {"w", 7 * day}, {"d", day}}

// ParseDuration reads a duration as people write it: "30d", "2w", "1y", "1d12h",
// "90m", "1h30m". A year has 365 days. It is never negative.
func ParseDuration(text string) (time.Duration, error) {
	d, err := parseDuration(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: %w", text, err)
	}
	return d, nil
}

var errDuration = errors.New("write a number with a unit, such as 30d, 12h or 1d12h")

func parseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if s == "" || s[0] == '-' || s[0] == '+' {
		return 0, errDuration
	}
	var total float64
	for _, u := range longUnits {
		number, rest, found := strings.Cut(s, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) {
			return 0, errDuration
		}
		total += n * float64(u.unit)
		s = rest
	}
	if s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return 0, errDuration
		}
		total += float64(d)
	}
	if total >= math.MaxInt64 {
		return 0, errors.New("it is longer than 292 years")
	}
	return time.Duration(total), nil
}
