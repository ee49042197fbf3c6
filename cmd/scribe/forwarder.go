package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/oklog/run"

	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/rotate"
	"journalist/internal/ship"
	"journalist/internal/source/spool"
	"journalist/internal/tail"
	"journalist/internal/vfs"
)

// forwarder is everything that runs.
type forwarder struct {
	planner
	started  time.Time
	registry *registry.Registry
	delivery *delivery
	rotation *rotate.Runner     // nil when scribe rotates nothing
	rotates  []string           // the configurations by which it does
	requests map[string]handler // what the control socket answers besides the status
	reloads  chan chan error    // to the goroutine that reloads

	// spool and stdin stay as they are from start to end.
	spool  *spool.Queue
	stdin  *tail.Tailer
	others others

	mu       sync.Mutex
	plan     *plan
	files    *following // nil when no files are named
	reloaded time.Time  // when a configuration was last taken over
	failed   string     // why the last one was not
	late     error      // what went wrong at the end
}

// following is a Tailer and its Run of now.
type following struct {
	tailer *tail.Tailer
	stop   context.CancelFunc
	ended  chan struct{}
}

func newPlanner(s settings, dir string, log *slog.Logger) planner {
	return planner{s: s, dir: dir, log: log, set: metrics.New(), enricher: &enricher{}}
}

// newForwarder makes the components, against the direction of the lines. Nothing
// runs yet but the registry's writer and the shipper, which has nothing to send.
func newForwarder(pl planner, p *plan) (_ *forwarder, err error) {
	f := &forwarder{planner: pl, started: time.Now(), plan: p, reloads: make(chan chan error)}
	f.reloaded = f.started
	limitMemory(p.memory)
	f.registry, err = registry.Open(vfs.OS, f.dir, registry.Options{Logger: f.log, Metrics: f.set})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.registry.Close() // the first error is the one to tell
		}
	}()
	if err := f.takeOver(); err != nil {
		return nil, err
	}
	shipper, err := ship.New(p.ship)
	if err != nil {
		return nil, err
	}
	deliver := newDelivery(shipper, f.log)
	defer func() {
		if err != nil {
			deliver.close()
		}
	}()
	f.delivery = deliver
	if p.spool != "" {
		f.spool, err = spool.Open(spool.Options{
			Dir: p.spool, Name: "spool", Output: deliver.Send, Bytes: p.conf.Spool.Bytes, Priority: p.spoolPriority, Logger: f.log, Metrics: f.set,
		})
		if err != nil {
			return nil, err
		}
	}
	if len(p.stdin) > 0 {
		if f.stdin, err = f.newTailer(p, p.stdin, f.streams()); err != nil {
			return nil, err
		}
	}
	if len(p.files) > 0 {
		t, err := f.newTailer(p, p.files, f.delivery.Send)
		if err != nil {
			return nil, err
		}
		f.files = &following{tailer: t}
	}
	if err = f.openSources(p); err != nil {
		return nil, err
	}
	f.requests = map[string]handler{"reload": f.reloadRequest}
	maps.Copy(f.requests, f.rotateRequests())
	f.rotates = p.rotate
	if f.rotation, err = f.newRotation(context.Background(), p.rotate); err != nil {
		return nil, err
	}
	return f, nil
}

// streams is the way of sources that cannot be read again: over the queue on disk
// where there is one.
func (f *forwarder) streams() func(context.Context, *record.Lines, func(*record.Lines)) error {
	if f.spool != nil {
		return f.spool.Send
	}
	return f.delivery.Send
}

// newTailer makes a Tailer for these groups whose runs go to send.
func (f *forwarder) newTailer(p *plan, groups []tail.Group, send func(context.Context, *record.Lines, func(*record.Lines)) error) (*tail.Tailer, error) {
	var t *tail.Tailer
	o := f.tailOptions(p, groups)
	o.Output = func(ctx context.Context, l *record.Lines) error { return send(ctx, l, t.Acked) }
	var err error
	t, err = tail.New(o)
	return t, err
}

