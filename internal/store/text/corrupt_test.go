package text

import (
	"errors"
	"math/rand/v2"
	"testing"

	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// kept is a Source of streams that a test may change.
type kept map[stream.ID][]byte

func (k kept) Stream(id stream.ID) ([]byte, error) {
	b, ok := k[id]
	if !ok {
		return nil, stream.ErrCorrupt
	}
	return b, nil
}

// recorded encodes v and returns its streams.
func recorded(t testing.TB, v texts.Vector) (kept, stream.ID) {
	t.Helper()
	m := stream.NewMemory()
	root := Encode(m.Writer, v, Options{})
	src, _ := m.Source()
	k := kept{}
	for id := range root + 1 {
		b, err := src.Stream(id)
		if err != nil {
			t.Fatal(err)
		}
		k[id] = append([]byte(nil), b...)
	}
	return k, root
}

// readAll reads a tree in every way. Each error must be one of corrupt data.
func readAll(t *testing.T, k kept, root stream.ID, n int) {
	t.Helper()
	check := func(err error) {
		if err != nil && !errors.Is(err, stream.ErrCorrupt) {
			t.Fatalf("error %v, want one of corrupt data", err)
		}
	}
	node, err := Open(k, root, n)
	check(err)
	if err != nil {
		return
	}
	v, err := node.Texts(k)
	check(err)
	if err == nil && v.Len() != n {
		t.Fatalf("%d texts, want %d", v.Len(), n)
	}
	var rows []uint32
	for i := 0; i < n; i += 1 + n/7 {
		rows = append(rows, uint32(i))
	}
	_, err = node.Take(k, rows)
	check(err)
	node.Walk(func(_ int, n *Node) {
		if n.Kind() == Dict {
			_, err := n.Codes(k, nil)
			check(err)
		}
	})
}

func TestCorruptTreesAreErrors(t *testing.T) {
	for seed := range uint64(3) {
		for name, v := range samples(seed) {
			whole, root := recorded(t, v)
			r := rand.New(rand.NewPCG(seed, 5))
			for range 150 {
				k := kept{}
				for id, b := range whole {
					k[id] = b
				}
				for range 1 + r.IntN(3) {
					damage(k, root, r)
				}
				t.Run(name, func(t *testing.T) { readAll(t, k, root, v.Len()) })
			}
		}
	}
}

// damage changes, cuts, extends or swaps streams; often the structure.
func damage(k kept, root stream.ID, r *rand.Rand) {
	id := root
	if r.IntN(2) == 0 {
		id = stream.ID(r.IntN(int(root) + 1))
	}
	b := append([]byte(nil), k[id]...)
	switch what := r.IntN(6); {
	case what == 0 && len(b) > 0:
		b = b[:r.IntN(len(b))]
	case what == 1:
		b = append(b, byte(r.Uint32()))
	case what == 2:
		b = k[stream.ID(r.IntN(int(root)+1))]
	case len(b) > 0:
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
	}
	k[id] = b
}

// FuzzOpen reads arbitrary structures over arbitrary streams: data is cut into the
// structure and two streams.
func FuzzOpen(f *testing.F) {
	for _, v := range samples(1) {
		k, root := recorded(f, v.Slice(0, min(v.Len(), 60)))
		f.Add(k[root], k[0], k[1], uint16(min(v.Len(), 60)))
	}
	f.Fuzz(func(t *testing.T, structure, a, b []byte, n uint16) {
		readAll(t, kept{0: a, 1: b, 2: structure}, 2, int(n))
	})
}
