package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
	"journalist/internal/vfs/faultfs"
)

// sender is a forwarder with one source: every row is a number, and its position
// is eight bytes times that.
type sender struct {
	client string
	id     record.SourceID
	acked  uint64 // rows below are acknowledged
	resume bool
}

func newSender(n byte) *sender {
	return &sender{client: "web-" + string('0'+n), id: record.SourceID{n + 1}, resume: true}
}

// next is the batch of the next n rows.
func (x *sender) next(n int) *record.Batch {
	b := &record.Batch{Client: x.client, Dataset: []string{"logs", "web"}[x.id[0]%2]}
	b.Position = record.Position{ID: x.id, From: 8 * x.acked, To: 8 * (x.acked + uint64(n)), Resume: x.resume}
	b.AddCommon(b.NameID("host"), text(x.client))
	for i := range n {
		number := x.acked + uint64(i)
		b.AddRow(start.UnixNano() + int64(number%50)*int64(time.Hour)/4)
		b.SetStart(8 * number)
		b.Add(b.NameID("n"), record.IntValue(int64(number)))
		b.Add(b.NameID("message"), text(fmt.Sprintf("line %d of %s", number, x.client)))
	}
	return b
}

// send sends n rows and notes the answer as a forwarder does.
func (x *sender) send(s *Store, n int) error {
	err := s.Append(context.Background(), x.next(n))
	x.resume = err != nil
	if err == nil {
		x.acked += uint64(n)
	}
	return err
}

// check demands that every acknowledged row of each sender is there, and none
// twice.
func check(t *testing.T, what string, s *Store, senders []*sender) {
	t.Helper()
	seen := map[string]map[uint64]int{}
	st, err := s.Scan(context.Background(), &scan.Request{From: -1 << 63, To: 1<<63 - 1, Columns: []string{"host", "n"}}, func(b *scan.Block) error {
		for i := range b.Len() {
			host := string(b.Columns[0].Value(i).Bytes)
			if seen[host] == nil {
				seen[host] = map[uint64]int{}
			}
			seen[host][uint64(b.Columns[1].Value(i).Int)]++
		}
		return nil
	})
	if err != nil || len(st.Partial) > 0 {
		t.Fatalf("%s: %v %v", what, err, st.Partial)
	}
	for _, x := range senders {
		to, _ := s.Position(x.client, x.id)
		if to < 8*x.acked {
			t.Fatalf("%s: %s: position %d, acknowledged %d", what, x.client, to, 8*x.acked)
		}
		for n := range x.acked {
			if seen[x.client][n] == 0 {
				t.Fatalf("%s: row %d of %s is lost, %d are acknowledged", what, n, x.client, x.acked)
			}
		}
		for n, times := range seen[x.client] {
			if times != 1 || n >= to/8 {
				t.Fatalf("%s: row %d of %s is there %d times, position %d", what, n, x.client, times, to)
			}
		}
	}
}

// workload ingests, flushes, merges, retains and restarts a little; it calls acked
// after every answer.
func workload(o Options, senders []*sender, rng *rand.Rand, acked func()) error {
	s, err := Open(o)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // a store that failed may fail to close
	var firstErr error
	note := func(err error) {
		if err != nil && firstErr == nil {
			firstErr = err
		}
		acked()
	}
	for step := range 14 {
		for _, x := range senders {
			note(x.send(s, 1+rng.IntN(6)))
		}
		if step%2 == 1 || step > 8 {
			note(s.Flush(context.Background()))
		}
		if step == 11 {
			_, err := s.mergeOnce(context.Background())
			note(err)
			note(s.Retain(context.Background()))
		}
	}
	return firstErr
}

