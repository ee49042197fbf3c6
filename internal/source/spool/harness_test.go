package spool

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/record"
	"journalist/internal/source"
	"journalist/internal/vfs"
)

// The test's own program is also the process that TestKill9 kills.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "fill-spool" {
		first, err := strconv.Atoi(os.Args[3])
		if err == nil {
			err = killedProcess(os.Args[2], first)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// server takes runs as a journalist does: what it has of a source it does not take
// again.
type server struct {
	mu     sync.Mutex
	to     map[record.SourceID]uint64
	got    []string
	held   []func() // acks that were held back
	hold   bool
	change chan struct{}
}

func newServer() *server {
	return &server{to: map[record.SourceID]uint64{}, change: make(chan struct{})}
}

func (s *server) output(t *testing.T) source.Output {
	return func(_ context.Context, l *record.Lines, acked func(*record.Lines)) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		end := l.Position.From
		for i, r := range l.Rows {
			if r.Start < end || r.Start+uint64(r.Span) > l.Position.To {
				t.Errorf("row %d at %d+%d does not fit %+v", i, r.Start, r.Span, l.Position)
			}
			end = r.Start + uint64(r.Span)
			if r.Start < s.to[l.Position.ID] {
				continue
			}
			text := string(l.Text(i))
			if x := l.ExtraOf(i); x != nil {
				text += " " + string(x)
			}
			if r.Marks != 0 {
				text += fmt.Sprint(" ", r.Marks.Tags())
			}
			for _, f := range l.Fields {
				text += " " + f.Name + "=" + f.Value
			}
			s.got = append(s.got, text)
		}
		s.to[l.Position.ID] = max(s.to[l.Position.ID], l.Position.To)
		close(s.change)
		s.change = make(chan struct{})
		if s.hold {
			s.held = append(s.held, func() { acked(l) })
		} else {
			go acked(l)
		}
		return nil
	}
}

// release gives the acks that were held back; hold says what becomes of later ones.
func (s *server) release(hold bool) {
	s.mu.Lock()
	held := s.held
	s.held, s.hold = nil, hold
	s.mu.Unlock()
	for _, ack := range held {
		ack()
	}
}

// wait waits until so many rows came.
func (s *server) wait(t *testing.T, n int) []string {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		got, change := s.got, s.change
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-change:
		case <-timeout:
			t.Fatalf("%d rows came, want %d", len(got), n)
		}
	}
}

var fields = []record.Pair{{Name: "type", Value: "t"}}

// lines makes a run of these texts.
func lines(texts ...string) *record.Lines {
	b := source.NewBuilder(record.NewSourceID(), 0)
	for _, s := range texts {
		b.Add([]byte(s), uint32(len(s))+1, 0, nil)
	}
	return b.Take(42, fields, 3)
}

// running opens and runs a queue; stop ends it.
func running(t *testing.T, o Options) (q *Queue, stop func()) {
	t.Helper()
	o.Linger = time.Millisecond
	q, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if err := q.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return q, stop
}

// send sends and waits until it is on disk.
func send(t *testing.T, q *Queue, texts ...string) {
	t.Helper()
	done := make(chan struct{})
	if err := q.Send(t.Context(), lines(texts...), func(*record.Lines) { close(done) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("not synced")
	}
}

// waitError waits until the queue says that something is wrong.
func waitError(t *testing.T, q *Queue) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); q.Status().LastError == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no error")
		}
	}
}

func drain(t *testing.T, q *Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := q.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// fullDisk takes nothing new while it is full, and lets go of what there is.
type fullDisk struct {
	vfs.FS
	full atomic.Bool
}

func (f *fullDisk) Create(name string) (vfs.File, error) {
	if f.full.Load() {
		return nil, &os.PathError{Op: "create", Path: name, Err: syscall.ENOSPC}
	}
	return f.FS.Create(name)
}

// sum renews a header's checksum.
func sum(h []byte) []byte {
	h = h[:headerSize-4]
	return binary.LittleEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
}
