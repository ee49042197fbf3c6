package tail

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"journalist/internal/frame"
	"journalist/internal/record"
)

// startStdin reads the standard input as one source. It has an identity of its
// own for each start of scribe and no place in the registry: what was read of a
// pipe cannot be read again. Its end does not end scribe.
func (t *Tailer) startStdin(ctx context.Context, g *group) {
	if f, ok := t.o.Stdin.(*os.File); ok {
		context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // not every file can
	}
	go func() {
		if err := t.readStream(ctx, t.o.Stdin, g, t.fieldsOf(g, "-")); err != nil && ctx.Err() == nil {
			t.log.Error("reading the standard input ended", "error", err)
		}
	}()
}

// history is how many bytes before what is framed are kept: see frame.Framer.
const history = 256

// stream is a source that cannot be read again.
type stream struct {
	t       *Tailer
	id      record.SourceID
	group   *group
	framer  *frame.Framer
	fields  []record.Pair
	buf     []byte
	done    int    // buf[:done] is framed
	offset  uint64 // where buf[done] is
	changed time.Time
}

// chunk is what a reader goroutine got.
type chunk struct {
	data []byte
	err  error
}

// readStream sends the lines of r until it ends. It reads in a goroutine of its own,
// because lines may have to be sent while nothing comes.
func (t *Tailer) readStream(ctx context.Context, r io.Reader, g *group, fields []record.Pair) error {
	chunks, back := make(chan chunk), make(chan []byte, 2)
	back <- make([]byte, 64<<10)
	back <- make([]byte, 64<<10)
	go func() {
		defer close(chunks)
		for b := range back {
			n, err := r.Read(b[:cap(b)])
			select {
			case chunks <- chunk{b[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer close(back)
	s := &stream{t: t, id: record.NewSourceID(), group: g, fields: fields}
	var timer <-chan time.Time
	for {
		var c chunk
		select {
		case c = <-chunks:
			s.buf = append(s.buf, c.data...)
			s.changed = t.o.Clock()
			if c.data != nil {
				back <- c.data
			}
		case <-timer:
		case <-ctx.Done():
			return ctx.Err()
		}
		wait, err := s.send(ctx, c.err != nil)
		switch {
		case err != nil:
			return err
		case errors.Is(c.err, io.EOF):
			return nil
		case c.err != nil:
			return c.err
		}
		timer = nil
		if wait > 0 {
			timer = time.After(wait)
		}
	}
}

// send frames what is there and hands it to Output.
func (s *stream) send(ctx context.Context, last bool) (wait time.Duration, err error) {
	t := s.t
	if s.framer == nil {
		if len(s.buf) < 2 && !last {
			return 0, nil
		}
		s.framer = s.group.framer.For(s.buf)
	}
	for {
		body := s.buf[s.done:]
		more := len(body) > s.framer.Window()
		before := min(s.done, history)
		n := before + min(len(body), max(s.framer.Window(), 64<<10))
		run, err := t.pool.get(ctx, n*s.framer.Grow())
		if err != nil {
			return 0, err
		}
		if n > len(run.buf) {
			n, more = len(run.buf), true
		}
		copy(run.buf, s.buf[s.done-before:][:n])
		var end frame.Ending
		if !more {
			end = frame.Ending{Quiet: t.since(s.changed), Last: last}
		}
		used, full, wait := s.framer.Frame(&run.lines, run.buf[:n], before, s.offset, end)
		if used == 0 {
			t.pool.put(run)
			return wait, nil
		}
		if err := s.output(ctx, run, used); err != nil {
			return 0, err
		}
		s.done += used
		if s.done > len(s.buf)/2 {
			keep := min(s.done, history)
			s.buf = s.buf[:copy(s.buf, s.buf[s.done-keep:])]
			s.done = keep
		}
		if !full && !more && (!last || s.done == len(s.buf)) {
			return wait, nil
		}
	}
}

func (s *stream) output(ctx context.Context, run *run, used int) error {
	t, l := s.t, &run.lines
	l.Position = record.Position{ID: s.id, From: s.offset, To: s.offset + uint64(used)}
	l.ReadTime = t.o.Clock().UnixNano()
	l.Fields, l.Priority = s.fields, s.group.Priority
	t.m.lines.Add(len(l.Rows))
	t.m.bytes.Add(used)
	t.mu.Lock()
	t.inflight[l] = run
	t.mu.Unlock()
	s.group.apply(l)
	if err := t.o.Output(ctx, l); err != nil {
		t.mu.Lock()
		delete(t.inflight, l)
		t.mu.Unlock()
		t.pool.put(run)
		return err
	}
	s.offset += uint64(used) // run is no longer ours
	return nil
}
