package exec_test

import (
	"context"
	"fmt"
	"testing"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// blocks is a source whose blocks are ready, so that a benchmark measures the
// executor alone: 64 blocks of 65,536 rows with a dictionary, a column of integers
// and one of plain strings.
type blocks struct {
	exec.Source
	list []*scan.Block
}

const blockRows = 1 << 16

func newBlocks() *blocks {
	s := &blocks{}
	hosts := []record.Value{record.StringValue([]byte("web-01")), record.StringValue([]byte("web-02")), record.StringValue([]byte("db"))}
	for i := range 64 {
		b := &scan.Block{Dataset: "logs"}
		host := scan.Column{Name: "host", Form: scan.Dict, Len: blockRows, Values: hosts}
		status := scan.Column{Name: "status", Form: scan.Ints, Len: blockRows}
		user := scan.Column{Name: "user", Form: scan.Plain, Len: blockRows, Offsets: []uint32{0}}
		for j := range blockRows {
			b.Times = append(b.Times, int64(i*blockRows+j)*1e7)
			host.Codes = append(host.Codes, uint32(j*7%3))
			status.Ints = append(status.Ints, int64(200+j%5*100))
			user.Data = append(user.Data, 'u', byte('a'+j%26), byte('a'+j/26%26))
			user.Offsets = append(user.Offsets, uint32(len(user.Data)))
		}
		b.Columns = []scan.Column{host, status, user}
		s.list = append(s.list, b)
	}
	return s
}

func (s *blocks) Scan(_ context.Context, r *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	for _, b := range s.list {
		out := *b
		out.Columns = nil
		for _, n := range r.Columns {
			for _, c := range b.Columns {
				if c.Name == n {
					out.Columns = append(out.Columns, c)
				}
			}
		}
		if err := yield(&out); err != nil {
			return scan.Stats{}, err
		}
	}
	return scan.Stats{}, nil
}

func (s *blocks) Aggregate(context.Context, *scan.Aggregation) ([]scan.Group, scan.Stats, bool, error) {
	return nil, scan.Stats{}, false, nil
}

func BenchmarkStats(b *testing.B) {
	src := newBlocks()
	e := exec.New(exec.Options{Source: src, Parallel: 1})
	for _, text := range []string{
		"* | stats count()",
		"* | stats count() by host",
		"* | stats count() by status",
		"* | stats count() by user",
		"* | stats count() by time(1m)",
		"* | stats count() by host, time(1m)",
		"* | stats avg(status), max(status) by host",
		"* | stats count_uniq(user)",
		"* | stats p95(status)",
		"* | stats p50(status), p95(status), p99(status) by host",
		"* | stats count() if (status>=500) by host",
		"* | sort -status | limit 100 | fields status, user",
	} {
		q, err := lang.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				if _, err := e.Run(context.Background(), lang.Request{Query: q}, func(*scan.Block) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(src.list)*blockRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// logs is a source like a day of two small services: web has 64 blocks of 1,024
// messages, dns as many of 2,500 rows with a number and a string that is unique.
func newLogs(web bool) *blocks {
	s := &blocks{}
	x := uint64(1)
	random := func(n uint64) uint64 {
		x = x*6364136223846793005 + 1442695040888963407
		return (x >> 33) % n
	}
	methods := []string{"GET", "GET", "GET", "POST", "HEAD", "PUT"}
	for range 64 {
		rows := 2500
		if web {
			rows = 1024
		}
		b := &scan.Block{Dataset: "logs", Times: make([]int64, rows)}
		message := scan.Column{Name: "message", Form: scan.Plain, Len: rows, Offsets: []uint32{0}}
		rtt := scan.Column{Name: "rtt", Form: scan.Plain, Len: rows, Offsets: []uint32{0}}
		uid := scan.Column{Name: "uid", Form: scan.Plain, Len: rows, Offsets: []uint32{0}}
		for range rows {
			message.Data = fmt.Appendf(message.Data, `10.%d.%d.7 - - [17/May/2026:08:05:%02d +0000] "%s /downloads/product_%d HTTP/1.1" %d %d "-" "Debian APT-HTTP/1.3 (0.8.16~exp12ubuntu10.21)"`,
				random(256), random(256), random(60), methods[random(6)], random(5), 200+100*random(4), random(5000))
			message.Offsets = append(message.Offsets, uint32(len(message.Data)))
			rtt.Data = fmt.Appendf(rtt.Data, "0.%06d", random(500)*random(500))
			rtt.Kinds = append(rtt.Kinds, record.Number)
			rtt.Offsets = append(rtt.Offsets, uint32(len(rtt.Data)))
			uid.Data = fmt.Appendf(uid.Data, "C%016x", random(1<<31)*random(1<<31))
			uid.Offsets = append(uid.Offsets, uint32(len(uid.Data)))
		}
		b.Columns = []scan.Column{message, rtt, uid}
		s.list = append(s.list, b)
	}
	return s
}

// The queries that are measured against other systems, without the reading.
func BenchmarkLogs(b *testing.B) {
	for _, c := range []struct {
		web  bool
		text string
	}{
		{false, "* | stats p95(rtt) as n"},
		{false, "* | stats p50(rtt), p95(rtt), p99(rtt)"},
		{false, "* | stats count_uniq(uid) as n"},
		{true, `* | extract "] \"<method> <path> " from message | stats count() as n by method | sort -n | limit 5`},
		{true, `* | extract "] \"<_> <path> " | stats count() as n by path | sort -n | limit 5`},
		{true, `* | extract /\] "(?P<method>\w+) / | stats count() as n by method`},
	} {
		e := exec.New(exec.Options{Source: newLogs(c.web), Parallel: 1})
		q, err := lang.Parse(c.text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Run(context.Background(), lang.Request{Query: q}, func(*scan.Block) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := lang.Parse(`level:(error OR warn) -host:web-02 "connection refused" took>250ms | stats count() as n by host, time(5m) | sort -n | limit 10`); err != nil {
			b.Fatal(err)
		}
	}
}
