package lang

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxMonths is the longest bucket of months: what times can hold.
const maxMonths = 292 * 12

// ParseBucket reads the width of a bucket of time: a span, or months or years of the
// calendar, as in 1M, 3M or 1y.
func ParseBucket(text string) (span time.Duration, months int, err error) {
	if n := len(text); n > 1 && (text[n-1] == 'M' || text[n-1] == 'y') {
		most, factor := maxMonths, 1
		if text[n-1] == 'y' {
			most, factor = maxMonths/12, 12
		}
		if m, err := strconv.ParseUint(text[:n-1], 10, 16); err == nil && m > 0 && int(m) <= most {
			return 0, int(m) * factor, nil
		}
		return 0, 0, fmt.Errorf("%q is not a bucket of months or years: write a whole number before M or y, 292 years at most, as in 1M, 3M or 1y", text)
	}
	if strings.Contains(text, "y") {
		return 0, 0, spanError(text) // 1y2d: no calendar has such
	}
	span, err = ParseSpan(text)
	return span, 0, err
}

// FormatBucket writes a bucket so that ParseBucket reads the same again.
func FormatBucket(span time.Duration, months int) string {
	switch {
	case months == 0:
		return FormatSpan(span)
	case months%12 == 0:
		return strconv.Itoa(months/12) + "y"
	}
	return strconv.Itoa(months) + "M"
}

// Timed tells whether the key is time(span).
func (k Key) Timed() bool { return k.Span > 0 || k.Months > 0 }
