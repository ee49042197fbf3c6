package frame

import (
	"slices"
	"time"

	xencoding "golang.org/x/text/encoding"

	"journalist/internal/record"
)

const (
	// maxGap is how many bytes of other streams may lie between two lines of one
	// event of a container's stream.
	maxGap = 64 << 10
	// minRows is how many events one call takes at least, so that one that waits
	// behind many of another stream is found complete.
	minRows = 4096
	// stdout, stderr and whatever else.
	maxStreams = 3
)

// work is what one call of Frame needs. It is used again by later calls, but
// nothing of its content is.
type work struct {
	f       *Framer
	l       *record.Lines
	data    []byte
	begin   int    // where data begin to be framed
	start   uint64 // and where that is in the source
	events  []event
	pieces  []piece
	streams [maxStreams]stream
	shuffle bool // events are not in the order of their beginnings
	decoder *xencoding.Decoder
}

// event is a row to be.
type event struct {
	text
	open  bool // more may belong to it
	lines int
}

// text is a text in pieces with what is known about it. from and to are where it
// begins and ends in data.
type text struct {
	from, to    int
	first, last int32 // pieces
	n           int   // bytes, with the line feeds between lines
	marks       record.LineMarks
	bad, cut    int // undecodable characters, bytes left out
	meta        meta
}

// piece is a part of a text: Data[off:off+n].
type piece struct {
	off, n int
	next   int32
	glue   bool // goes on in the same line as the piece before
}

// stream is where a stream of a source stands; a source that is no container's has
// one.
type stream struct {
	event    int32 // the open one, or -1
	state    state // of the event
	held     []text
	part     text // a line of which more is to come
	hasPart  bool
	seen     int   // where its last line ends
	seenTime int64 // and that line's time
}

func newWork(f *Framer) *work { return &work{f: f} }

// at is where data[off] is in the source.
func (w *work) at(off int) uint64 { return w.start + uint64(off-w.begin) }

func (w *work) reset(l *record.Lines, data []byte, off int, start uint64) {
	w.l, w.data, w.begin, w.start = l, data, off, start
	w.events, w.pieces, w.shuffle = w.events[:0], w.pieces[:0], false
	for i := range w.streams {
		s := &w.streams[i]
		*s = stream{event: -1, held: s.held[:0]}
	}
}

// frame is Frame for all that is not plain.
func (w *work) frame(l *record.Lines, data []byte, off int, start uint64, end Ending) (used int, full bool, wait time.Duration) {
	l.Data = data
	w.reset(l, data, off, start)
	defer func() { w.l, w.data = nil, nil }()
	limit := max(minRows, maxRows(data))
	at := off
	for at < len(data) {
		if len(w.events) >= limit {
			full = true
			break
		}
		p, ok := w.physical(at, end.Last)
		if !ok {
			break
		}
		w.take(&p)
		at = p.to
	}
	if !full && (end.Last || end.Quiet >= w.f.flush) {
		w.closeAll()
	}
	n, to := w.clean(at)
	if to == off && n == 0 && at > off && (full || len(data)-off >= w.f.Window()) {
		w.closeAll() // streams that overlap without end
		n, to = w.clean(at)
	}
	w.emit(n, to)
	if !full && w.waiting() {
		wait = max(w.f.flush-end.Quiet, time.Millisecond)
	}
	return to - off, full, wait
}

// take deals with a line of the source.
func (w *work) take(p *physical) {
	t := w.text(p.off, p.n)
	t.from, t.to, t.marks, t.bad, t.cut = p.from, p.to, p.marks, p.bad, p.cut
	if w.f.format == "" {
		w.line(&w.streams[0], t)
		return
	}
	c, ok := w.unwrap(p)
	if !ok {
		t.meta.damaged = true
		w.add(t)
		return
	}
	for i := range w.streams {
		w.expire(&w.streams[i], p.from, c.meta.nanos)
	}
	s := &w.streams[c.stream]
	s.seen, s.seenTime = p.to, c.meta.nanos // of the last line alone: what was before may be another run
	t = w.text(c.off, c.n)
	t.from, t.to, t.cut, t.meta = p.from, p.to, p.cut, c.meta
	w.part(s, t, c.more, p.marks)
}

