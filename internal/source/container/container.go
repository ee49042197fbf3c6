// Package container says of what container a log file is: its name, image and
// labels, and in Kubernetes its pod and namespace.
//
// internal/tail, by way of cmd/scribe, asks for the fields of a file by its path;
// internal/ship sends them with the lines. What the path says is known at once.
// The rest comes from Docker's socket and from Kubernetes' API; nobody waits longer
// for it than a moment, and lines go with what is known. internal/facts says of
// what machine they are.
package container

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
)

// Options of an Enricher. Zero values mean the defaults given.
type Options struct {
	// Docker is the address of Docker's socket, unix:///var/run/docker.sock; without
	// it Docker is not asked.
	Docker string
	// Kubernetes is the API server; without it only paths are read.
	Kubernetes *Kubernetes
	// Wait is how long the first question about a container may take (200 ms).
	Wait time.Duration
	// TTL is after what time labels are asked for again (10 min).
	TTL time.Duration
	// MinRetry and MaxRetry bound the pauses between attempts that fail (5 s, 5 min).
	MinRetry, MaxRetry time.Duration
	// Limit is how many containers are remembered (10,000).
	Limit int
	// Timeout is how long one request may take (5 s).
	Timeout time.Duration

	Logger  *slog.Logger
	Metrics *metrics.Set
}

// The limits of labels.
const (
	maxLabels     = 64
	maxLabelName  = 256
	maxLabelValue = 1024
)

// errGone says that there is no such container any more; it is not asked for again.
var errGone = errors.New("there is no such container")

// backend asks who knows containers.
type backend interface {
	name() string
	ask(ctx context.Context, id identity) ([]record.Pair, error)
}

// Enricher knows containers. Enrich and Status may be called from several
// goroutines; Run once.
type Enricher struct {
	o          Options
	docker     backend // nil when it is not asked
	kubernetes backend
	node       string
	m          counters
	work       chan *known

	mu     sync.Mutex
	known  map[identity]*list.Element // of *known
	recent *list.List                 // the one asked for last is in front
	ill    map[string]bool            // backends that failed or were slow last
	status Status
}

type counters struct{ asked, failed *metrics.Counter }

// known is what is known of a container. The Enricher's lock guards it.
type known struct {
	id      identity
	backend backend
	pairs   []record.Pair // never changed, only replaced
	ready   chan struct{} // closed after the first answer
	done    bool          // ready is closed
	due     time.Time     // when to ask (again)
	queued  bool
	fails   int
}

