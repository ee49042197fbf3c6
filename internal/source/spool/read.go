package spool

import (
	"bytes"
	"context"
	"fmt"

	"journalist/internal/record"
)

// This file is the goroutine that hands out what is synced.

// hand reads the queue from the acknowledged position on and hands runs out until
// ctx ends.
func (q *Queue) hand(ctx context.Context) error {
	h := handing{q: q, seq: 0, from: q.mu.read}
	for ctx.Err() == nil {
		l, err := h.run()
		if err != nil {
			return err
		}
		if l == nil {
			select {
			case <-q.news:
			case <-ctx.Done():
			}
			continue
		}
		q.mu.Lock()
		q.mu.read = l.Position.To
		q.mu.handed++
		q.mu.Unlock()
		if err := q.o.Output(ctx, l, q.onAck); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("spool: %s: %w", q.o.Name, err)
		}
	}
	return nil
}

// handing is where the reading goroutine is.
type handing struct {
	q    *Queue
	seq  uint64 // of the last frame that was handed out
	from uint64 // where the last run ended
	seg  *segment
	r    reader

	rawFields []byte // of the last run, and what they say
	fields    []record.Pair
}

// run returns the next run; nil when there is none yet. What cannot be read is
// left out, counted and logged.
func (h *handing) run() (*record.Lines, error) {
	for {
		if !h.position() {
			h.passEnd()
			return nil, nil
		}
		l, err := h.collect()
		if l != nil {
			h.from = l.Position.To
			return l, nil
		}
		if err == nil {
			continue // only frames that were there before
		}
		lost := h.r.limit - h.r.off
		h.q.mu.Lock()
		h.q.mu.status.Lost += lost
		h.q.mu.Unlock()
		h.q.m.lost.Add(int(lost))
		h.q.problem(fmt.Errorf("%s at byte %d: %w: its last %d bytes are left out (after a power failure this is what was never synced)",
			h.seg.name, int64(headerSize)+h.r.off, err, lost))
		h.r.off, h.r.buf = h.r.limit, nil
	}
}

// position finds the segment that has something to read; false when none has.
func (h *handing) position() bool {
	h.q.mu.Lock()
	defer h.q.mu.Unlock()
	if h.seg != nil {
		if h.r.limit = h.seg.size; h.r.off < h.r.limit {
			return true
		}
	}
	at := h.from
	if h.seg != nil {
		at = max(at, h.seg.base+uint64(h.r.off))
	}
	for _, s := range h.q.mu.segs {
		if s.end() <= at || s == h.seg {
			continue
		}
		h.seg = s
		h.r = reader{file: s.file, limit: s.size}
		if at > s.base {
			h.r.off = int64(at - s.base)
		}
		return true
	}
	return false
}

// passEnd lets the queue move over bytes at its end that hold no lines.
func (h *handing) passEnd() {
	if h.seg == nil {
		return
	}
	q := h.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if at := h.seg.base + uint64(h.r.off); at > q.mu.read {
		q.mu.read = at
		q.settleLocked()
		wake(q.work)
	}
}

// collect makes a run of the next frames that lie in one buffer and have the same
// fields. Both results are nil when these were known; an error comes only without a
// run.
func (h *handing) collect() (*record.Lines, error) {
	if _, _, err := h.r.peek(); err != nil { // fills the buffer
		return nil, err
	}
	begin := h.r.off
	data := h.r.rest()
	at := h.seg.base + uint64(begin)
	l := &record.Lines{}
	end := 0
	for len(l.Rows) < maxRunRows {
		payload, n, err := cutFrame(data[end:])
		if err == nil && n == 0 {
			break // the end of the buffer
		}
		var f frame
		if err == nil {
			f, err = decodeFrame(payload)
		}
		if err == nil && f.seq > h.seq {
			if len(l.Rows) > 0 && !bytes.Equal(f.fields, h.rawFields) {
				break
			}
			err = h.add(l, &f, end+n, at)
		}
		if err != nil {
			if len(l.Rows) > 0 || end > 0 {
				break // the next call finds it at the beginning
			}
			return nil, err
		}
		h.seq = max(h.seq, f.seq)
		end += n
		h.r.off = begin + int64(end)
	}
	if len(l.Rows) == 0 {
		return nil, nil
	}
	l.Data = data[:end:end]
	l.Position = record.Position{ID: h.q.id, From: h.from, To: at + uint64(end)}
	return l, nil
}

// add appends a frame's rows to the run; after an error the run is as before.
func (h *handing) add(l *record.Lines, f *frame, end int, at uint64) error {
	rows, extras := len(l.Rows), len(l.Extras)
	if err := f.appendRows(l, end, at); err != nil {
		l.Rows, l.Extras = l.Rows[:rows], l.Extras[:extras]
		return err
	}
	if rows > 0 {
		return nil
	}
	if h.fields == nil || !bytes.Equal(f.fields, h.rawFields) {
		h.rawFields = bytes.Clone(f.fields)
		h.fields = decodeFields(f.fields)
	}
	l.ReadTime, l.Priority, l.Fields = f.readTime, h.q.o.Priority, h.fields
	return nil
}
