package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones

	"journalist/internal/metrics"
	"journalist/internal/record"

	"pgregory.net/rapid"
)

// sink keeps what it gets and answers with err.
type sink struct {
	got []*record.Batch
	err error
}

func (s *sink) Submit(_ context.Context, b *record.Batch) <-chan error {
	s.got = append(s.got, b)
	done := make(chan error, 1)
	done <- s.err
	return done
}

func mustTime(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixNano()
}

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func addLine(b *record.Batch, read int64, text string) {
	b.AddRow(read)
	b.Add(b.NameID(record.FieldOffset), record.IntValue(int64(b.Len())))
	b.Add(b.NameID(record.FieldMessage), record.StringValue([]byte(text)))
}

func TestSubmit(t *testing.T) {
	now := mustTime(t, "2026-03-04T05:06:07Z")
	set := metrics.New()
	next := &sink{err: record.ErrFull}
	p := New(Options{Next: next, Clock: func() time.Time { return time.Unix(0, now) }, Metrics: set})

	var b record.Batch
	addLine(&b, now, "2026-03-04 05:06:01.5 started")
	addLine(&b, now, "  at Main.java:17")
	addLine(&b, now, "1969-12-31T23:59:59Z from before")
	b.Add(b.NameID(record.FieldTags), record.Value{Kind: record.JSON, Bytes: []byte(`["a"]`)})
	addLine(&b, now, "2026-03-05T05:06:08Z is ahead")
	if err := b.AppendJSON([]byte(`{"@timestamp":"2026-03-04T01:00:00Z","message":"2020-01-01 00:00:00 not this"}`), now); err != nil {
		t.Fatal(err)
	}
	if err := b.AppendJSON([]byte(`{"@timestamp":"2099-01-01T00:00:00Z"}`), now); err != nil {
		t.Fatal(err)
	}
	if err := b.AppendJSON([]byte(`{"message":17,"other":"2020-01-01 00:00:00"}`), now); err != nil {
		t.Fatal(err)
	}
	if err := b.AppendJSON([]byte(`{"message":"2020-01-01 00:00:00 this"}`), now); err != nil {
		t.Fatal(err)
	}
	for pass := range 2 { // a batch may come again
		if err := <-p.Submit(t.Context(), &b); !errors.Is(err, record.ErrFull) {
			t.Fatalf("error %v", err)
		}
		for i, want := range []struct{ time, tags string }{
			{"2026-03-04T05:06:01.5Z", ""},
			{"2026-03-04T05:06:07Z", ""},
			{"1969-12-31T23:59:59Z", `["a","_time_odd"]`},
			{"2026-03-05T05:06:08Z", `["_time_odd"]`},
			{"2026-03-04T01:00:00Z", ""},
			{"2099-01-01T00:00:00Z", `["_time_odd"]`},
			{"2026-03-04T05:06:07Z", ""},
			{"2020-01-01T00:00:00Z", ""},
		} {
			tags, _ := b.Find(i, record.FieldTags)
			if got := string(record.AppendTime(nil, b.Time(i))); got != want.time || string(tags.Bytes) != want.tags {
				t.Errorf("pass %d, row %d: %s %s, want %s %s", pass, i, got, tags.Bytes, want.time, want.tags)
			}
		}
	}
	if len(next.got) != 2 || next.got[0] != &b {
		t.Errorf("handed on %d batches", len(next.got))
	}
	for name, want := range map[string]uint64{
		"journalist_pipeline_rows_total": 16, "journalist_pipeline_line_times_total": 4,
		"journalist_pipeline_odd_times_total": 3, "journalist_pipeline_errors_total": 0,
	} {
		if got := set.Counter(name).Get(); got != want {
			t.Errorf("%s = %d, want %d", name, got, want)
		}
	}
}

// A location that breaks stands for any bug in a stage: the row is kept and says so.
func TestFailedStageKeepsTheRow(t *testing.T) {
	next := &sink{}
	p := New(Options{Next: next, Zone: time.UTC})
	var b record.Batch
	for i := range 3 {
		addLine(&b, 1e18, fmt.Sprintf("2026-03-04 05:06:0%d", i))
	}
	w := work{p: p, b: &b, message: b.NameID(record.FieldMessage), latest: 2e18} // no location: time.In panics
	for w.row < 3 {
		w.run(3)
	}
	for i := range 3 {
		message, _ := b.Find(i, record.FieldMessage)
		mark, _ := b.Find(i, record.FieldError)
		if string(message.Bytes) != fmt.Sprintf("2026-03-04 05:06:0%d", i) || len(mark.Bytes) == 0 || b.Time(i) != 1e18 {
			t.Errorf("row %d: message %q, mark %q, time %d", i, message.Bytes, mark.Bytes, b.Time(i))
		}
	}
}

