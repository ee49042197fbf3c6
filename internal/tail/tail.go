// Package tail finds log files, recognises them again after rotations and
// restarts, and reads their lines as they are written.
//
// It is where a line's way begins. internal/frame makes rows of what it reads. Down
// the way internal/ship takes the runs of lines and gives them back when a server
// has acknowledged them; beside it internal/registry keeps how far that is.
package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"journalist/internal/frame"
	"journalist/internal/metrics"
	"journalist/internal/record"
)

// Positions keeps the acknowledged positions of file generations;
// *registry.Registry is one. All methods may be called from several goroutines.
type Positions interface {
	// Inode and Path return what is known of an inode number and of a path, those
	// last seen first; Unfinished returns all that is not gone.
	Inode(ino uint64) []record.Generation
	Path(path string) []record.Generation
	Unfinished() []record.Generation
	// Acked is how far a generation is acknowledged.
	Acked(id record.SourceID) (to uint64, ok bool)
	// Register enters new generations and calls done, from another goroutine,
	// when they are durable.
	Register(done func(error), gens ...record.Generation)
	// Ack moves a generation's acknowledged position, Note records where it is.
	Ack(id record.SourceID, to uint64, head, tail record.Fingerprint)
	Note(id record.SourceID, dev, ino, size uint64, state record.GenerationState)
}

// Group is some files and what is said about them.
type Group struct {
	// Paths are patterns: those of filepath.Match, ** for any number of folders,
	// and "-" for the standard input.
	Paths []string
	// Exclude are patterns of paths, or of last elements, that are left out.
	Exclude []string
	// Fields are added to every line. They win over host and file.
	Fields []record.Pair
	// DeadTime: a file that is new to scribe and was not written for so long is
	// read only from its end on; 24 h by default.
	DeadTime time.Duration
	// Start is where files are begun that are new to scribe; the zero value is at
	// their beginning.
	Start Start
	// CloseIdle and HoldTime are by default those of the Options.
	CloseIdle, HoldTime time.Duration
	// HoldBytes is how large the deleted files of the group that are kept open may
	// be together; when there is more, those that were deleted first are given up. 0
	// is no limit.
	HoldBytes int64
	// SkipCompressed leaves .gz and .zst files alone of which nothing is known. The
	// rest of a file that was compressed before it was read to its end is read all
	// the same.
	SkipCompressed bool
	// Frame says what the rows are: lines as they are by default. Its MaxLine is by
	// default that of the Options.
	Frame frame.Options
	// Priority is that of the Lines.
	Priority uint8
	// Apply, when it is set, may change each run before Output gets it: drop, mask
	// and add, but not the position. It is called from several goroutines.
	Apply func(*record.Lines)
}

// Start is where a file is begun that is new to scribe. With End a file that is
// there at the first look is read from its end on; with Since one that was last
// written before is.
type Start struct {
	End   bool
	Since time.Time
}

// Options are what a Tailer needs. Groups, Positions and Output must be set.
type Options struct {
	FS     FS // the operating system's by default
	Groups []Group
	Host   string // the field host; the machine's name by default
	// Positions is where acknowledged positions are kept.
	Positions Positions
	// Output takes a run of lines; it blocks while there is no room, which is the
	// back pressure. It is called from several goroutines, but for one source from
	// one at a time. The run comes back through Acked. An error means that the run
	// was not taken.
	Output func(context.Context, *record.Lines) error
	// FromEnd starts files that are there at the first look, and of which nothing
	// is known, at their end.
	FromEnd bool
	// MaxLine is the longest text of one line; longer lines are split. At most,
	// and by default, record.MaxValue.
	MaxLine int
	// ScanInterval is how often patterns are expanded and all files looked at, 2 s
	// by default. On Linux changes are seen at once; this finds what the kernel
	// does not tell of, as on network file systems.
	ScanInterval time.Duration
	// PollInterval is how often files that changed lately are looked at where the
	// kernel does not tell of changes, 250 ms by default.
	PollInterval time.Duration
	// Grace is how long a rotated or deleted file must be quiet before its last
	// line counts as complete and it is let go, 5 s by default.
	Grace time.Duration
	// HoldTime is how long a deleted file is kept open for lines that cannot be
	// sent, 24 h by default. What is given up then is logged and counted.
	HoldTime time.Duration
	// CloseIdle is how long an unchanged file stays open, 5 min by default.
	CloseIdle time.Duration
	// MaxOpen is how many files may be open at a time; by default half of what the
	// process may open, at most 4096. Beyond it files are opened for each read.
	MaxOpen int
	// Workers is how many files are read at the same time, 4 by default.
	Workers int
	// MaxBytes bounds the buffers that wait for acks, 6 MiB by default.
	MaxBytes int64
	// NoWatch does without the kernel's notifications.
	NoWatch bool
	Stdin   io.Reader // os.Stdin by default
	Clock   func() time.Time
	Logger  *slog.Logger // nil discards
	Metrics *metrics.Set
}

