//go:build unix

package ship

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"journalist/internal/ingest/lumberjack"
	"journalist/internal/record"
	"journalist/internal/testkit/certs"
)

// discard takes everything at once.
type discard struct{ rows atomic.Int64 }

func (d *discard) Submit(_ context.Context, b *record.Batch) <-chan error {
	d.rows.Add(int64(b.Len()))
	done := make(chan error, 1)
	done <- nil
	return done
}

// BenchmarkToJournalist is the protocol's whole work: from Send through blocks,
// zstd and TLS to batches and back, without reading files and without a store. A
// real log can be given in LUMBERJACK_BENCH_LOG.
func BenchmarkToJournalist(b *testing.B) {
	var text []byte
	if name := os.Getenv("LUMBERJACK_BENCH_LOG"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		text = data[:bytes.LastIndexByte(data[:min(8<<20, len(data))], '\n')+1]
	}
	for rng := uint32(1); len(text) < 8<<20; {
		rng = rng*1664525 + 1013904223
		text = fmt.Appendf(text, "2026-03-01T12:%02d:%02d.%03dZ INFO request id=%08x path=/api/v1/items/%d status=%d took=%dms user=u%04d\n",
			rng>>8%60, rng>>14%60, rng>>20%1000, rng*2654435761, rng>>12%5000, 200+rng>>28*10%5, rng>>10%900, rng>>16%3000)
	}
	ca := certs.NewCA(b, "CA")
	sink := &discard{}
	srv := lumberjack.New(lumberjack.Options{Sink: sink, TLS: ca.Server()})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	sh, err := New(Options{Servers: []string{ln.Addr().String()}, TLS: ca.Client("web-01")})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- sh.Run(ctx) }()
	id, pos := record.SourceID{1}, uint64(0)
	fields := []record.Pair{{Name: "host", Value: "web-01"}, {Name: "file", Value: "/var/log/app.log"}}
	lines := int64(0)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		for off := 0; off < len(text); {
			end := min(off+128<<10, len(text))
			end = off + bytes.LastIndexByte(text[off:end], '\n') + 1
			l := cut(text[off:end], pos)
			l.Position.ID, l.Fields = id, fields
			pos = l.Position.To
			off = end
			lines += int64(len(l.Rows))
			if err := sh.Send(ctx, l, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := sh.Drain(ctx); err != nil {
		b.Fatal(err)
	}
	used := cpu(b) - before
	if sink.rows.Load() != lines {
		b.Fatalf("%d rows of %d", sink.rows.Load(), lines)
	}
	st := sh.Status()
	b.ReportMetric(float64(lines)/used, "lines/CPU-s")
	b.ReportMetric(float64(st.BytesAcked)/float64(st.WireBytes), "ratio")
	cancel()
	if err := <-ran; err != nil {
		b.Fatal(err)
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		b.Fatal(err)
	}
	if err := <-served; err != nil {
		b.Fatal(err)
	}
}

// cut makes lines of text, which ends with a line's end.
func cut(text []byte, from uint64) *record.Lines {
	l := &record.Lines{Data: text, Rows: make([]record.Line, 0, len(text)/80)}
	for off := 0; off < len(text); {
		n := bytes.IndexByte(text[off:], '\n')
		l.Rows = append(l.Rows, record.Line{Start: from + uint64(off), Span: uint32(n + 1), Off: uint32(off), Len: uint32(n)})
		off += n + 1
	}
	l.Position = record.Position{From: from, To: from + uint64(len(text))}
	return l
}

// cpu is the process's processor time in seconds.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
