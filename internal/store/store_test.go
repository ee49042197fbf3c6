package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// TestSources walks through the rules by which a source's batches are taken.
func TestSources(t *testing.T) {
	o := options(newFS())
	s := mustOpen(t, o)
	id := record.SourceID{7}
	send := func(client string, from, to uint64, resume bool) error {
		b := &record.Batch{Client: client, Position: record.Position{ID: id, From: from, To: to, Resume: resume}}
		for at := from; at < to; at++ {
			b.AddRow(start.UnixNano())
			b.SetStart(at)
			b.Add(b.NameID("n"), record.IntValue(int64(at)))
		}
		return s.Append(context.Background(), b)
	}
	for i, c := range []struct {
		client   string
		from, to uint64
		resume   bool
		err      error
		rows     int64 // there are afterwards
	}{
		{"a", 5, 9, false, record.ErrGap, 0}, // not known, not from its beginning
		{"a", 0, 4, false, nil, 4},
		{"a", 0, 4, false, nil, 4}, // again
		{"a", 2, 6, false, nil, 6}, // overlaps
		{"a", 7, 8, false, record.ErrGap, 6},
		{"a", 7, 8, true, nil, 7}, // resumed: another server has the gap
		{"a", 1, 3, true, nil, 7},
		{"a", 8, 8, false, nil, 7},
		{"a", 9, 8, false, record.ErrGap, 7},
		{"b", 100, 103, true, nil, 10}, // the same id from another client
		{"b", 103, 104, false, nil, 11},
	} {
		if err := send(c.client, c.from, c.to, c.resume); !errors.Is(err, c.err) {
			t.Fatalf("case %d: %v, want %v", i, err, c.err)
		}
		if n := s.Stats().Rows; n != c.rows {
			t.Fatalf("case %d: %d rows, want %d", i, n, c.rows)
		}
	}
	if _, known := s.Position("c", id); known {
		t.Error("a source of nobody is known")
	}
	// Restarts with positions from the log, then from the checkpoint.
	for range 3 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, o)
		if to, known := s.Position("b", id); to != 104 || !known {
			t.Fatal("position forgotten", to, known)
		}
	}
}

// TestGroupOfOneSource: batches of one source in one group follow each other.
func TestGroupOfOneSource(t *testing.T) {
	s := mustOpen(t, options(newFS()))
	x := newSender(0)
	var waiting []<-chan error
	for range 50 {
		waiting = append(waiting, s.Submit(context.Background(), x.next(3)))
		x.acked += 3
		x.resume = false
	}
	for i, w := range waiting {
		if err := <-w; err != nil {
			t.Fatal(i, err)
		}
	}
	check(t, "one after the other", s, []*sender{x})
}

