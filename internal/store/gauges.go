package store

import (
	"sync"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/scan"
)

// registerHealth adds the gauges of what is wrong, and of what it costs to hold the
// store.
func (s *Store) registerHealth(set *metrics.Set) {
	gauge := func(name string, f func() float64, labels ...string) {
		set.Gauge(f, "journalist_store_"+name, labels...)
	}
	// One look for all of them.
	var mu sync.Mutex
	var seen scan.Health
	var at time.Time
	problems := func() []scan.Problem {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || time.Since(at) > time.Second {
			seen, at = s.Health(), time.Now()
		}
		return seen.Problems
	}
	for _, kind := range []string{"full", "read_only", "permission", "io", "damaged", "missing", "dropped", "clock"} {
		gauge("problem", func() float64 {
			for _, p := range problems() {
				if p.Kind == kind {
					return 1
				}
			}
			return 0
		}, "kind", kind)
	}
	gauge("quarantine_files", func() float64 { return float64(s.aside().Files) })
	gauge("quarantine_bytes", func() float64 { return float64(s.aside().Bytes) })
	disk := func(name string, f func(scan.Disk) uint64) {
		gauge("disk_"+name+"_bytes", func() float64 { return float64(f(s.disk())) })
	}
	disk("free", func(d scan.Disk) uint64 { return d.Free })
	disk("total", func(d scan.Disk) uint64 { return d.Total })
	disk("floor", func(d scan.Disk) uint64 { return d.Floor })
	gauge("bytes", func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := int64(0)
		for _, p := range s.mu.parts {
			n += p.Size
		}
		return float64(n)
	})
	gauge("wal_bytes", func() float64 {
		s.logMu.Lock()
		defer s.logMu.Unlock()
		if s.log == nil { // it is being opened
			return 0
		}
		return float64(s.log.Size())
	})
}