// TestCrash cuts the power before every operation of a run and demands that what
// is left holds every row that was acknowledged until then, once.
func TestCrash(t *testing.T) {
	plain := crashfs.New()
	if err := workload(options(plain), []*sender{newSender(0), newSender(1)}, rand.New(rand.NewPCG(1, 1)), func() {}); err != nil {
		t.Fatal(err)
	}
	total := plain.Ops()
	if total < 300 {
		t.Fatalf("only %d operations", total)
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for at := 1; at <= total; at += step {
		fsys := crashfs.New()
		fsys.CrashAt(at, 42)
		senders := []*sender{newSender(0), newSender(1)}
		// What was acknowledged when the power went.
		kept := []*sender{newSender(0), newSender(1)}
		if err := workload(options(fsys), senders, rand.New(rand.NewPCG(1, 1)), func() {
			if fsys.Image() == nil {
				for i := range senders {
					*kept[i] = *senders[i]
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		image := fsys.Image()
		if image == nil {
			continue // the background goroutines did less this time
		}
		recoverAndGoOn(t, fmt.Sprintf("crash at operation %d", at), image, kept)
	}
}

// recoverAndGoOn opens what a crash left, lets the senders send again from what
// they know to be acknowledged, and crashes once more.
func recoverAndGoOn(t *testing.T, what string, image *crashfs.FS, senders []*sender) {
	t.Helper()
	s, err := Open(options(image))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	check(t, what, s, senders)
	if q := s.Stats().Quarantined; q > 0 {
		t.Fatalf("%s: %d files were set aside", what, q)
	}
	for _, x := range senders {
		x.resume = true
		if err := x.send(s, 20); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := x.send(s, 3); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	second := image.CrashClone(7)
	check(t, what+", then more", s, senders)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(options(second)); err != nil {
		t.Fatalf("%s, then another: %v", what, err)
	}
	check(t, what+", then another", s, senders)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFaults lets operation 0, 1, 2 … of a run fail, in every way, until a run
// succeeds. Whatever was acknowledged must be there, once, while the fault lasts,
// after it, after a restart and after a crash.
func TestFaults(t *testing.T) {
	for i, kind := range []faultfs.Kind{faultfs.EIO, faultfs.ENOSPC, faultfs.Short} {
		// Together the kinds meet each operation; in a soak each kind does.
		step := max(1, 3/soak(t, 1))
		if testing.Short() {
			step = 17
		}
		for at := i % step; ; at += step {
			mem := crashfs.New()
			fsys := faultfs.New(mem)
			senders := []*sender{newSender(0), newSender(1)}
			what := fmt.Sprintf("kind %d, operation %d", kind, at)
			fsys.FailAt(at, kind, false)
			err := workload(options(fsys), senders, rand.New(rand.NewPCG(1, 1)), func() {})
			hit := fsys.Heal()
			if !hit {
				break
			}
			if err != nil && kind != faultfs.EIO && !errors.Is(err, record.ErrFull) && !errors.Is(err, record.ErrGap) && senders[0].acked+senders[1].acked > 0 && at < 10 {
				t.Logf("%s: %v", what, err)
			}
			recoverAndGoOn(t, what, mem.CrashClone(uint64(at)), senders)
		}
	}
}

// TestFailedBatchMakesAGap: when a batch fails, the one behind it must not be
// taken, however late it comes.
func TestFailedBatchMakesAGap(t *testing.T) {
	fsys := faultfs.New(crashfs.New())
	s := mustOpen(t, options(fsys))
	x := newSender(0)
	if err := x.send(s, 5); err != nil {
		t.Fatal(err)
	}
	lost := x.next(5)
	after := *x
	after.acked += 5
	follower := after.next(5)
	fsys.FailAt(0, faultfs.EIO, false)
	if err := s.Append(context.Background(), lost); err == nil {
		t.Fatal("a batch was acknowledged that could not be written")
	}
	fsys.Heal()
	if err := s.Append(context.Background(), follower); !errors.Is(err, record.ErrGap) {
		t.Fatalf("the batch behind a failed one: %v", err)
	}
	x.resume = true
	if err := x.send(s, 10); err != nil {
		t.Fatal(err)
	}
	check(t, "after the gap", s, []*sender{x})
}

// TestNoSpace: a full disk is said to be one, and taken up again when there is
// room.
func TestNoSpace(t *testing.T) {
	fsys := faultfs.New(crashfs.New())
	s := mustOpen(t, options(fsys))
	x := newSender(0)
	fsys.FailAt(0, faultfs.ENOSPC, true)
	for range 3 {
		if err := x.send(s, 5); !errors.Is(err, record.ErrFull) {
			t.Fatalf("full disk: %v", err)
		}
	}
	fsys.Heal()
	if err := x.send(s, 5); err != nil {
		t.Fatal(err)
	}
	check(t, "room again", s, []*sender{x})
}

var _ vfs.FS = (*faultfs.FS)(nil)
