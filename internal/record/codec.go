package record

import (
	"encoding/binary"
	"errors"
	"fmt"

	"journalist/internal/wire"
)

// The binary form of a batch, as it stands in the write-ahead log
// (docs/format/batch.md). All lengths are unsigned varints.
//
//	byte     version (1)
//	string   dataset, client
//	8 bytes  window hash, little endian
//	byte     1 when a position follows: 16 bytes id, from, to, byte resume
//	count    names:  string path
//	count    common fields: field
//	count    rows:   signed varint time minus the row before's, field count,
//	                 with a position: start minus the row before's (signed)
//	         fields of all rows: field
//	bytes    arena
//
// A field is its name's number, a byte kind, and for Int and Bool a signed varint,
// for Number, String and JSON the length; the bytes follow each other in the arena
// in the order of the fields.
const batchVersion = 1

// ErrCorruptBatch is wrapped by every error of UnmarshalBinary.
var ErrCorruptBatch = errors.New("corrupt batch")

// AppendBinary appends the batch's binary form to dst.
func (b *Batch) AppendBinary(dst []byte) []byte {
	dst = append(dst, batchVersion)
	dst = wire.AppendBytes(dst, b.Dataset)
	dst = wire.AppendBytes(dst, b.Client)
	dst = binary.LittleEndian.AppendUint64(dst, b.Window)
	positioned := !b.Position.ID.IsZero()
	if positioned {
		dst = append(dst, 1)
		dst = append(dst, b.Position.ID[:]...)
		dst = binary.AppendUvarint(dst, b.Position.From)
		dst = binary.AppendUvarint(dst, b.Position.To)
		dst = append(dst, byte(boolInt(b.Position.Resume)))
	} else {
		dst = append(dst, 0)
	}
	used, remap := b.usedNames()
	dst = binary.AppendUvarint(dst, uint64(len(used)))
	for _, id := range used {
		dst = wire.AppendBytes(dst, b.names[id].Path)
	}
	var arena uint64
	dst = binary.AppendUvarint(dst, uint64(len(b.common)))
	for _, f := range b.common {
		dst = appendField(dst, f, remap, &arena)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.rows)))
	var prevTime int64
	var prevStart uint64
	for i := range b.rows {
		r := &b.rows[i]
		dst = binary.AppendVarint(dst, r.time-prevTime)
		dst = binary.AppendUvarint(dst, uint64(r.to-r.from))
		prevTime = r.time
		if positioned {
			dst = binary.AppendVarint(dst, int64(r.start-prevStart))
			prevStart = r.start
		}
	}
	for i := range b.rows {
		for _, f := range b.fields[b.rows[i].from:b.rows[i].to] {
			dst = appendField(dst, f, remap, &arena)
		}
	}
	dst = binary.AppendUvarint(dst, arena)
	// Mostly the bytes follow each other in our arena as well: then they are one piece.
	p := piece{arena: b.arena}
	for _, f := range b.common {
		dst = p.add(dst, f)
	}
	for i := range b.rows {
		for _, f := range b.fields[b.rows[i].from:b.rows[i].to] {
			dst = p.add(dst, f)
		}
	}
	return p.end(dst)
}

// piece is a range of the arena that is still to be appended.
type piece struct {
	arena    []byte
	from, to uint64
}

// add adds the bytes of a field; it appends the piece when they do not follow it.
func (p *piece) add(dst []byte, f field) []byte {
	switch f.kind {
	case Number, String, JSON:
		from := uint64(f.num) >> 32
		if from != p.to {
			dst = p.end(dst)
			p.from = from
		}
		p.to = from + uint64(uint32(f.num))
	}
	return dst
}

// end appends the piece.
func (p *piece) end(dst []byte) []byte { return append(dst, p.arena[p.from:p.to]...) }

// usedNames lists the names that the rows use and their new numbers.
func (b *Batch) usedNames() (used, remap []uint32) {
	remap = make([]uint32, len(b.names)) // 0 = unused, else number+1
	mark := func(f field) {
		if remap[f.name] == 0 {
			used = append(used, f.name)
			remap[f.name] = uint32(len(used))
		}
	}
	for _, f := range b.common {
		mark(f)
	}
	for i := range b.rows {
		for _, f := range b.fields[b.rows[i].from:b.rows[i].to] {
			mark(f)
		}
	}
	return used, remap
}

