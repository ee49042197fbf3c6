// Package rotate does what logrotate does, from logrotate's own configuration
// files, and knows what is forwarded: nothing that no server has acknowledged is
// compressed, removed or truncated before a stated cap.
//
// cmd/scribe runs it beside internal/tail, which it asks how far a file is
// acknowledged and which it tells before the head of a file is cut off. Below it
// rotate/conf reads the configuration, rotate/state remembers what was done and
// what is under way, rotate/truncate takes lines out of files.
//
// A rotation is planned first: due.go decides, plan.go writes the steps down,
// with the order and the names that logrotate has. The plan is made durable, then
// exec.go takes its steps one by one and notes each, so that a rotation that is
// cut off is completed at the next start and no step is done twice.
package rotate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/rotate/conf"
	"journalist/internal/rotate/state"
	"journalist/internal/vfs"
)

// Progress says how far a file is acknowledged.
type Progress struct {
	// Forwarded: the file is one that is sent to a server.
	Forwarded bool
	// Acked: all bytes before it are durable at a server.
	Acked uint64
}

// Forwarder knows what is acknowledged and reads the files that are rotated. Its
// methods are called from one goroutine.
type Forwarder interface {
	// Acked tells how far the file is acknowledged that is, or was, at path.
	Acked(ctx context.Context, path string, dev, ino uint64) (Progress, error)
	// Cut stops the reading of the file at path, waits for what was read of it to
	// be acknowledged, and calls cut with the offset up to which it was. cut takes
	// away what is before it; what it makes at copyTo is not read meanwhile. The
	// error of cut is returned; the others below mean that cut was not called.
	Cut(ctx context.Context, path, copyTo string, cut func(acked uint64) (Cutting, error)) error
	// Recut tells of a cut that was completed after a crash.
	Recut(ctx context.Context, path string, done Cutting) error
}

// Cutting is what a cut has done: what is left of the file begins at Next, what
// was taken out is in Copy, "" for nowhere.
type Cutting struct {
	Next uint64 `json:"next"`
	Copy string `json:"copy,omitempty"`
}

// What a Forwarder answers.
var (
	ErrNotFollowed = errors.New("the file is not forwarded")
	ErrNotAcked    = errors.New("not everything that was read is acknowledged")
	// ErrNoCut: the file may be copied and truncated, but not cut.
	ErrNoCut = errors.New("the file cannot be cut while it is read")
)

// Options are what a Runner needs. Configs and State must be set.
type Options struct {
	Configs []string // logrotate's configuration files and folders
	State   string   // the file that remembers
	// Forwarder, when there is one, makes the Runner wait for acknowledgements.
	Forwarder Forwarder
	// GateBytes and GateAge are how much of a log, or how old a file, is waited for;
	// 10 GiB and 7 days by default.
	GateBytes int64
	GateAge   time.Duration
	// GateWait is how long Once waits, 1 min by default. What waits longer is done
	// by the next call.
	GateWait time.Duration
	// Interval is how often Run looks, 1 min by default.
	Interval time.Duration
	Clock    func() time.Time
	Logger   *slog.Logger // nil discards
	Metrics  *metrics.Set
}

func (o *Options) setDefaults() error {
	if len(o.Configs) == 0 || o.State == "" {
		return errors.New("rotate: Configs and State must be set")
	}
	if o.GateBytes < 0 || o.GateAge < 0 || o.GateWait < 0 || o.Interval < 0 {
		return errors.New("rotate: an option is negative")
	}
	o.GateBytes = cmp.Or(o.GateBytes, 10<<30)
	o.GateAge = cmp.Or(o.GateAge, 7*24*time.Hour)
	o.GateWait = cmp.Or(o.GateWait, time.Minute)
	o.Interval = cmp.Or(o.Interval, time.Minute)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Runner rotates. One goroutine at a time calls Recover, Once and Run; Status may
// be called from any.
type Runner struct {
	o     Options
	log   *slog.Logger
	state *state.State
	// hook is called between the parts of steps; tests stop there.
	hook func(string)
	// patience is how long the Once that is under way may wait.
	patience time.Time
	asked    chan asking
	told     map[string]bool // problems that were logged, until they are gone
	seen     map[string]bool // those of this round
	m        counters

	mu      sync.Mutex
	waiting map[string]Waiting
	rotated int
	last    time.Time
	lost    int64
	risk    int64
}

type counters struct{ rotations, failures, lost, ungated, unsafe *metrics.Counter }

// Waiting is a file that waits for acknowledgements.
type Waiting struct {
	Path string `json:"path"`
	// For is what is to be done with it: truncate, compress or remove.
	For   string    `json:"for"`
	Bytes int64     `json:"bytes"` // not acknowledged
	Since time.Time `json:"since"`
}

// Status says what a Runner has done since it was made, and what it waits for.
type Status struct {
	Rotated  int       `json:"rotated"`
	Last     time.Time `json:"last,omitzero"`
	Waiting  []Waiting `json:"waiting,omitempty"`
	Lost     int64     `json:"lost_bytes"`    // removed past the cap before they were acknowledged
	AtRisk   int64     `json:"at_risk_bytes"` // may have been lost between copy and truncation
	Problems []string  `json:"problems,omitempty"`
}

// New takes the state; Close gives it free.
func New(o Options) (*Runner, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	st, err := state.Take(vfs.OS, o.State, o.Clock(), 5*time.Second)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("another scribe rotates with this state, wait for it or name another one: %w", err)
	}
	if err != nil {
		return nil, err
	}
	r := newRunner(o, st)
	for _, w := range st.Warnings() {
		r.log.Warn("state of rotations is damaged", "problem", w)
	}
	return r, nil
}