// Status is a snapshot for scribe status.
type Status struct {
	Known       int       `json:"known"`
	Asked       int64     `json:"asked"`
	Failed      int64     `json:"failed"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// New makes an Enricher; Run answers its questions.
func New(o Options) (*Enricher, error) {
	durations := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	durations(&o.Wait, 200*time.Millisecond)
	durations(&o.TTL, 10*time.Minute)
	durations(&o.MinRetry, 5*time.Second)
	durations(&o.MaxRetry, 5*time.Minute)
	durations(&o.Timeout, 5*time.Second)
	if o.Limit <= 0 {
		o.Limit = 10_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Enricher{
		o: o, work: make(chan *known, 256), known: map[identity]*list.Element{}, recent: list.New(), ill: map[string]bool{},
		m: counters{asked: o.Metrics.Counter("scribe_container_asked_total"), failed: o.Metrics.Counter("scribe_container_failed_total")},
	}
	if o.Docker != "" {
		d, err := newDocker(o.Docker, o.Timeout)
		if err != nil {
			return nil, err
		}
		e.docker = d
	}
	if o.Kubernetes != nil {
		k, err := newKubernetes(*o.Kubernetes, o.Timeout)
		if err != nil {
			return nil, err
		}
		e.kubernetes, e.node = k, o.Kubernetes.Node
	}
	return e, nil
}

// Enrich returns the fields of a file's lines; none when the file is not a
// container's. The first question about a container waits a moment for an answer,
// unless who would give it is known not to; the answers to later ones may tell
// more. The slice must not be changed; it is the same one while nothing is new.
func (e *Enricher) Enrich(path string) []record.Pair {
	id, ok := parsePath(path)
	if !ok {
		return nil
	}
	now := time.Now()
	e.mu.Lock()
	k := e.lookupLocked(id)
	if k.backend != nil && !k.queued && !now.Before(k.due) {
		select {
		case e.work <- k:
			k.queued = true
		default: // many are asked for: one of the next calls tries again
		}
	}
	wait := k.queued && !k.done && !e.ill[k.backend.name()]
	pairs, ready := k.pairs, k.ready
	e.mu.Unlock()
	if !wait {
		return pairs
	}
	t := time.NewTimer(e.o.Wait)
	defer t.Stop()
	select {
	case <-ready:
	case <-t.C:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !k.done { // thousands of files must not wait for it one after the other
		e.ill[k.backend.name()] = true
	}
	return k.pairs
}

// lookupLocked returns what is known of a container, making room for it.
func (e *Enricher) lookupLocked(id identity) *known {
	if el, ok := e.known[id]; ok {
		e.recent.MoveToFront(el)
		return el.Value.(*known)
	}
	k := &known{id: id, pairs: e.fromPath(id), ready: make(chan struct{})}
	switch {
	case id.pod != "":
		k.backend = e.kubernetes
	default:
		k.backend = e.docker
	}
	e.known[id] = e.recent.PushFront(k)
	for e.recent.Len() > e.o.Limit {
		old := e.recent.Back()
		delete(e.known, old.Value.(*known).id)
		e.recent.Remove(old)
	}
	return k
}

// fromPath returns the fields that a path says.
func (e *Enricher) fromPath(id identity) []record.Pair {
	var out fields
	out.add("container.id", id.container)
	if id.pod != "" {
		out.add("kubernetes.namespace", id.namespace)
		out.add("kubernetes.pod", id.pod)
		out.add("kubernetes.container", id.name)
		out.add("kubernetes.node", e.node)
	}
	return slices.Clip(out)
}

// fields are those that are known.
type fields []record.Pair

func (f *fields) add(name, value string) {
	if value != "" {
		*f = append(*f, record.Pair{Name: name, Value: value})
	}
}

// Run answers questions until ctx ends.
func (e *Enricher) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case k := <-e.work:
					e.answer(ctx, k)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// answer asks about one container.
func (e *Enricher) answer(ctx context.Context, k *known) {
	pairs, err := k.backend.ask(ctx, k.id)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.m.asked.Inc()
	e.status.Asked++
	k.queued = false
	e.ill[k.backend.name()] = err != nil && !errors.Is(err, errGone)
	if !k.done {
		k.done = true
		close(k.ready)
	}
	switch {
	case err == nil:
		k.fails = 0
		k.due = now.Add(e.o.TTL)
		if all := merge(e.fromPath(k.id), pairs); !slices.Equal(all, k.pairs) {
			k.pairs = all
		}
	case errors.Is(err, errGone): // what was known stays true of its lines
		k.due = now.Add(max(e.o.TTL, time.Hour))
	default:
		k.due = now.Add(min(e.o.MinRetry<<min(k.fails, 20), e.o.MaxRetry))
		k.fails++
		e.failedLocked(k, err, now)
	}
}

func (e *Enricher) failedLocked(k *known, err error, now time.Time) {
	e.m.failed.Inc()
	e.status.Failed++
	text := fmt.Sprintf("%s: %v", k.backend.name(), err)
	if text != e.status.LastError || now.Sub(e.status.LastErrorAt) > 10*time.Minute {
		e.o.Logger.Warn("containers' names and labels cannot be asked for, their lines go without", "error", text)
	}
	e.status.LastError, e.status.LastErrorAt = text, now
}

// merge joins pairs; what was asked for wins over what the path says.
func merge(path, asked []record.Pair) []record.Pair {
	out := make([]record.Pair, 0, len(path)+len(asked))
	for _, p := range path {
		if !slices.ContainsFunc(asked, func(a record.Pair) bool { return a.Name == p.Name }) {
			out = append(out, p)
		}
	}
	return append(out, asked...)
}

// Status returns how things are.
func (e *Enricher) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := e.status
	st.Known = e.recent.Len()
	return st
}

// appendLabels appends labels in the order of their names, bounded in number and
// size.
func appendLabels(pairs []record.Pair, prefix string, labels map[string]string) []record.Pair {
	names := make([]string, 0, len(labels))
	for name := range labels {
		if name != "" && len(name) <= maxLabelName && !strings.Contains(name, record.PathSeparator) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:min(len(names), maxLabels)] {
		value := labels[name]
		if len(value) > maxLabelValue {
			value = strings.ToValidUTF8(value[:maxLabelValue], "")
		}
		pairs = append(pairs, record.Pair{Name: prefix + name, Value: value})
	}
	return pairs
}
