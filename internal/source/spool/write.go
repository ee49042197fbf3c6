package spool

import (
	"context"
	"fmt"
	"time"

	"journalist/internal/record"
)

// This file is the goroutine that writes, syncs and removes.

// Run hands out what is in the queue and takes what is sent until ctx ends, then
// syncs what was taken and returns nil. Runs that were handed out may be
// acknowledged later, until Close.
func (q *Queue) Run(ctx context.Context) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- q.hand(reading) }()
	var err error
	save := time.NewTicker(q.o.SaveInterval)
	defer save.Stop()
	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case err = <-done:
			done <- nil
			running = false
		case <-save.C:
			q.keep(true)
		case <-q.work:
			q.linger(ctx)
			q.flush(ctx)
			q.keep(false)
		}
	}
	stop()
	if rerr := <-done; err == nil {
		err = rerr
	}
	q.mu.Lock()
	q.mu.closed = true
	q.roomLocked()
	close(q.mu.empty)
	q.mu.empty = make(chan struct{})
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if lost := q.flush(ctx); lost > 0 && err == nil {
		err = fmt.Errorf("spool: %s: the end came before the disk took %d bytes: %s", q.o.Name, lost, q.Status().LastError)
	}
	return err
}

// Close notes how far everything is acknowledged and removes what is done with.
func (q *Queue) Close() error {
	q.mu.Lock()
	q.mu.closed = true
	acked, idle := q.mu.acked, q.waitingLocked() == 0
	segs := q.mu.segs
	q.mu.segs = nil
	q.mu.Unlock()
	err := q.save(acked)
	for i, s := range segs {
		_ = s.file.Close() // synced, or only read
		if err == nil && s.end() <= acked && (i < len(segs)-1 || idle) {
			err = q.o.FS.Remove(s.name)
		}
	}
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// linger waits a little for more lines to sync together.
func (q *Queue) linger(ctx context.Context) {
	t := time.NewTimer(q.o.Linger)
	defer t.Stop()
	for {
		q.mu.Lock()
		n := len(q.mu.pending)
		q.mu.Unlock()
		if n == 0 || n >= eagerBytes {
			return
		}
		select {
		case <-t.C:
			return
		case <-q.work:
		case <-ctx.Done():
			return
		}
	}
}

// flush writes and syncs what is pending, trying again until it succeeds or ctx
// ends; meanwhile a server may take it. It returns how many bytes it could not
// write.
func (q *Queue) flush(ctx context.Context) (left int) {
	q.mu.Lock()
	data, waiting := q.mu.pending, q.mu.waiting
	q.mu.pending, q.mu.waiting = nil, nil
	q.mu.Unlock()
	for len(data) > 0 {
		if !time.Now().Before(q.tryAt) {
			err := q.write(data)
			q.disk(err)
			if err == nil {
				break
			}
			q.keep(false) // what is acknowledged makes room
		}
		n, bytes := q.pass(ctx, waiting)
		data, waiting = data[bytes:], waiting[n:]
		if len(data) == 0 {
			tell(waiting) // of runs without lines, of which there is nothing to write
			return 0
		}
		t := time.NewTimer(time.Until(q.tryAt))
		select {
		case <-t.C:
			continue
		case <-ctx.Done():
		}
		t.Stop()
		// They go back: Run tries once more at the end.
		q.mu.Lock()
		q.mu.pending, q.mu.waiting = append(data, q.mu.pending...), append(waiting, q.mu.waiting...)
		left = len(q.mu.pending)
		q.mu.Unlock()
		return left
	}
	q.mu.Lock()
	q.roomLocked()
	q.mu.Unlock()
	tell(waiting)
	wake(q.news)
	return 0
}

// disk notes how an attempt to write went, and says so when that changes.
func (q *Queue) disk(err error) {
	if err == nil {
		if q.pause > 0 {
			q.o.Logger.Info("the disk takes lines again")
			q.mu.Lock()
			q.mu.status.LastError, q.mu.status.LastErrorAt = "", time.Time{}
			q.mu.Unlock()
		}
		q.pause = 0
		return
	}
	first := q.pause == 0
	q.pause = min(max(2*q.pause, minRetry), maxRetry)
	q.tryAt = time.Now().Add(q.pause)
	err = fmt.Errorf("the disk takes no lines; they go to a server or wait in memory: %w", err)
	if first {
		q.problem(err)
	} else {
		q.note(err)
	}
}

// pass hands what waits to the output as it came, until the disk is to be tried
// again, when all that is on disk is acknowledged, so that the order stays. It
// returns how many runs, and bytes of frames, the output took.
func (q *Queue) pass(ctx context.Context, waiting []waiter) (n, bytes int) {
	q.mu.Lock()
	behind := q.mu.handed > 0
	if k := len(q.mu.segs); k > 0 {
		behind = behind || q.mu.segs[k-1].end() > q.mu.acked
	}
	q.mu.Unlock()
	if behind {
		return 0, 0
	}
	ctx, cancel := context.WithDeadline(ctx, q.tryAt)
	defer cancel()
	for _, w := range waiting {
		acked := w.acked
		if acked == nil {
			acked = func(*record.Lines) {}
		}
		if q.o.Output(ctx, w.l, acked) != nil {
			break // nobody took it: it is tried again
		}
		n++
		bytes += w.bytes
	}
	if n > 0 {
		q.mu.Lock()
		q.roomLocked()
		q.mu.Unlock()
	}
	return n, bytes
}

func tell(waiting []waiter) {
	for _, w := range waiting {
		if w.acked != nil {
			w.acked(w.l)
		}
	}
}

// write appends data to the newest segment and syncs it. After an error nobody
// knows what is on disk: the segment ends at what was synced before, the next one
// begins behind everything that may be there, and the sequence numbers let a later
// reader recognise frames that stand in both.
func (q *Queue) write(data []byte) (err error) {
	if s := q.active; s != nil && s.size > 0 && s.size+int64(len(data)) > q.o.SegmentBytes {
		q.active = nil
	}
	if q.active == nil {
		s, err := newSegment(q.o.FS, q.o.Dir, q.id, q.next)
		if err != nil {
			return err
		}
		q.active = s
		q.mu.Lock()
		q.mu.segs = append(q.mu.segs, s)
		q.mu.Unlock()
	}
	s := q.active
	q.next += uint64(len(data))
	_, err = s.file.Write(data)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		q.abandon(s, int64(len(data)))
		return err
	}
	q.m.syncs.Inc()
	q.mu.Lock()
	s.size += int64(len(data))
	s.disk += int64(len(data))
	q.mu.Unlock()
	return nil
}

