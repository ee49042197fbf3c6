// Package fleet knows what the forwarders said of themselves last: version, lag,
// queue, and when that was.
//
// internal/ingest/lumberjack hears them, internal/api tells whoever asks. Nothing is
// kept on disk: a forwarder speaks every half minute, so that all are known again
// soon after a restart.
package fleet

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
)

// Forwarder is one of them.
type Forwarder struct {
	// Name is that of its certificate, Address where it connected from.
	Name    string    `json:"name"`
	Address string    `json:"address"`
	At      time.Time `json:"at"` // when it spoke last
	record.Report
}

const (
	// most forwarders are kept; those that have been silent longest go first.
	most = 20000
	// life is how long a forwarder is remembered that does not speak.
	life = 7 * 24 * time.Hour
	// Every is how often a forwarder speaks; silent for much longer, it is gone.
	Every = 30 * time.Second
)

// Fleet is all forwarders. Its methods may be called from several goroutines; a nil
// Fleet hears and knows nothing.
type Fleet struct {
	clock func() time.Time

	mu   sync.Mutex
	by   map[key]*Forwarder
	last time.Time // when the old ones were looked for
}

// key: machines that share a certificate still have names of their own.
type key struct{ name, host string }

// New makes a Fleet. clock may be nil, and set too.
func New(clock func() time.Time, set *metrics.Set) *Fleet {
	if clock == nil {
		clock = time.Now
	}
	f := &Fleet{clock: clock, by: map[key]*Forwarder{}}
	set.Gauge(func() float64 { return float64(f.count(nil)) }, "journalist_forwarders")
	set.Gauge(func() float64 {
		return float64(f.count(func(w *Forwarder) bool { return f.clock().Sub(w.At) > 3*Every }))
	}, "journalist_forwarders_silent")
	set.Gauge(func() float64 { return float64(f.sum(func(w *Forwarder) int64 { return w.LagBytes })) }, "journalist_forwarders_lag_bytes")
	set.Gauge(func() float64 { return float64(f.sum(func(w *Forwarder) int64 { return w.LostBytes })) }, "journalist_forwarders_lost_bytes")
	return f
}

// Heard takes a report of the forwarder with this certificate.
func (f *Fleet) Heard(name, address string, r record.Report) {
	if f == nil {
		return
	}
	now := f.clock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by[key{name, r.Host}] = &Forwarder{Name: name, Address: address, At: now, Report: r}
	if len(f.by) > most || now.Sub(f.last) > life/100 {
		f.last = now
		f.forgetLocked(now)
	}
}

func (f *Fleet) forgetLocked(now time.Time) {
	for k, w := range f.by {
		if now.Sub(w.At) > life {
			delete(f.by, k)
		}
	}
	if over := len(f.by) - most; over > 0 {
		for _, w := range f.listLocked()[:over] {
			delete(f.by, key{w.Name, w.Host})
		}
	}
}

// listLocked is all of them, those that have been silent longest first.
func (f *Fleet) listLocked() []Forwarder {
	out := make([]Forwarder, 0, len(f.by))
	for _, w := range f.by {
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b Forwarder) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host))
	})
	return out
}

// List returns all forwarders, those that have been silent longest first.
func (f *Fleet) List() []Forwarder {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.listLocked()
}

func (f *Fleet) count(which func(*Forwarder) bool) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.by {
		if which == nil || which(w) {
			n++
		}
	}
	return n
}

func (f *Fleet) sum(of func(*Forwarder) int64) (n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.by {
		n += of(w)
	}
	return n
}
