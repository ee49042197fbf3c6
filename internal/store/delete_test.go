package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs/crashfs"
	"journalist/internal/vfs/faultfs"
)

func deletionOf(f scan.Expr) *scan.Deletion {
	return &scan.Deletion{Request: scan.Request{From: -1 << 63, To: 1<<63 - 1, Filter: f, Parallel: 2}}
}

// without returns the rows that a request does not ask for.
func without(rows []row, req *scan.Request) []row {
	gone := *req
	gone.Order = scan.Any
	var left []row
	for i := range rows {
		if len(expected(rows[i:i+1], &gone)) == 0 {
			left = append(left, rows[i])
		}
	}
	return left
}

// TestDeleteModel deletes random rows of random data, between flushes, merges and
// restarts, and compares every answer with what a plain list has left.
func TestDeleteModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			o := options(newFS())
			s := mustOpen(t, o)
			var rows []row
			for step := range 20 {
				for range 1 + rng.IntN(3) {
					batch := make([]row, 1+rng.IntN(40))
					for i := range batch {
						batch[i] = randomRow(rng)
						batch[i].dataset = batch[0].dataset
					}
					if err := s.Append(t.Context(), batchOf(batch)); err != nil {
						t.Fatal(err)
					}
					rows = append(rows, batch...)
				}
				if rng.IntN(2) == 0 {
					if err := s.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if rng.IntN(3) > 0 {
					rows = deleteRandom(t, rng, s, rows)
				}
				if step%7 == 6 {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = mustOpen(t, o)
				}
				if n := s.Stats().Rows; n != int64(len(rows)) {
					t.Fatalf("%d rows, %d expected", n, len(rows))
				}
				compareRandom(t, rng, s, rows)
			}
			waitPurged(t, s)
			compareRandom(t, rng, s, rows)
			checkClean(t, s, o, int64(len(rows)))
		})
	}
}

func deleteRandom(t *testing.T, rng *rand.Rand, s *Store, rows []row) []row {
	t.Helper()
	d := deletionOf(scan.And{randomExpr(rng, 1), randomExpr(rng, 1)})
	if rng.IntN(3) == 0 {
		d.Request.From = start.UnixNano() + int64(rng.IntN(100e9))
		d.Request.To = d.Request.From + int64(rng.IntN(60e9))
	}
	if rng.IntN(4) == 0 {
		d.Request.Datasets = []string{"web"}
	}
	left := without(rows, &d.Request)
	for _, dry := range []bool{true, false} {
		d.DryRun = dry
		got, err := s.Delete(t.Context(), d)
		if err != nil || got.Rows != int64(len(rows)-len(left)) || len(got.Partial) > 0 {
			t.Fatalf("dry run %v of %+v: %+v, %v; %d rows match", dry, d.Request, got, err, len(rows)-len(left))
		}
		if (got.Rows == 0) != (got.Parts == 0) {
			t.Fatalf("%+v", got)
		}
	}
	return left
}

func waitPurged(t *testing.T, s *Store) {
	t.Helper()
	waitFor(t, func() bool { return s.Stats().DeletedRows == 0 })
}

// checkClean closes the store and demands that nothing is left beside what counts.
func checkClean(t *testing.T, s *Store, o Options, rows int64) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sum, err := Verify(o.FS, o.Dir, func(p Problem) { t.Errorf("%s: %v", p.Path, p.Err) })
	if err != nil || sum.Rows != rows || sum.Deleted != 0 || sum.Leftovers > 0 || sum.WALRows > 0 {
		t.Errorf("%+v, %v; %d rows expected", sum, err, rows)
	}
}

