package store

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"journalist/internal/store/filter"
	"journalist/internal/store/manifest"
	"journalist/internal/store/part"
)

func randomSet(rng *rand.Rand, n int) filter.Bitmap {
	set := filter.NewBitmap(n)
	switch rng.IntN(4) {
	case 0:
	case 1:
		set.SetRange(0, n)
	case 2:
		set.Set(uint32(rng.IntN(n)))
	default:
		for range rng.IntN(n) + 1 {
			set.Set(uint32(rng.IntN(n)))
		}
	}
	return set
}

// TestTombstone: sets in all forms, joined and written and read again.
func TestTombstone(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		p := &part.Part{}
		var one, two []*goneRows
		var want []filter.Bitmap
		for range 1 + rng.IntN(5) {
			n := 1 + rng.IntN(300)
			a, b := randomSet(rng, n), randomSet(rng, n)
			p.Groups = append(p.Groups, part.GroupInfo{Rows: n})
			one, two = append(one, newGone(slices.Clone(a), n)), append(two, newGone(slices.Clone(b), n))
			for i := range a {
				a[i] |= b[i]
			}
			want = append(want, a)
		}
		var none *tombstone
		tomb := none.with(one).with(two)
		read, err := parseTombstone(tomb.file(), p)
		if err != nil {
			t.Fatal(err)
		}
		rows := int64(0)
		for i, w := range want {
			n := p.Groups[i].Rows
			rows += int64(w.Count())
			for _, g := range []*goneRows{tomb.group(i), read.group(i)} {
				left := filter.NewBitmap(n)
				left.SetRange(0, n)
				g.clear(left)
				if !slices.Equal(g.set(n), w) || g.count() != w.Count() || left.Count() != n-w.Count() {
					t.Fatalf("group %d of %d rows: %v, want %v", i, n, g, w)
				}
			}
		}
		if read.count() != rows || tomb.count() != rows {
			t.Fatalf("%d and %d rows, want %d", read.count(), tomb.count(), rows)
		}
	}
}

func FuzzTombstone(f *testing.F) {
	p := &part.Part{Groups: []part.GroupInfo{{Rows: 100}, {Rows: 70}, {Rows: 10}}}
	rng := rand.New(rand.NewPCG(2, 1))
	for range 8 {
		var groups []*goneRows
		for _, g := range p.Groups {
			groups = append(groups, newGone(randomSet(rng, g.Rows), g.Rows))
		}
		var none *tombstone
		f.Add(none.with(groups).file()[goneHead:])
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		file := manifest.File(payload) // the same head but for its name
		copy(file, goneMagic)
		tomb, err := parseTombstone(file, p)
		if err != nil {
			return
		}
		again, err := parseTombstone(tomb.file(), p)
		if err != nil || !bytes.Equal(again.file(), tomb.file()) {
			t.Fatalf("%v after it was read and written: %v", tomb, err)
		}
		for i, g := range p.Groups {
			if got := tomb.group(i); got.set(g.Rows).Count() != got.count() {
				t.Fatalf("group %d counts %d rows and has %d", i, got.count(), got.set(g.Rows).Count())
			}
		}
	})
}

func TestParseFile(t *testing.T) {
	for _, p := range []manifest.Part{{Lo: 1, Hi: 1}, {Lo: 1, Hi: 1 << 60, Edition: 3}, {Lo: 7, Hi: 9, Gone: 1}, {Lo: 7, Hi: 9, Edition: 1 << 31, Gone: 2}} {
		name := partFile(p)
		if p.Gone > 0 {
			name = goneFile(p)
		}
		if got, ok := parseFile(name); !ok || got != p {
			t.Errorf("%s: %+v, want %+v", name, got, p)
		}
	}
	for _, name := range []string{
		"", ".part", "1-2.part", "0000000000000002-0000000000000001.part", "0000000000000001-0000000000000001.part.tmp",
		"0000000000000001-0000000000000001.gone", "0000000000000001-0000000000000001.00000000.gone", "0000000000000001-0000000000000001-00000000.part",
		"0000000000000001-0000000000000001-00000001-00000001.part", "0000000000000001-000000000000000x.part",
	} {
		if got, ok := parseFile(name); ok {
			t.Errorf("%q is read as %+v", name, got)
		}
	}
}