func appendField(dst []byte, f field, remap []uint32, arena *uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(remap[f.name]-1))
	dst = append(dst, byte(f.kind))
	switch f.kind {
	case Int, Bool:
		dst = binary.AppendVarint(dst, f.num)
	case Number, String, JSON:
		n := uint64(uint32(f.num))
		dst = binary.AppendUvarint(dst, n)
		*arena += n
	}
	return dst
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// UnmarshalBinary replaces the batch by the one encoded in data. The batch keeps
// data as its arena: the caller must not change it afterwards. No byte sequence
// makes it panic or allocate more than a small multiple of len(data).
func (b *Batch) UnmarshalBinary(data []byte) error {
	*b = Batch{}
	d := decoder{wire.Decoder{Data: data, Kind: ErrCorruptBatch}}
	if v := d.Byte(); v != batchVersion && d.Err() == nil {
		return fmt.Errorf("%w: version %d, this program reads %d", ErrCorruptBatch, v, batchVersion)
	}
	b.Dataset, b.Client = string(d.Bytes()), string(d.Bytes())
	b.Window = d.Uint64()
	positioned := d.Byte() == 1
	if positioned {
		copy(b.Position.ID[:], d.Take(16))
		b.Position.From, b.Position.To = d.Uvarint(), d.Uvarint()
		b.Position.Resume = d.Byte() == 1
	}
	for n := d.Count(1); n > 0 && d.Err() == nil; n-- {
		b.addName(string(d.Bytes()))
	}
	var arena uint64
	nc := d.Count(2)
	b.common = make([]field, 0, nc)
	for ; nc > 0 && d.Err() == nil; nc-- {
		b.common = append(b.common, d.field(len(b.names), &arena))
	}
	b.decodeRows(&d, positioned, &arena)
	if n := d.Uvarint(); d.Err() == nil && (n != arena || n != uint64(len(d.Data))) {
		d.Fail("arena has %d bytes, its fields need %d", len(d.Data), arena)
	}
	if d.Err() != nil {
		*b = Batch{}
		return d.Err()
	}
	b.arena = d.Data
	return nil
}

func (b *Batch) decodeRows(d *decoder, positioned bool, arena *uint64) {
	n := d.Count(2)
	b.rows = make([]row, 0, n)
	var time int64
	var start, total uint64
	for ; n > 0 && d.Err() == nil; n-- {
		time += d.Varint()
		fields := d.Uvarint()
		if positioned {
			start += uint64(d.Varint())
		}
		if fields > uint64(len(d.Data)) || total+fields > uint64(len(d.Data)) {
			d.Fail("row with %d fields in %d bytes", fields, len(d.Data))
			return
		}
		b.rows = append(b.rows, row{time: time, start: start, from: uint32(total), to: uint32(total + fields)})
		total += fields
	}
	if d.Err() != nil || 2*total > uint64(len(d.Data)) {
		d.Fail("%d fields in %d bytes", total, len(d.Data))
		return
	}
	b.fields = make([]field, 0, total)
	for ; total > 0 && d.Err() == nil; total-- {
		b.fields = append(b.fields, d.field(len(b.names), arena))
	}
}

// decoder reads a batch.
type decoder struct{ wire.Decoder }

func (d *decoder) field(names int, arena *uint64) field {
	name := d.Uvarint()
	f := field{name: uint32(name), kind: Kind(d.Byte())}
	if name >= uint64(names) {
		d.Fail("name %d of %d", name, names)
		return field{}
	}
	switch f.kind {
	case Int, Bool:
		f.num = d.Varint()
	case Number, String, JSON:
		n := d.Uvarint()
		if n > uint64(len(d.Data)) || *arena+n > uint64(len(d.Data)) {
			d.Fail("value of %d bytes, %d left", n, len(d.Data))
			return field{}
		}
		f.num = int64(*arena<<32 | n)
		*arena += n
	case Null, Missing:
	default:
		d.Fail("kind %d", f.kind)
	}
	return f
}