// abandon ends a segment after a failed write, and removes it if nothing in it is
// synced.
func (q *Queue) abandon(s *segment, attempted int64) {
	q.active = nil
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.size == 0 && q.o.FS.Remove(s.name) == nil {
		_ = s.file.Close() // it is gone
		q.mu.segs = q.mu.segs[:len(q.mu.segs)-1]
		return
	}
	if q.o.FS.Truncate(s.name, int64(headerSize)+s.size) != nil {
		s.disk += attempted
	}
}

// keep removes segments that are acknowledged to their end and, now and then, notes
// the acknowledged position. The newest segment goes only after the position is on
// disk: from the two follows where the next one begins, and no position may come
// twice.
func (q *Queue) keep(save bool) {
	q.mu.Lock()
	acked := q.mu.acked
	idle := q.waitingLocked() == 0
	full := q.mu.status.Full
	var done []*segment
	for len(q.mu.segs) > 1 && q.mu.segs[0].end() <= acked {
		done = append(done, q.mu.segs[0])
		q.mu.segs = q.mu.segs[1:]
	}
	last := idle && len(q.mu.segs) == 1 && (full || q.mu.segs[0] != q.active || q.active.size >= q.o.SegmentBytes/2)
	q.mu.Unlock()
	if (save || last) && acked != q.saved {
		if err := q.save(acked); err != nil {
			q.problem(fmt.Errorf("note the acknowledged position: %w", err))
		}
	}
	if last && q.saved == acked {
		q.mu.Lock()
		if q.waitingLocked() == 0 {
			done = append(done, q.mu.segs...)
			q.mu.segs, q.active = nil, nil
		}
		q.mu.Unlock()
	}
	for _, s := range done {
		_ = s.file.Close() // synced long ago, or only read
		if err := q.o.FS.Remove(s.name); err != nil {
			q.problem(fmt.Errorf("remove what is acknowledged: %w", err))
		}
	}
	if len(done) > 0 {
		q.mu.Lock()
		q.roomLocked()
		q.mu.Unlock()
	}
}

// onAck is told by the output that a run is durable behind it.
func (q *Queue) onAck(l *record.Lines) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.acked = max(q.mu.acked, l.Position.To)
	q.mu.handed--
	q.settleLocked()
	wake(q.work)
}

// settleLocked notes when everything is acknowledged.
func (q *Queue) settleLocked() {
	if q.mu.handed == 0 {
		q.mu.acked = max(q.mu.acked, q.mu.read)
	}
	if q.waitingLocked() == 0 && !q.mu.closed {
		close(q.mu.empty)
		q.mu.empty = make(chan struct{})
		q.roomLocked()
	}
}
