// Package manifest keeps the list of the parts that count, and other small state
// that is replaced as a whole.
//
// internal/store writes it after every change of its parts; down the way is only
// internal/vfs. The format is described in docs/format/manifest.md.
package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"journalist/internal/store/column"
	"journalist/internal/vfs"
	"journalist/internal/wire"
)

const (
	magic   = "JMAN"
	version = 1
)

// ErrCorrupt is wrapped by errors that say that a file is not what was written.
var ErrCorrupt = column.ErrCorrupt

// Manifest is the state of a store apart from its rows.
type Manifest struct {
	// Generation is the number of the next memtable.
	Generation uint64
	// Floor is the first segment of the write-ahead log that is still needed, Seq
	// the least sequence number it may go on with.
	Floor, Seq uint64
	Parts      []Part
}

// Part is one part that counts. Its file is data/Folder/Partition/Lo-Hi.part, the
// numbers as 16 hexadecimal digits.
type Part struct {
	// Folder is the dataset's name, escaped.
	Folder    string
	Partition string
	// Lo and Hi are the generations of memtables whose rows it has.
	Lo, Hi uint64
	Size   int64
	// Edition counts how often the part was written anew without deleted rows; from
	// 1 on it stands in the file's name, Lo-Hi-Edition.part.
	Edition uint64
	// Gone is the number of the tombstone beside the part that says which of its
	// rows are deleted, 0 when none are.
	Gone uint64
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode writes the manifest's payload.
func (m *Manifest) Encode() []byte {
	b := binary.AppendUvarint(nil, m.Generation)
	b = binary.AppendUvarint(b, m.Floor)
	b = binary.AppendUvarint(b, m.Seq)
	b = binary.AppendUvarint(b, uint64(len(m.Parts)))
	for _, p := range m.Parts {
		b = wire.AppendBytes(b, p.Folder)
		b = wire.AppendBytes(b, p.Partition)
		b = binary.AppendUvarint(b, p.Lo)
		b = binary.AppendUvarint(b, p.Hi)
		b = binary.AppendUvarint(b, uint64(p.Size))
	}
	return m.appendDeletions(b)
}

// appendDeletions adds what only parts have of which rows were deleted; without
// such there is nothing.
func (m *Manifest) appendDeletions(b []byte) []byte {
	n := 0
	for _, p := range m.Parts {
		if p.Edition > 0 || p.Gone > 0 {
			n++
		}
	}
	if n == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(n))
	for i, p := range m.Parts {
		if p.Edition > 0 || p.Gone > 0 {
			b = binary.AppendUvarint(b, uint64(i))
			b = binary.AppendUvarint(b, p.Edition)
			b = binary.AppendUvarint(b, p.Gone)
		}
	}
	return b
}

// Decode reads what Encode wrote.
func Decode(raw []byte) (*Manifest, error) {
	d := column.NewDecoder(raw)
	m := &Manifest{Generation: d.Uvarint(), Floor: d.Uvarint(), Seq: d.Uvarint()}
	for n := d.Count(5); n > 0 && d.Err() == nil; n-- {
		p := Part{Folder: string(d.Bytes()), Partition: string(d.Bytes()), Lo: d.Uvarint(), Hi: d.Uvarint(), Size: int64(d.Uvarint())}
		m.Parts = append(m.Parts, p)
	}
	if d.Err() == nil && len(d.Data) > 0 {
		for n := d.Count(3); n > 0 && d.Err() == nil; n-- {
			i, edition, gone := d.Uvarint(), d.Uvarint(), d.Uvarint()
			if i >= uint64(len(m.Parts)) || edition > math.MaxUint32 || gone > math.MaxUint32 {
				d.Fail("edition %d and tombstone %d of part %d of %d", edition, gone, i, len(m.Parts))
				break
			}
			m.Parts[i].Edition, m.Parts[i].Gone = edition, gone
		}
	}
	if d.Err() == nil && len(d.Data) > 0 {
		d.Fail("%d bytes after the parts", len(d.Data))
	}
	return m, d.Err()
}

// Save replaces a file by one with this payload, so that a crash leaves the old or
// the new one whole.
func Save(fsys vfs.FS, name string, payload []byte) error {
	return vfs.WriteFile(fsys, name, File(payload))
}

// File is the content of a file with this payload, as Save writes it.
func File(payload []byte) []byte {
	b := append([]byte(magic), version, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}

// Load reads a file that Save wrote and checks it. A missing file is an error for
// which vfs.IsNotExist holds.
func Load(fsys vfs.FS, name string) ([]byte, error) {
	b, err := vfs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("%s: %w: %w", name, ErrCorrupt, err) }
	switch {
	case len(b) < 12 || string(b[:4]) != magic:
		return fail(errors.New("not such a file"))
	case b[4] != version:
		return fail(fmt.Errorf("version %d, this program reads %d", b[4], version))
	case crc32.Checksum(b[12:], castagnoli) != binary.LittleEndian.Uint32(b[8:]):
		return fail(errors.New("its checksum does not hold"))
	}
	return b[12:], nil
}
