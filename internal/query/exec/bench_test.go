package exec_test

import (
	"context"
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

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := lang.Parse(`level:(error OR warn) -host:web-02 "connection refused" took>250ms | stats count() as n by host, time(5m) | sort -n | limit 10`); err != nil {
			b.Fatal(err)
		}
	}
}
