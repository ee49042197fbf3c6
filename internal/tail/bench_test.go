package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/vfs"
)

// BenchmarkRead reads a file of 64 MiB, lines of about 124 bytes, through a whole
// Tailer; bytes are those of the file.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	var text strings.Builder
	for i := 0; text.Len() < 64<<20; i++ {
		fmt.Fprintf(&text, "2026-01-02T03:04:05.%06dZ level=info msg=\"request served\" path=/api/v1/items/%d status=200 bytes=%d user=alice region=eu-central-1\n", i%1000000, i, i*7%9973)
	}
	name := filepath.Join(dir, "big.log")
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	size := text.Len()
	text.Reset()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		state, err := os.MkdirTemp(dir, "")
		if err != nil {
			b.Fatal(err)
		}
		reg, err := registry.Open(vfs.OS, state, registry.Options{})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		var tl *Tailer
		rows := 0
		o := Options{Groups: []Group{{Paths: []string{name}}}, Positions: reg, Host: "h"}
		o.Output = func(_ context.Context, l *record.Lines) error {
			rows += len(l.Rows)
			to := l.Position.To
			tl.Acked(l)
			if to == uint64(size) {
				cancel()
			}
			return nil
		}
		if tl, err = New(o); err != nil {
			b.Fatal(err)
		}
		_ = tl.Run(ctx) // ends with the context's error
		if err := reg.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(rows), "lines/op")
	}
}

// BenchmarkScanIdle is one look at 10,000 files in which nothing happens.
func BenchmarkScanIdle(b *testing.B) {
	dir := b.TempDir()
	for i := range 10000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", i)), []byte("x\n"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	r := newRigAt(b, dir, func(o *Options) {
		o.Groups[0].Paths[0] = filepath.Join(dir, "*.log")
		o.MaxOpen = 100
	})
	r.settle()
	b.ReportAllocs()
	for b.Loop() {
		r.tl.scan()
	}
}