func newRunner(o Options, st *state.State) *Runner {
	c := o.Metrics.Counter
	r := &Runner{
		o: o, log: o.Logger, state: st, hook: func(string) {}, asked: make(chan asking),
		told: make(map[string]bool), seen: make(map[string]bool), waiting: make(map[string]Waiting),
		m: counters{
			rotations: c("scribe_rotate_rotations_total"), failures: c("scribe_rotate_failures_total"),
			lost: c("scribe_rotate_lost_bytes_total"), ungated: c("scribe_rotate_ungated_bytes_total"),
			unsafe: c("scribe_rotate_unsafe_bytes_total"),
		},
	}
	o.Metrics.Gauge(func() float64 { return float64(len(r.Status().Waiting)) }, "scribe_rotate_waiting_files")
	return r
}

// Close gives the state free. Nothing may be under way.
func (r *Runner) Close() error { return r.state.Close() }

// Status tells what was done.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{Rotated: r.rotated, Last: r.last, Lost: r.lost, AtRisk: r.risk}
	for _, w := range r.waiting {
		s.Waiting = append(s.Waiting, w)
	}
	for p := range r.told {
		s.Problems = append(s.Problems, p)
	}
	slices.SortFunc(s.Waiting, func(a, b Waiting) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(s.Problems)
	return s
}

// Result is what a call of Once came to.
type Result struct {
	Rotated int // logs
	Waiting int // files that wait for acknowledgements
	Failed  int // problems: of the configuration, of logs, of steps
}

// Once completes what is left from before, then rotates what is due; with force
// all that is there. Problems are logged and counted; an error means that nothing
// more can be done.
func (r *Runner) Once(ctx context.Context, force bool) (Result, error) {
	r.patience = time.Now().Add(r.o.GateWait)
	return r.round(ctx, force)
}

func (r *Runner) round(ctx context.Context, force bool) (res Result, err error) {
	clear(r.seen)
	r.mu.Lock()
	clear(r.waiting)
	before := r.rotated
	r.mu.Unlock()
	busy, err := r.resume(ctx)
	if err != nil {
		return res, err
	}
	c := conf.Read(r.o.Configs...)
	for _, p := range c.Problems {
		if p.Warning {
			r.tell(slog.LevelWarn, "configuration of rotation: "+p.Error())
			continue
		}
		res.Failed++
		r.tell(slog.LevelError, "configuration of rotation: "+p.Error())
	}
	for _, s := range c.Sets {
		n, err := r.set(ctx, s, force, busy)
		res.Failed += n
		if err != nil {
			return res, err
		}
	}
	for p := range r.told {
		if !r.seen[p] {
			r.mu.Lock()
			delete(r.told, p)
			r.mu.Unlock()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	res.Rotated, res.Waiting = r.rotated-before, len(r.waiting)
	return res, ctx.Err()
}

// waitingInterval is how often Run looks while files wait for acknowledgements.
const waitingInterval = time.Second

// asking is what Now asks of Run.
type asking struct {
	force  bool
	answer chan<- answer // with room for it
}

type answer struct {
	res Result
	err error
}

// Now has the Run that is under way do at once what Once does. Several goroutines
// may call it.
func (r *Runner) Now(ctx context.Context, force bool) (Result, error) {
	done := make(chan answer, 1)
	select {
	case r.asked <- asking{force, done}:
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	}
	select {
	case a := <-done:
		return a.res, a.err
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	}
}

// Run rotates what is due, at once and then at each interval, until ctx ends; that
// is the only error it returns.
func (r *Runner) Run(ctx context.Context) error {
	var asked asking
	for {
		r.patience = time.Time{}
		if asked.answer != nil {
			r.patience = time.Now().Add(r.o.GateWait)
		}
		res, err := r.round(ctx, asked.force)
		if asked.answer != nil {
			asked.answer <- answer{res, err}
			asked = asking{}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.tell(slog.LevelError, fmt.Sprintf("rotation stops until the next look: %v", err))
			r.retake()
		}
		wait := r.o.Interval
		if res.Waiting > 0 {
			wait = min(wait, waitingInterval)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case asked = <-r.asked:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// retake opens the state anew, when it could not be written: what it then holds is
// what counts. Until that succeeds nothing is rotated.
func (r *Runner) retake() {
	_ = r.state.Close() // what is in it is read again
	st, err := state.Take(vfs.OS, r.o.State, r.o.Clock(), time.Second)
	if err != nil {
		r.tell(slog.LevelError, err.Error())
		return
	}
	r.state = st
}

// tell logs a problem, once for as long as it lasts.
func (r *Runner) tell(level slog.Level, text string) {
	r.seen[text] = true
	r.mu.Lock()
	known := r.told[text]
	r.told[text] = true
	r.mu.Unlock()
	if !known {
		r.log.Log(context.Background(), level, text)
	}
}
