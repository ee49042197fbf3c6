package pipeline

import (
	"testing"
	"time"

	"journalist/internal/record"
)

type sample struct{ line, want string }

// The lines are read on 2026-03-04T05:06:07Z in Berlin (an hour ahead).
var samples = []sample{
	// ISO 8601 and relatives
	{"2026-01-02T15:04:05Z started", "2026-01-02T15:04:05Z"},
	{"2026-01-02T15:04:05.123456+00:00 err rbd  [22968]cfg: gone", "2026-01-02T15:04:05.123456Z"},
	{"2026-01-02T15:04:05.246-0700 I CONTROL  [conn1] pid=1", "2026-01-02T22:04:05.246Z"},
	{"2026-01-02 15:04:05,678 INFO [main] x", "2026-01-02T14:04:05.678Z"},
	{"2026-01-02 15:04:05,678:DEBUG:x", "2026-01-02T14:04:05.678Z"},
	{"2026-01-02 15:04:05.775 3392 LOG file descriptor limit", "2026-01-02T14:04:05.775Z"},
	{"2026-01-02T15:04:05.071:INFO:com.root:Response", "2026-01-02T14:04:05.071Z"},
	{"2026/01/02 15:04:05 [error] 7#7: *1 open() failed", "2026-01-02T14:04:05Z"},
	{"2026-01-02 15:04:05.095 CEST [8] ERROR:  x", "2026-01-02T13:04:05.095Z"},
	{"2026-01-02 15:04:05.123 PDT [12345] LOG:  x", "2026-01-02T22:04:05.123Z"},
	{"2026-07-02 15:04:05 CEST LOG:  x", "2026-07-02T13:04:05Z"},
	{"2026-01-02 15:04:05 INFO CEST", "2026-01-02T14:04:05Z"},
	{"2026-01-02 15:04:05 UTC [1] x", "2026-01-02T15:04:05Z"},
	{"2026-01-02T15:04:05.310FOO err", "2026-01-02T14:04:05.31Z"},
	{"2026-01-02T15:04:05 \x1b[0;31mExample\x1b[0m foo", "2026-01-02T14:04:05Z"},
	{"[2026-01-02 15:04:05,231] TRACE [Controller 0]: x", "2026-01-02T14:04:05.231Z"},
	{"[2026-01-02T15:04:05Z] local.ERROR: x", "2026-01-02T15:04:05Z"},
	{"[2026-01-02T15:04:05.999999999+05:30][info] x", "2026-01-02T09:34:05.999999999Z"},
	{"\"2026-01-02 15:04:05\"\t\"x\"", "2026-01-02T14:04:05Z"},
	{"time=2026-01-02T15:04:05.000Z level=INFO msg=x", "2026-01-02T15:04:05Z"},
	{"time=\"2026-01-02T15:04:05Z\" level=error msg=x", "2026-01-02T15:04:05Z"},
	{"ts=2026-01-02T15:04:05.5Z caller=main.go:1", "2026-01-02T15:04:05.5Z"},
	{"t=2026-01-02T15:04:05.520963849Z level=info", "2026-01-02T15:04:05.520963849Z"},
	// syslog
	{"Jan  2 15:04:05 web-07 sshd[1]: x", "2026-01-02T14:04:05Z"},
	{"Mar  5 05:04:05 web-07 whose clock is ahead", "2026-03-05T04:04:05Z"},
	{"Mar 12 15:04:05 web-07 a year ago", "2025-03-12T14:04:05Z"},
	{"Aug 12 15:04:05 web-07 seven months ago", "2025-08-12T13:04:05Z"},
	{"Dec 24 15:04:05 web-07 sshd[1]: x", "2025-12-24T14:04:05Z"},
	{"Jan  2 15:04:05.999  0002 I shmem x", "2026-01-02T14:04:05.999Z"},
	{"Jan  2 15:04:05", "2026-01-02T14:04:05Z"},
	{"Jan 02 2019 15:04:05: %ASA-6-1: x", "2019-01-02T14:04:05Z"},
	{"Feb 29 15:04:05 leap day is two years off", "2024-02-29T14:04:05Z"},
	{"<34>Jan  2 15:04:05 web su: x", "2026-01-02T14:04:05Z"},
	{"<165>1 2026-01-02T15:04:05.003Z web app - ID47 - x", "2026-01-02T15:04:05.003Z"},
	{"<7>2026-01-02T15:04:05+01:00 web x", "2026-01-02T14:04:05Z"},
	{"I0102 15:04:05.619642  1952 x.cc:259] x", "2026-01-02T14:04:05.619642Z"},
	{"E1224 15:04:05.619642 1 x.go:2] x", "2025-12-24T14:04:05.619642Z"},
	// web servers and other programs
	{`10.0.0.17 - - [02/Jan/2026:15:04:05 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`, "2026-01-02T15:04:05Z"},
	{`::1 - a.user [02/Jan/2026:15:04:05 -0730] "GET / HTTP/1.1" 200 1`, "2026-01-02T22:34:05Z"},
	{`www.example.com:443 10.0.0.17 1j0 - [02/Jan/2026:15:04:05 +0200] "GET /"`, "2026-01-02T13:04:05Z"},
	{`10.0.0.17 [x] - [02/Jan/2026:15:04:05 +0000] "GET /"`, "2026-01-02T15:04:05Z"},
	{`[02/Jan/2026:15:04:05 +0000] 10.0.0.17 TLSv1.3 "GET /"`, "2026-01-02T15:04:05Z"},
	{"[Fri Jan 02 15:04:05.123456 2026] [core:error] [pid 1] x", "2026-01-02T14:04:05.123456Z"},
	{"[Fri Jan  2 15:04:05 2026] [error] [client 10.0.0.17] x", "2026-01-02T14:04:05Z"},
	{"Fri Jan  2 15:04:05 2026 x", "2026-01-02T14:04:05Z"},
	{"Fri Jan  2 15:04:05 EST 2026 line 1", "2026-01-02T20:04:05Z"},
	{"[02-Jan-2026 15:04:05 UTC] PHP Warning: x", "2026-01-02T15:04:05Z"},
	{"[02-Jan-2026 15:04:05 Europe/Berlin] PHP Warning: x", "2026-01-02T14:04:05Z"},
	{"[02-Jan-2026 15:04:05 +0200]: <x> User", "2026-01-02T13:04:05Z"},
	{"[02-Jan-2026 15:04:05 *0200]: <x> User", "none"},
	{"Fri Jan  2 15:04:05.619 [initandlisten] x", "2026-01-02T14:04:05.619Z"},
	{"[02-Jan-2026 15:04:05] NOTICE: fpm is running", "2026-01-02T14:04:05Z"},
	{"1767366245.678     17 10.0.0.17 TCP_MISS/200 1 GET http://example.com/", "2026-01-02T15:04:05.678Z"},
	{"1767366245678 Hello, World!", "2026-01-02T15:04:05.678Z"},
	// no time, or none that is sure
	{"", "none"},
	{"short", "none"},
	{"a line without any time in it", "none"},
	{"  2026-01-02 15:04:05 is the continuation of an entry", "none"},
	{"\tat com.example.Main.run(Main.java:17)", "none"},
	{"00:00:00.000 foo DEBUG  no date", "none"},
	{"1767366245 may be anything", "none"},
	{"1767366245.x may be anything", "none"},
	{"9767366245678 may be anything", "none"},
	{"17673662456789 may be anything", "none"},
	{"2026-01-02", "none"},
	{"2026-13-02 15:04:05 no month", "none"},
	{"2025-02-29 15:04:05 no day", "none"},
	{"2026-01-02 24:04:05 no hour", "none"},
	{"2026-01-02 15:04:055 no second", "none"},
	{"[0.016s][info][gc,heap] Heap region size: 1M", "none"},
	{"[29/Feb/2026:15:04:05 +0000] no such day", "none"},
	{"[02/Jan/2026:15:04:05 +9900] no such zone", "none"},
	{"[02-Jan-2026 15:04:05 America/Boise] another zone", "none"},
	{"<3x>Jan  2 15:04:05 no priority", "none"},
	{"<1><1>Jan  2 15:04:05 no priority", "none"},
	{"I0102 15:04:05 no fraction", "none"},
	{"I1302 15:04:05.123456 no month", "none"},
	{"Jan 32 15:04:05 no day", "none"},
	{"Jam  2 15:04:05 no month", "none"},
	{"Fri Jan  2 15:04:05 XYZ 2026 no zone", "none"},
	{"@40000000433225833b6e1a8c tcpserver: status: 5/30", "none"},
	{"caf\xe9 \xff\xfe\x00 not text at all", "none"},
}