func (o *Options) setDefaults() error {
	if o.Positions == nil || o.Output == nil {
		return errors.New("tail: Positions and Output must be set")
	}
	if len(o.Groups) == 0 {
		return errors.New("tail: no files to read: Groups is empty")
	}
	for _, g := range o.Groups {
		for _, p := range slices.Concat(g.Paths, g.Exclude) {
			if err := checkPattern(p); err != nil {
				return fmt.Errorf("tail: %w", err)
			}
		}
	}
	if o.MaxLine < 0 || o.MaxLine > record.MaxValue || (o.MaxLine > 0 && o.MaxLine < 16) {
		return fmt.Errorf("tail: MaxLine is %d, must be between 16 and %d", o.MaxLine, record.MaxValue)
	}
	if o.FS == nil {
		o.FS = osFS{}
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname() // a machine without a name sends an empty one
	}
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	def(&o.MaxLine, record.MaxValue)
	def(&o.ScanInterval, 2*time.Second)
	def(&o.PollInterval, 250*time.Millisecond)
	def(&o.Grace, 5*time.Second)
	def(&o.HoldTime, 24*time.Hour)
	def(&o.CloseIdle, 5*time.Minute)
	def(&o.MaxOpen, openLimit())
	def(&o.Workers, 4)
	def(&o.MaxBytes, 6<<20)
	for i := range o.Groups {
		g := &o.Groups[i]
		def(&g.DeadTime, 24*time.Hour)
		def(&g.CloseIdle, o.CloseIdle)
		def(&g.HoldTime, o.HoldTime)
	}
	return nil
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// readSize is how much is read at a time.
const readSize = 256 << 10

// Tailer follows files. Run reads them until its context ends; Acked and Status
// may be called at any time from any goroutine.
type Tailer struct {
	o      Options
	fs     FS
	log    *slog.Logger
	groups []*group
	reg    Positions
	pool   *pool
	open   atomic.Int64 // open files
	// unpacking is how many compressed files are open; packed wait for that.
	unpacking atomic.Int64
	m         counters
	ctx       context.Context // Run's; for callbacks that outlive a step
	watch     watcher

	secret   secrets
	cutting  sync.RWMutex   // held for reading while a file is out of reading; before mu
	reserved map[string]int // paths that Cut writes to; guarded by mu

	mu       sync.Mutex
	ready    sync.Cond // queue is not empty, or stopped
	files    map[inode]*file
	byID     map[record.SourceID]*file
	fading   map[record.SourceID]faded // over, and not yet gone
	heirs    map[record.SourceID]*file // to go on with a generation, while they are not bound to it
	byPath   map[string]*file          // for the watcher
	queue    []*file
	packed   []*file
	polled   []*file // those of whose changes the kernel does not tell
	stopped  bool
	inflight map[*record.Lines]*run
	problems map[string]string // by path or pattern: what was logged about it
	moves    [][2]string       // renames since the last scan
	scans    int
	unsure   bool // what is unfinished is looked for once more; of the scan

	rescan chan struct{}
	hold   atomic.Bool // the Run that ends next keeps its files open
}

type counters struct {
	lines, bytes, rotations, truncations, gapBytes, lostBytes, nulBytes, split, skipped, damaged, problems *metrics.Counter
}

// group is a Group with what is made of it.
type group struct {
	Group
	stdin  bool
	framer *frame.Framer
	// late: a group with these paths was there in an earlier Run, so that what it
	// finds now is not found by the first look.
	late bool
}

// New checks the options and makes a Tailer. Nothing is opened before Run.
func New(o Options) (*Tailer, error) {
	o.Groups = slices.Clone(o.Groups)
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	// The slack before the text is for the tail fingerprint, that behind a longest
	// line for its end.
	const slack = record.TailMax
	sizes := []int{4 << 10, 16 << 10, 64 << 10, readSize + slack}
	sizes = append(sizes, max(o.MaxLine, readSize)+2+2*slack, maxWindow+2*slack)
	groups, err := makeGroups(o.Groups, o.MaxLine)
	if err != nil {
		return nil, err
	}
	t := &Tailer{
		o: o, fs: o.FS, log: o.Logger, reg: o.Positions,
		pool:     newPool(o.MaxBytes, sizes...),
		files:    make(map[inode]*file),
		byID:     make(map[record.SourceID]*file),
		fading:   make(map[record.SourceID]faded),
		heirs:    make(map[record.SourceID]*file),
		byPath:   make(map[string]*file),
		inflight: make(map[*record.Lines]*run),
		problems: make(map[string]string),
		rescan:   make(chan struct{}, 1),
		ctx:      context.Background(),
	}
	t.ready.L = &t.mu
	t.groups = groups
	c := o.Metrics.Counter
	t.m = counters{
		lines: c("scribe_read_lines_total"), bytes: c("scribe_read_bytes_total"),
		rotations: c("scribe_rotations_total"), truncations: c("scribe_truncations_total"),
		gapBytes: c("scribe_truncate_gap_bytes_total"), lostBytes: c("scribe_lost_bytes_total"),
		nulBytes: c("scribe_skipped_nul_bytes_total"), split: c("scribe_split_lines_total"),
		skipped: c("scribe_skipped_files_total"), damaged: c("scribe_damaged_archives_total"), problems: c("scribe_file_problems_total"),
	}
	o.Metrics.Gauge(func() float64 { return float64(t.open.Load()) }, "scribe_open_files")
	t.countFrames(o.Metrics)
	return t, nil
}

// Run finds and reads files until ctx ends, which is the only error it returns.
// It leaves nothing running but, where the standard input is read, a read of that
// that cannot be interrupted. Runs handed to Output may still come back through
// Acked afterwards. After its end it may be called again, behind Hold also with
// the files kept open meanwhile.
func (t *Tailer) Run(ctx context.Context) error {
	t.begin(ctx)
	var wg sync.WaitGroup
	if !t.o.NoWatch && t.watch == nil {
		w, err := newWatcher(t)
		if err != nil {
			t.log.Warn("no notification of changes by the kernel, files are polled", "error", err)
		} else {
			t.watch = w
		}
	}
	if w := t.watch; w != nil {
		wg.Go(func() { w.run(ctx) })
	}
	for range t.o.Workers {
		wg.Go(func() { t.work(ctx) })
	}
	stopping := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopping)
		t.mu.Lock()
		t.stopped = true
		t.ready.Broadcast()
		t.mu.Unlock()
	})
	for _, g := range t.groups {
		if g.stdin {
			t.startStdin(ctx, g)
			break
		}
	}
	t.find(ctx)
	<-stopping
	wg.Wait()
	if !t.hold.Swap(false) {
		t.closeAll()
	}
	return ctx.Err()
}

