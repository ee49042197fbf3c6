package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs/crashfs"
)

// files lists all files below a folder.
func files(t testing.TB, fsys *crashfs.FS, dir string) []string {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			out = append(out, files(t, fsys, name)...)
		} else {
			out = append(out, name)
		}
	}
	return out
}

func size(t testing.TB, fsys *crashfs.FS, name string) int64 {
	t.Helper()
	info, err := fsys.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// filled is a closed store with two parts of "logs" and one of "web", and rows that
// are in the log only.
func filled(t testing.TB) (*crashfs.FS, []row) {
	t.Helper()
	fsys := newFS()
	s, err := Open(options(fsys))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 3))
	var rows []row
	add := func(dataset string, n int) {
		batch := make([]row, n)
		for i := range batch {
			batch[i] = randomRow(rng)
			batch[i].dataset, batch[i].time = dataset, start.UnixNano()+int64(i%60)*1e9
			if batch[i].time%86400e9 < 60e9 {
				batch[i].time -= 60e9
			}
		}
		if err := s.Append(context.Background(), batchOf(batch)); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, batch...)
	}
	for _, d := range []string{"logs", "web", "logs"} {
		add(d, 300)
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return fsys, rows
}

// TestBitFlips damages every part at many places: Verify says so, and a scan either
// answers right or sets the part aside, tells, and answers the rest.
func TestBitFlips(t *testing.T) {
	clean, rows := filled(t)
	if sum, err := Verify(clean, "/data", func(p Problem) { t.Errorf("%s: %v", p.Path, p.Err) }); err != nil || sum.Rows != int64(len(rows)) || sum.Parts != 3 {
		t.Fatal(sum, err)
	}
	for _, name := range files(t, clean, "/data/data") {
		n := size(t, clean, name)
		step := max(1, n/97)
		for at := int64(0); at < n; at += step {
			fsys := clean.CrashClone(1)
			if err := fsys.Flip(name, at, 1<<(at%8)); err != nil {
				t.Fatal(err)
			}
			found := 0
			if _, err := Verify(fsys, "/data", func(Problem) { found++ }); err != nil {
				t.Fatal(err)
			}
			unused := at > 4 && at < 8 // reserved bytes of the head
			if found == 0 && !unused {
				t.Fatalf("%s: a flipped bit at %d of %d goes unnoticed", name, at, n)
			}
			checkDamaged(t, fsys, name, rows)
		}
	}
}

func checkDamaged(t *testing.T, fsys *crashfs.FS, name string, rows []row) {
	t.Helper()
	s, err := Open(options(fsys))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // of a damaged store
	early := s.Stats().Quarantined
	n, partial := 0, 0
	for _, order := range []scan.Order{scan.NewestFirst, scan.Any} {
		req := all()
		req.Order = order
		st, err := s.Scan(context.Background(), req, func(b *scan.Block) error {
			n += b.Len()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		partial += len(st.Partial)
		if order == scan.NewestFirst {
			n = 0 // a block of the damaged part may have come before the damage was met
		}
	}
	aside := s.Stats().Quarantined
	switch {
	case aside == 0 && n != len(rows):
		t.Fatalf("%s: %d rows of %d, and nobody says why", name, n, len(rows))
	case aside > 0 && n != len(rows)-300:
		t.Fatalf("%s: %d rows of %d with one part set aside", name, n, len(rows))
	case aside > early && partial == 0:
		t.Fatalf("%s: the answer does not say that it is partial", name)
	}
	if aside > 0 && len(files(t, fsys, "/data/quarantine")) != 1 {
		t.Fatalf("%s: nothing in the quarantine", name)
	}
}

// TestDamagedManifest: the parts are found without it.
func TestDamagedManifest(t *testing.T) {
	fsys, rows := filled(t)
	if err := fsys.Flip("/data/MANIFEST", 20, 1); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, options(fsys))
	got, _ := collect(t, s, all())
	diff(t, "without manifest", got, expected(rows, all()))
	if s.Stats().Quarantined != 1 {
		t.Error("nobody counts the damaged manifest")
	}
}

// TestDamagedLog: what follows a damaged entry is set aside and told; what comes
// before it stays.
func TestDamagedLog(t *testing.T) {
	fsys := newFS()
	s, err := Open(options(fsys))
	if err != nil {
		t.Fatal(err)
	}
	x := newSender(0)
	for range 10 {
		if err := x.send(s, 10); err != nil {
			t.Fatal(err)
		}
	}
	image := fsys.CrashClone(1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	logs := files(t, image, "/data/wal")
	if len(logs) != 1 {
		t.Fatal(logs)
	}
	if err := image.Flip(logs[0], size(t, image, logs[0])/2, 4); err != nil {
		t.Fatal(err)
	}
	problems := 0
	if _, err := Verify(image, "/data", func(p Problem) { problems++ }); err != nil || problems != 1 {
		t.Fatalf("%d problems, %v", problems, err)
	}
	s = mustOpen(t, options(image))
	rows, _ := collect(t, s, all())
	if n := len(rows); n < 30 || n > 60 || s.Stats().Quarantined != 1 {
		t.Fatalf("%d rows, %+v", n, s.Stats())
	}
	aside := 0
	for _, name := range files(t, image, "/data/wal") {
		if strings.HasSuffix(name, ".corrupt") {
			aside++
		}
	}
	if aside != 1 {
		t.Fatal("the damaged entries are gone")
	}
	// The sender, who believes that all is safe, is told of the gap.
	if err := x.send(s, 5); !errors.Is(err, record.ErrGap) {
		t.Fatal(err)
	}
}

// TestMissingPart: a part that vanished costs its rows, not the server, and the
// next start does not ask for it again.
func TestMissingPart(t *testing.T) {
	fsys, rows := filled(t)
	if err := fsys.Remove(files(t, fsys, "/data/data")[0]); err != nil {
		t.Fatal(err)
	}
	found := 0
	if _, err := Verify(fsys, "/data", func(Problem) { found++ }); err != nil || found != 1 {
		t.Fatalf("%d problems, %v", found, err)
	}
	for start := range 2 {
		s, err := Open(options(fsys))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := collect(t, s, all())
		if q := s.Stats().Quarantined; len(got) != len(rows)-300 || q != uint64(1-start) {
			t.Fatalf("start %d: %d rows of %d, %d files missed", start, len(got), len(rows), q)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
