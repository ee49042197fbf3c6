// Package journal reads systemd's journal through journalctl.
//
// An entry becomes a line with its fields as an extra; runs of them go to a
// source.Output, by internal/rules to internal/ship. A child process does the
// reading, because the journal's library crashes its users when files are rotated
// under them; it is started again, with pauses, whenever it ends or falls silent.
//
// Positions are counted entries. Which entry has which number stands in a small
// file written through internal/vfs: before the first line of an identity is sent,
// and again as lines are acknowledged. A restart counts on from there, so that a
// journalist takes every entry exactly once.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/source"
	"journalist/internal/vfs"
)

// Options of a Reader. Zero values mean the defaults given.
type Options struct {
	// FS and Dir are where the state file lies (vfs.OS; Dir is required), Name is
	// its name and what logs and metrics call the source ("journal").
	FS   vfs.FS
	Dir  string
	Name string
	// Command is the program with its first arguments ("journalctl").
	Command []string
	// Units are the only units to read; Matches are journalctl's: FIELD=VALUE, and
	// "+" between alternatives.
	Units, Matches []string
	// Since is where a journal is begun that is not known yet: boot (the default),
	// beginning, end, or a date that journalctl understands.
	Since string
	// All adds the fields of entries that have no name of ours, below "journal".
	All bool
	// Output is where the lines go. Required.
	Output source.Output
	// Fields are added to every line, Priority is the lines'.
	Fields   []record.Pair
	Priority uint8
	// SaveInterval is how often the acknowledged position is written down (1 s).
	SaveInterval time.Duration
	// MinBackoff and MaxBackoff bound the pause before journalctl is started again
	// (1 s, 1 min).
	MinBackoff, MaxBackoff time.Duration
	// Probe is how long silence is believed before another journalctl is asked
	// whether there is nothing new (5 min).
	Probe time.Duration

	Logger  *slog.Logger
	Metrics *metrics.Set
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" || o.Output == nil {
		return o, errors.New("journal: Dir and Output are required")
	}
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.Name == "" {
		o.Name = "journal"
	}
	if len(o.Command) == 0 {
		o.Command = []string{"journalctl"}
	}
	for _, m := range o.Matches {
		if m != "+" && (strings.IndexByte(m, '=') < 1 || strings.HasPrefix(m, "-")) {
			return o, fmt.Errorf("journal: match %q: write FIELD=VALUE, or + between alternatives", m)
		}
	}
	if slices.Contains(o.Units, "") {
		return o, errors.New("journal: an empty unit")
	}
	durations := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	durations(&o.SaveInterval, time.Second)
	durations(&o.MinBackoff, time.Second)
	durations(&o.MaxBackoff, time.Minute)
	durations(&o.Probe, 5*time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("source", o.Name)
	return o, nil
}

// filter are the arguments that choose entries.
func (o *Options) filter() []string {
	var args []string
	for _, u := range o.Units {
		args = append(args, "--unit="+u)
	}
	return append(args, o.Matches...)
}

// since are the arguments that say where to begin.
func (o *Options) since() []string {
	switch o.Since {
	case "", "boot":
		return []string{"--boot"}
	case "beginning", "all":
		return nil
	case "end", "now":
		return []string{"--lines=0"}
	}
	return []string{"--since=" + o.Since}
}

// Reader reads the journal. Run may be called once, Close after it; the other
// methods may be called from several goroutines.
type Reader struct {
	o Options
	m counters

	mu struct {
		sync.Mutex
		acked  mark // what is to be saved
		sent   []mark
		saved  mark
		status Status
	}
	// The reading goroutine's.
	b     *source.Builder
	last  mark // of the entry read last
	fresh bool // the identity's first entry is not noted yet

	entries atomic.Int64 // read so far
	waiting atomic.Bool  // the output has no room
}

type counters struct{ entries, restarts, gaps, cut *metrics.Counter }

