// Package metrics counts what happens, for /metrics in Prometheus' text form.
//
// It is a leaf beside the way: every station counts in the Set that cmd hands to
// it, internal/api writes the Set out.
package metrics

import (
	"fmt"
	"io"
	"strings"

	vm "github.com/VictoriaMetrics/metrics"
)

// Set is a registry of counters. All methods may be called from several
// goroutines; a nil *Set counts into nothing visible.
type Set struct{ set *vm.Set }

// New makes an empty set.
func New() *Set { return &Set{set: vm.NewSet()} }

// Counter only grows.
type Counter = vm.Counter

// Counter returns the counter with this name and label pairs, making it if need
// be: Counter("journalist_rows_total", "protocol", "lumberjack").
func (s *Set) Counter(name string, labels ...string) *Counter {
	if s == nil {
		return new(Counter)
	}
	return s.set.GetOrCreateCounter(series(name, labels))
}

// Gauge registers a value that is asked for at each scrape. Registering the same
// name again replaces the function.
func (s *Set) Gauge(f func() float64, name string, labels ...string) {
	if s == nil {
		return
	}
	id := series(name, labels)
	s.set.UnregisterMetric(id)
	s.set.NewGauge(id, f)
}

// Drop forgets every series that has this label with this value: of a server that is
// used no more, say.
func (s *Set) Drop(label, value string) {
	if s == nil {
		return
	}
	pair := fmt.Sprintf("%s=%q", label, value)
	for _, id := range s.set.ListMetricNames() {
		if strings.Contains(id, "{"+pair) || strings.Contains(id, ","+pair) {
			s.set.UnregisterMetric(id)
		}
	}
}

// Histogram observes durations in seconds.
type Histogram = vm.Histogram

// Histogram returns the histogram with this name and label pairs.
func (s *Set) Histogram(name string, labels ...string) *Histogram {
	if s == nil {
		return new(Histogram)
	}
	return s.set.GetOrCreateHistogram(series(name, labels))
}

// Write writes everything in Prometheus' text form, with the process's own
// figures (CPU, memory, file handles).
func (s *Set) Write(w io.Writer) {
	s.set.WritePrometheus(w)
	vm.WriteProcessMetrics(w)
}

func series(name string, labels []string) string {
	if len(labels) == 0 {
		return name
	}
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte('{')
	for i := 0; i+1 < len(labels); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s=%q", labels[i], labels[i+1])
	}
	b.WriteByte('}')
	return b.String()
}