func TestLineTimes(t *testing.T) {
	read := mustTime(t, "2026-03-04T05:06:07Z")
	l := lineTimes{zone: zone{loc: mustZone(t, "Europe/Berlin")}}
	for pass := range 2 { // what is remembered changes nothing
		for _, s := range samples {
			got := "none"
			if ns, ok := l.find([]byte(s.line), read); ok {
				got = string(record.AppendTime(nil, ns))
			}
			if got != s.want {
				t.Errorf("pass %d: %q: got %s, want %s", pass, s.line, got, s.want)
			}
		}
	}
}

// A time far into the line is no leading one.
func TestWebTimeOnlyNearTheBeginning(t *testing.T) {
	var l lineTimes
	l.zone.loc = time.UTC
	at := `[02/Jan/2026:15:04:05 +0000] "GET /"`
	f := func(before int, want bool) {
		t.Helper()
		line := make([]byte, before, before+len(at))
		for i := range line {
			line[i] = "x["[i%2]
		}
		if _, ok := l.find(append(line, at...), 0); ok != want {
			t.Errorf("%d bytes before: %v", before, ok)
		}
	}
	f(150, true)
	f(250, false)
}

func TestZone(t *testing.T) {
	f := func(zoneName, read, line, want string) {
		t.Helper()
		l := lineTimes{zone: zone{loc: mustZone(t, zoneName)}}
		ns, ok := l.find([]byte(line), mustTime(t, read))
		if got := string(record.AppendTime(nil, ns)); !ok || got != want {
			t.Errorf("%s in %s: got %s (%v), want %s", line, zoneName, got, ok, want)
		}
	}
	// The hour that comes twice in Berlin on 2025-10-26 (03:00 CEST = 02:00 CET).
	f("Europe/Berlin", "2025-10-26T00:31:00Z", "2025-10-26 02:30:00 x", "2025-10-26T00:30:00Z")
	f("Europe/Berlin", "2025-10-26T01:31:00Z", "2025-10-26 02:30:00 x", "2025-10-26T01:30:00Z")
	f("Europe/Berlin", "2025-10-26T01:31:00Z", "2025-10-26 01:59:59 x", "2025-10-25T23:59:59Z")
	f("Europe/Berlin", "2025-10-26T01:31:00Z", "2025-10-26 03:00:00 x", "2025-10-26T02:00:00Z")
	// The hour that does not exist, and those beside it.
	f("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 01:59:59 x", "2026-03-29T00:59:59Z")
	f("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 03:00:00 x", "2026-03-29T01:00:00Z")
	f("Asia/Shanghai", "2026-03-29T01:00:00Z", "2026-01-02 15:04:05 CST x", "2026-01-02T07:04:05Z")
	f("America/Chicago", "2026-03-29T01:00:00Z", "2026-01-02 15:04:05 CST x", "2026-01-02T21:04:05Z")
	f("UTC", "2026-03-29T01:00:00Z", "2026-01-02 15:04:05 CST x", "2026-01-02T21:04:05Z")
	// Around new year.
	f("UTC", "2025-12-31T23:59:59Z", "Dec 31 23:59:58 x", "2025-12-31T23:59:58Z")
	f("UTC", "2026-01-01T00:00:02Z", "Jan  3 00:00:01 x", "2025-01-03T00:00:01Z")
	f("UTC", "2026-01-01T00:00:02Z", "Dec 31 23:59:59 x", "2025-12-31T23:59:59Z")
	f("UTC", "2025-12-31T23:59:59Z", "Jan  1 00:00:01 x", "2026-01-01T00:00:01Z")
	f("Asia/Tokyo", "2025-12-31T15:00:02Z", "Dec 31 23:59:59 x", "2025-12-31T14:59:59Z")
}