// part joins what belongs to one line of a container; with more, more is to come.
func (w *work) part(s *stream, t text, more bool, marks record.LineMarks) {
	if s.hasPart && (s.part.n+t.n > w.f.maxLine || t.to-s.part.from > w.f.extent()) {
		w.endPart(s, record.LineSplit)
	}
	if !s.hasPart {
		s.part, s.hasPart = t, true
	} else {
		w.pieces[s.part.last].next = t.first
		w.pieces[t.first].glue = true
		s.part.last, s.part.to = t.last, t.to
		s.part.n += t.n
		s.part.cut += t.cut
	}
	s.part.marks |= marks
	if !more {
		w.endPart(s, 0)
	}
}

// endPart takes a line of a container for complete. One that is longer than a row
// may be becomes several.
func (w *work) endPart(s *stream, marks record.LineMarks) {
	t := s.part
	s.hasPart, s.part = false, text{}
	b := w.join(&t)
	if marks == 0 && len(b) > 0 && b[len(b)-1] == '\r' {
		b = b[:len(b)-1]
		t.n--
		w.pieces[t.first].n--
	}
	if t.n > w.f.maxLine { // one piece: any more would have been cut before
		w.pieces[t.first].n = runeCut(b[:w.f.maxLine])
		cut := t.n - w.pieces[t.first].n
		t.n -= cut
		t.marks |= record.LineTruncated
		t.cut += cut
	}
	t.marks |= marks
	w.line(s, t)
}

// expire closes what waits in a stream for lines that come too late or too far
// behind.
func (w *work) expire(s *stream, at int, nanos int64) {
	if s.event < 0 && !s.hasPart {
		return
	}
	late := nanos != 0 && s.seenTime != 0 && nanos-s.seenTime > int64(w.f.flush)
	if at-s.seen <= maxGap && !late {
		return
	}
	w.closeStream(s)
}

// line deals with a whole line of a stream.
func (w *work) line(s *stream, t text) {
	if w.f.multi == nil {
		w.add(t)
		return
	}
	b := w.join(&t)
	split := t.marks&(record.LineSplit|record.LineTruncated) != 0
	for {
		next, v := w.f.multi.next(s.state, b)
		if v == holds && (split || len(s.held) >= maxHeld) {
			v = fails
		}
		switch v {
		case alone:
			w.add(t)
			s.state = state{}
		case begins:
			i := w.add(t)
			if !split {
				w.events[i].open = true
				s.event, s.state = i, next
			}
		case holds:
			s.held = append(s.held, t)
			s.state = next
		case goesOn, ends:
			if !w.extend(s, &t) {
				continue
			}
			s.state = next
			if v == ends || split {
				w.closeEvent(s)
			}
		case fails:
			w.closeEvent(s)
			w.release(s)
			continue
		}
		return
	}
}

// extend adds a line, and those held before it, to the open event. When the event
// would be too large it ends instead, and extend returns false.
func (w *work) extend(s *stream, t *text) bool {
	e := &w.events[s.event]
	n, lines := e.n+1+t.n, e.lines+1
	for i := range s.held {
		n += 1 + s.held[i].n
		lines++
	}
	m := w.f.multi
	if n > m.maxBytes || lines > m.maxLines || t.to-e.from > w.f.extent() {
		e.marks |= record.LineSplit
		w.closeEvent(s)
		w.release(s)
		return false
	}
	for i := range s.held {
		w.append(e, &s.held[i])
	}
	s.held = s.held[:0]
	w.append(e, t)
	return true
}

func (w *work) append(e *event, t *text) {
	w.pieces[e.last].next = t.first
	e.last, e.to = t.last, t.to
	e.n += 1 + t.n
	e.lines++
	e.marks |= t.marks
	e.bad += t.bad
	e.cut += t.cut
}

// closeEvent takes the open event of a stream for complete.
func (w *work) closeEvent(s *stream) {
	if s.event >= 0 {
		w.events[s.event].open = false
	}
	s.event, s.state = -1, state{}
}

// release deals with the lines that were held and do not belong to what ended: they
// are lines like any.
func (w *work) release(s *stream) {
	if len(s.held) == 0 {
		return
	}
	held := slices.Clone(s.held)
	s.held = s.held[:0]
	for _, t := range held {
		w.shuffle = true
		w.line(s, t)
	}
}

func (w *work) closeStream(s *stream) {
	if s.hasPart {
		w.endPart(s, record.LineSplit)
	}
	for s.event >= 0 {
		w.closeEvent(s)
		w.release(s)
	}
}

