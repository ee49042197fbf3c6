package syslog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"journalist/internal/record"
	"journalist/internal/source"
	"journalist/internal/syslog"
)

// queue holds parsed messages until the output takes them, bounded in bytes. Any
// number of receivers add, one goroutine hands out.
//
// The source is one life of the listener: an identity that is never used again,
// and as positions the bytes that came. A message is gone with the process anyway.
type queue struct {
	o Options
	m counters

	mu      sync.Mutex
	b       *source.Builder
	runs    []*record.Lines // complete ones before b's
	bytes   int             // of runs and b
	dropped int             // since the last line that said so
	closed  bool
	room    chan struct{} // closed and replaced when bytes leave
	news    chan struct{}
	st      Status
	warned  time.Time
}

// runBytes is where another run begins.
const runBytes = 256 << 10

func newQueue(o Options, m counters) *queue {
	return &queue{o: o, m: m, b: source.NewBuilder(record.NewSourceID(), 0), room: make(chan struct{}), news: make(chan struct{}, 1)}
}

// message is one that came.
type message struct {
	raw   []byte
	peer  string
	local bool
	marks record.LineMarks
}

// offer adds a datagram if there is room, else it counts it.
func (q *queue) offer(m message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(m.raw) > q.o.Buffer {
		q.lostLocked(1)
		return
	}
	q.addLocked(m)
}

// lost counts datagrams that the kernel dropped.
func (q *queue) lost(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lostLocked(n)
}

func (q *queue) lostLocked(n int) {
	q.dropped += n
	q.st.Dropped += int64(n)
	q.m.dropped.Add(n)
	if now := time.Now(); now.Sub(q.warned) > 10*time.Second {
		q.warned = now
		q.o.Logger.Warn("no room for messages, datagrams are dropped", "dropped", q.st.Dropped, "waiting_bytes", q.bytes)
	}
}

// wait adds a message of a stream when there is room.
func (q *queue) wait(ctx context.Context, m message) error {
	for {
		q.mu.Lock()
		if q.bytes == 0 || q.bytes+len(m.raw) <= q.o.Buffer {
			q.addLocked(m)
			q.mu.Unlock()
			return nil
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (q *queue) addLocked(m message) {
	now := q.o.Now()
	q.sayDroppedLocked(now)
	q.st.Messages++
	q.st.Bytes += int64(len(m.raw))
	q.m.messages.Inc()
	q.m.bytes.Add(len(m.raw))
	if m.marks&record.LineTruncated != 0 {
		q.m.cut.Inc()
	}
	before := q.b.Bytes()
	parsed, err := syslog.Parse(m.raw, syslog.Options{Now: now, Local: m.local})
	text := parsed.Text
	if err != nil {
		q.st.Bad++
		q.m.bad.Inc()
		text = m.raw
	}
	q.b.Add(text, uint32(len(m.raw))+1, m.marks, func(dst []byte) []byte {
		dst = append(dst, '{')
		if err != nil {
			dst = record.AppendJSONString(append(dst, `"_error":`...), err.Error())
		} else {
			dst = parsed.AppendFields(dst)
		}
		if m.peer != "" {
			dst = record.AppendJSONString(append(dst, `,"peer":`...), m.peer)
		}
		return append(dst, '}')
	})
	q.bytes += q.b.Bytes() - before
	q.cutLocked(now, runBytes)
	select {
	case q.news <- struct{}{}:
	default:
	}
}

// cutLocked ends the run at hand if it has this many bytes.
func (q *queue) cutLocked(now time.Time, least int) {
	if q.b.Len() > 0 && q.b.Bytes() >= least {
		q.runs = append(q.runs, q.b.Take(now.UnixNano(), q.o.Fields, q.o.Priority))
	}
}

// sayDroppedLocked adds the line that tells of drops.
func (q *queue) sayDroppedLocked(now time.Time) {
	if q.dropped == 0 {
		return
	}
	text := fmt.Sprintf("scribe dropped %d syslog messages that came to %s: there was no room for them", q.dropped, q.o.Listen)
	before := q.b.Bytes()
	q.b.Add([]byte(text), 1, 0, func(dst []byte) []byte {
		dst = append(dst, `{"level":"warning","app":"scribe","dropped":`...)
		dst = fmt.Append(dst, q.dropped)
		return append(record.AppendTime(append(dst, `,"@timestamp":"`...), now.UnixNano()), `"}`...)
	})
	q.bytes += q.b.Bytes() - before
	q.o.Logger.Warn("datagrams were dropped, a line says so", "dropped", q.dropped)
	q.dropped = 0
}

// take returns the next run, nil when there is none; done tells that there will be
// none.
func (q *queue) take() (l *record.Lines, done bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.o.Now()
	if len(q.runs) == 0 {
		q.sayDroppedLocked(now)
		q.cutLocked(now, 0)
	}
	if len(q.runs) == 0 {
		return nil, q.closed
	}
	l, q.runs = q.runs[0], q.runs[1:]
	return l, false
}

// run hands out until the queue is closed and empty, or ctx ends.
func (q *queue) run(ctx context.Context) error {
	for {
		l, done := q.take()
		if done {
			return nil
		}
		if l == nil {
			select {
			case <-q.news:
			case <-ctx.Done():
				return nil
			}
			continue
		}
		size := source.Bytes(l) // before rules take lines out of it
		if err := q.o.Output(ctx, l, func(*record.Lines) {}); err != nil {
			q.mu.Lock()
			q.runs = append([]*record.Lines{l}, q.runs...) // for left
			q.mu.Unlock()
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("syslog: %s: %w", q.o.Listen, err)
		}
		q.mu.Lock()
		q.bytes -= size
		close(q.room)
		q.room = make(chan struct{})
		q.mu.Unlock()
	}
}

// close says that nothing more comes.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	select {
	case q.news <- struct{}{}:
	default:
	}
}

// left is how many messages nobody took.
func (q *queue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.b.Len()
	for _, l := range q.runs {
		n += len(l.Rows)
	}
	return n
}

func (q *queue) status() Status {
	q.mu.Lock()
	defer q.mu.Unlock()
	st := q.st
	st.Waiting = int64(q.bytes)
	return st
}
