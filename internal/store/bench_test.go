package store

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// benchLog opens the file that benchmarks load: one line per row. Without
// STORE_BENCH_LOG they make lines of their own. It is read while it is loaded, so
// that it does not count as memory of the store.
func benchLog(b *testing.B) (log io.Reader, size int64) {
	if name := os.Getenv("STORE_BENCH_LOG"); name != "" {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = f.Close() })
		info, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		return f, info.Size()
	}
	var out bytes.Buffer
	for i := range 200_000 {
		out.WriteString("Mar 27 13:06:56 web-01 sshd[")
		out.WriteString(strconv.Itoa(1000 + i%977))
		out.WriteString("]: Failed password for invalid user u")
		out.WriteString(strconv.Itoa(i * 7919 % 4001))
		out.WriteString(" from 10.1.2.3 port ")
		out.WriteString(strconv.Itoa(1024 + i*31%60000))
		out.WriteString(" ssh2\n")
	}
	return &out, int64(out.Len())
}

// load submits the lines in batches of 2,000, several in flight, and returns how
// many there were.
func load(b *testing.B, s *Store, log io.Reader) int {
	in := bufio.NewScanner(log)
	in.Buffer(nil, record.MaxValue)
	ctx := context.Background()
	type flight struct {
		done  <-chan error
		batch *record.Batch
	}
	var waiting []flight
	var free []*record.Batch
	rows, now := 0, start.UnixNano()
	for more := true; more; {
		batch := &record.Batch{}
		if n := len(free); n > 0 {
			batch, free = free[n-1], free[:n-1]
			batch.Reset()
		}
		batch.Client = "bench"
		for i, f := range []string{"host", "web-01", "file", "/var/log/auth.log", "type", "syslog"} {
			if i%2 == 1 {
				continue
			}
			batch.AddCommon(batch.NameID(f), text([]string{"web-01", "/var/log/auth.log", "syslog"}[i/2]))
		}
		offset := int64(rows * 100)
		msg, off := batch.NameID("message"), batch.NameID("offset")
		for range 2000 {
			if more = in.Scan(); !more {
				break
			}
			line := in.Bytes()
			now += int64(len(line)) * 1000
			batch.AddRow(now / 1e6 * 1e6)
			batch.Add(msg, record.StringValue(line))
			batch.Add(off, record.IntValue(offset))
			offset += int64(len(line)) + 1
			rows++
		}
		waiting = append(waiting, flight{s.Submit(ctx, batch), batch})
		if len(waiting) == 8 {
			if err := <-waiting[0].done; err != nil {
				b.Fatal(err)
			}
			free = append(free, waiting[0].batch)
			waiting = waiting[1:]
		}
	}
	for _, w := range waiting {
		if err := <-w.done; err != nil {
			b.Fatal(err)
		}
	}
	return rows
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func peakRSS() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(kb)
	if err != nil {
		return 0
	}
	return float64(n) / 1024
}

// BenchmarkIngest loads a log on a real disk, until all of it is in parts.
func BenchmarkIngest(b *testing.B) {
	cpu := 0.0
	for range b.N {
		s, err := Open(Options{Dir: b.TempDir(), RetainEvery: -1})
		if err != nil {
			b.Fatal(err)
		}
		log, size := benchLog(b)
		b.SetBytes(size)
		before := cpuSeconds()
		rows := load(b, s, log)
		if err := s.Flush(context.Background()); err != nil {
			b.Fatal(err)
		}
		cpu += cpuSeconds() - before
		st := s.Stats()
		if st.Rows != int64(rows) {
			b.Fatalf("%d rows, %d sent", st.Rows, rows)
		}
		b.ReportMetric(float64(size)/float64(st.Datasets["logs"].Bytes), "ratio")
		b.ReportMetric(float64(rows), "rows")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(cpu/float64(b.N), "cpu-s/op")
	b.ReportMetric(peakRSS(), "peakMB")
	if name := os.Getenv("STORE_BENCH_HEAP"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = f.Close() }() // a profile
		_ = pprof.WriteHeapProfile(f)
	}
}

// BenchmarkScan asks what a user asks.
func BenchmarkScan(b *testing.B) {
	log, _ := benchLog(b)
	s, err := Open(Options{Dir: b.TempDir(), RetainEvery: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }() // the benchmark is over
	load(b, s, log)
	if err := s.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	word := func(w string) scan.Expr { return scan.Text{Pattern: match.NewWord(w)} }
	everything := scan.Request{From: -1 << 63, To: 1<<63 - 1, Parallel: 2}
	count := func(name string, e scan.Expr, by ...scan.Key) {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				a := &scan.Aggregation{Request: everything, Aggs: []scan.Agg{{Func: "count"}}, By: by}
				a.Request.Filter = e
				if _, _, ok, err := s.Aggregate(context.Background(), a); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
	}
	count("count", nil)
	count("count-by-minute", nil, scan.Key{Field: record.FieldTime, Span: int64(time.Minute)})
	count("common-word", word("from"))
	count("absent-word", word("zzyzxabsent"))
	count("substring", scan.Text{Pattern: match.NewSubstring("ailed")})
	b.Run("newest-200", func(b *testing.B) {
		for range b.N {
			req := everything
			req.Order, req.Limit, req.Whole = scan.NewestFirst, 200, true
			if _, err := s.Scan(context.Background(), &req, func(*scan.Block) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
