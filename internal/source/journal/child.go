package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"journalist/internal/record"
)

// outputError is an error of the output, after which reading makes no sense.
type outputError struct{ err error }

func (e *outputError) Error() string { return "journal: hand lines over: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

const (
	maxRunRows  = 1024
	maxRunBytes = 256 << 10
)

// command makes a journalctl.
func (r *Reader) command(ctx context.Context, args ...string) *exec.Cmd {
	args = slices.Concat(r.o.Command[1:], []string{"--output=export", "--quiet", "--no-pager"}, args, r.o.filter())
	cmd := exec.CommandContext(ctx, r.o.Command[0], args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// child runs one journalctl until it ends or ctx does. The error is never nil.
func (r *Reader) child(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	from := r.last
	args := []string{"--follow", "--no-tail"}
	switch {
	case from.cursor != "":
		args = append(args, "--cursor="+from.cursor)
	case slices.Equal(r.o.since(), []string{"--lines=0"}):
		args = []string{"--follow", "--lines=0"}
	default:
		args = append(args, r.o.since()...)
	}
	cmd := r.command(ctx, args...)
	said := &tailOf{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("journal: %w (journalctl comes with systemd)", err)
	}
	r.running(true)
	defer r.running(false)
	// A grandchild that keeps the pipe open must not keep us.
	defer context.AfterFunc(ctx, func() { _ = out.Close() })()
	var wg sync.WaitGroup
	wg.Go(func() { r.watch(ctx, stop) })
	err = r.copy(ctx, bufio.NewReaderSize(out, 64<<10), from)
	stop(nil)
	wg.Wait()
	cause := context.Cause(ctx)
	werr := cmd.Wait()
	var oerr *outputError
	switch {
	case errors.As(err, &oerr):
		return err
	case errors.Is(err, io.EOF) && !errors.Is(cause, errSilent):
		err = errors.New("journalctl ended")
		if werr != nil && !errors.Is(werr, context.Canceled) {
			err = fmt.Errorf("journalctl ended: %w", werr)
		}
	case errors.Is(cause, errSilent):
		err = cause
	}
	if text := said.text(); text != "" {
		return fmt.Errorf("journal: %w: %s", err, text)
	}
	return fmt.Errorf("journal: %w", err)
}

func (r *Reader) running(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.status.Running = yes
}

// copy hands out what journalctl writes, which begins with the entry of the mark
// if the journal still has it. A run ends when nothing more is there yet.
func (r *Reader) copy(ctx context.Context, in *bufio.Reader, from mark) error {
	var e entry
	for first := from.cursor != ""; ; {
		err := e.read(in)
		if err != nil {
			if herr := r.hand(ctx); herr != nil {
				return herr
			}
			return err
		}
		cursor := e.get("__CURSOR")
		if len(cursor) == 0 {
			return fmt.Errorf("%w: an entry without a cursor", errFormat)
		}
		before, err := r.place(string(cursor), first)
		if err != nil {
			return err
		}
		first = false
		if !before {
			r.add(&e)
			r.last = mark{id: r.b.ID, next: r.b.At, cursor: string(cursor), filter: r.last.filter}
		}
		if in.Buffered() == 0 || r.b.Len() >= maxRunRows || r.b.Bytes() >= maxRunBytes {
			if err := r.hand(ctx); err != nil {
				return err
			}
		}
	}
}

// place compares an entry with the mark: before tells that it was handed out by an
// earlier journalctl. The first entry of an identity is noted on disk before anything
// of it is sent.
func (r *Reader) place(cursor string, first bool) (before bool, err error) {
	known := first && cursor == r.last.cursor
	before = known && !r.last.at
	if first && !known && !r.fresh {
		r.m.gaps.Inc()
		r.mu.Lock()
		r.mu.status.Gaps++
		r.mu.Unlock()
		r.o.Logger.Warn("the journal no longer has the entry that was read last, what it has is sent from there on", "cursor", r.last.cursor)
		r.last.id, r.fresh = record.NewSourceID(), true
	}
	if !r.fresh {
		return before, nil
	}
	at := mark{id: r.last.id, cursor: cursor, at: !before, filter: r.last.filter}
	if err := r.save(at); err != nil {
		return false, err
	}
	r.b.Restart(at.id, 0)
	r.mu.Lock()
	r.mu.acked = at
	r.mu.Unlock()
	r.last, r.fresh = at, false
	return before, nil
}

// add makes a line of an entry.
func (r *Reader) add(e *entry) {
	r.m.entries.Inc()
	r.entries.Add(1)
	var marks record.LineMarks
	for i := range e.fields {
		if e.fields[i].cut {
			marks |= record.LineTruncated
		}
	}
	if marks != 0 {
		r.m.cut.Inc()
	}
	r.b.Add(bytes.TrimRight(e.get("MESSAGE"), "\n"), 1, marks, func(dst []byte) []byte { return e.appendExtra(dst, r.o.All) })
}

// hand gives the run at hand to the output.
func (r *Reader) hand(ctx context.Context) error {
	if r.b.Len() == 0 {
		return nil
	}
	now := time.Now()
	l := r.b.Take(now.UnixNano(), r.o.Fields, r.o.Priority)
	r.mu.Lock()
	r.mu.sent = append(r.mu.sent, r.last)
	r.mu.status.LastRead = now
	r.mu.Unlock()
	r.waiting.Store(true)
	defer r.waiting.Store(false)
	if err := r.o.Output(ctx, l, r.onAck); err != nil {
		return &outputError{err}
	}
	return nil
}

// errSilent ends a journalctl that says nothing although there is something.
var errSilent = errors.New("journalctl fell silent although there are new entries")

// watch asks another journalctl, when the one that follows has been silent for
// long, whether there is really nothing new.
func (r *Reader) watch(ctx context.Context, stop context.CancelCauseFunc) {
	t := time.NewTicker(r.o.Probe)
	defer t.Stop()
	for seen := int64(-1); ; {
		n := r.entries.Load()
		if n == seen && !r.waiting.Load() {
			newest, err := r.newest(ctx)
			handed := r.handed()
			behind := err == nil && newest != "" && handed != "" && handed != newest
			if behind && n == r.entries.Load() && ctx.Err() == nil && r.silent(ctx, n) {
				stop(errSilent)
				return
			}
		}
		seen = n
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// silent waits whether the entry still comes.
func (r *Reader) silent(ctx context.Context, n int64) bool {
	t := time.NewTimer(min(5*time.Second, r.o.Probe))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return false
	}
	return n == r.entries.Load() && !r.waiting.Load()
}

// handed is the cursor of the last entry that was handed out.
func (r *Reader) handed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.mu.sent); n > 0 {
		return r.mu.sent[n-1].cursor
	}
	return r.mu.acked.cursor
}

// newest asks for the cursor of the newest entry.
func (r *Reader) newest(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := r.command(ctx, "--lines=1").Output()
	if err != nil {
		return "", err
	}
	var e entry
	if err := e.read(bufio.NewReader(bytes.NewReader(out))); err != nil {
		return "", err
	}
	return string(e.get("__CURSOR")), nil
}

// tailOf keeps the end of what a process says.
type tailOf struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tailOf) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if n := len(t.buf) - 1000; n > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[n:])]
	}
	return len(p), nil
}

func (t *tailOf) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}

// Check asks journalctl for one entry and returns what is wrong: the program is
// missing, an argument is not understood, or this user may not read the journal.
func Check(ctx context.Context, o Options) error {
	if o.Output == nil {
		o.Output = func(context.Context, *record.Lines, func(*record.Lines)) error { return nil }
	}
	if o.Dir == "" {
		o.Dir = "." // nothing is written
	}
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	r := &Reader{o: o}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	since := slices.DeleteFunc(o.since(), func(a string) bool { return a == "--lines=0" || a == "--boot" })
	cmd := r.command(ctx, append([]string{"--lines=1"}, since...)...)
	cmd.Args = slices.DeleteFunc(cmd.Args, func(a string) bool { return a == "--quiet" }) // it has hints
	said := &tailOf{}
	cmd.Stderr = said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("journal: %w: %s", err, said.text())
	}
	if text := said.text(); strings.Contains(text, "not seeing messages") || strings.Contains(text, "No journal files") {
		return fmt.Errorf("journal: %s (let scribe's user be of the group systemd-journal)", text)
	}
	return nil
}