func (f *forwarder) tailOptions(p *plan, groups []tail.Group) tail.Options {
	return tail.Options{
		Groups: groups, Host: p.host, Positions: f.registry, FromEnd: f.s.fromEnd, MaxOpen: p.conf.Limits.OpenFiles,
		MaxBytes: p.tailBytes, Logger: f.log, Metrics: f.set,
	}
}

// followLocked begins a Run of the files' Tailer.
func (f *forwarder) followLocked() {
	if f.files == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	f.files.stop, f.files.ended = cancel, ended
	t := f.files.tailer
	go func() {
		defer close(ended)
		_ = t.Run(ctx) // ends for ctx alone
	}()
}

// tailer is the Tailer of the files, nil when none are named.
func (f *forwarder) tailer() *tail.Tailer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files == nil {
		return nil
	}
	return f.files.tailer
}

// tailStatus is where the files stand.
func (f *forwarder) tailStatus() tail.Status {
	if t := f.tailer(); t != nil {
		return t.Status()
	}
	return tail.Status{}
}

// run runs the actors until ctx ends or one of them fails, and ends them in the
// direction of the lines.
func (f *forwarder) run(ctx context.Context) error {
	f.log.Info("scribe starts", "version", version, "pid", os.Getpid(), "state_dir", f.dir)
	var g run.Group
	signals, stopSignals := context.WithCancel(ctx)
	g.Add(func() error { <-signals.Done(); return nil }, func(error) { stopSignals() })
	// In this order: the reload goroutine must not start anything that was ended.
	f.addReload(&g)
	f.addStatus(&g)
	f.addHealth(&g)
	f.addProgress(&g)
	f.addReport(&g)
	f.addSystemd(&g)
	f.addStdin(&g)
	f.addSources(&g)
	f.addRotation(&g, f.rotation) // ends before those who read what it rotates
	f.addFiles(&g)
	if f.spool != nil {
		f.add(&g, f.spool.Run)
	}
	// What was read is acknowledged before the end, as far as a server answers.
	done := make(chan struct{})
	g.Add(func() error { <-done; return nil }, func(error) {
		f.delivery.close()
		close(done)
	})

	err := g.Run()
	if err == nil {
		err = f.late
	}
	f.settleSources()
	if f.spool != nil {
		if cerr := f.spool.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("save the queue on disk: %w", cerr)
		}
	}
	if cerr := f.registry.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("save the positions: %w", cerr)
	}
	st := f.delivery.Status()
	if st.QueueLines > 0 {
		f.log.Warn("not everything that was read is acknowledged; the next start sends the rest", "lines", st.QueueLines)
	}
	f.log.Info("scribe ends", "lines_shipped", st.LinesAcked, "lines_left", st.QueueLines)
	return err
}

// add adds an actor that runs until its context ends, and is waited for when it is
// interrupted: what stands behind it on the way must outlive it.
func (f *forwarder) add(g *run.Group, work func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	g.Add(func() error {
		defer close(ended)
		err := work(ctx)
		if ctx.Err() == nil {
			return err
		}
		if err != nil && !errors.Is(err, context.Canceled) { // the group forgets all but the first
			f.mu.Lock()
			f.late = errors.Join(f.late, err)
			f.mu.Unlock()
		}
		return nil
	}, func(error) {
		cancel()
		<-ended
	})
}

// addFiles adds the actor that follows files; a reload may give it another Run.
func (f *forwarder) addFiles(g *run.Group) {
	over := make(chan struct{})
	f.mu.Lock()
	f.followLocked()
	f.mu.Unlock()
	g.Add(func() error { <-over; return nil }, func(error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.files != nil {
			f.files.stop()
			<-f.files.ended
		}
		close(over)
	})
}

// addStdin adds the actor that reads the standard input.
func (f *forwarder) addStdin(g *run.Group) {
	if f.stdin != nil {
		f.add(g, f.stdin.Run)
	}
}
