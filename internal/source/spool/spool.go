// Package spool keeps lines on disk between a source that cannot wait and the way
// out: the disk queue for the standard input and for sockets.
//
// Up the way is internal/source/syslog or another source, whose runs come in
// through Send; down the way is a source.Output, which leads to internal/ship. A
// line is handed out only when it is synced, under an identity that belongs to the
// queue's folder and with its place in the queue as position, so that a journalist
// takes it exactly once, also when scribe is killed and started again. Files are
// written through internal/vfs, as internal/registry's.
//
// The queue is a folder of segments, files that are only appended to, and a small
// file with the identity and how far everything is acknowledged. Run has two
// goroutines: one writes, syncs and removes what is done with, one reads and hands
// out. While the disk takes nothing, runs go on as they came, to a server that
// answers; what none takes waits in memory.
package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/source"
	"journalist/internal/vfs"
)

// ErrClosed is returned by Send after the end of Run.
var ErrClosed = errors.New("spool: closed")

// Options of a Queue. Zero values mean the defaults given.
type Options struct {
	// FS is the file system (vfs.OS).
	FS vfs.FS
	// Dir is the queue's folder; nobody else may use it. Required.
	Dir string
	// Name is what logs and metrics call the queue (the folder's name).
	Name string
	// Output is where the lines go. Required.
	Output source.Output
	// Priority is that of everything handed out, because all of it is one source and
	// must stay in order; what the runs that are sent have does not count.
	Priority uint8
	// Bytes bounds what the queue takes on disk (1 GiB): Send waits while it is
	// full.
	Bytes int64
	// SegmentBytes is where another file begins (an eighth of Bytes, at most 16 MiB).
	SegmentBytes int64
	// Linger is how long the first line of a group waits for others before they are
	// synced together (10 ms).
	Linger time.Duration
	// SaveInterval is how often the acknowledged position is written down (1 s).
	SaveInterval time.Duration

	Logger  *slog.Logger
	Metrics *metrics.Set
}

const (
	// pendingBytes is how much may wait to be written.
	pendingBytes = 1 << 20
	// eagerBytes is how much is written without lingering.
	eagerBytes = 128 << 10
	// maxRunRows bounds a run that is handed out.
	maxRunRows = 8192
	// The pauses between attempts to write to a disk that fails.
	minRetry, maxRetry = 100 * time.Millisecond, 5 * time.Second
)

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" || o.Output == nil {
		return o, errors.New("spool: Dir and Output are required")
	}
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.Name == "" {
		o.Name = filepath.Base(o.Dir)
	}
	if o.Bytes <= 0 {
		o.Bytes = 1 << 30
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = min(16<<20, max(4<<10, o.Bytes/8))
	}
	if o.Linger <= 0 {
		o.Linger = 10 * time.Millisecond
	}
	if o.SaveInterval <= 0 {
		o.SaveInterval = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("spool", o.Name)
	return o, nil
}

// Queue is the disk queue. Its methods may be called from several goroutines; Run
// once, Close after it.
type Queue struct {
	o  Options
	id record.SourceID
	m  counters

	work chan struct{} // something to write or to remove
	news chan struct{} // something synced to hand out

	mu struct {
		sync.Mutex
		pending []byte   // frames that wait to be written
		waiting []waiter // whose frames they are
		seq     uint64   // of the last frame
		first   bool     // a segment is to begin before the next write
		closed  bool
		room    chan struct{} // closed and replaced when there is more room
		segs    []*segment    // in order; the last may be the one written to
		read    uint64        // how far runs were handed out
		acked   uint64        // how far they are acknowledged
		handed  int           // runs that are not acknowledged
		empty   chan struct{} // closed and replaced when all is acknowledged
		status  Status
	}
	active  *segment // the last of segs while it is written to; the writer's
	next    uint64   // where the next segment begins; the writer's
	saved   uint64   // the acknowledged position on disk; the writer's
	savedAt time.Time
	// pause is how long the disk is left alone after it failed, 0 while it is well,
	// tryAt when it is tried again; the writer's.
	pause time.Duration
	tryAt time.Time
}

type waiter struct {
	l     *record.Lines
	acked func(*record.Lines)
	bytes int // of its frames
}

// Status is a snapshot for scribe status.
type Status struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`   // on disk
	Limit   int64  `json:"limit"`   // of Bytes
	Waiting int64  `json:"waiting"` // bytes that are not acknowledged
	Lines   int64  `json:"lines"`   // taken since the start
	// Full tells that a sender waits for room.
	Full bool `json:"full"`
	// Lost is how many bytes could not be read back.
	Lost        int64     `json:"lost,omitempty"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

type counters struct{ lines, full, lost, errors, syncs *metrics.Counter }