func TestWindows(t *testing.T) {
	o := options(newFS())
	now := start.Add(time.Hour)
	var mu sync.Mutex
	o.Clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	s := mustOpen(t, o)
	send := func(client string, window uint64) {
		t.Helper()
		b := &record.Batch{Client: client, Window: window}
		b.AddRow(1)
		if err := s.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	rows := func(want int64) {
		t.Helper()
		if n := s.Stats().Rows; n != want {
			t.Fatalf("%d rows, want %d", n, want)
		}
	}
	send("a", 1)
	send("a", 1)
	send("b", 1)
	send("a", 2)
	rows(3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	send("a", 1)
	rows(3)
	mu.Lock()
	now = now.Add(windowLife)
	mu.Unlock()
	send("a", 1)
	rows(4)
}

func TestTail(t *testing.T) {
	s := mustOpen(t, options(newFS()))
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan row, 10)
	ended := make(chan error, 1)
	go func() {
		_, err := s.Tail(ctx, &scan.Request{Whole: true, Filter: scan.Compare{Field: "n", Op: scan.Ge, Value: record.IntValue(2)}}, func(b *scan.Block) error {
			for _, r := range rowsOf(t, b, true) {
				got <- r
			}
			return nil
		})
		ended <- err
	}()
	waitFor(t, func() bool { s.tails.mu.Lock(); defer s.tails.mu.Unlock(); return len(s.tails.list) == 1 })
	x := newSender(0)
	if err := x.send(s, 4); err != nil {
		t.Fatal(err)
	}
	for want := int64(2); want < 4; want++ {
		r := <-got
		if v, _ := r.get("n"); v.Int != want {
			t.Fatalf("row %d, want %d", v.Int, want)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// One that does not read misses rows, which are counted, and holds nobody up.
	block := make(chan struct{})
	missed := make(chan int64, 1)
	told := make(chan int64, 1)
	go func() {
		n, err := s.Tail(context.Background(), &scan.Request{Columns: []string{"n"}}, func(b *scan.Block) error {
			<-block
			if b.Missed > 0 {
				told <- b.Missed
			}
			return nil
		})
		if !errors.Is(err, record.ErrClosed) {
			t.Error(err)
		}
		missed <- n
	}()
	waitFor(t, func() bool { s.tails.mu.Lock(); defer s.tails.mu.Unlock(); return len(s.tails.list) == 1 })
	for range tailChunks + 10 {
		if err := x.send(s, 1); err != nil {
			t.Fatal(err)
		}
	}
	close(block)
	if n := <-told; n < 8 || n > 10 {
		t.Fatalf("%d rows missed", n)
	}
	s.tails.close()
	if n := <-missed; n != 0 {
		t.Fatalf("%d rows missed twice", n)
	}
}

// waitFor waits until what must happen has happened, on a machine however busy.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}

// days fills a store with one part for each of some days.
func days(t *testing.T, s *Store, dataset string, n int) {
	t.Helper()
	for d := range n {
		b := &record.Batch{Dataset: dataset}
		for i := range 100 {
			b.AddRow(start.AddDate(0, 0, d-n).UnixNano() + int64(i))
			b.Add(b.NameID("message"), text(fmt.Sprintf("day %d row %d %x", d, i, i*i*i*7919)))
		}
		if err := s.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestRetention(t *testing.T) {
	fsys := newFS()
	o := options(fsys)
	o.Retention = map[string]Retention{"web": {Age: 3 * 24 * time.Hour}, "": {Bytes: 4000}}
	o.DiskFloor = 1 << 20
	s := mustOpen(t, o)
	days(t, s, "web", 6)
	days(t, s, "logs", 6)
	days(t, s, "other", 1)
	if err := s.Retain(context.Background()); err != nil {
		t.Fatal(err)
	}
	st := s.Stats()
	if d := st.Datasets["web"]; d.Parts != 2 && d.Parts != 3 || d.First < start.AddDate(0, 0, -4).UnixNano() {
		t.Errorf("web: %+v", d)
	}
	if d := st.Datasets["logs"]; d.Bytes > 4000 || d.Parts == 0 || d.Last < start.AddDate(0, 0, -2).UnixNano() {
		t.Errorf("logs: %+v", d)
	}
	if st.DroppedRows == 0 || st.Datasets["other"].Rows != 100 {
		t.Errorf("%+v", st)
	}
	if n := len(files(t, fsys, "/data/data")); n != st.Parts {
		t.Errorf("%d files for %d parts", n, st.Parts)
	}
	// A scan keeps what it began with.
	snap := s.snapshot(-1<<63, 1<<63-1, nil)
	fsys.SetFree(1<<20 - 1)
	if err := s.Retain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := s.Stats().Parts; n != st.Parts-1 {
		t.Errorf("%d parts of %d: the disk floor takes the oldest one", n, st.Parts)
	}
	for i := range snap.units {
		if _, err := snap.units[i].open(); err != nil {
			t.Error(err)
		}
	}
	snap.close()
	if n := len(files(t, fsys, "/data/data")); n != s.Stats().Parts {
		t.Errorf("%d files for %d parts after the scan", n, s.Stats().Parts)
	}
	// The floor is still not free: nothing is taken until it is.
	if err := newSender(0).send(s, 1); !errors.Is(err, record.ErrFull) || !strings.Contains(err.Error(), "disk") {
		t.Error(err)
	}
	fsys.SetFree(1 << 30)
	if err := s.Retain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := newSender(0).send(s, 1); err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "process ") {
		t.Fatalf("opened twice: %v", err)
	}
	if _, err := Verify(s.o.FS, dir, nil); err == nil {
		t.Fatal("verified while open")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(context.Background(), newSender(0).next(1)); !errors.Is(err, record.ErrClosed) {
		t.Fatal(err)
	}
	if _, err := Verify(s.o.FS, dir, nil); err != nil {
		t.Fatal(err)
	}
}

// TestSameNames: {"a":{"b":1},"a.b":2} and a field that comes twice lose nothing.
func TestSameNames(t *testing.T) {
	s := mustOpen(t, options(newFS()))
	b := &record.Batch{}
	b.AddCommon(b.NameID("host"), text("common"))
	b.AddRow(1)
	b.Add(b.NameID("a\x00b"), record.IntValue(1))
	b.Add(b.NameID("a.b"), record.IntValue(2))
	b.Add(b.NameID("host"), text("own"))
	b.AddRow(2)
	if err := s.Append(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	got, _ := collect(t, s, all())
	diff(t, "same names", got, []row{
		{"logs", 1, []field{{"a\x00b", record.IntValue(1)}, {"a.b#2", record.IntValue(2)}, {"host", text("own")}}},
		{"logs", 2, []field{{"host", text("common")}}},
	})
}

// TestManyNames: records with thousands of names of their own neither take much
// memory nor get lost.
func TestManyNames(t *testing.T) {
	o := options(newFS())
	o.MemtableBytes = 64 << 20
	s := mustOpen(t, o)
	var rows []row
	for i := range 60 {
		r := row{dataset: "logs", time: start.UnixNano() + int64(i)}
		for j := range 1000 {
			r.fields = append(r.fields, field{fmt.Sprintf("f%d", (i*997+j)%40_000), text(fmt.Sprintf("word%d", j))})
		}
		rows = append(rows, r)
	}
	if err := s.Append(context.Background(), batchOf(rows)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, _ := collect(t, s, all())
		diff(t, "many names", got, rows)
		req := all()
		req.Filter = scan.Text{Field: "f999", Pattern: wordPattern("word2")}
		got, _ = collect(t, s, req)
		diff(t, "a rare field", got, expected(rows, req))
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Datasets["logs"].Bytes > 2<<20 {
		t.Errorf("%+v", st)
	}
}

// TestBackPressure: many senders at once fill memory faster than parts are written,
// and all rows arrive.
func TestBackPressure(t *testing.T) {
	o := options(newFS())
	o.MemtableBytes, o.QueueBytes = 64<<10, 64<<10
	s := mustOpen(t, o)
	senders := make([]*sender, 6)
	var wg sync.WaitGroup
	for i := range senders {
		x := newSender(byte(i))
		senders[i] = x
		wg.Go(func() {
			for range 60 {
				if err := x.send(s, 40); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		if _, err := s.Scan(context.Background(), all(), func(*scan.Block) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if st := s.Stats(); st.MemtableBytes > 4*o.MemtableBytes {
		t.Errorf("%d bytes in memory", st.MemtableBytes)
	}
	check(t, "under pressure", s, senders)
}

// TestBudget: a scan in order over groups that overlap fails rather than grow.
func TestBudget(t *testing.T) {
	s := mustOpen(t, options(newFS()))
	x := newSender(0)
	for range 5 {
		if err := x.send(s, 200); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	req := all()
	req.MaxBytes = 20 << 10
	var budget *scan.BudgetError
	if _, err := s.Scan(context.Background(), req, func(*scan.Block) error { return nil }); !errors.As(err, &budget) {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	for _, order := range []scan.Order{scan.Any, scan.NewestFirst} {
		req := all()
		req.Order, req.Parallel = order, 2
		if _, err := s.Scan(context.Background(), req, func(*scan.Block) error { return stop }); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		if _, err := s.Scan(ctx, req, func(*scan.Block) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// TestHugeRows: batches of a few huge values among many small ones stay readable,
// and what is over the limits is refused.
func TestHugeRows(t *testing.T) {
	o := options(newFS())
	o.MemtableBytes = 1 << 30
	s := mustOpen(t, o)
	var rows []row
	for i := range 12 {
		batch := make([]row, 500)
		for j := range batch {
			batch[j] = row{"logs", start.UnixNano() + int64(j), []field{{"n", record.IntValue(int64(500*i + j))}, {"message", text("small")}}}
		}
		batch[7].fields[1].value = text(strings.Repeat("huge ", 2<<20))
		if err := s.Append(context.Background(), batchOf(batch)); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, batch...)
	}
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	req := all()
	req.Columns, req.Whole, req.Order = []string{"n"}, false, scan.Any
	req.Filter = scan.Text{Pattern: wordPattern("huge")}
	got, st := collect(t, s, req)
	if len(got) != 12 || len(st.Partial) > 0 {
		t.Fatalf("%d rows, %v", len(got), st.Partial)
	}
	if n := s.Stats().Rows; n != int64(len(rows)) {
		t.Fatal(n)
	}
	b := batchOf([]row{{"logs", 0, []field{{"message", text(strings.Repeat("x", 33<<20))}}}})
	if err := s.Append(context.Background(), b); !errors.Is(err, record.ErrTooLarge) {
		t.Fatal(err)
	}
}
