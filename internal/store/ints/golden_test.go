package ints

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/store/stream"
)

var update = flag.Bool("update", false, "write testdata/format.txt anew")

// The bytes of every mode are those in testdata: what was stored once must be read
// for ever. go test -update writes them anew.
func TestFormatStays(t *testing.T) {
	us := []uint64{7, 3, 3, 250, 1000, 70_000, 3, 7, 7, 250, 65_536, 0, 3, 1000, 15, 16, 17, 31, 32}
	up := make([]uint64, len(us))
	sum := uint64(0)
	for i, u := range us {
		up[i] = sum
		sum += u + 2
	}
	var out strings.Builder
	for mode := planes; mode < modes; mode++ {
		w := stream.NewMemory()
		e := &encoder{w: w.Writer, class: stream.Ints, low: -5, div: 3, frame: us, top: highest(us)}
		if mode == upPlanes || mode == upBucket {
			e.frame, e.top, e.sorted = up, highest(up), true
		}
		raw, ok := e.as(mode, nil)
		if !ok {
			e.frame = append(us, us...) // the list must be short for its vector
			raw, ok = e.as(mode, nil)
		}
		if !ok {
			t.Fatalf("no vector for mode %s", modeNames[mode])
		}
		fmt.Fprintf(&out, "%s: % x\n", modeNames[mode], raw)
		src, _ := w.Source()
		for id := stream.ID(0); ; id++ {
			b, err := src.Stream(id)
			if err != nil {
				break
			}
			fmt.Fprintf(&out, "\t%d: % x\n", id, b)
		}
		d := stream.NewDecoder(raw)
		h := Read(&d, len(e.frame))
		vs, err := h.Decode(src, nil)
		if err != nil || d.Err() != nil {
			t.Fatalf("mode %s: errors %v, %v", h.Mode(), d.Err(), err)
		}
		for i, u := range e.frame {
			if vs[i] != -5+3*int64(u) {
				t.Fatalf("mode %s: %d is %d, want %d", h.Mode(), i, vs[i], -5+3*int64(u))
			}
		}
	}
	for _, vs := range [][]int64{{}, {-1, -1}, {5, 3, 1}, {5, 15}, {1, 9, -3}, {100, 200, 500}} {
		fmt.Fprintf(&out, "%v: % x\n", vs, Append(nil, stream.NewMemory().Writer, vs))
	}
	compare(t, out.String())
}

func compare(t *testing.T, got string) {
	t.Helper()
	name := filepath.Join("testdata", "format.txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the format is another one than in %s (go test -update writes it anew):\n%s", name, got)
	}
}
