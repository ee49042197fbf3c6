package part

import (
	"errors"
	"fmt"
	"testing"

	"journalist/internal/record"
	"journalist/internal/store/chunk"
	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
)

func sample(rows int) *chunk.Chunk {
	b := &record.Batch{Dataset: "logs"}
	b.AddCommon(b.NameID("host"), record.StringValue([]byte("web-01")))
	for i := range rows {
		b.AddRow(int64(i) * 1e9)
		b.Add(b.NameID("message"), record.StringValue(fmt.Appendf(nil, "line %d", i)))
		if i%3 == 0 {
			b.Add(b.NameID("status"), record.IntValue(int64(200+i)))
		}
		for j := range 3 { // enough names for a pool of rare ones
			b.Add(b.NameID(fmt.Sprintf("rare%d", (7*i+j)%400)), record.IntValue(int64(j)))
		}
	}
	return chunk.FromBatch(b)
}

func write(t testing.TB, fsys vfs.FS, c *chunk.Chunk) {
	t.Helper()
	w, err := Create(fsys, "/p", "logs")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AddGroup(c); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

func TestPart(t *testing.T) {
	fsys := crashfs.New()
	c := sample(1000)
	write(t, fsys, c)
	p, err := Open(fsys, "/p", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // only read
	if err := r.Verify(0); err != nil {
		t.Fatal(err)
	}
	g, err := r.Group(0)
	if err != nil {
		t.Fatal(err)
	}
	if g.dir.rest.values == 0 {
		t.Error("no rare fields pooled")
	}
	got, err := g.Chunk()
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Cols) != len(c.Cols) || got.Len() != c.Len() {
		t.Fatalf("%d columns of %d", len(got.Cols), len(c.Cols))
	}
	for i, want := range c.Cols {
		col := got.Cols[i]
		for row := range uint32(c.Len()) {
			a, b := col.Slot(row), want.Slot(row)
			if a < 0 != (b < 0) {
				t.Fatalf("%s: row %d", want.Name, row)
			}
			if a >= 0 {
				if x, y := col.Value(a), want.Value(b); x.Kind != y.Kind || x.Int != y.Int || string(x.Bytes) != string(y.Bytes) {
					t.Fatalf("%s: row %d: %v, want %v", want.Name, row, x, y)
				}
			}
		}
	}
}

// TestTake takes rows of columns of texts that every row or only some have, before the
// column is decoded and after.
func TestTake(t *testing.T) {
	fsys := crashfs.New()
	b := &record.Batch{Dataset: "logs"}
	want := map[string][]string{}
	const rows = 3000
	for i := range rows {
		b.AddRow(int64(i) * 1e9)
		for _, name := range []string{"full", "sparse"} {
			text := ""
			if name == "full" || i%3 == 1 || i > 2000 && i < 2500 {
				text = fmt.Sprintf("line %d of %s came from %d", i, name, i*i%1009)
				b.Add(b.NameID(name), record.StringValue([]byte(text)))
			}
			want[name] = append(want[name], text)
		}
	}
	write(t, fsys, chunk.FromBatch(b))
	p, err := Open(fsys, "/p", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // only read
	lists := [][]uint32{{0}, {1}, {5, 6, 7, 9, 2100}, {2999, 2400, 2399, 4, 0}, {0, 3, 6}, {1, 4, 7}, nil}
	for i := range uint32(rows) {
		lists[6] = append(lists[6], i)
	}
	for _, list := range lists {
		for name, texts := range want {
			g, err := r.Group(0)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				c, err := g.Take(name, list)
				if err != nil || c.Len != len(list) {
					t.Fatalf("%s: %d of %d values, error %v", name, c.Len, len(list), err)
				}
				for i, row := range list {
					if v := c.Value(i); string(v.Bytes) != texts[row] || (v.Kind == record.Missing) != (texts[row] == "") {
						t.Fatalf("%s: row %d: %v, want %q", name, row, v, texts[row])
					}
				}
			}
		}
	}
}

// TestVersions: a part of another version is no damaged one.
func TestVersions(t *testing.T) {
	fsys := crashfs.New()
	write(t, fsys, sample(40))
	good, err := vfs.ReadFile(fsys, "/p")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		head, tail byte
		other      bool
	}{{3, 3, true}, {200, 200, true}, {1, 'T', true}, {3, 2, false}, {2, 3, false}, {1, 2, false}, {0, 0, false}} {
		data := append([]byte(nil), good...)
		data[4], data[len(data)-1] = c.head, c.tail
		if err := vfs.WriteFile(fsys, "/p", data); err != nil {
			t.Fatal(err)
		}
		_, err := Open(fsys, "/p", nil)
		var other *VersionError
		if errors.As(err, &other) != c.other || errors.Is(err, ErrCorrupt) == c.other {
			t.Errorf("version %d at the beginning, %d at the end: %v", c.head, c.tail, err)
		}
	}
}

// FuzzPart: no file makes the reader panic; damage is said to be damage.
func FuzzPart(f *testing.F) {
	fsys := crashfs.New()
	write(f, fsys, sample(40))
	good, err := vfs.ReadFile(fsys, "/p")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := crashfs.New()
		if err := vfs.WriteFile(fsys, "/p", data); err != nil {
			t.Fatal(err)
		}
		p, err := Open(fsys, "/p", nil)
		if err == nil {
			var r *Reader
			if r, err = p.Reader(); err != nil {
				t.Fatal(err)
			}
			for i := range p.Groups {
				if err = r.Verify(i); err != nil {
					break
				}
			}
		}
		var other *VersionError
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.As(err, &other) {
			t.Fatal(err)
		}
	})
}

// FuzzDirectory: what stands behind a checksum is not believed either.
func FuzzDirectory(f *testing.F) {
	fsys := crashfs.New()
	write(f, fsys, sample(40))
	p, err := Open(fsys, "/p", nil)
	if err != nil {
		f.Fatal(err)
	}
	r, err := p.Reader()
	if err != nil {
		f.Fatal(err)
	}
	raw, err := r.block(&p.Groups[0], p.Groups[0].dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, 40)
	f.Add(encodeShapes([]record.Name{record.MakeName("a\x00b")}, [][]uint32{{0}, {}}), 2)
	f.Fuzz(func(t *testing.T, raw []byte, n int) {
		n &= 0xfff
		_, _ = decodeDirectory(raw, n)
		_, shapes, err := decodeShapes(raw, n)
		if err == nil && len(shapes) != n {
			t.Fatal("wrong number of shapes")
		}
		_, groups, err := decodeFooter(raw, int64(n))
		for _, g := range groups {
			if err == nil && g.Off+g.Len > int64(n) {
				t.Fatal("a group outside of the file")
			}
		}
	})
}
