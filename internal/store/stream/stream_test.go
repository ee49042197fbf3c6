package stream

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// text makes n bytes that are alike, noise makes n that are not.
func text(n int) []byte {
	return bytes.Repeat([]byte("a line of a log, "), n/17+1)[:n]
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestStreamsOfAllClassesAndSizes(t *testing.T) {
	w := NewMemory()
	var want [][]byte
	for _, size := range []int{0, 1, 31, 32, own - 1, own, own + 1, pool, 200_000} {
		for c := range Class(classes) {
			for _, b := range [][]byte{text(size), noise(size)} {
				if id := w.Put(c, b); id != ID(len(want)) {
					t.Fatalf("stream %d has number %d", len(want), id)
				}
				want = append(want, bytes.Clone(b))
				clear(b) // Put keeps nothing
			}
		}
	}
	src, _ := w.Source()
	for i, b := range want {
		got, err := src.Stream(ID(i))
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("stream %d: %d bytes, error %v, want %d", i, len(got), err, len(b))
		}
	}
	if _, err := src.Stream(ID(len(want))); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("one stream more: %v", err)
	}
}

func TestTableKnowsEveryStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 3*own)), 0, 100).Draw(t, "sizes")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		blocks := map[uint32][]byte{}
		w := NewWriter(func(b []byte) Ref {
			ref := Ref{Off: uint32(len(blocks)), Len: uint32(len(b)), Sum: Checksum(b)}
			blocks[ref.Off] = bytes.Clone(b)
			return ref
		})
		var want [][]byte
		var class []Class
		for _, n := range sizes {
			b, c := noise(n), Class(r.IntN(classes))
			w.Put(c, b)
			want, class = append(want, b), append(class, c)
		}
		d := NewDecoder(append(w.Finish(nil), 77))
		table := ReadTable(&d)
		if d.Err() != nil || len(d.Data) != 1 || table.Len() != len(want) || len(table.Blocks) != len(blocks) {
			t.Fatalf("error %v, %d bytes left, %d of %d streams, %d of %d blocks", d.Err(), len(d.Data), table.Len(), len(want), len(table.Blocks), len(blocks))
		}
		sharing := map[int]int{}
		for i := range want {
			if n, _, ok := table.Block(ID(i)); ok {
				sharing[n]++
			}
		}
		for i, b := range want {
			n, pooled, ok := table.Block(ID(i))
			if ok != (len(b) > 0) || table.Size(ID(i)) != len(b) || table.Classes[i] != class[i] {
				t.Fatalf("stream %d of %d bytes and class %d: %v, %d, %d", i, len(b), class[i], ok, table.Size(ID(i)), table.Classes[i])
			}
			if !ok {
				continue
			}
			if !pooled && sharing[n] > 1 {
				t.Fatalf("stream %d has a block of its own, which %d share", i, sharing[n])
			}
			ref := table.Blocks[n]
			if Checksum(blocks[ref.Off]) != ref.Sum || len(blocks[ref.Off]) != int(ref.Len) {
				t.Fatalf("block %d is not the one that was put", n)
			}
			raw, err := OpenBlock(blocks[ref.Off])
			if err != nil {
				t.Fatal(err)
			}
			if got, err := table.Cut(ID(i), raw); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("stream %d: error %v", i, err)
			}
		}
	})
}

// Streams that are read again come from the block that was opened once, if others
// are in it too.
func TestReaderKeepsPooledBlocks(t *testing.T) {
	w := NewMemory()
	for range 20 {
		w.Put(Texts, text(100))
	}
	long := w.Put(Texts, text(own))
	raw := w.Finish(nil)
	d := NewDecoder(raw)
	opened := 0
	r := NewReader(ReadTable(&d), func(ref Ref) ([]byte, error) {
		opened++
		return OpenBlock(w.blocks[ref.Off])
	})
	for range 3 {
		for id := range long {
			if b, err := r.Stream(id); err != nil || !bytes.Equal(b, text(100)) {
				t.Fatalf("stream %d: %q, error %v", id, b, err)
			}
		}
	}
	if opened != 1 {
		t.Errorf("the pool was opened %d times", opened)
	}
	for range 2 {
		if _, err := r.Stream(long); err != nil {
			t.Fatal(err)
		}
	}
	if opened != 3 {
		t.Errorf("%d blocks were opened, want the pool once and the long stream twice", opened)
	}
}

func TestErrorsOfOpenPass(t *testing.T) {
	w := NewMemory()
	id := w.Put(Codes, text(10))
	w.Put(Codes, nil)
	d := NewDecoder(w.Finish(nil))
	broken := errors.New("broken disk")
	r := NewReader(ReadTable(&d), func(Ref) ([]byte, error) { return nil, broken })
	if _, err := r.Stream(id); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if b, err := r.Stream(id + 1); err != nil || len(b) != 0 {
		t.Errorf("a stream without bytes: %d, error %v", len(b), err)
	}
	short := NewReader(r.table, func(Ref) ([]byte, error) { return text(9), nil })
	if _, err := short.Stream(id); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a block that is too short: %v", err)
	}
}

