package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"journalist/internal/record"
	"journalist/internal/wire"
)

// mark says which entry has which number: the entry of the cursor itself has the
// number next (at), or the one behind it.
type mark struct {
	id     record.SourceID
	next   uint64
	at     bool
	cursor string
	filter uint64 // what chose the entries
}

// ErrCorrupt is a state file that does not check.
var ErrCorrupt = errors.New("corrupt state of the journal")

// ErrVersion is a sound state file of another format, which is left alone.
var ErrVersion = errors.New("state of the journal has format version")

const (
	markMagic   = "SCRJRN"
	markVersion = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode returns the state file: magic, version, checksum of what follows, the
// identity, the number as a varint, a byte, the filter's sum, the cursor with its
// length.
func (m *mark) encode() []byte {
	b := append(make([]byte, 0, 256), markMagic...)
	b = append(b, markVersion, 0, 0, 0, 0)
	start := len(b)
	b = append(b, m.id[:]...)
	b = binary.AppendUvarint(b, m.next)
	flag := byte(0)
	if m.at {
		flag = 1
	}
	b = append(b, flag)
	b = binary.LittleEndian.AppendUint64(b, m.filter)
	b = wire.AppendBytes(b, m.cursor)
	binary.LittleEndian.PutUint32(b[start-4:], crc32.Checksum(b[start:], castagnoli))
	return b
}

func decodeMark(b []byte) (m mark, err error) {
	const head = len(markMagic) + 1 + 4
	if len(b) < head || string(b[:len(markMagic)]) != markMagic {
		return m, fmt.Errorf("%w: not such a file", ErrCorrupt)
	}
	if v := b[len(markMagic)]; v != markVersion {
		return m, fmt.Errorf("%w %d, this program reads %d: use the newer scribe that wrote it", ErrVersion, v, markVersion)
	}
	if crc32.Checksum(b[head:], castagnoli) != binary.LittleEndian.Uint32(b[head-4:]) {
		return m, fmt.Errorf("%w: the checksum is wrong", ErrCorrupt)
	}
	d := wire.Decoder{Data: b[head:], Kind: ErrCorrupt}
	copy(m.id[:], d.Take(16))
	m.next, m.at = d.Uvarint(), d.Byte() == 1
	m.filter, m.cursor = d.Uint64(), string(d.Bytes())
	if d.Err() == nil && len(d.Data) > 0 {
		d.Fail("%d bytes too many", len(d.Data))
	}
	if d.Err() != nil {
		return mark{}, d.Err()
	}
	return m, nil
}
