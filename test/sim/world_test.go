package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"journalist/internal/ingest/lumberjack"
	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/ship"
	"journalist/internal/tail"
	"journalist/internal/testkit/certs"
	"journalist/internal/testkit/memsink"
	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
	"journalist/internal/vfs/faultfs"
)

// stateDir is where scribe keeps its registry.
const stateDir = "/state"

// A world is one run: services that write logs, what rotates them, scribe, the
// network and the servers, with a clock of their own.
type world struct {
	t        *testing.T
	o        setting
	disk     *disk
	net      *network
	ledger   *ledger
	services []*service
	servers  []*server
	scribe   *scribe // nil while it is down
	tls      *tls.Config

	state    *crashfs.FS // scribe's own disk
	known    []record.Generation
	promises []promise
	held     []int // lines that only scribe's handles of deleted files still have
	skew     time.Duration

	// act is held while something happens to the files, and while scribe comes and
	// goes; never while time passes.
	act sync.Mutex

	mu  sync.Mutex
	log strings.Builder
}

// A promise is that scribe finds the lines of a file it knows, wherever they go.
type promise struct {
	id    record.SourceID
	lines []int
}

// A setting is what a seed chose for a whole run.
type setting struct {
	wide     bool // the pattern gives rotated files, too
	once     bool // exactly once is promised
	protocol ship.Protocol
	mode     ship.Mode
	servers  int
	maxOpen  int
	idle     time.Duration
	workers  int
	memory   int64
	long     bool // lines that are split
	// usual leaves out what is rare: writers that leave holes, logs that are deleted
	// unread or cannot be read, clocks that jump.
	usual bool
}

func newSetting(rng *rand.Rand) setting {
	s := setting{once: true, servers: 1, protocol: ship.ProtocolAuto, mode: ship.ModeRandom, long: true}
	switch rng.IntN(10) {
	case 0:
		s.once, s.protocol, s.long = false, ship.ProtocolV2, false
	case 1:
		s.once, s.long, s.servers, s.mode = false, false, 2, ship.ModeFailover
	case 2:
		s.once, s.long, s.servers, s.mode = false, false, 2, ship.ModeBalance
	}
	s.wide = rng.IntN(3) == 0
	s.workers = 1 + rng.IntN(4)
	s.maxOpen = []int{0, 0, 0, 1, 2}[rng.IntN(5)]
	s.idle = []time.Duration{0, 0, time.Nanosecond, time.Second}[rng.IntN(4)]
	s.memory = []int64{0, 0, 64 << 10}[rng.IntN(3)]
	return s
}

// A server receives as journalist does, into memory.
type server struct {
	w    *world
	addr string
	cert *tls.Config
	sink *memsink.Sink

	mu    sync.Mutex
	epoch int // counts the crashes
	of    map[*record.Batch]int
	slow  time.Duration
	full  bool

	run  *lumberjack.Server // nil while it is down
	done chan error
}

var errFull = errors.New("the server's disk is full")

func (w *world) newServer(addr string, ca *certs.CA) *server {
	s := &server{w: w, addr: addr, cert: ca.Server(), sink: memsink.New(), of: map[*record.Batch]int{}}
	s.sink.Before = func(b *record.Batch) error {
		s.mu.Lock()
		epoch, slow, full := s.of[b], s.slow, s.full
		delete(s.of, b)
		s.mu.Unlock()
		time.Sleep(slow)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case epoch != s.epoch:
			return errors.New("the server crashed")
		case full:
			return errFull
		}
		return nil
	}
	return s
}

// Submit is ingest.Sink's.
func (s *server) Submit(ctx context.Context, b *record.Batch) <-chan error {
	s.mu.Lock()
	s.of[b] = s.epoch
	s.mu.Unlock()
	return s.sink.Submit(ctx, b)
}

func (s *server) start() {
	if s.run != nil {
		return
	}
	s.run = lumberjack.New(lumberjack.Options{
		Sink: s, Positions: s.sink, TLS: s.cert, Keepalive: time.Second, Logger: s.w.logger(s.addr), MaxConnsPerAddr: 1000,
	})
	s.done = make(chan error, 1)
	run, done, l := s.run, s.done, s.w.net.listen(s.addr)
	go func() { done <- run.Serve(l) }()
}

// crash loses everything that is not committed.
func (s *server) crash() {
	if s.run == nil {
		return
	}
	s.mu.Lock()
	s.epoch++
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.run.Shutdown(ctx) // the context's error
	if err := <-s.done; err != nil {
		s.w.t.Error(err)
	}
	s.run = nil
}

