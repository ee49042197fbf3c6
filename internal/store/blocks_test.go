package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"journalist/internal/store/part"
	"journalist/internal/store/stream"
	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
)

// block is a piece of a part's file.
type block struct {
	what     string
	from, to int64
}

// blocksOf takes a part's file apart as docs/format/part.md says, without the code
// that reads parts. The blocks follow each other and leave nothing out.
func blocksOf(t *testing.T, raw []byte) []block {
	t.Helper()
	open := func(what string, from, to int64, sum uint32) []byte {
		if from < 8 || to > int64(len(raw)) || from > to || stream.Checksum(raw[from:to]) != sum {
			t.Fatalf("%s: no such block from %d to %d", what, from, to)
		}
		data, err := stream.OpenBlock(raw[from:to])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	size := int64(len(raw))
	tail := raw[size-12:]
	footer := size - 12 - int64(binary.LittleEndian.Uint32(tail))
	out := []block{{"head", 0, 8}, {"footer", footer, size - 12}, {"tail", size - 12, size}}
	d := stream.NewDecoder(open("footer", footer, size-12, binary.LittleEndian.Uint32(tail[4:])))
	d.Bytes() // dataset
	for range d.Count(1) {
		at, n := int64(d.Uvarint()), int64(d.Uvarint())
		d.Uvarint() // rows
		d.Uvarint() // bytes
		d.Varint()  // first
		d.Varint()  // last
		ref := stream.ReadRef(&d)
		from := at + int64(ref.Off)
		out = append(out, block{"directory", from, from + int64(ref.Len)})
		if from+int64(ref.Len) != at+n {
			t.Fatalf("the directory ends at %d, its row group at %d", from+int64(ref.Len), at+n)
		}
		dir := stream.NewDecoder(open("directory", from, from+int64(ref.Len), ref.Sum))
		dir.Uvarint() // rows
		table := stream.ReadTable(&dir)
		what := map[int]string{}
		for id, class := range table.Classes {
			if n, pooled, ok := table.Block(stream.ID(id)); ok {
				what[n] = fmt.Sprintf("streams of class %d, pooled %v", class, pooled)
			}
		}
		for i, ref := range table.Blocks {
			from := at + int64(ref.Off)
			open(what[i], from, from+int64(ref.Len), ref.Sum)
			out = append(out, block{what[i], from, from + int64(ref.Len)})
		}
	}
	if d.Err() != nil || len(d.Data) > 0 {
		t.Fatal(d.Err(), len(d.Data))
	}
	slices.SortFunc(out, func(a, b block) int { return int(a.from - b.from) })
	end := int64(0)
	for _, b := range out {
		if b.from != end {
			t.Fatalf("%s begins at %d, what is before it ends at %d", b.what, b.from, end)
		}
		end = b.to
	}
	return out
}

// TestEveryBlock flips bits in every block of every kind of part: each is found by
// verify, and a store with it either answers right or sets the part aside, says so,
// and answers the rest.
func TestEveryBlock(t *testing.T) {
	image := fixture(t)
	s := mustOpen(t, options(image.CrashClone(1)))
	rows, _ := collect(t, s, all())
	kinds := map[string]int{}
	for _, name := range files(t, image, "/data/data") {
		if !strings.HasSuffix(name, partSuffix) || !listed(t, image, name) {
			continue
		}
		raw, err := vfs.ReadFile(image, name)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range blocksOf(t, raw) {
			kinds[b.what]++
			places := []int64{b.from, b.from + 1, (b.from + b.to) / 2, b.to - 1}
			for j, at := range places {
				if j != i%4 && soak(t, 1) == 1 && b.what != "head" && b.what != "tail" {
					continue
				}
				what := fmt.Sprintf("%s: %s from %d to %d, byte %d", name, b.what, b.from, b.to, at)
				fsys := image.CrashClone(1)
				if err := fsys.Flip(name, at, 1<<(at%8)); err != nil {
					t.Fatal(err)
				}
				flipped(t, what, fsys, name)
				// The store itself for each kind of block, and now and then.
				if kinds[b.what] > 2 && soak(t, 1) == 1 {
					continue
				}
				answersWithout(t, what, fsys, len(rows))
			}
		}
	}
	if len(kinds) < 8 || kinds["directory"] < 4 {
		t.Errorf("blocks of few kinds: %v", kinds)
	}
	t.Logf("%v", kinds)
}

// listed tells whether the manifest lists a part: verify finds no fault with it.
func listed(t *testing.T, image *crashfs.FS, name string) bool {
	t.Helper()
	fsys := image.CrashClone(1)
	if err := fsys.Remove(name); err != nil {
		t.Fatal(err)
	}
	sum, err := Verify(fsys, "/data", nil)
	if err != nil {
		t.Fatal(err)
	}
	return sum.Problems > 0
}

// flipped demands that reading the part whole finds the damage.
func flipped(t *testing.T, what string, fsys vfs.FS, name string) {
	t.Helper()
	p, err := part.Open(fsys, name, nil)
	if err == nil {
		r, rerr := p.Reader()
		if rerr != nil {
			t.Fatal(rerr)
		}
		for i := range p.Groups {
			err = errors.Join(err, r.Verify(i))
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !errors.Is(err, part.ErrCorrupt) {
		t.Fatalf("%s: %v", what, err)
	}
}

// answersWithout opens a store with one damaged part and demands that it answers
// with all rows, or with those of the others and says so: first while the merger,
// which may meet the damage before anybody asks, is held back, then behind it.
func answersWithout(t *testing.T, what string, fsys *crashfs.FS, whole int) {
	t.Helper()
	s, err := Open(options(fsys))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer func() { _ = s.Close() }() // of a damaged store
	s.mergeMu.Lock()                 // it has begun already, or has not yet
	release := sync.OnceFunc(s.mergeMu.Unlock)
	defer release()
	early := s.Stats().Quarantined
	got, st := collect(t, s, all())
	aside := s.Stats().Quarantined
	if early+uint64(len(st.Partial)) != aside || aside > 1 {
		t.Fatalf("%s: %d files are set aside, %d at the start, and the answer says %q", what, aside, early, st.Partial)
	}
	if aside == 0 && len(got) != whole || aside > 0 && len(got) >= whole {
		t.Fatalf("%s: %d rows of %d, %d parts set aside", what, len(got), whole, aside)
	}
	again := func(when string) {
		t.Helper()
		got, st := collect(t, s, all())
		now := s.Stats()
		if len(st.Partial) > 0 || int64(len(got)) != now.Rows || now.Quarantined < aside || now.Quarantined > 1 {
			t.Fatalf("%s: asked again %s: %d rows of %d, %d parts set aside, %q", what, when, len(got), now.Rows, now.Quarantined, st.Partial)
		}
		if now.Quarantined == 0 && len(got) != whole || now.Quarantined > 0 && len(got) >= whole {
			t.Fatalf("%s: asked again %s: %d rows of %d, %d parts set aside", what, when, len(got), whole, now.Quarantined)
		}
		if now.Quarantined > 0 && len(files(t, fsys, "/data/quarantine")) == 0 {
			t.Fatalf("%s: nothing is in the quarantine %s", what, when)
		}
	}
	again("before the merger")
	release()
	waitFor(t, func() bool {
		s.mergeMu.Lock() // else it may be about to set a part aside
		defer s.mergeMu.Unlock()
		return s.Stats().DeletedRows == 0
	})
	again("behind the merger")
}

// TestEveryByteOfTheRest flips bits in the manifest, the positions and the log.
func TestEveryByteOfTheRest(t *testing.T) {
	image := fixture(t)
	s := mustOpen(t, options(image.CrashClone(1)))
	want, _ := collect(t, s, all())
	missing := func(got []row) int {
		count := map[uint64]int{}
		for i := range got {
			count[sum(&got[i])]++
		}
		n := 0
		for i := range want {
			if h := sum(&want[i]); count[h] == 0 {
				n++
			}
		}
		return n
	}
	inLog := int(s.Stats().MemtableRows)
	for _, name := range append([]string{"/data/MANIFEST", "/data/POSITIONS"}, files(t, image, "/data/wal")...) {
		n := size(t, image, name)
		step := max(1, n/int64(soak(t, 30)))
		for at := int64(0); at < n; at += step {
			what := fmt.Sprintf("%s, byte %d of %d", name, at, n)
			fsys := image.CrashClone(1)
			if err := fsys.Flip(name, at, 1<<(at%8)); err != nil {
				t.Fatal(err)
			}
			sum, err := Verify(fsys, "/data", nil)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			s, err := Open(options(fsys))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			got, st := collect(t, s, all())
			aside := s.Stats().Quarantined
			lost := missing(got)
			log := strings.Contains(name, "/wal/")
			switch {
			case len(st.Partial) > 0 || aside > 1 || !log && lost > 0 || lost > inLog:
				t.Fatalf("%s: %d rows are missing, %q", what, lost, st.Partial)
			case (aside > 0) != (sum.Problems > 0):
				t.Fatalf("%s: verify finds %d problems, the store sets %d files aside", what, sum.Problems, aside)
			case log && lost > 0 && aside == 0 && at < n/2:
				t.Fatalf("%s: %d rows are missing, and nobody says so", what, lost)
			case !log && aside == 0 && (at < 5 || at >= 8): // not the reserved bytes
				t.Fatalf("%s: nobody says that it is damaged", what)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
