package store

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs"
)

// heapGrowth watches the live heap while f runs and returns by how much it grew at most.
func heapGrowth(t *testing.T, f func()) (growth int64) {
	t.Helper()
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	runtime.GC()
	before := inUse()
	var most atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		every := time.NewTicker(5 * time.Millisecond)
		defer every.Stop()
		for {
			most.Store(max(most.Load(), inUse()))
			select {
			case <-stop:
				return
			case <-every.C:
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return most.Load() - before
}

// wideBatch is n records with so many of the 100,000 names each.
func wideBatch(first, n, fields int) *record.Batch {
	b := &record.Batch{Dataset: "logs"}
	for i := first; i < first+n; i++ {
		b.AddRow(start.UnixNano() + int64(i)*1e6)
		b.Add(b.NameID("n"), record.IntValue(int64(i)))
		for j := range fields {
			name := (i*7919 + j*31) % 100_000
			b.Add(b.NameID(fmt.Sprintf("field%d", name)), text(fmt.Sprintf("value %d", i*j%1000)))
		}
	}
	return b
}

// TestHundredThousandNames: records with 2,000 fields each, of 100,000 names, and
// many small records with names of their own take neither much memory nor much disk,
// on the way in and in answers.
func TestHundredThousandNames(t *testing.T) {
	for _, c := range []struct {
		name                  string
		batches, rows, fields int
	}{
		{"wide", 6, 20, 1999},
		{"narrow", 10, soak(t, 1000), 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, Options{FS: vfs.OS, Dir: t.TempDir(), MemtableBytes: 16 << 20, RetainEvery: -1})
			total := c.batches * c.rows
			bound := func(what string, most int64, f func()) {
				t.Helper()
				began := time.Now()
				grown := heapGrowth(t, f)
				t.Logf("%s: %d MiB, %s", what, grown>>20, time.Since(began).Round(time.Millisecond))
				if grown > most {
					t.Errorf("%s: the heap grew by %d MiB, at most %d are expected", what, grown>>20, most>>20)
				}
			}
			bound("ingest", 320<<20, func() {
				for i := range c.batches {
					if err := s.Append(context.Background(), wideBatch(i*c.rows, c.rows, c.fields)); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
			})
			for _, order := range []scan.Order{scan.Any, scan.NewestFirst} {
				req := all()
				req.Order, req.Parallel = order, 2
				bound(fmt.Sprintf("all records, order %d", order), 256<<20, func() {
					var rows, values atomic.Int64
					_, err := s.Scan(context.Background(), req, func(b *scan.Block) error {
						rows.Add(int64(b.Len()))
						for _, shape := range b.ShapeOf {
							values.Add(int64(len(b.Shapes[shape])))
						}
						return nil
					})
					if err != nil || rows.Load() != int64(total) || values.Load() != int64(total*(c.fields+1)) {
						t.Errorf("%d rows with %d values of %d with %d, %v", rows.Load(), values.Load(), total, total*(c.fields+1), err)
					}
				})
			}
			bound("a field of 100,000", 64<<20, func() {
				req := all()
				req.Whole, req.Columns = false, []string{"n"}
				req.Filter = scan.Text{Field: "field31", Pattern: wordPattern("value")}
				got, st := collect(t, s, req)
				want := 0
				for i := range total {
					for j := range c.fields {
						if (i*7919+j*31)%100_000 == 31 {
							want++
						}
					}
				}
				if len(got) != want || len(st.Partial) > 0 {
					t.Errorf("%d rows, want %d, %v", len(got), want, st.Partial)
				}
			})
			bound("a word in any field", 128<<20, func() {
				a := &scan.Aggregation{Request: *all(), Aggs: []scan.Agg{{Func: "count"}}}
				a.Request.Filter = scan.Text{Pattern: wordPattern("absent")}
				if groups, _, ok, err := s.Aggregate(context.Background(), a); err != nil || !ok || groups[0].Values[0].Int != 0 {
					t.Error(groups, ok, err)
				}
			})
		})
	}
}