// Every wall clock time comes back as an instant at which the clocks showed it,
// hour by hour through a year, except in the hour that does not exist.
func TestZoneMatchesStandardLibrary(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"} {
		loc := mustZone(t, name)
		z := zone{loc: loc}
		for at := time.Date(2025, 1, 1, 0, 10, 0, 0, time.UTC); at.Year() == 2025; at = at.Add(time.Hour) {
			wall := at.In(loc)
			_, offset := wall.Zone()
			got := z.instant(at.UnixNano()+int64(offset)*nsSecond, at.UnixNano())
			if got != at.UnixNano() {
				t.Fatalf("%s: %s read as %s", name, wall, time.Unix(0, got).In(loc))
			}
		}
	}
}

// No line makes it panic, and a time that is found is one that the line spells: the
// same line with the read time moved within its year gives it again.
func FuzzLineTimes(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s.line))
	}
	berlin := mustZone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, line []byte) {
		read := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).UnixNano()
		l := lineTimes{zone: zone{loc: berlin}}
		before := string(line)
		ns, ok := l.find(line, read)
		if string(line) != before {
			t.Fatal("the line was changed")
		}
		again := lineTimes{zone: zone{loc: berlin}}
		if ns2, ok2 := again.find(line, read+nsSecond); ok2 != ok || ns2 != ns {
			t.Fatalf("%q: %d (%v), a second later %d (%v)", line, ns, ok, ns2, ok2)
		}
		// A zone may move a time over the edge of what fits, in 1677 and 2262.
		if edge := 290 * 365 * nsDay; ok && ns > -edge && ns < edge {
			if back, parsed := record.ParseTime(record.AppendTime(nil, ns)); !parsed || back != ns {
				t.Fatalf("%q: %d is no time that can be shown", line, ns)
			}
		}
	})
}
