package cli

import (
	"fmt"
	"strconv"
)

// Thousands writes a number with a comma between groups of three digits.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted writes how many of something there are; one is its name in the singular.
func Counted(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Thousands(n) + " " + one + "s"
}

// Bytes writes a size in the unit that fits, powers of 1,000.
func Bytes(n int64) string {
	f, unit := float64(n), 0
	units := [...]string{"B", "kB", "MB", "GB", "TB", "PB"}
	for f >= 1000 && unit < len(units)-1 {
		f /= 1000
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[unit])
}
