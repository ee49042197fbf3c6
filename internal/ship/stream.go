package ship

import (
	"cmp"
	"slices"
	"time"

	"journalist/internal/record"
)

// stream is what the Shipper knows about a source. The Shipper's lock guards it.
type stream struct {
	id    record.SourceID
	lane  *lane
	level uint8
	items int      // in the lane
	on    *session // the connection that carried its last piece

	// A source moves to another lane when nothing of it is in its lane any more;
	// what comes until then waits here.
	to     *lane
	parked []*item

	load int64 // bytes sent lately: halved at each rebalancing
	used time.Time
}

const (
	// maxStreams is from where on streams that are idle are forgotten early.
	maxStreams = 4096
	// idleStream is after how long without lines a stream may be forgotten. Then
	// nothing of it is under way, so that its next piece may say resume again.
	idleStream = time.Minute
)

// streamLocked returns the stream of a run of lines of this size, on the lane that
// it should take. A source of which nothing is under way need not wait for a lane
// that is full.
func (s *Shipper) streamLocked(l *record.Lines, size int64, now time.Time) *stream {
	st := s.mu.streams[l.Position.ID]
	if st == nil {
		if len(s.mu.streams) >= maxStreams && now.Sub(s.mu.swept) > idleStream/4 {
			s.sweepLocked(now)
		}
		st = &stream{id: l.Position.ID}
		s.mu.streams[st.id] = st
	}
	st.used = now
	if st.items == 0 && len(st.parked) == 0 {
		st.level = min(l.Priority, levels-1)
		if st.lane == nil || !st.lane.usable() || s.fullLocked(st.lane, size) {
			s.placeLocked(st, s.bestLaneLocked(st.lane, nil))
		}
	}
	return st
}

// sweepLocked forgets streams without lines.
func (s *Shipper) sweepLocked(now time.Time) {
	s.mu.swept = now
	for id, st := range s.mu.streams {
		if st.items == 0 && len(st.parked) == 0 && now.Sub(st.used) > idleStream {
			s.placeLocked(st, nil)
			delete(s.mu.streams, id)
		}
	}
}

// placeLocked puts a stream without items on a lane.
func (s *Shipper) placeLocked(st *stream, ln *lane) {
	if st.lane != nil {
		st.lane.streams--
	}
	if st.lane = ln; ln != nil {
		ln.streams++
	}
}

// pushLocked queues an item of a stream.
func (s *Shipper) pushLocked(st *stream, it *item) {
	it.from = st
	st.load += it.size
	s.mu.items++
	s.mu.bytes += it.size
	s.mu.rows += int64(len(it.lines.Rows))
	s.mu.byLevel[st.level] += it.size
	s.mu.top = max(s.mu.top, st.level)
	if st.to != nil {
		st.parked = append(st.parked, it)
		return
	}
	st.items++
	st.lane.push(it, st.level)
	st.lane.signal()
}

// doneLocked notes that an item is acknowledged and out of its lane's queue.
func (s *Shipper) doneLocked(it *item) {
	st := it.from
	s.mu.items--
	s.mu.bytes -= it.size
	s.mu.rows -= int64(len(it.lines.Rows))
	s.mu.byLevel[st.level] -= it.size
	if st.items--; st.items == 0 && st.to != nil {
		to := st.to
		if !to.usable() {
			to = s.bestLaneLocked(st.lane, nil)
		}
		s.landOnLocked(st, to)
	}
}

// landOnLocked ends a stream's move: nothing of it is in its old lane any more.
func (s *Shipper) landOnLocked(st *stream, to *lane) {
	s.placeLocked(st, to)
	parked := st.parked
	st.to, st.parked = nil, nil
	for _, it := range parked {
		st.items++
		to.push(it, st.level)
	}
	if len(parked) > 0 {
		to.signal()
	}
}

// admitsLocked tells whether there is room for an item. Lines of lower priority get
// no more than half the queue, and one lane of several its share, so that neither
// keeps the others from being sent.
func (s *Shipper) admitsLocked(st *stream, it *item) bool {
	switch {
	case s.mu.bytes == 0:
		return true
	case s.mu.bytes+it.size > s.o.QueueBytes:
		return false
	}
	if s.fullLocked(st.lane, it.size) {
		return false
	}
	if st.level < s.mu.top {
		var lower int64
		for i := range st.level + 1 {
			lower += s.mu.byLevel[i]
		}
		return lower == 0 || lower+it.size <= s.o.QueueBytes/2
	}
	return true
}