func (s *server) set(f func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// scribe is one process of the forwarder.
type scribe struct {
	w      *world
	faults *faultfs.FS
	reg    *registry.Registry
	ship   *ship.Shipper
	tail   *tail.Tailer
	dead   bool // its bytes go nowhere any more; guarded by w.mu

	sent     chan error
	stopShip context.CancelFunc
	read     chan error
	stopTail context.CancelFunc
}

// logger writes to the run's log.
func (w *world) logger(who string) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})).With("who", who)
}

// Write adds to the log, which is printed when something fails.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

func (w *world) note(format string, args ...any) {
	_, _ = fmt.Fprintf(w, "%s ==== "+format+"\n", append([]any{time.Now().Format("15:04:05.000000")}, args...)...) // never fails
}

// wall is what the machine's clock says.
func (w *world) wall() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.skew)
}

func (w *world) group() tail.Group {
	pattern := "*.log"
	if w.o.wide {
		pattern = "*.log*"
	}
	return tail.Group{Paths: []string{filepath.Join(logDir, pattern)}, DeadTime: 10000 * time.Hour}
}

func (w *world) tailOptions(s *scribe) tail.Options {
	return tail.Options{
		FS: w.disk, Groups: []tail.Group{w.group()}, Host: "web-01", Positions: s.reg, NoWatch: true,
		MaxLine: w.longest(), MaxOpen: max(w.o.maxOpen, 0), CloseIdle: w.o.idle, Workers: w.o.workers, MaxBytes: w.o.memory,
		HoldTime: 10000 * time.Hour, Logger: w.logger("tail"),
		Output: func(ctx context.Context, l *record.Lines) error { return s.ship.Send(ctx, l, s.tail.Acked) },
	}
}