// work reads one file after the other, a run at a time, so that a long file does
// not hold up the others.
func (t *Tailer) work(ctx context.Context) {
	for {
		f := t.next(true)
		if f == nil {
			return
		}
		if ctx.Err() != nil {
			t.done(f, true) // for a Run that may follow
			return
		}
		t.done(f, t.step(ctx, f))
	}
}

// next takes a file from the queue; with wait it waits for one. It returns nil
// when there is none or the Tailer is stopped.
func (t *Tailer) next(wait bool) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) == 0 && wait && !t.stopped {
		t.ready.Wait()
	}
	if t.stopped || len(t.queue) == 0 {
		return nil
	}
	f := t.queue[0]
	t.queue[0] = nil
	t.queue = t.queue[1:]
	f.queued, f.busy, f.again = false, true, false
	return f
}

// done gives a file back after a step; with more there is more to read.
func (t *Tailer) done(f *file, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.busy = false
	f.publishLocked()
	if more || f.again {
		t.enqueueLocked(f)
	}
	t.wakePackedLocked()
}

func (t *Tailer) enqueueLocked(f *file) {
	switch {
	case f.busy:
		f.again = true
	case !f.queued && !f.finished && !f.registering:
		f.queued = true
		t.queue = append(t.queue, f)
		t.ready.Signal()
	}
}

// Acked takes back a run that Output took, once all its lines are durable at a
// server: the position moves and the buffer is used again. The runs of one source
// must come in the order in which Output got them. A run that Output did not get
// from this Tailer is ignored.
func (t *Tailer) Acked(l *record.Lines) {
	t.mu.Lock()
	r := t.inflight[l]
	delete(t.inflight, l)
	t.mu.Unlock()
	if r == nil {
		return
	}
	if r.file != nil { // nil: the standard input
		t.reg.Ack(l.Position.ID, l.Position.To, r.head, r.tail)
		t.acked(r.file, l.Position)
	}
	t.pool.put(r)
}

// acked notes an ack in the file's own state.
func (t *Tailer) acked(f *file, p record.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.pub.id != p.ID { // the file has a new generation since
		if f = t.byID[p.ID]; f == nil || f.pub.id != p.ID {
			return // it ends at the next scan
		}
	}
	f.pub.acked = max(f.pub.acked, p.To)
	switch {
	case f.finished && f.pub.acked >= f.pub.from:
		t.noteLocked(f, record.Gone)
		delete(t.byID, p.ID)
	case f.away():
		t.noteLocked(f, record.Rotated)
	default:
		t.noteLocked(f, record.Active)
	}
}

// noteLocked tells the registry where f's generation stands.
func (t *Tailer) noteLocked(f *file, s record.GenerationState) {
	t.reg.Note(f.pub.id, f.node.dev, f.node.ino, uint64(f.extentLocked()), s)
}

func (t *Tailer) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.files {
		t.closeFile(f)
	}
	if t.watch != nil {
		t.watch.close()
		t.watch = nil
	}
}
