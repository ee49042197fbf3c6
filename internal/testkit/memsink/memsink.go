// Package memsink is a store for tests that keeps rows in memory and holds to the
// rules of positions and repeated windows as internal/store does: what is
// committed already is not kept twice, what would leave a gap is refused.
//
// It stands beside the way like all of internal/testkit: tests of
// internal/ingest's listeners and of internal/ship submit to it, and compare what
// it kept with what was sent.
package memsink

import (
	"context"
	"sync"

	"journalist/internal/record"
)

// Row is a row that was kept.
type Row struct {
	Client  string
	Source  record.SourceID
	Start   uint64
	Time    int64
	Message string
	Fields  map[string]string // all fields as text, the message included
}

// Sink keeps rows. Its methods may be called from several goroutines.
type Sink struct {
	// Before is called before each commit, in order; it may block, and its error
	// fails the batch. Set it before the first Submit.
	Before func(b *record.Batch) error

	queue chan submission
	done  chan struct{}

	mu         sync.Mutex
	positions  map[source]uint64
	windows    map[window]bool
	rows       []Row
	batches    int
	duplicates int
}

type source struct {
	client string
	id     record.SourceID
}

type window struct {
	client string
	hash   uint64
}

type submission struct {
	b    *record.Batch
	done chan error
}

// New makes a Sink; Close ends it.
func New() *Sink {
	s := &Sink{
		queue: make(chan submission, 2), done: make(chan struct{}),
		positions: map[source]uint64{}, windows: map[window]bool{},
	}
	go func() {
		defer close(s.done)
		for sub := range s.queue {
			sub.done <- s.commit(sub.b)
		}
	}()
	return s
}

// Close ends the Sink after what was submitted; nothing may be submitted any
// more.
func (s *Sink) Close() {
	close(s.queue)
	<-s.done
}

// Submit is ingest.Sink's.
func (s *Sink) Submit(ctx context.Context, b *record.Batch) <-chan error {
	sub := submission{b: b, done: make(chan error, 1)}
	select {
	case s.queue <- sub:
	case <-ctx.Done():
		sub.done <- context.Cause(ctx)
	}
	return sub.done
}

func (s *Sink) commit(b *record.Batch) error {
	if s.Before != nil {
		if err := s.Before(b); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Window != 0 {
		w := window{b.Client, b.Window}
		if s.windows[w] {
			s.duplicates++
			return nil
		}
		s.windows[w] = true
	}
	if p := b.Position; !p.ID.IsZero() {
		key := source{b.Client, p.ID}
		to, known := s.positions[key]
		switch {
		case known && p.To <= to:
			s.duplicates++
			return nil
		case known && p.From < to:
			b.TrimBefore(to)
		case p.From > to && !p.Resume:
			return record.ErrGap
		}
		s.positions[key] = p.To
	}
	s.batches++
	for i := range b.Len() {
		s.rows = append(s.rows, rowOf(b, i))
	}
	return nil
}

func rowOf(b *record.Batch, i int) Row {
	r := Row{Client: b.Client, Source: b.Position.ID, Start: b.Start(i), Time: b.Time(i), Fields: map[string]string{}}
	for j := range b.Commons() {
		n, v := b.Common(j)
		r.Fields[b.Name(n).Dotted] = string(v.AppendText(nil))
	}
	for j := range b.Fields(i) {
		n, v := b.Field(i, j)
		r.Fields[b.Name(n).Dotted] = string(v.AppendText(nil))
	}
	r.Message = r.Fields[record.FieldMessage]
	return r
}

// Position is lumberjack.Positions'.
func (s *Sink) Position(client string, id record.SourceID) (to uint64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to, known = s.positions[source{client, id}]
	return to, known
}

// Rows returns what was kept, in the order of the commits.
func (s *Sink) Rows() []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Row(nil), s.rows...)
}

// Len is the number of rows kept.
func (s *Sink) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

// Duplicates is the number of batches that were committed before.
func (s *Sink) Duplicates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.duplicates
}
