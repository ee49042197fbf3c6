package lang

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// yearSpan is what 1y means where a span is read: a year of the calendar has another
// length at times, so that no span is written as years.
const yearSpan = 365 * 24 * time.Hour

// units of a span, longest first. A day has 24 hours here.
var units = []struct {
	name string
	span time.Duration
}{
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
	{"us", time.Microsecond},
	{"ns", time.Nanosecond},
}

var errTooLong = errors.New("is too long: 292 years are the most")

// ParseSpan reads a span of time such as 90s, 5m, 1h30m, 1.5h, 2d, 1w or 1y.
func ParseSpan(text string) (time.Duration, error) {
	rest := text
	var sum time.Duration
	for rest != "" {
		i := 0
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '.') {
			i++
		}
		j := i
		for j < len(rest) && (rest[j] < '0' || rest[j] > '9') && rest[j] != '.' {
			j++
		}
		unit := unitSpan(rest[i:j])
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || unit == 0 {
			return 0, spanError(text)
		}
		d := n * float64(unit)
		if d+float64(sum) >= math.MaxInt64 {
			return 0, fmt.Errorf("the span %q %w", text, errTooLong)
		}
		if whole, err := strconv.ParseInt(rest[:i], 10, 64); err == nil {
			sum += time.Duration(whole) * unit
		} else {
			sum += time.Duration(d)
		}
		rest = rest[j:]
	}
	if sum <= 0 {
		return 0, spanError(text)
	}
	return sum, nil
}

func unitSpan(name string) time.Duration {
	switch name {
	case "µs", "μs":
		name = "us"
	case "y":
		return yearSpan
	}
	for _, u := range units {
		if u.name == name {
			return u.span
		}
	}
	return 0
}

func spanError(text string) error {
	return fmt.Errorf("%q is not a span of time: write a number and one of ns, us, ms, s, m, h, d, w, y, as in 90s, 5m, 1h30m or 2d", text)
}

// FormatSpan writes a span so that ParseSpan reads the same again.
func FormatSpan(d time.Duration) string {
	if d <= 0 {
		return "0s"
	}
	// One unit where it suffices: 90m rather than 1h30m stays as short as typed.
	for _, u := range units {
		if d%u.span == 0 && d/u.span < 1000 {
			return strconv.FormatInt(int64(d/u.span), 10) + u.name
		}
	}
	var b strings.Builder
	for _, u := range units {
		if n := d / u.span; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
			d -= n * u.span
		}
	}
	return b.String()
}