// Blocks are never longer than a few bytes more than what is in them, and skewed
// bytes without repetitions are smaller.
func TestBlocks(t *testing.T) {
	skewed := noise(50_000)
	for i := range skewed {
		skewed[i] &= 15
	}
	for name, c := range map[string]struct {
		raw  []byte
		most int
	}{
		"nothing": {nil, 2}, "little": {text(31), 33}, "text": {text(100_000), 1000},
		"noise": {noise(100_000), 100_004}, "half bytes": {skewed, 26_000},
	} {
		block := AppendBlock([]byte("before"), c.raw)[6:]
		if len(block) > c.most {
			t.Errorf("%s: %d bytes became %d, at most %d are expected", name, len(c.raw), len(block), c.most)
		}
		for _, b := range [][]byte{block, Small.AppendBlock(nil, c.raw), Smallest.AppendBlock(nil, c.raw), AppendRaw(nil, c.raw)} {
			if got, err := OpenBlock(b); err != nil || !bytes.Equal(got, c.raw) {
				t.Errorf("%s: %d bytes, error %v", name, len(got), err)
			}
		}
	}
}

func TestDamagedBlocks(t *testing.T) {
	for name, block := range map[string][]byte{
		"nothing":          {},
		"no length":        {blockZstd},
		"unknown method":   {7, 0},
		"too long":         {blockRaw, 0x81, 0x80, 0x80, 0x20},
		"raw too short":    {blockRaw, 2, 1},
		"raw too long":     {blockRaw, 1, 1, 1},
		"not a frame":      append([]byte{blockZstd, 40}, noise(40)...),
		"claims too much":  {blockZstd, 0x80, 0x80, 0x80, 0x1F, 0x28, 0xB5, 0x2F, 0xFD},
		"another length":   append([]byte{blockZstd, 41}, AppendBlock(nil, text(40))[2:]...),
		"end of the frame": AppendBlock(nil, text(4000))[:20],
	} {
		if _, err := OpenBlock(block); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestReferences(t *testing.T) {
	for _, want := range []Ref{{}, {Off: 0, Len: 1, Sum: 1<<32 - 1}, {Off: 1 << 31, Len: 2 * MaxBlock, Sum: 0}} {
		d := NewDecoder(want.Append(nil))
		if got := ReadRef(&d); got != want || d.Err() != nil || len(d.Data) != 0 {
			t.Errorf("%+v became %+v, error %v", want, got, d.Err())
		}
	}
	for _, bad := range []Ref{{Len: 2*MaxBlock + 1}, {Off: 1<<31 + 1, Len: 1}} {
		d := NewDecoder(bad.Append(nil))
		if ReadRef(&d); !errors.Is(d.Err(), ErrCorrupt) {
			t.Errorf("%+v: error %v", bad, d.Err())
		}
	}
}

// Every cut and every changed byte of a table is an error or a table that can be
// used without harm.
func TestDamagedTables(t *testing.T) {
	w := NewMemory()
	for i := range 60 {
		w.Put(Class(i%classes), text(i*i*3))
	}
	raw := w.Finish(nil)
	for i := range raw {
		d := NewDecoder(raw[:i])
		if ReadTable(&d); !errors.Is(d.Err(), ErrCorrupt) {
			t.Fatalf("%d of %d bytes: %v", i, len(raw), d.Err())
		}
	}
	for i := range raw {
		for _, x := range []byte{1, 0x80, 0xFF} {
			damaged := bytes.Clone(raw)
			damaged[i] ^= x
			useTable(t, damaged)
		}
	}
}

// useTable reads a table and all its streams from blocks of one size.
func useTable(t *testing.T, raw []byte) {
	t.Helper()
	d := NewDecoder(raw)
	table := ReadTable(&d)
	if d.Err() != nil {
		if !errors.Is(d.Err(), ErrCorrupt) {
			t.Fatal(d.Err())
		}
		return
	}
	block := make([]byte, 100)
	r := NewReader(table, func(Ref) ([]byte, error) { return block, nil })
	for i := range table.Len() + 1 {
		b, err := r.Stream(ID(i))
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		if err == nil && len(b) != table.Size(ID(i)) {
			t.Fatalf("stream %d has %d bytes, %d in the table", i, len(b), table.Size(ID(i)))
		}
	}
	if _, err := table.Cut(ID(table.Len()), block); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a stream that is none: %v", err)
	}
}

func FuzzTable(f *testing.F) {
	w := NewMemory()
	for i := range 30 {
		w.Put(Class(i%classes), text(i*i*7))
	}
	f.Add(w.Finish(nil))
	f.Add(NewMemory().Finish(nil))
	f.Fuzz(useTable)
}

func FuzzBlock(f *testing.F) {
	f.Add(AppendBlock(nil, text(5000)))
	f.Add(AppendBlock(nil, noise(500)))
	f.Add(AppendRaw(nil, text(5)))
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, err := OpenBlock(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if again, err := OpenBlock(AppendBlock(nil, raw)); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%d bytes became %d, error %v", len(raw), len(again), err)
		}
	})
}
