package typed

import (
	"bytes"
	"errors"
	"strings"
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
// ErrCorrupt, and must not panic.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"1|22|333|4|55555", "007|000|123", "0.5|1.25|100", "0|0.0|0.00", "10.0.0.1|255.255.255.255",
		"2024-01-31T12:34:56.12Z|2024-02-29T00:00:00Z", "deadbeef|cafebabe",
		"d41d8cd98f00b204e9800998ecf8427e|900150983cd24fb0d6963f7d28e17f72",
		"550e8400-e29b-41d4-a716-446655440000|6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	} {
		for _, times := range []int{1, 50} {
			parts := strings.Split(strings.Repeat(s+"|", times), "|")
			v := vector(parts[:len(parts)-1]...)
			w := stream.NewMemory()
			raw, ok := Append(nil, w.Writer, v)
			if !ok {
				f.Fatalf("%q is declined", s)
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
			f.Add(raw, bytes.Join(streams, []byte("\xff\xfe")), uint16(v.Len()))
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
		v, err := h.Texts(src)
		if err != nil {
			if !errors.Is(err, stream.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if v.Len() != int(n) || len(v.Data) > maxSize {
			t.Fatalf("%d of %d texts, %d bytes", v.Len(), n, len(v.Data))
		}
		if n > 0 {
			some, err := h.Take(src, []uint32{uint32(n) - 1})
			if err != nil || !bytes.Equal(some.At(0), v.At(int(n)-1)) {
				t.Fatalf("row %d: %q, error %v, want %q", n-1, some.At(0), err, v.At(int(n)-1))
			}
		}
	})
}

// FuzzRoundTrip gives arbitrary texts to the encoder.
func FuzzRoundTrip(f *testing.F) {
	f.Add("1|-0|00.5|+1|9223372036854775808")
	f.Add("Feb 30 12:00:00|Jan  1 00:00:00")
	f.Add("0x1f|0x0a03|0X1f")
	f.Add("x1.5y|x1.25y")
	f.Add("a1b|a2b|a-3b")
	f.Fuzz(func(t *testing.T, s string) {
		roundTrip(t, vector(strings.Split(s, "|")...))
	})
}