// Open opens the queue in its folder, making it if need be.
func Open(o Options) (*Queue, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	q := &Queue{o: o, work: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	q.m = counters{
		lines:  o.Metrics.Counter("scribe_spool_lines_total", "spool", o.Name),
		full:   o.Metrics.Counter("scribe_spool_full_total", "spool", o.Name),
		lost:   o.Metrics.Counter("scribe_spool_lost_bytes_total", "spool", o.Name),
		errors: o.Metrics.Counter("scribe_spool_errors_total", "spool", o.Name),
		syncs:  o.Metrics.Counter("scribe_spool_syncs_total", "spool", o.Name),
	}
	q.mu.room, q.mu.empty = make(chan struct{}), make(chan struct{})
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	if err := q.load(); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	o.Metrics.Gauge(func() float64 { return float64(q.Status().Bytes) }, "scribe_spool_bytes", "spool", o.Name)
	o.Metrics.Gauge(func() float64 { return float64(q.Status().Waiting) }, "scribe_spool_waiting_bytes", "spool", o.Name)
	return q, nil
}

func (q *Queue) statePath() string { return filepath.Join(q.o.Dir, "state") }

// load reads what an earlier process left.
func (q *Queue) load() error {
	data, err := vfs.ReadFile(q.o.FS, q.statePath())
	if err == nil {
		q.id, q.mu.acked, err = readHeader(data, magicState)
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, ErrCorrupt):
		q.problem(fmt.Errorf("%s: %w: what is in the queue is sent again", q.statePath(), err))
	default:
		return err
	}
	in, err := openSegments(q.o.FS, q.o.Dir, q.id)
	if err != nil {
		return err
	}
	for _, p := range in.problems {
		q.problem(p)
	}
	segs := in.segs
	q.mu.segs, q.next = segs, max(q.mu.acked, in.end)
	if len(segs) > 0 {
		q.mu.acked = max(q.mu.acked, segs[0].base)
	}
	for i := len(segs) - 1; i >= 0; i-- {
		if seq, some := segs[i].lastSeq(); some {
			q.mu.seq = seq
			break
		}
	}
	q.mu.read, q.saved = q.mu.acked, q.mu.acked
	if q.id = in.id; q.id.IsZero() {
		q.id = record.NewSourceID()
	}
	if err := q.save(q.mu.acked); err != nil {
		closeAll(segs)
		return err
	}
	return nil
}

// save writes the state file.
func (q *Queue) save(acked uint64) error {
	if err := vfs.WriteFile(q.o.FS, q.statePath(), appendHeader(nil, magicState, q.id, acked)); err != nil {
		return err
	}
	q.saved, q.savedAt = acked, time.Now()
	return nil
}

// problem notes and logs what went wrong.
func (q *Queue) problem(err error) {
	q.note(err)
	q.o.Logger.Error("disk queue", "error", err)
}

func (q *Queue) note(err error) {
	q.m.errors.Inc()
	q.mu.Lock()
	q.mu.status.LastError, q.mu.status.LastErrorAt = err.Error(), time.Now()
	q.mu.Unlock()
}

// Send takes a run. It waits while the queue is full; acked is called when the run
// is on disk, or at a server while the disk takes nothing; by then the caller may
// forget it. It has the shape of source.Output; on disk the run's own position and
// priority are not kept.
func (q *Queue) Send(ctx context.Context, l *record.Lines, acked func(*record.Lines)) error {
	size := int64(len(l.Data) + 16*len(l.Rows) + 256)
	full := false
	for {
		q.mu.Lock()
		if q.mu.closed {
			q.mu.Unlock()
			return ErrClosed
		}
		used := q.diskLocked() + int64(len(q.mu.pending))
		over := used+size > q.o.Bytes && q.waitingLocked() > 0
		if !over && (len(q.mu.pending) == 0 || int64(len(q.mu.pending))+size <= pendingBytes) {
			q.pushLocked(l, acked)
			q.mu.status.Full = false
			q.mu.Unlock()
			wake(q.work)
			return nil
		}
		if over && !full {
			full = true
			q.mu.status.Full = true
			q.m.full.Inc()
		}
		room := q.mu.room
		q.mu.Unlock()
		if over {
			wake(q.work) // it may have something to remove
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (q *Queue) pushLocked(l *record.Lines, acked func(*record.Lines)) {
	before := len(q.mu.pending)
	for lo := 0; lo < len(l.Rows); {
		q.mu.seq++
		q.mu.pending, lo = appendFrame(q.mu.pending, q.mu.seq, l, lo)
	}
	q.mu.waiting = append(q.mu.waiting, waiter{l, acked, len(q.mu.pending) - before})
	q.mu.status.Lines += int64(len(l.Rows))
	q.m.lines.Add(len(l.Rows))
}

func (q *Queue) diskLocked() (n int64) {
	for _, s := range q.mu.segs {
		n += s.disk
	}
	return n
}

// waitingLocked is how many bytes are not acknowledged.
func (q *Queue) waitingLocked() int64 {
	n := int64(len(q.mu.pending))
	if k := len(q.mu.segs); k > 0 {
		n += int64(max(q.mu.segs[k-1].end(), q.mu.acked) - q.mu.acked)
	}
	return n
}

func (q *Queue) roomLocked() {
	close(q.mu.room)
	q.mu.room = make(chan struct{})
}

// Drain waits until everything that was sent is acknowledged by the output, or ctx
// ends.
func (q *Queue) Drain(ctx context.Context) error {
	for {
		q.mu.Lock()
		n, closed, empty := q.waitingLocked(), q.mu.closed, q.mu.empty
		q.mu.Unlock()
		switch {
		case n == 0:
			return nil
		case closed:
			return ErrClosed
		}
		select {
		case <-empty:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Status returns how things are.
func (q *Queue) Status() Status {
	q.mu.Lock()
	defer q.mu.Unlock()
	st := q.mu.status
	st.Name, st.Limit = q.o.Name, q.o.Bytes
	st.Bytes, st.Waiting = q.diskLocked(), q.waitingLocked()
	return st
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
