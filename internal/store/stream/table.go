package stream

import (
	"journalist/internal/wire"
)

// MaxStreams is the most streams of a row group: so much is allocated for them before
// anything else is known.
const MaxStreams = 1 << 20

// Table says where each stream of a row group stands. It is immutable and may be
// used by several goroutines.
type Table struct {
	Blocks  []Ref
	Classes []Class // of each stream
	places  []place
}

type place struct {
	block    uint32
	off, len uint32
	pooled   bool
}

// ReadTable reads what Writer.Finish wrote. Which block a stream is in follows from
// the classes and lengths of all those before it.
func ReadTable(d *wire.Decoder) *Table {
	ownLen, poolLen := d.Uvarint(), d.Uvarint()
	if ownLen > MaxBlock || poolLen > MaxBlock {
		d.Fail("pools of %d and %d bytes", ownLen, poolLen)
	}
	classOf := d.Bytes()
	if len(classOf) > MaxStreams {
		d.Fail("%d streams", len(classOf))
		classOf = nil
	}
	t := &Table{Classes: make([]Class, len(classOf)), places: make([]place, len(classOf))}
	var pools [classes]struct {
		members []int
		size    uint64
	}
	blocks := uint32(0)
	flush := func(c Class) {
		for _, i := range pools[c].members {
			t.places[i].block = blocks
		}
		pools[c].members, pools[c].size = pools[c].members[:0], 0
		blocks++
	}
	for i, b := range classOf {
		c, n := Class(b), d.Uvarint()
		if c >= classes || n > MaxBlock {
			d.Fail("stream %d of class %d with %d bytes", i, c, n)
			return t
		}
		t.Classes[i] = c
		if n >= ownLen {
			t.places[i] = place{block: blocks, len: uint32(n)}
			blocks++
			continue
		}
		p := &pools[c]
		t.places[i] = place{off: uint32(p.size), len: uint32(n), pooled: true}
		p.members = append(p.members, i)
		if p.size += n; p.size >= poolLen {
			flush(c)
		}
	}
	for c := range Class(classes) {
		if pools[c].size > 0 {
			flush(c)
		}
	}
	t.Blocks = make([]Ref, d.Count(6))
	if d.Err() == nil && len(t.Blocks) != int(blocks) {
		d.Fail("%d blocks of streams, %d expected", len(t.Blocks), blocks)
	}
	for i := range t.Blocks {
		t.Blocks[i] = ReadRef(d)
	}
	return t
}

// Len is the number of streams.
func (t *Table) Len() int { return len(t.places) }

// Size is the number of bytes that a stream has, uncompressed.
func (t *Table) Size(id ID) int {
	if int(id) >= len(t.places) {
		return 0
	}
	return int(t.places[id].len)
}

// Block is the number of the block that holds a stream; pooled says that others are
// in it too. Streams without bytes may be in none: then ok is false.
func (t *Table) Block(id ID) (block int, pooled, ok bool) {
	if int(id) >= len(t.places) || t.places[id].len == 0 {
		return 0, false, false
	}
	return int(t.places[id].block), t.places[id].pooled, true
}

// Cut takes a stream out of the opened block that holds it.
func (t *Table) Cut(id ID, block []byte) ([]byte, error) {
	if int(id) >= len(t.places) {
		return nil, Corrupt("stream %d of %d", id, len(t.places))
	}
	p := t.places[id]
	if uint64(p.off)+uint64(p.len) > uint64(len(block)) {
		return nil, Corrupt("stream %d ends behind its block", id)
	}
	return block[p.off : p.off+p.len : p.off+p.len], nil
}

// Reader is a Source over a row group's blocks. Pooled blocks are kept as long as
// the Reader is; a block of one stream is not.
type Reader struct {
	table *Table
	open  func(Ref) ([]byte, error)
	kept  map[int][]byte
}

var _ Source = (*Reader)(nil)

// NewReader reads with open, which returns a block's bytes checked and uncompressed.
func NewReader(t *Table, open func(Ref) ([]byte, error)) *Reader {
	return &Reader{table: t, open: open, kept: map[int][]byte{}}
}

// Stream returns a stream's bytes.
func (r *Reader) Stream(id ID) ([]byte, error) {
	if int(id) >= r.table.Len() {
		return nil, Corrupt("stream %d of %d", id, r.table.Len())
	}
	n, pooled, ok := r.table.Block(id)
	if !ok {
		return nil, nil
	}
	block, ok := r.kept[n]
	if !ok {
		var err error
		if block, err = r.open(r.table.Blocks[n]); err != nil {
			return nil, err
		}
		if pooled {
			r.kept[n] = block
		}
	}
	return r.table.Cut(id, block)
}

// Memory is a Source over streams that were put with a Writer of its own: for tests
// and measurements of codecs.
type Memory struct {
	*Writer
	blocks map[uint32][]byte
	size   int
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	m := &Memory{blocks: map[uint32][]byte{}}
	m.Writer = NewWriter(func(block []byte) Ref {
		r := Ref{Off: uint32(len(m.blocks)), Len: uint32(len(block)), Sum: Checksum(block)}
		m.blocks[r.Off] = append([]byte(nil), block...)
		m.size += len(block)
		return r
	})
	return m
}

// Source ends writing and returns what reads the streams, and the bytes that blocks
// and table take.
func (m *Memory) Source() (Source, int) {
	raw := m.Finish(nil)
	d := NewDecoder(raw)
	t := ReadTable(&d)
	size := m.size + len(AppendBlock(nil, raw))
	return NewReader(t, func(r Ref) ([]byte, error) { return OpenBlock(m.blocks[r.Off]) }), size
}