func TestTags(t *testing.T) {
	f := func(own, common, want string) {
		t.Helper()
		var b record.Batch
		if common != "" {
			var c record.Batch
			if err := c.AppendJSON([]byte(`{"tags":`+common+`}`), 0); err != nil {
				t.Fatal(err)
			}
			_, v := c.Field(0, 0)
			b.AddCommon(b.NameID(record.FieldTags), v)
		}
		doc := `{}`
		if own != "" {
			doc = `{"tags":` + own + `}`
		}
		for range 2 {
			if err := b.AppendJSON([]byte(doc), 0); err != nil {
				t.Fatal(err)
			}
		}
		addTag(&b, 0, "x")
		if addTag(&b, 0, "x") {
			t.Errorf("%s, %s: the tag was added twice", own, common)
		}
		v, _ := b.Find(0, record.FieldTags)
		if got := string(v.AppendJSON(nil)); got != want {
			t.Errorf("%s, %s: got %s, want %s", own, common, got, want)
		}
	}
	f(``, ``, `["x"]`)
	f(`null`, ``, `["x"]`)
	f(`[]`, ``, `["x"]`)
	f(`[ ]`, ``, `["x"]`)
	f(`["a" ]`, ``, `["a","x"]`)
	f(`"a"`, ``, `["a","x"]`)
	f(`17`, ``, `[17,"x"]`)
	f(`{}`, ``, `[{},"x"]`)
	f(``, `["c"]`, `["c","x"]`)
	f(`["a"]`, `["c"]`, `["a","x"]`)
}

// Whatever the lines are, they come out as they went in, in order, with some time.
func TestNothingIsLost(t *testing.T) {
	zones := []*time.Location{time.UTC, mustZone(t, "Europe/Berlin"), mustZone(t, "America/St_Johns"), mustZone(t, "Asia/Shanghai")}
	rapid.Check(t, func(t *rapid.T) {
		read := rapid.Int64().Draw(t, "read")
		var b record.Batch
		var want []string
		for range rapid.IntRange(0, 8).Draw(t, "rows") {
			sample := []byte(rapid.SampledFrom(samples).Draw(t, "sample").line)
			if len(sample) > 0 && rapid.Bool().Draw(t, "change") {
				sample[rapid.IntRange(0, len(sample)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
			sample = sample[:rapid.IntRange(0, len(sample)).Draw(t, "cut")]
			want = append(want, string(sample))
			addLine(&b, read, string(sample))
		}
		p := New(Options{Next: &sink{}, Zone: rapid.SampledFrom(zones).Draw(t, "zone")})
		if err := <-p.Submit(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		if b.Len() != len(want) {
			t.Fatalf("%d rows, want %d", b.Len(), len(want))
		}
		for i := range want {
			v, _ := b.Find(i, record.FieldMessage)
			if _, failed := b.Find(i, record.FieldError); failed || string(v.Bytes) != want[i] {
				t.Fatalf("row %d is %q, want %q", i, v.Bytes, want[i])
			}
			if off, _ := b.Find(i, record.FieldOffset); off.Int != int64(i+1) {
				t.Fatalf("row %d has offset %d", i, off.Int)
			}
		}
		if err := new(record.Batch).UnmarshalBinary(b.AppendBinary(nil)); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkSubmit(b *testing.B) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	read := time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC).UnixNano()
	for _, line := range []string{
		"2026-01-02T15:04:05.678901Z host app[123]: request finished after 13 ms with status 200",
		"2026-01-02 15:04:05,678 INFO [main] request finished after 13 ms with status 200",
		"Jan  2 15:04:05 web-07 sshd[1291]: Server listening on 0.0.0.0 port 22.",
		`10.0.0.17 - - [02/Jan/2026:15:04:05 +0100] "GET /presentations/index.html HTTP/1.1" 200 203023 "-" "-"`,
		"a line without any time in it, such as a program prints that knows nothing of its readers",
		"\tat com.example.Main.run(Main.java:17)",
	} {
		b.Run(line[:12], func(b *testing.B) {
			p := New(Options{Next: &sink{}, Zone: berlin})
			var batch record.Batch
			for range 1000 {
				addLine(&batch, read, line)
			}
			b.ReportAllocs()
			for b.Loop() {
				w := work{p: p, b: &batch, message: batch.NameID(record.FieldMessage), latest: read + oddAhead, times: lineTimes{zone: zone{loc: berlin}}}
				for i := range 1000 {
					if v := batch.Own(i, w.message); v.Kind == record.String {
						w.times.find(v.Bytes, read)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/line")
		})
	}
}
