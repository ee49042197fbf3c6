package registry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"journalist/internal/record"
	"journalist/internal/wire"
)

// The files' format is docs/format/registry.md. Both kinds of file are a header
// and frames; a frame is a length, a checksum and entries.
const (
	formatVersion = 1
	magic         = "SCRIBE"
	headerSize    = len(magic) + 1 + 1 + 8 + 4
	frameHeader   = 8
	// maxFrame bounds what a reader allocates for a frame; writers cut at
	// softFrame, which leaves room for the longest path.
	maxFrame  = 1 << 20
	softFrame = 64 << 10
	maxPath   = 64 << 10

	typeSnapshot = 'S'
	typeLog      = 'L'

	entryFull   = 1
	entryUpdate = 2
	entryForget = 3
	entryEnd    = 4
)

// ErrCorrupt is wrapped by all errors about the content of the registry's files.
var ErrCorrupt = errors.New("corrupt registry")

// ErrVersion is a sound file of another format: it is left alone, because to
// read it as corrupt would send everything again.
var ErrVersion = errors.New("registry has format version")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHeader(dst []byte, kind byte, seq uint64) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, formatVersion, kind)
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func checkHeader(b []byte, kind byte, seq uint64) error {
	if len(b) < headerSize {
		return fmt.Errorf("%w: %d bytes, the header alone has %d", ErrCorrupt, len(b), headerSize)
	}
	sum := binary.LittleEndian.Uint32(b[headerSize-4:])
	switch {
	case string(b[:len(magic)]) != magic:
		return fmt.Errorf("%w: not a registry file", ErrCorrupt)
	case crc32.Checksum(b[:headerSize-4], castagnoli) != sum:
		return fmt.Errorf("%w: header checksum is wrong", ErrCorrupt)
	case b[len(magic)] != formatVersion:
		return fmt.Errorf("%w %d, this program reads %d: use the newer scribe that wrote it", ErrVersion, b[len(magic)], formatVersion)
	case b[len(magic)+1] != kind || binary.LittleEndian.Uint64(b[len(magic)+2:]) != seq:
		return fmt.Errorf("%w: header and file name differ", ErrCorrupt)
	}
	return nil
}

// startFrame leaves room for the frame's header, endFrame fills it in.
func startFrame(dst []byte) []byte { return append(dst, make([]byte, frameHeader)...) }

func endFrame(dst []byte, start int) {
	payload := dst[start+frameHeader:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(payload, castagnoli))
}

func appendFingerprint(dst []byte, f record.Fingerprint) []byte {
	dst = binary.AppendUvarint(dst, uint64(f.Len))
	return binary.LittleEndian.AppendUint64(dst, f.Sum)
}

func appendFull(dst []byte, g *record.Generation) []byte {
	dst = appendMoving(append(dst, entryFull), g)
	dst = binary.AppendUvarint(dst, g.Dev)
	dst = binary.AppendUvarint(dst, g.Ino)
	return wire.AppendBytes(dst, g.Path)
}

func appendUpdate(dst []byte, g *record.Generation) []byte {
	return appendMoving(append(dst, entryUpdate), g)
}

// appendMoving appends the identity and what changes in a generation's life.
func appendMoving(dst []byte, g *record.Generation) []byte {
	dst = append(dst, g.ID[:]...)
	dst = append(dst, byte(g.State))
	dst = binary.AppendUvarint(dst, g.To)
	dst = binary.AppendUvarint(dst, g.Size)
	dst = binary.AppendVarint(dst, g.AckedAt)
	dst = binary.AppendVarint(dst, g.SeenAt)
	dst = appendFingerprint(dst, g.Head)
	return appendFingerprint(dst, g.Tail)
}

func appendForget(dst []byte, id record.SourceID) []byte {
	return append(append(dst, entryForget), id[:]...)
}

func appendEnd(dst []byte, count uint64) []byte {
	return binary.AppendUvarint(append(dst, entryEnd), count)
}

// entry is one decoded entry. Of an update only the moving part of g is set.
type entry struct {
	kind  byte
	g     record.Generation
	count uint64
}

// decoder reads a frame's payload.
type decoder struct{ wire.Decoder }

func (d *decoder) fingerprint(limit uint64) (f record.Fingerprint) {
	n := d.Uvarint()
	if n > limit {
		d.Fail("fingerprint is too long")
		return f
	}
	f.Len, f.Sum = uint32(n), d.Uint64()
	return f
}

func (d *decoder) moving(g *record.Generation) {
	copy(g.ID[:], d.Take(uint64(len(g.ID))))
	if g.State = record.GenerationState(d.Byte()); g.State > record.Gone {
		d.Fail("unknown state %d", g.State)
	}
	g.To, g.Size = d.Uvarint(), d.Uvarint()
	g.AckedAt, g.SeenAt = d.Varint(), d.Varint()
	g.Head, g.Tail = d.fingerprint(record.HeadMax), d.fingerprint(record.TailMax)
}

// next returns the next entry; ok is false at the end and after an error.
func (d *decoder) next() (e entry, ok bool) {
	if len(d.Data) == 0 {
		return e, false
	}
	e.kind = d.Byte()
	switch e.kind {
	case entryFull:
		d.moving(&e.g)
		e.g.Dev, e.g.Ino = d.Uvarint(), d.Uvarint()
		n := d.Uvarint()
		if n > maxPath {
			d.Fail("path is too long")
		}
		e.g.Path = string(d.Take(n))
	case entryUpdate:
		d.moving(&e.g)
	case entryForget:
		copy(e.g.ID[:], d.Take(uint64(len(e.g.ID))))
	case entryEnd:
		e.count = d.Uvarint()
	default:
		d.Fail("unknown entry kind %d", e.kind)
	}
	return e, d.Err() == nil
}
