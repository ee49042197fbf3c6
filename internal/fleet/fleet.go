// Package fleet knows what the forwarders said of themselves last: version, lag,
// queue, and when that was.
//
// internal/ingest/lumberjack hears them, internal/api tells whoever asks. Nothing is
// kept on disk: a forwarder speaks every half minute, so that all are known again
// soon after a restart.
package fleet

import (
	"cmp"
	"container/list"
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
)

// Silent tells that a forwarder should have spoken again by now.
func (w *Forwarder) Silent(now time.Time) bool { return now.Sub(w.At) > 3*record.ReportEvery }

// Fleet is all forwarders. Its methods may be called from several goroutines; a nil
// Fleet hears and knows nothing.
type Fleet struct {
	clock func() time.Time

	mu    sync.Mutex
	by    map[key]*list.Element
	order *list.List // of *Forwarder, those that have been silent longest first
}

// key: machines that share a certificate still have names of their own.
type key struct{ name, host string }

func (w *Forwarder) key() key { return key{w.Name, w.Host} }

// New makes a Fleet. clock may be nil, and set too.
func New(clock func() time.Time, set *metrics.Set) *Fleet {
	if clock == nil {
		clock = time.Now
	}
	f := &Fleet{clock: clock, by: map[key]*list.Element{}, order: list.New()}
	set.Gauge(f.sum(func(*Forwarder) int64 { return 1 }), "journalist_forwarders")
	set.Gauge(f.sum(func(w *Forwarder) int64 {
		if w.Silent(f.clock()) {
			return 1
		}
		return 0
	}), "journalist_forwarders_silent")
	set.Gauge(f.sum(func(w *Forwarder) int64 { return w.LagBytes }), "journalist_forwarders_lag_bytes")
	set.Gauge(f.sum(func(w *Forwarder) int64 { return w.LostBytes }), "journalist_forwarders_lost_bytes")
	return f
}

// Heard takes a report of the forwarder with this certificate.
func (f *Fleet) Heard(name, address string, r record.Report) {
	if f == nil {
		return
	}
	w := &Forwarder{Name: name, Address: address, At: f.clock(), Report: r}
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.by[w.key()]; e != nil {
		f.order.Remove(e)
	}
	f.by[w.key()] = f.order.PushBack(w)
	for {
		e := f.order.Front()
		old, _ := e.Value.(*Forwarder)
		if len(f.by) <= most && w.At.Sub(old.At) <= life {
			return
		}
		f.order.Remove(e)
		delete(f.by, old.key())
	}
}

// List returns all forwarders, those that have been silent longest first.
func (f *Fleet) List() []Forwarder {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	out := make([]Forwarder, 0, len(f.by))
	for e := f.order.Front(); e != nil; e = e.Next() {
		w, _ := e.Value.(*Forwarder)
		out = append(out, *w)
	}
	f.mu.Unlock()
	slices.SortFunc(out, func(a, b Forwarder) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host))
	})
	return out
}

// sum makes the reading of a gauge.
func (f *Fleet) sum(of func(*Forwarder) int64) func() float64 {
	return func() float64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		n := int64(0)
		for e := f.order.Front(); e != nil; e = e.Next() {
			w, _ := e.Value.(*Forwarder)
			n += of(w)
		}
		return float64(n)
	}
}