// start starts scribe; it may fail while its disk does.
func (w *world) start() {
	if w.scribe != nil {
		return
	}
	s := &scribe{w: w, faults: faultfs.New(w.state)}
	var err error
	if s.reg, err = registry.Open(s.faults, stateDir, registry.Options{Clock: w.wall, Logger: w.logger("registry")}); err != nil {
		w.note("scribe does not start: %v", err)
		return
	}
	addrs := make([]string, 0, len(w.servers))
	for _, sv := range w.servers {
		addrs = append(addrs, sv.addr)
	}
	s.ship, err = ship.New(ship.Options{
		Servers: addrs, Mode: w.o.mode, Protocol: w.o.protocol, TLS: w.tls, Dial: s.dial, Timeout: 3 * time.Second,
		Progress: 20 * time.Second, MaxBackoff: 2 * time.Second, QueueBytes: 32 << 10, WindowLines: 20, Probe: 5 * time.Second,
		Rebalance: 20 * time.Second, Logger: w.logger("ship"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if s.tail, err = tail.New(w.tailOptions(s)); err != nil {
		w.t.Fatal(err)
	}
	w.act.Lock()
	w.scribe = s
	w.act.Unlock()
	s.sent = make(chan error, 1)
	var ctx context.Context
	ctx, s.stopShip = context.WithCancel(context.Background())
	go func() { s.sent <- s.ship.Run(ctx) }()
	s.follow()
}

// follow starts to read.
func (s *scribe) follow() {
	s.read = make(chan error, 1)
	var ctx context.Context
	ctx, s.stopTail = context.WithCancel(context.Background())
	go func() { s.read <- s.tail.Run(ctx) }()
}

// ended checks how reading ended.
func (s *scribe) ended(err error) {
	if !errors.Is(err, context.Canceled) {
		s.w.t.Error(err)
	}
}

// dial connects as long as the process lives.
func (s *scribe) dial(ctx context.Context, network, addr string) (c net.Conn, err error) {
	c, err = s.w.net.dial(ctx, network, addr)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if err == nil && s.dead {
		_ = c.Close()
		return nil, errors.New("killed")
	}
	return c, err
}

// kill ends scribe at once. What its disk keeps then is what the system has, or,
// when the power goes, what was synced and an arbitrary part of the rest.
func (w *world) kill(power bool, seed uint64) {
	s := w.scribe
	if s == nil {
		return
	}
	w.mu.Lock()
	s.dead = true
	w.mu.Unlock()
	w.net.reset() // and nothing that it does from here on is seen by anybody
	if power {
		w.state = w.state.CrashClone(seed)
	} else {
		w.state = copyOf(w.state)
	}
	w.end(s)
}

// end waits for the goroutines of a scribe that ends and looks at what it left.
func (w *world) end(s *scribe) {
	s.stopTail()
	s.stopShip()
	s.ended(<-s.read)
	if err := <-s.sent; err != nil {
		w.t.Error(err)
	}
	_ = s.reg.Close() // a killed one writes where nobody looks
	left, sent := w.left(), w.sent()
	w.act.Lock()
	defer w.act.Unlock()
	w.scribe = nil
	for _, n := range w.held {
		if !sent[n] {
			w.ledger.update(n, func(x *line) { x.maybe = "deleted while only a process had it" })
		}
	}
	w.held = nil
	w.known = left
	durable := map[record.SourceID]bool{}
	for _, g := range w.known {
		durable[g.ID] = true
	}
	for _, p := range w.promises {
		if durable[p.id] {
			continue
		}
		for _, n := range p.lines {
			if !sent[n] {
				w.ledger.update(n, func(x *line) { x.maybe = "moved before its identity was durable" })
			}
		}
	}
}

// left is what the registry on scribe's disk says.
func (w *world) left() []record.Generation {
	reg, err := registry.Open(copyOf(w.state), stateDir, registry.Options{Clock: w.wall})
	if err != nil {
		w.t.Fatalf("the registry cannot be read: %v", err)
	}
	defer func() { _ = reg.Close() }() // of a copy
	return reg.All()
}

// stop ends scribe as a service manager does.
func (w *world) stop() {
	s := w.scribe
	if s == nil {
		return
	}
	s.stopTail()
	s.read <- <-s.read
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	_ = s.ship.Drain(ctx) // what is not acknowledged is sent again
	cancel()
	w.end(s)
}

// reload has scribe read its configuration anew.
func (w *world) reload() {
	s := w.scribe
	if s == nil {
		return
	}
	s.tail.Hold()
	s.stopTail()
	s.ended(<-s.read)
	if err := s.tail.Change(w.tailOptions(s)); err != nil {
		w.t.Fatal(err)
	}
	s.follow()
}

// copyOf is what a killed process leaves: all that it wrote.
func copyOf(from *crashfs.FS) *crashfs.FS {
	to := crashfs.New()
	if err := to.MkdirAll(stateDir); err != nil {
		panic(err) // in memory
	}
	entries, _ := from.ReadDir(stateDir) // none before the first start
	for _, e := range entries {
		name := filepath.Join(stateDir, e.Name())
		b, err := vfs.ReadFile(from, name)
		if err != nil {
			panic(err)
		}
		f, err := to.Create(name)
		if err == nil {
			_, err = f.Write(b)
		}
		if err == nil {
			err = errors.Join(f.Sync(), f.Close(), to.SyncDir(stateDir), to.SyncDir("/"))
		}
		if err != nil {
			panic(err)
		}
	}
	return to
}

// sent are the lines that a server has.
func (w *world) sent() map[int]bool {
	out := map[int]bool{}
	rows, _ := w.rows()
	for n := range arrived(rows) {
		out[n] = true
	}
	return out
}

// rows is what all servers have, and what is wrong with it.
func (w *world) rows() (rows []memsink.Row, problems []string) {
	for _, s := range w.servers {
		r, p := joined(s.sink.Rows())
		rows, problems = append(rows, r...), append(problems, p...)
	}
	return rows, problems
}

// heal ends all faults.
func (w *world) heal() {
	w.disk.heal()
	w.net.heal()
	if w.scribe != nil {
		w.scribe.faults.Heal()
	}
	for _, s := range w.servers {
		s.set(func(s *server) { s.slow, s.full = 0, false })
		s.start()
	}
	w.start()
}

// finish lets everything come to rest and returns what is wrong.
func (w *world) finish() (problems []string) {
	w.heal()
	for _, s := range w.services {
		w.complete(s)
	}
	w.note("calm")
	calm := func() []string {
		rows, _ := w.rows()
		return w.ledger.missing(arrived(rows))
	}
	for end := time.Now().Add(20 * time.Minute); len(calm()) > 0 && time.Now().Before(end); {
		time.Sleep(time.Second)
	}
	problems = calm()
	time.Sleep(2 * time.Minute) // and nothing comes twice
	for _, f := range w.scribe.tail.Status().Files {
		if f.State != "skipped" && (f.Acked != f.Read || f.Problem != "") {
			problems = append(problems, fmt.Sprintf("not at rest: %+v", f))
		}
	}
	w.note("once more")
	w.stop()
	w.start()
	time.Sleep(time.Minute)
	rows, more := w.rows()
	return slices.Concat(problems, more, w.ledger.check(rows, w.o.once, w.o.wide))
}

// close ends everything.
func (w *world) close() {
	w.stop()
	for _, s := range w.servers {
		s.crash()
		s.sink.Close()
	}
	synctest.Wait()
}

// longest is how long lines may be before they are split. Only with positions it is
// known which pieces belong together.
func (w *world) longest() int {
	if w.o.long {
		return 150
	}
	return 1 << 10
}
