package main

import (
	"testing"
	"time"

	"journalist/internal/cli"
)

func TestForwarders(t *testing.T) {
	fake(t, answer(`{"forwarders":[
		{"name":"old","host":"old","version":"1.1","ago_s":93784,"silent":true,"lost_bytes":5,"last_error":"refused"},
		{"name":"web-01","host":"web-01","version":"1.2","ago_s":0.25,"files":1234,"lag_bytes":1500,"lag_s":3725,"queue_lines":7,"lost_bytes":1000},
		{"name":"web-02","host":"a\u001b[2J","version":"1.2","ago_s":12.9,"last_error":"no room\u001b"},
		{"name":"web-03","host":"web-03","version":"1.2","ago_s":0}
	]}`))
	want := `NAME    HOST      VERSION  SPOKE    FILES  LAG     OLDEST  QUEUE  LOST    STATE
old     old       1.1      26h ago  0      0 B     -       0      5 B     silent
web-01  web-01    1.2      <1s ago  1,234  1.5 kB  62m     7      1.0 kB  lost bytes
web-02  a\x1b[2J  1.2      12s ago  0      0 B     -       0      0 B     no room\x1b
web-03  web-03    1.2      0s ago   0      0 B     -       0      0 B     ok
`
	if code, out, errs := journalist(t, "", "forwarders"); code != 0 || out != want {
		t.Errorf("code %d, got\n%s\nwant\n%s%s", code, out, want, errs)
	}
	if code, out, _ := journalist(t, "", "forwarders", "--check"); code != cli.ExitCheck || out != want {
		t.Errorf("--check: code %d\n%s", code, out)
	}
	if code, _, errs := journalist(t, "", "forwarders", "-o", "csv"); code != cli.ExitUsage {
		t.Errorf("-o csv: code %d, %s", code, errs)
	}
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                "0s",
		time.Nanosecond:                  "<1s",
		time.Second - 1:                  "<1s",
		59*time.Second + 999:             "59s",
		time.Minute:                      "1m",
		time.Hour + 59*time.Second:       "1h",
		25*time.Hour + 59*time.Minute:    "25h",
		14*24*time.Hour + 23*time.Hour:   "2w",
		400*24*time.Hour + 5*time.Second: "400d",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
