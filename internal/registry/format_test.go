package registry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/record"
	"journalist/internal/vfs"
	"journalist/internal/wire"
)

func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fpGen := func(limit uint32) record.Fingerprint {
			return record.Fingerprint{Len: rapid.Uint32Range(0, limit).Draw(t, "len"), Sum: rapid.Uint64().Draw(t, "sum")}
		}
		want := record.Generation{
			ID: record.NewSourceID(), Path: rapid.String().Draw(t, "path"), Dev: rapid.Uint64().Draw(t, "dev"), Ino: rapid.Uint64().Draw(t, "ino"),
			Head: fpGen(record.HeadMax), Tail: fpGen(record.TailMax), To: rapid.Uint64().Draw(t, "to"), Size: rapid.Uint64().Draw(t, "size"),
			AckedAt: rapid.Int64().Draw(t, "acked"), SeenAt: rapid.Int64().Draw(t, "seen"),
			State: record.GenerationState(rapid.IntRange(0, 2).Draw(t, "state")),
		}
		d := decoder{wire.Decoder{Data: appendFull(nil, &want), Kind: ErrCorrupt}}
		if e, ok := d.next(); !ok || e.kind != entryFull || e.g != want || len(d.Data) != 0 {
			t.Fatalf("got %+v, %v, want %+v", e.g, d.Err(), want)
		}
		d = decoder{wire.Decoder{Data: appendUpdate(nil, &want), Kind: ErrCorrupt}}
		want.Path, want.Dev, want.Ino = "", 0, 0
		if e, ok := d.next(); !ok || e.kind != entryUpdate || e.g != want || len(d.Data) != 0 {
			t.Fatalf("got %+v, %v, want %+v", e.g, d.Err(), want)
		}
	})
}

func resum(b []byte) []byte {
	return appendSum(b[:headerSize-4], b[headerSize:])
}

func FuzzReadFrames(f *testing.F) {
	g := gen(1)
	b := appendHeader(nil, typeLog, 1)
	start := len(b)
	b = appendForget(appendUpdate(appendFull(startFrame(b), &g), &g), g.ID)
	endFrame(b, start)
	f.Add(b)
	f.Add(b[:len(b)-2])
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		err := readFrames(bytes.NewReader(b), typeLog, 1, func(e *entry) error { n++; return nil })
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("error of no known kind: %v", err)
		}
		if n > len(b) {
			t.Fatalf("%d entries in %d bytes", n, len(b))
		}
		d := decoder{wire.Decoder{Data: b, Kind: ErrCorrupt}}
		for {
			if _, ok := d.next(); !ok {
				break
			}
		}
	})
}

func TestProblemsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	closeIt(t, open(t, vfs.OS, dir))
	name := files(t, dir, ".snap")[0]
	if err := os.WriteFile(name, []byte(strings.Repeat("x", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := Load(vfs.OS, dir)
	if err != nil || len(st.Problems) != 2 || !strings.Contains(st.Problems[0], name) {
		t.Fatalf("%+v, %v", st, err)
	}
}

// appendSum puts the right checksum between a header's fields and what follows.
func appendSum(fields, rest []byte) []byte {
	b := binary.LittleEndian.AppendUint32(slices.Clone(fields), crc32.Checksum(fields, castagnoli))
	return append(b, rest...)
}
