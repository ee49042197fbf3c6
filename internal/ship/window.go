package ship

import (
	"time"

	"journalist/internal/lumberjack"
)

// This file is how a session cuts windows: when, of what, and how large.

// readyLocked tells how long to wait before the next window is cut; ok is false
// when there is nothing to wait for but a signal.
func (ss *session) readyLocked(now time.Time) (wait time.Duration, ok bool) {
	q := &ss.lane.queue
	since, any := q.waiting()
	if !any || len(ss.flights) >= ss.limit || ss.retiring {
		return 0, false
	}
	_, size := ss.windowLocked()
	if len(ss.flights) == 0 || q.unsent >= int64(size) || len(ss.lane.again) > 0 {
		return 0, true
	}
	return ss.s.o.Linger - now.Sub(since), true
}

// launchLocked cuts a window and puts it under way.
func (ss *session) launchLocked() *flight {
	now := time.Now()
	f := &flight{pieces: ss.cutLocked(now)}
	for i := range f.pieces {
		p := &f.pieces[i]
		f.events += ss.events(*p)
		p.resume = p.it.from.on != ss
		p.it.from.on = ss
	}
	f.full = ss.lane.unsent > 0
	if len(ss.flights) == 0 {
		ss.alive, ss.progress = now, now
	}
	ss.flights = append(ss.flights, f)
	ss.s.mu.status.LinesSent += int64(f.events)
	return f
}

// cutLocked takes the next window's pieces from the queue.
func (ss *session) cutLocked(now time.Time) []piece {
	for ln := ss.lane; len(ln.again) > 0; {
		next := ln.again[0]
		if ln.again = ln.again[1:]; ss.speaks == dialectBlocks {
			continue
		}
		if pieces := ln.retake(next); len(pieces) > 0 {
			return pieces
		}
	}
	lines, size := ss.windowLocked()
	return ss.lane.take(now, lines, size)
}

// events is how many sequence numbers a piece takes.
func (ss *session) events(p piece) uint32 {
	if ss.speaks == dialectBlocks {
		return uint32(lumberjack.Events(p.lo, p.hi))
	}
	return uint32(p.hi - p.lo)
}

// mostInFlight is how many windows may be under way. Version 1 has one answer for
// a window and no sign of life, so that it gets one window at a time.
func (ss *session) mostInFlight() int {
	if ss.speaks == dialectV1 {
		return 1
	}
	return ss.s.o.InFlight
}

// windowLocked is how large the next window may be.
func (ss *session) windowLocked() (lines, bytes int) {
	o, shift := &ss.s.o, ss.server.shift
	lines, bytes = o.WindowLines, o.WindowBytes
	most := lines
	if lines <= 0 {
		lines, most = plainWindowLines, mostWindowLines
		if ss.speaks == dialectBlocks {
			lines, most = blockWindowLines, mostBlockLines
		}
	}
	if shift >= 0 {
		lines, bytes = max(1, lines>>shift), max(1, bytes>>shift)
	} else {
		lines, bytes = min(lines<<-shift, most), min(bytes<<-shift, max(bytes, mostWindowBytes))
	}
	if o.Bandwidth > 0 {
		bytes = min(bytes, int(min(o.Bandwidth*8, 1<<30)))
	}
	return lines, bytes
}

// roomToGrowLocked tells that the queue holds more than larger windows take.
func (ss *session) roomToGrowLocked() bool {
	_, bytes := ss.windowLocked()
	return int64(bytes)*2*int64(ss.limit) <= ss.s.o.QueueBytes/int64(len(ss.s.mu.lanes))
}

// repeatLocked notes the windows under way, to be cut in the same way for the next
// connection. Where there are no positions, a server knows a window that it has
// kept already by its bytes alone. A server that was overdue gets smaller ones
// instead.
func (ss *session) repeatLocked() {
	ln := ss.lane
	if ss.speaks == dialectBlocks || ss.late {
		ln.again = nil
		return
	}
	var again [][]piece
	for _, f := range ss.flights {
		again = append(again, f.pieces)
	}
	ln.again = append(again, ln.again...)
}
