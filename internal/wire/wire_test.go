package wire

import (
	"encoding/binary"
	"errors"
	"testing"
)

func TestDecoderReadsWhatWasAppended(t *testing.T) {
	raw := []byte{7}
	raw = binary.LittleEndian.AppendUint32(raw, 1<<31)
	raw = binary.LittleEndian.AppendUint64(raw, 1<<63)
	raw = binary.AppendUvarint(raw, 300)
	raw = binary.AppendVarint(raw, -300)
	raw = AppendBytes(raw, "text")
	raw = binary.AppendUvarint(raw, 2)
	raw = append(raw, 1, 2)
	d := Decoder{Data: raw}
	if b, x, y := d.Byte(), d.Uint32(), d.Uint64(); b != 7 || x != 1<<31 || y != 1<<63 {
		t.Errorf("byte %d, uint32 %d, uint64 %d", b, x, y)
	}
	if u, v, s := d.Uvarint(), d.Varint(), d.Bytes(); u != 300 || v != -300 || string(s) != "text" {
		t.Errorf("uvarint %d, varint %d, bytes %q", u, v, s)
	}
	if n := d.Count(1); n != 2 || len(d.Data) != 2 || d.Err() != nil {
		t.Errorf("count %d, %d bytes left, error %v", n, len(d.Data), d.Err())
	}
}

// Every cut of the input ends in an error of the given kind, and everything after
// it reads as zero.
func TestDecoderKeepsTheFirstError(t *testing.T) {
	kind := errors.New("corrupt thing")
	for _, read := range []func(*Decoder){
		func(d *Decoder) { d.Byte() },
		func(d *Decoder) { d.Uint32() },
		func(d *Decoder) { d.Uint64() },
		func(d *Decoder) { d.Uvarint() },
		func(d *Decoder) { d.Varint() },
		func(d *Decoder) { d.Bytes() },
		func(d *Decoder) { d.Count(1) },
		func(d *Decoder) { d.Take(1) },
	} {
		d := Decoder{Kind: kind}
		read(&d)
		first := d.Err()
		if !errors.Is(first, kind) {
			t.Fatalf("error %v, want one of the kind", first)
		}
		d.Fail("another")
		if d.Err() != first || d.Uvarint() != 0 || d.Take(3) != nil {
			t.Errorf("after %v: error %v", first, d.Err())
		}
	}
	d := Decoder{Data: []byte{5, 1, 2}}
	if n := d.Count(1); n != 0 || !errors.Is(d.Err(), ErrCorrupt) {
		t.Errorf("5 items in 2 bytes: count %d, error %v", n, d.Err())
	}
}
