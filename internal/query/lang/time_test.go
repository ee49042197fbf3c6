package lang

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		text, format string
		want         time.Duration
	}{
		{"90s", "90s", 90 * time.Second},
		{"1h30m", "90m", 90 * time.Minute},
		{"1.5h", "90m", 90 * time.Minute},
		{"2d", "2d", 48 * time.Hour},
		{"1w", "1w", 7 * 24 * time.Hour},
		{"1y", "365d", 365 * 24 * time.Hour},
		{"1y1w", "372d", 372 * 24 * time.Hour},
		{"250ms", "250ms", 250 * time.Millisecond},
		{"10µs", "10us", 10 * time.Microsecond},
		{"1h0m1s", "1h1s", time.Hour + time.Second},
	} {
		d, err := ParseSpan(c.text)
		if err != nil || d != c.want {
			t.Errorf("%s: %v %v", c.text, d, err)
		}
		if got := FormatSpan(d); got != c.format {
			t.Errorf("%s: written as %s", c.text, got)
		}
	}
	for _, s := range []string{"", "5", "h", "5 m", "-5m", "0s", "1x", "1e3s", "999999w", "293y", "1Y", "1..5h", "9223372036854775807w"} {
		if d, err := ParseSpan(s); err == nil {
			t.Errorf("%q: %v, want an error", s, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(1, 9e18).Draw(t, "d"))
		if got, err := ParseSpan(FormatSpan(d)); err != nil || got != d {
			t.Fatalf("%d: %s: %d %v", d, FormatSpan(d), got, err)
		}
	})
}

func TestParseTime(t *testing.T) {
	berlin := time.FixedZone("Berlin", 3600)
	now := time.Date(2026, 3, 18, 15, 4, 5, 0, berlin)
	for text, want := range map[string]string{
		"2026-01-31T10:00:00Z":          "2026-01-31T10:00:00Z",
		"2026-01-31T10:00:00.123+02:00": "2026-01-31T08:00:00.123Z",
		"2026-01-31":                    "2026-01-30T23:00:00Z",
		"2026-01-31 10:00":              "2026-01-31T09:00:00Z",
		"2026-01-31T10:00:01.5":         "2026-01-31T09:00:01.5Z",
		"1700000000":                    "2023-11-14T22:13:20Z",
		"1700000000.25":                 "2023-11-14T22:13:20.25Z",
		"1700000000123":                 "2023-11-14T22:13:20.123Z",
		"1700000000123456":              "2023-11-14T22:13:20.123456Z",
		"1700000000123456789":           "2023-11-14T22:13:20.123456789Z",
		"0":                             "1970-01-01T00:00:00Z",
		"now":                           "2026-03-18T14:04:05Z",
		"NOW-1h30m":                     "2026-03-18T12:34:05Z",
		"now+1d":                        "2026-03-19T14:04:05Z",
		"now/d":                         "2026-03-17T23:00:00Z",
		"now-1d/d":                      "2026-03-16T23:00:00Z",
		"now/w":                         "2026-03-15T23:00:00Z",
		"1h":                            "2026-03-18T13:04:05Z",
		"today":                         "2026-03-17T23:00:00Z",
		"yesterday":                     "2026-03-16T23:00:00Z",
	} {
		got, err := ParseTime(text, now)
		if s := got.UTC().Format(time.RFC3339Nano); err != nil || s != want {
			t.Errorf("%s: %s %v, want %s", text, s, err, want)
		}
	}
	for _, s := range []string{"", "x", "now-", "now*1h", "nowhere", "2026-13-01", "1500-01-01", "2300-01-01", "now/x", "1.2.3", "-9223372036854775808"} {
		if got, err := ParseTime(s, now); err == nil {
			t.Errorf("%q: %v, want an error", s, got)
		}
	}
}

func TestParsePeriod(t *testing.T) {
	now := time.Date(2026, 3, 18, 15, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"2026-01-31":             24 * time.Hour,
		"2026-02":                28 * 24 * time.Hour,
		"2026-01-31T10":          time.Hour,
		"2026-01-31 10:15":       time.Minute,
		"2026-01-31T10:15:00Z":   time.Second,
		"2026-01-31T10:15:00.5":  100 * time.Millisecond,
		"2026-01-31T10:15:00.50": 10 * time.Millisecond,
	} {
		from, to, err := ParsePeriod(text, now)
		if err != nil || to.Sub(from) != want {
			t.Errorf("%s: %v to %v, %v", text, from, to, err)
		}
	}
	from, to, err := ParsePeriod("1h", now)
	if err != nil || !to.IsZero() || !from.Equal(now.Add(-time.Hour)) {
		t.Errorf("1h: %v to %v, %v", from, to, err)
	}
	if from, _, err = ParsePeriod("1y", now); err != nil || !from.Equal(now.AddDate(0, 0, -365)) {
		t.Errorf("1y: %v, %v", from, err)
	}
	for _, s := range []string{"1y2d", "2d1y", "1.5y"} {
		if _, _, err := ParseBucket(s); err == nil {
			t.Errorf("%s is a bucket", s)
		}
	}
}

func TestSaysTime(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                false,
		"a":                               false,
		"_time:1h a":                      true,
		"(a @timestamp>2026-01-31)":       true,
		"_time:[now-2h TO now-1h]":        true,
		"-_time:1h":                       false,
		"_time:1h OR a":                   false,
		"_time:2026-01-31 OR _time:1h b":  true,
		"a | where _time:1h":              true,
		"a | where b | where _time:1h":    true,
		"a | fields b | where _time:1h":   false,
		"user:in(_time:1h | fields user)": false,
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.SaysTime(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestTimeColumns(t *testing.T) {
	for text, want := range map[string]string{
		"a": "@timestamp",
		"* | stats max(_time) as m, count(_time), avg(@timestamp), max(n) by host":        "avg(@timestamp) m",
		"* | stats count() as n by time(1d), bucket(@timestamp, 5) | stats max(time)":     "max(time)",
		"* | timechart 1h count() as n | stats p90(time) as p, values(time), sum(n) by n": "p",
		"* | top 2 _time, host":                     "@timestamp",
		"* | patterns | fields first, count":        "first last",
		"* | patterns | eval first = 1":             "last",
		"* | facets":                                "",
		"* | stats count() by time(1d) | uniq time": "time",
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for n, is := range q.TimeColumns() {
			if is {
				got = append(got, n)
			}
		}
		slices.Sort(got)
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s: %q, want %q", text, g, want)
		}
	}
}