// Status is a snapshot for scribe status.
type Status struct {
	Name     string    `json:"name"`
	Running  bool      `json:"running"` // journalctl
	Entries  int64     `json:"entries"` // read since the start
	Unacked  int64     `json:"unacked"` // entries
	Cursor   string    `json:"cursor,omitempty"`
	LastRead time.Time `json:"last_read,omitzero"`
	// Restarts of journalctl, Gaps where the journal no longer had the entry to go
	// on from.
	Restarts    int64     `json:"restarts"`
	Gaps        int64     `json:"gaps,omitempty"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// Open reads the state file.
func Open(o Options) (*Reader, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	counter := func(name string) *metrics.Counter { return o.Metrics.Counter(name, "source", o.Name) }
	r := &Reader{o: o, m: counters{
		entries: counter("scribe_journal_entries_total"), restarts: counter("scribe_journal_restarts_total"),
		gaps: counter("scribe_journal_gaps_total"), cut: counter("scribe_journal_cut_total"),
	}}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	at, err := r.load()
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	r.fresh = at.cursor == "" || at.filter != r.filterSum()
	if r.fresh { // other entries, other numbers
		at = mark{id: record.NewSourceID(), cursor: at.cursor, at: at.at, filter: r.filterSum()}
	}
	r.last, r.b = at, source.NewBuilder(at.id, at.next)
	r.mu.acked, r.mu.saved = at, at
	return r, nil
}

func (r *Reader) statePath() string { return filepath.Join(r.o.Dir, r.o.Name+".state") }

// filterSum tells configurations apart that number entries differently.
func (r *Reader) filterSum() uint64 {
	return record.MakeFingerprint([]byte(strings.Join(append(slices.Clone(r.o.Command), r.o.filter()...), "\x00"))).Sum
}

// load returns the mark to go on from; the zero mark when there is none.
func (r *Reader) load() (mark, error) {
	data, err := vfs.ReadFile(r.o.FS, r.statePath())
	if vfs.IsNotExist(err) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	at, err := decodeMark(data)
	if errors.Is(err, ErrCorrupt) {
		r.problem(fmt.Errorf("%s: %w: the journal is begun anew", r.statePath(), err))
		return mark{}, nil
	}
	if err != nil {
		return mark{}, fmt.Errorf("%s: %w", r.statePath(), err)
	}
	return at, nil
}

// problem notes and logs what went wrong.
func (r *Reader) problem(err error) {
	r.mu.Lock()
	again := r.mu.status.LastError == err.Error()
	r.mu.status.LastError, r.mu.status.LastErrorAt = err.Error(), time.Now()
	r.mu.Unlock()
	if !again {
		r.o.Logger.Error("journal", "error", err)
	}
}

// Status returns how things are.
func (r *Reader) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := r.mu.status
	st.Name, st.Entries, st.Cursor = r.o.Name, r.entries.Load(), r.mu.acked.cursor
	if n := len(r.mu.sent); n > 0 {
		st.Unacked = int64(r.mu.sent[n-1].next - min(r.mu.acked.next, r.mu.sent[n-1].next))
	}
	return st
}

// save writes a mark down.
func (r *Reader) save(at mark) error {
	if err := vfs.WriteFile(r.o.FS, r.statePath(), at.encode()); err != nil {
		return fmt.Errorf("journal: note the position: %w", err)
	}
	r.mu.Lock()
	r.mu.saved = at
	r.mu.Unlock()
	return nil
}

// saveAcked writes the acknowledged position down if it moved.
func (r *Reader) saveAcked() error {
	r.mu.Lock()
	at, moved := r.mu.acked, r.mu.acked != r.mu.saved
	r.mu.Unlock()
	if !moved || at.cursor == "" {
		return nil
	}
	return r.save(at)
}

// onAck is told by the output, in the order of the runs.
func (r *Reader) onAck(l *record.Lines) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.mu.sent) > 0 {
		at := r.mu.sent[0]
		if at.id == l.Position.ID && at.next > l.Position.To {
			return
		}
		r.mu.sent = r.mu.sent[1:]
		if at.id == r.mu.acked.id { // not of an identity that was given up
			r.mu.acked = at
		}
		if at.id == l.Position.ID && at.next == l.Position.To {
			return
		}
	}
}

// Run reads until ctx ends and returns nil. A journalctl that ends or cannot be
// started is tried again. What was handed out may be acknowledged until Close.
func (r *Reader) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	saving, stop := context.WithCancel(ctx)
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		t := time.NewTicker(r.o.SaveInterval)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if err := r.saveAcked(); err != nil {
					r.problem(err)
				}
			case <-saving.Done():
				return
			}
		}
	})
	pause := r.o.MinBackoff
	for {
		before := r.entries.Load()
		err := r.child(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var out *outputError
		if errors.As(err, &out) {
			return err
		}
		if r.entries.Load() > before {
			pause = r.o.MinBackoff
		}
		r.m.restarts.Inc()
		r.mu.Lock()
		r.mu.status.Restarts++
		r.mu.Unlock()
		r.problem(fmt.Errorf("%w; it is started again", err))
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
		pause = min(2*pause, r.o.MaxBackoff)
	}
}

// Close notes how far everything is acknowledged.
func (r *Reader) Close() error { return r.saveAcked() }