// fullLocked tells that a lane, one of several, holds its share of the queue.
func (s *Shipper) fullLocked(ln *lane, size int64) bool {
	n := int64(len(s.mu.lanes))
	return n > 1 && ln.bytes > 0 && ln.bytes+size > s.o.QueueBytes/n
}

// bestLaneLocked returns the lane with the least to do for what it can do; old when
// none is usable. One whose server failed and has not acknowledged anything since
// is taken only when there is no other; except is not taken at all.
func (s *Shipper) bestLaneLocked(old, except *lane) *lane {
	if old == nil {
		old = s.mu.lanes[0]
	}
	if len(s.mu.lanes) == 1 {
		return old
	}
	best, least, sure := old, 0.0, false
	fastest := s.fastestLocked()
	for _, ln := range s.mu.lanes {
		proven := ln.server.failures == 0
		if ln == except || !ln.usable() || sure && !proven {
			continue
		}
		cost := float64(ln.bytes+32<<10*int64(ln.streams)+1) / ln.server.weight(fastest)
		if least == 0 || cost < least || proven && !sure {
			best, least, sure = ln, cost, proven
		}
	}
	return best
}

// fastestLocked is the shortest time that a connected server takes to acknowledge.
func (s *Shipper) fastestLocked() (fastest time.Duration) {
	for _, sv := range s.servers {
		if sv.connected && sv.latency > 0 && (fastest == 0 || sv.latency < fastest) {
			fastest = sv.latency
		}
	}
	return fastest
}

// pourLocked moves everything of a lane whose server failed to usable lanes, each
// source with its order. Without another usable lane it stays. The lane was rewound
// before: nothing is under way.
func (s *Shipper) pourLocked(from *lane) {
	if from.items == 0 || s.bestLaneLocked(from, from) == from {
		return
	}
	items := from.removeAll()
	from.again = nil
	for _, it := range items {
		st := it.from
		if st.lane == from {
			to := st.to
			if to == nil || !to.usable() || to == from {
				to = s.bestLaneLocked(from, from)
			}
			s.placeLocked(st, to)
		}
		st.lane.push(it, st.level)
		st.lane.signal()
	}
	for _, it := range items { // what was parked follows
		if st := it.from; st.to != nil {
			parked := st.parked
			st.to, st.parked = nil, nil
			for _, p := range parked {
				st.items++
				st.lane.push(p, st.level)
			}
		}
	}
}

// rebalanceLocked begins to move sources from lanes that have too much to do to
// others.
func (s *Shipper) rebalanceLocked(now time.Time) {
	s.sweepLocked(now)
	loads := map[*lane]float64{}
	fastest := s.fastestLocked()
	var all []*stream
	for _, st := range s.mu.streams {
		if st.load /= 2; st.to == nil {
			all = append(all, st)
			loads[st.lane] += float64(st.load) / st.lane.server.weight(fastest)
		}
	}
	slices.SortFunc(all, func(a, b *stream) int { return cmp.Compare(b.load, a.load) })
	for _, st := range all {
		size, least := float64(st.load), st.lane
		cost := loads[least]
		for _, ln := range s.mu.lanes {
			share := size / ln.server.weight(fastest)
			if ln != st.lane && ln.server.failures == 0 && loads[ln]+share < cost*0.9 {
				least, cost = ln, loads[ln]+share
			}
		}
		if least == st.lane || size == 0 {
			continue
		}
		loads[st.lane] -= size / st.lane.server.weight(fastest)
		loads[least] += size / least.server.weight(fastest)
		s.moveLocked(st, least)
	}
}

// tryOutLocked gives a server that failed, and is connected again, one source, the
// least busy one: when it acknowledges that, it gets its share.
func (s *Shipper) tryOutLocked(now time.Time) {
	for _, ln := range s.mu.lanes {
		sv := ln.server
		if !sv.connected || sv.failures == 0 || ln.streams > 0 || now.Before(sv.probeAt) {
			continue
		}
		var least *stream
		for _, st := range s.mu.streams {
			if st.to == nil && st.lane != ln && st.items > 0 && (least == nil || st.load < least.load) {
				least = st
			}
		}
		if least != nil {
			s.moveLocked(least, ln)
		}
	}
}

// moveLocked begins a stream's move to another lane.
func (s *Shipper) moveLocked(st *stream, to *lane) {
	st.to = to
	parked := st.lane.remove(func(it *item) bool { return it.from == st })
	st.items -= len(parked)
	st.parked = append(parked, st.parked...)
	if st.items == 0 {
		s.landOnLocked(st, to)
	}
}
