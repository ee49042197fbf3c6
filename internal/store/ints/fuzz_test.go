package ints

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"journalist/internal/store/stream"
)

// fuzzed is a Source over the pieces of arbitrary bytes.
type fuzzed [][]byte

func (f fuzzed) Stream(id stream.ID) ([]byte, error) {
	if int(id) >= len(f) {
		return nil, stream.ErrCorrupt
	}
	return f[id], nil
}

// FuzzDecode gives arbitrary structures and streams to the decoder: it may fail with
// ErrCorrupt, and must neither panic nor leave [Min, Max].
func FuzzDecode(f *testing.F) {
	for _, vs := range shapes() {
		vs = vs[:min(len(vs), 100)]
		for mode := planes; mode < modes; mode++ {
			w := stream.NewMemory()
			e := &encoder{w: w.Writer, class: stream.Ints, div: 1, top: math.MaxUint32, sorted: mode == upPlanes || mode == upBucket}
			for i, v := range vs {
				e.frame = append(e.frame, uint64(v)&0xFFFF)
				if e.sorted && i > 0 {
					e.frame[i] += e.frame[i-1]
				}
			}
			raw, ok := e.as(mode, nil)
			if !ok {
				continue
			}
			src, _ := w.Source()
			var streams [][]byte
			for id := stream.ID(0); ; id++ {
				b, err := src.Stream(id)
				if err != nil {
					break
				}
				streams = append(streams, b)
			}
			f.Add(raw, bytes.Join(streams, []byte("\xff\xfe")), uint16(len(vs)))
		}
	}
	f.Fuzz(func(t *testing.T, structure, streams []byte, n uint16) {
		d := stream.NewDecoder(structure)
		h := Read(&d, int(n))
		if d.Err() != nil {
			if !errors.Is(d.Err(), stream.ErrCorrupt) {
				t.Fatal(d.Err())
			}
			return
		}
		src := fuzzed(bytes.Split(streams, []byte("\xff\xfe")))
		vs, err := h.Decode(src, nil)
		if err != nil {
			if !errors.Is(err, stream.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if len(vs) != int(n) {
			t.Fatalf("%d of %d", len(vs), n)
		}
		for i, v := range vs {
			if v < h.Min() || v > h.Max() {
				t.Fatalf("%d is %d, not from %d to %d", i, v, h.Min(), h.Max())
			}
		}
		codes, err := h.DecodeCodes(src, math.MaxUint32, nil)
		if fits := n == 0 || h.Min() >= 0 && h.Max() < math.MaxUint32; fits != (err == nil) {
			t.Fatalf("codes from %d to %d: %v", h.Min(), h.Max(), err)
		}
		for i, c := range codes {
			if int64(c) != vs[i] {
				t.Fatalf("code %d is %d, not %d", i, c, vs[i])
			}
		}
	})
}

// FuzzRoundTrip takes arbitrary bytes as numbers of some width.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), uint8(3), uint8(10))
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 128}, 700), uint8(8), uint8(0))
	f.Fuzz(func(t *testing.T, raw []byte, width, sum uint8) {
		w := 1 + int(width)%8
		var vs []int64
		last := int64(0)
		for ; len(raw) >= w; raw = raw[w:] {
			var b [8]byte
			copy(b[:], raw[:w])
			v := int64(binary.LittleEndian.Uint64(b[:]))
			if sum%2 == 1 {
				v += last
			}
			vs = append(vs, v)
			last = v
		}
		roundTrip(t, vs)
	})
}