// TestDeletedBytesGo: after the merger has been there, a deleted text is in no file
// any more.
func TestDeletedBytesGo(t *testing.T) {
	fsys := newFS()
	o := options(fsys)
	s := mustOpen(t, o)
	secret := "geheimnis4711"
	for i := range 4 {
		b := &record.Batch{Dataset: "logs"}
		for j := range 50 {
			msg := fmt.Sprintf("plain line %d", j)
			if j == 7 && i%2 == 0 {
				msg = "user " + secret + " logged in"
			}
			b.AddRow(start.UnixNano() + int64(j))
			b.Add(b.NameID("message"), text(msg))
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := s.Delete(t.Context(), deletionOf(scan.Text{Pattern: wordPattern(secret)}))
	if err != nil || got.Rows != 2 || got.Parts != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	for _, name := range files(t, fsys, "/data/wal") {
		t.Errorf("%s is still there", name)
	}
	waitPurged(t, s)
	waitFor(t, func() bool {
		return !slices.ContainsFunc(files(t, fsys, "/data"), func(name string) bool { return strings.HasSuffix(name, goneSuffix) })
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, fsys, "/data/data") {
		if !strings.Contains(name, "-00000001.part") {
			t.Errorf("%s is no new edition", name)
		}
	}
	checkClean(t, s, o, 198)
}

// TestDeleteAll: parts without any row left go as a whole.
func TestDeleteAll(t *testing.T) {
	fsys, rows := filled(t)
	o := options(fsys)
	s := mustOpen(t, o)
	d := deletionOf(nil)
	d.Request.Datasets = []string{"logs"}
	var told scan.DeletionProgress
	d.Progress = func(p scan.DeletionProgress) { told = p }
	got, err := s.Delete(t.Context(), d)
	if err != nil || got.Rows != 600 || got.Parts != 2 || told.Groups != 2 {
		t.Fatalf("%+v %+v %v", got, told, err)
	}
	if n := len(files(t, fsys, "/data/data")); n != 1 {
		t.Errorf("%d files", n)
	}
	if got, err := s.Delete(t.Context(), d); err != nil || got.Rows != 0 {
		t.Errorf("again: %+v %v", got, err)
	}
	checkClean(t, s, o, int64(len(rows)-600))
}

// deleteWorkload sends rows, deletes every third of them, and calls acked with below
// which row that is acknowledged.
func deleteWorkload(o Options, x *sender, acked func(deleted uint64)) error {
	s, err := Open(o)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // a store that failed may fail to close
	deleted := uint64(0)
	note := func(err error) error {
		acked(deleted)
		return err
	}
	for range 9 {
		err = errors.Join(err, note(x.send(s, 4)), note(s.Flush(context.Background())))
	}
	_, derr := s.Delete(context.Background(), deletionOf(thirds()))
	if derr == nil {
		deleted = x.acked
	}
	err = errors.Join(err, note(derr))
	x.resume = true
	err = errors.Join(err, note(x.send(s, 3)))
	_, derr = s.purgeOnce(context.Background())
	err = errors.Join(err, note(derr))
	_, derr = s.mergeOnce(context.Background())
	return errors.Join(err, note(derr), note(x.send(s, 3)), note(s.Flush(context.Background())))
}

// thirds matches the rows 0, 3, 6 … 33.
func thirds() scan.Expr {
	var list scan.Or
	for n := range 12 {
		list = append(list, scan.Compare{Field: "n", Op: scan.Eq, Value: record.IntValue(int64(3 * n))})
	}
	return list
}

// checkThirds demands that of the rows 0 to 35 every third is gone, or none, as far
// as they were acknowledged.
func checkThirds(t *testing.T, what string, s *Store, x *sender, deleted uint64) {
	t.Helper()
	seen := map[int64]int{}
	req := all()
	req.Whole, req.Columns = false, []string{"n"}
	st, err := s.Scan(t.Context(), req, func(b *scan.Block) error {
		for i := range b.Len() {
			seen[b.Columns[0].Value(i).Int]++
		}
		return nil
	})
	if err != nil || len(st.Partial) > 0 {
		t.Fatalf("%s: %v %v", what, err, st.Partial)
	}
	third, lost, back := 0, 0, 0
	for n := range int64(x.acked) {
		switch {
		case n < 36 && n%3 == 0:
			third += seen[n]
			if seen[n] == 0 {
				lost++
			} else if uint64(n) < deleted {
				back++
			}
		case seen[n] != 1:
			t.Fatalf("%s: row %d is there %d times", what, n, seen[n])
		}
	}
	if back > 0 {
		t.Fatalf("%s: %d deleted rows are there", what, back)
	}
	if deleted == 0 && third > 0 && lost > 0 {
		t.Fatalf("%s: %d rows are deleted and %d are not", what, lost, third)
	}
	a := &scan.Aggregation{Request: *all(), Aggs: []scan.Agg{{Func: "count"}}}
	groups, _, ok, err := s.Aggregate(t.Context(), a)
	total := int64(0)
	for _, n := range seen {
		total += int64(n)
	}
	if err != nil || !ok || groups[0].Values[0].Int != total {
		t.Fatalf("%s: counted %v of %d rows, %v", what, groups, total, err)
	}
}

// TestDeleteCrash cuts the power before every operation: what was said to be deleted
// stays so, and a deletion that was not acknowledged has happened whole or not at
// all.
func TestDeleteCrash(t *testing.T) {
	plain := crashfs.New()
	if err := deleteWorkload(options(plain), newSender(0), func(uint64) {}); err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 5
	}
	for at := 1; at <= plain.Ops(); at += step {
		fsys := crashfs.New()
		fsys.CrashAt(at, 5)
		x := newSender(0)
		kept, deleted := *x, uint64(0)
		err := deleteWorkload(options(fsys), x, func(d uint64) {
			if fsys.Image() == nil {
				kept, deleted = *x, d
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		image := fsys.Image()
		if image == nil {
			continue // the background goroutines did less this time
		}
		for again := range 2 {
			what := fmt.Sprintf("crash at operation %d, start %d", at, again)
			s, err := Open(options(image))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if q := s.Stats().Quarantined; q > 0 {
				t.Fatalf("%s: %d files were set aside", what, q)
			}
			checkThirds(t, what, s, &kept, deleted)
			waitPurged(t, s)
			checkThirds(t, what+", purged", s, &kept, deleted)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDeleteFaults lets each operation of the run fail in turn.
func TestDeleteFaults(t *testing.T) {
	for i, kind := range []faultfs.Kind{faultfs.EIO, faultfs.ENOSPC} {
		// Together the kinds meet each operation; in a soak each kind does.
		step := max(1, 2/soak(t, 1))
		if testing.Short() {
			step = 13
		}
		for at := i % step; ; at += step {
			mem := crashfs.New()
			fsys := faultfs.New(mem)
			fsys.FailAt(at, kind, false)
			x, deleted := newSender(0), uint64(0)
			_ = deleteWorkload(options(fsys), x, func(d uint64) { deleted = d }) // what failed is not the question
			if !fsys.Heal() {
				break
			}
			what := fmt.Sprintf("kind %d, operation %d", kind, at)
			s, err := Open(options(mem.CrashClone(uint64(at))))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			checkThirds(t, what, s, x, deleted)
			// Asking again settles it, whatever state the first attempt left.
			if _, err := s.Delete(t.Context(), deletionOf(thirds())); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			checkThirds(t, what+", again", s, x, x.acked)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDeleteWhileMerging: a merge that runs beside a deletion brings nothing back.
func TestDeleteWhileMerging(t *testing.T) {
	o := options(newFS())
	s := mustOpen(t, o)
	x := newSender(0)
	left := int64(0)
	for i := range 40 {
		if err := x.send(s, 20); err != nil {
			t.Fatal(err)
		}
		left += 20
		if err := s.Flush(t.Context()); err != nil { // wakes the merger
			t.Fatal(err)
		}
		if i%3 != 0 {
			continue
		}
		n := int64(x.acked) - 10
		got, err := s.Delete(t.Context(), deletionOf(scan.And{
			scan.Compare{Field: "n", Op: scan.Ge, Value: record.IntValue(n - 5)},
			scan.Compare{Field: "n", Op: scan.Lt, Value: record.IntValue(n)},
		}))
		if err != nil || got.Rows != 5 {
			t.Fatalf("%+v %v", got, err)
		}
		left -= 5
		rows, _ := collect(t, s, all())
		if int64(len(rows)) != left {
			t.Fatalf("%d rows, %d expected", len(rows), left)
		}
	}
	waitPurged(t, s)
	checkClean(t, s, o, left)
}

// halfDeleted is a closed store with a tombstone that was not purged.
func halfDeleted(t *testing.T) (*crashfs.FS, string) {
	t.Helper()
	fsys, _ := filled(t)
	s, err := Open(options(fsys))
	if err != nil {
		t.Fatal(err)
	}
	s.mergeMu.Lock() // no purge before the crash
	done := make(chan error, 1)
	go func() {
		_, err := s.Delete(context.Background(), deletionOf(scan.And{
			scan.Compare{Field: record.FieldDataset, Op: scan.Eq, Value: text("web")}, scan.Exists{Field: "level"},
		}))
		done <- err
	}()
	s.mergeMu.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.mergeMu.Lock()
	var image *crashfs.FS
	if s.Stats().DeletedRows > 0 {
		image = fsys.CrashClone(1)
	}
	s.mergeMu.Unlock()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if image == nil {
		return nil, "" // the merger was faster
	}
	for _, name := range files(t, image, "/data/data") {
		if strings.HasSuffix(name, goneSuffix) {
			return image, name
		}
	}
	t.Fatal("no tombstone")
	return nil, ""
}

// TestDamagedTombstone: a part whose tombstone is damaged or missing is set aside,
// because its deleted rows must not come back.
func TestDamagedTombstone(t *testing.T) {
	var clean *crashfs.FS
	var name string
	waitFor(t, func() bool {
		clean, name = halfDeleted(t)
		return clean != nil
	})
	sum, err := Verify(clean, "/data", func(p Problem) { t.Errorf("%s: %v", p.Path, p.Err) })
	if err != nil || sum.Deleted == 0 || sum.Rows+sum.Deleted != 900 || sum.Leftovers > 0 {
		t.Fatalf("%+v %v", sum, err)
	}
	for at := int64(-1); at < size(t, clean, name); at++ {
		if at > 4 && at < 8 {
			continue // reserved bytes
		}
		fsys := clean.CrashClone(1)
		if at < 0 {
			err = fsys.Remove(name)
		} else {
			err = fsys.Flip(name, at, 1<<(at%8))
		}
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		if _, err := Verify(fsys, "/data", func(Problem) { found++ }); err != nil || found != 1 {
			t.Fatalf("byte %d: %d problems, %v", at, found, err)
		}
		s, err := Open(options(fsys))
		if err != nil {
			t.Fatal(err)
		}
		rows, _ := collect(t, s, all())
		if len(rows) != 600 || s.Stats().Quarantined != 1 {
			t.Fatalf("byte %d: %d rows, %d set aside", at, len(rows), s.Stats().Quarantined)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Without a manifest the tombstone is found beside its part.
	if err := clean.Remove("/data/MANIFEST"); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, options(clean))
	// What the log still has comes again without a manifest, into memory.
	if st := s.Stats(); st.Rows-st.MemtableRows != sum.Rows {
		n := st.Rows - st.MemtableRows
		t.Fatalf("%d rows without a manifest, %d before", n, sum.Rows)
	}
}

// TestDeleteDamaged: a part that turns out to be damaged is named.
func TestDeleteDamaged(t *testing.T) {
	fsys, _ := filled(t)
	name := files(t, fsys, "/data/data")[0]
	if err := fsys.Flip(name, size(t, fsys, name)/2, 1); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, options(fsys))
	got, err := s.Delete(t.Context(), deletionOf(scan.Text{Pattern: wordPattern("error")}))
	if err != nil {
		t.Fatal(err)
	}
	if aside := s.Stats().Quarantined; aside > 0 && (len(got.Partial) != 1 || got.SetAside != 1) || aside == 0 && len(got.Partial) > 0 {
		t.Fatalf("%d set aside, %+v", aside, got)
	}
}

// TestDeleteEnds: a deletion ends with its context and with the store.
func TestDeleteEnds(t *testing.T) {
	fsys, rows := filled(t)
	s := mustOpen(t, options(fsys))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Delete(ctx, deletionOf(nil)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := s.Stats().Rows; n != int64(len(rows)) {
		t.Errorf("%d rows", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(t.Context(), deletionOf(nil)); !errors.Is(err, record.ErrClosed) {
		t.Error(err)
	}
}