func (w *work) closeAll() {
	for i := range w.streams {
		w.closeStream(&w.streams[i])
	}
}

func (w *work) waiting() bool {
	for i := range w.streams {
		if w.streams[i].event >= 0 || w.streams[i].hasPart {
			return true
		}
	}
	return false
}

// text makes a text of one piece.
func (w *work) text(off, n int) text {
	i := int32(len(w.pieces))
	w.pieces = append(w.pieces, piece{off: off, n: n, next: -1})
	return text{first: i, last: i, n: n}
}

// add makes an event of a line.
func (w *work) add(t text) int32 {
	i := len(w.events)
	if i > 0 && w.events[i-1].from > t.from {
		w.shuffle = true
	}
	w.events = append(w.events, event{text: t, lines: 1})
	return int32(i)
}

// join makes one piece of a text and returns it. Where the pieces lie in Data as
// they are to be, nothing is copied.
func (w *work) join(t *text) []byte {
	p := w.pieces[t.first]
	data := w.l.Data
	end := p.off + p.n
	for i := p.next; i >= 0; i = w.pieces[i].next {
		q := &w.pieces[i]
		if !q.glue {
			if end >= len(data) || data[end] != '\n' {
				end = -1
				break
			}
			end++
		}
		if q.off != end {
			end = -1
			break
		}
		end += q.n
	}
	if end < 0 {
		off := len(data)
		data = append(data, data[p.off:p.off+p.n]...)
		for i := p.next; i >= 0; i = w.pieces[i].next {
			q := &w.pieces[i]
			if !q.glue {
				data = append(data, '\n')
			}
			data = append(data, data[q.off:q.off+q.n]...)
		}
		p.off, end = off, len(data)
		w.l.Data = append(data, '\n')
	}
	p.n, p.next = end-p.off, -1
	w.pieces[t.first] = p
	t.last = t.first
	return w.l.Data[p.off:end]
}

// clean returns how many events may be sent and the position where they end: the
// last one that no event covers on both sides.
func (w *work) clean(at int) (n, to int) {
	if w.shuffle {
		w.sort()
	}
	limit := at
	for i := range w.streams {
		if s := &w.streams[i]; s.hasPart {
			limit = min(limit, s.part.from)
		}
	}
	to = w.begin
	end := w.begin
	i := 0
	for ; i < len(w.events); i++ {
		e := &w.events[i]
		if e.from > limit {
			break
		}
		if e.from >= end {
			n, to = i, e.from
		}
		if e.open {
			return n, to
		}
		end = max(end, e.to)
	}
	if limit >= end {
		n, to = i, limit
	}
	return n, to
}

// sort orders the events by their beginnings, of which no two are the same.
func (w *work) sort() {
	var open [maxStreams]int
	for i := range w.streams { // their number changes
		if s := &w.streams[i]; s.event >= 0 {
			open[i] = w.events[s.event].from
		}
	}
	slices.SortFunc(w.events, func(a, b event) int { return a.from - b.from })
	for i := range w.streams {
		if s := &w.streams[i]; s.event >= 0 {
			k, _ := slices.BinarySearchFunc(w.events, open[i], func(e event, from int) int { return e.from - from })
			s.event = int32(k)
		}
	}
	w.shuffle = false
}

// emit makes rows of the first n events, which end at to.
func (w *work) emit(n, to int) {
	l := w.l
	for i := range n {
		e := &w.events[i]
		b := w.join(&e.text)
		end := to
		if i+1 < len(w.events) {
			end = min(end, w.events[i+1].from)
		}
		l.Rows = append(l.Rows, record.Line{
			Start: w.at(e.from), Span: uint32(min(e.to, end) - e.from),
			Off: uint32(w.pieces[e.first].off), Len: uint32(len(b)), Marks: e.marks,
		})
		w.extra(e, i)
		if e.meta.damaged || e.bad > 0 || e.cut > 0 {
			w.count(e)
		}
	}
}

// count counts what was wrong with an event: here, because one that waits is framed
// more than once.
func (w *work) count(e *event) {
	c := w.f.n
	if e.meta.damaged {
		c.damaged.Add(1)
	}
	c.undecodable.Add(int64(e.bad))
	c.cut.Add(int64(e.cut))
}
