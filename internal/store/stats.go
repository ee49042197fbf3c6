package store

import (
	"journalist/internal/metrics"
	"journalist/internal/store/memtable"
)

// Stats is what a store holds and what happened to it since it was opened.
type Stats struct {
	Datasets      map[string]DatasetStats
	Rows          int64 // in parts and in memory
	Parts         int
	MemtableBytes int64
	MemtableRows  int64
	WALBytes      int64
	Positions     int
	Quarantined   uint64 // damaged files set aside
	DeletedRows   int64  // by a query, still in the files of parts
	DroppedRows   uint64 // by retention
	DroppedBytes  uint64
	// Full is why no batches are taken, "" while they are.
	Full string
}

// DatasetStats is what a store holds of one dataset.
type DatasetStats struct {
	Rows        int64
	Bytes       int64 // on disk
	Parts       int
	First, Last int64 // least and greatest time, of parts only
}

// Stats tells what the store holds.
func (s *Store) Stats() Stats {
	st := Stats{
		Datasets: map[string]DatasetStats{}, Positions: s.sources.len(), Quarantined: s.m.quarantined.Get(),
		DroppedRows: s.m.droppedRows.Get(), DroppedBytes: s.m.droppedBytes.Get(),
	}
	if why := s.full.Load(); why != nil {
		st.Full = why.why
	}
	s.logMu.Lock()
	st.WALBytes = s.log.Size()
	s.logMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Parts = len(s.mu.parts)
	for _, p := range s.mu.parts {
		d := st.Datasets[p.Dataset]
		if d.Parts == 0 || p.first < d.First {
			d.First = p.first
		}
		if d.Parts == 0 || p.last > d.Last {
			d.Last = p.last
		}
		d.Rows += p.liveRows()
		d.Bytes += p.Size
		d.Parts++
		st.Datasets[p.Dataset] = d
		st.Rows += p.liveRows()
		st.DeletedRows += p.gone.count()
	}
	for _, t := range s.tablesLocked() {
		st.MemtableBytes += t.Size()
		st.MemtableRows += t.Rows()
		for _, name := range t.Datasets() {
			d := st.Datasets[name]
			for _, c := range t.Chunks(name) {
				d.Rows += int64(c.Len())
			}
			st.Datasets[name] = d
		}
	}
	st.Rows += st.MemtableRows
	return st
}

// tablesLocked lists the tables in memory, older first. s.mu is held.
func (s *Store) tablesLocked() []*memtable.Table {
	if s.mu.flushing != nil {
		return []*memtable.Table{s.mu.flushing, s.mu.active}
	}
	return []*memtable.Table{s.mu.active}
}

// counters are the store's metrics.
type counters struct {
	rows, groups, duplicates, failed, trimmed *metrics.Counter
	gaps, full, tooLarge                      *metrics.Counter // refused batches
	flushes, flushErrors, merges, mergedBytes *metrics.Counter
	quarantined, scans                        *metrics.Counter
	errors                                    map[work]*metrics.Counter
	droppedRows, droppedBytes, droppedParts   *metrics.Counter
	deletedRows, purges                       *metrics.Counter
	syncSeconds                               *metrics.Histogram
}

func (s *Store) registerMetrics() {
	set := s.o.Metrics
	c := func(name string) *metrics.Counter { return set.Counter("journalist_store_" + name + "_total") }
	refused := func(reason string) *metrics.Counter {
		return set.Counter("journalist_store_refused_batches_total", "reason", reason)
	}
	s.m = counters{
		rows: c("rows"), groups: c("commits"), duplicates: c("duplicate_batches"),
		gaps: refused("gap"), full: refused("full"), tooLarge: refused("too_large"),
		failed: c("failed_batches"), trimmed: c("duplicate_rows"),
		flushes: c("flushes"), flushErrors: c("flush_errors"), merges: c("merges"), mergedBytes: c("merged_bytes"),
		quarantined: c("quarantined_files"), scans: c("scans"),
		droppedRows: c("dropped_rows"), droppedBytes: c("dropped_bytes"), droppedParts: c("dropped_parts"),
		deletedRows: c("deleted_rows"), purges: c("purged_parts"),
		syncSeconds: set.Histogram("journalist_store_sync_seconds"),
	}
	s.m.errors = map[work]*metrics.Counter{}
	for _, w := range works {
		s.m.errors[w] = set.Counter("journalist_store_errors_total", "work", string(w))
	}
	s.registerHealth(set)
	gauge := func(name string, f func() float64) { set.Gauge(f, "journalist_store_"+name) }
	gauge("parts", func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(len(s.mu.parts))
	})
	gauge("deleted_rows_in_parts", func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := int64(0)
		for _, p := range s.mu.parts {
			n += p.gone.count()
		}
		return float64(n)
	})
	gauge("memtable_bytes", func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := int64(0)
		for _, t := range s.tablesLocked() {
			n += t.Size()
		}
		return float64(n)
	})
	gauge("positions", func() float64 { return float64(s.sources.len()) })
	gauge("full", func() float64 {
		if s.full.Load() != nil {
			return 1
		}
		return 0
	})
}
