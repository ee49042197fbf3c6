package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"

	"journalist/internal/store/chunk"
	"journalist/internal/store/column"
	"journalist/internal/store/filter"
	"journalist/internal/store/manifest"
	"journalist/internal/store/part"
	"journalist/internal/vfs"
)

// A tombstone's file stands beside its part; docs/format/tombstone.md describes it.
const (
	goneMagic   = "JGON"
	goneVersion = 1
	goneHead    = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// tombstone says which rows of a part are deleted. It never changes: a further
// deletion makes a new one that also knows what this one does. The methods take a
// nil one, of a part without deleted rows.
type tombstone struct {
	groups []*goneRows // by row group
	rows   int64
}

// goneRows are the deleted rows of a row group, nil for none.
type goneRows struct {
	of   int           // rows of the group
	n    int           // deleted ones
	list []uint32      // they, ascending, where they are few
	bits filter.Bitmap // they, where they are many; neither is set when it is all
}

// goneFew is how many rows of one that is deleted make a list the shorter form.
const goneFew = 32

// newGone compacts a set of rows of a group; nil when it is empty.
func newGone(set filter.Bitmap, of int) *goneRows {
	g := &goneRows{of: of, n: set.Count()}
	switch {
	case g.n == 0:
		return nil
	case g.n == of:
	case g.n < of/goneFew:
		g.list = set.Rows(make([]uint32, 0, g.n))
	default:
		g.bits = set
	}
	return g
}

func (g *goneRows) count() int {
	if g == nil {
		return 0
	}
	return g.n
}

// clear takes the deleted rows out of a set.
func (g *goneRows) clear(set filter.Bitmap) {
	switch {
	case g == nil:
	case g.list != nil:
		for _, row := range g.list {
			set[row/64] &^= 1 << (row % 64)
		}
	case g.bits != nil:
		for i, w := range g.bits {
			set[i] &^= w
		}
	default:
		clear(set)
	}
}

// set returns the deleted rows as a set that belongs to the caller.
func (g *goneRows) set(of int) filter.Bitmap {
	set := filter.NewBitmap(of)
	switch {
	case g == nil:
	case g.list != nil:
		for _, row := range g.list {
			set.Set(row)
		}
	case g.bits != nil:
		copy(set, g.bits)
	default:
		set.SetRange(0, of)
	}
	return set
}

// union returns the rows of both.
func (g *goneRows) union(o *goneRows) *goneRows {
	switch {
	case g == nil:
		return o
	case o == nil:
		return g
	}
	set := g.set(g.of)
	for i, w := range o.set(g.of) {
		set[i] |= w
	}
	return newGone(set, g.of)
}

func (t *tombstone) count() int64 {
	if t == nil {
		return 0
	}
	return t.rows
}

func (t *tombstone) group(i int) *goneRows {
	if t == nil {
		return nil
	}
	return t.groups[i]
}

// with returns a tombstone that knows these rows too.
func (t *tombstone) with(found []*goneRows) *tombstone {
	out := &tombstone{groups: make([]*goneRows, len(found))}
	for i, g := range found {
		out.groups[i] = t.group(i).union(g)
		out.rows += int64(out.groups[i].count())
	}
	return out
}

// withoutRows returns a group's rows without the deleted ones.
func withoutRows(c *chunk.Chunk, dead *goneRows) *chunk.Chunk {
	keep := filter.NewBitmap(c.Len())
	keep.SetRange(0, c.Len())
	dead.clear(keep)
	refs := make([]chunk.Ref, 0, c.Len()-dead.n)
	for i, w := range keep {
		for ; w != 0; w &= w - 1 {
			row := uint32(64*i + bits.TrailingZeros64(w))
			refs = append(refs, chunk.Ref{Time: c.Times[row], Row: row})
		}
	}
	return chunk.Gather(refs, []*chunk.Chunk{c})
}

// file is the content of the tombstone's file.
func (t *tombstone) file() []byte {
	b := binary.AppendUvarint(nil, uint64(len(t.groups)))
	for _, g := range t.groups {
		b = binary.AppendUvarint(b, uint64(g.count()))
		if g == nil {
			continue
		}
		b = binary.AppendUvarint(b, uint64(g.of))
		switch {
		case g.list != nil:
			b = append(b, 0)
			before := uint32(0)
			for _, row := range g.list {
				b = binary.AppendUvarint(b, uint64(row-before))
				before = row
			}
		case g.bits != nil:
			b = append(b, 1)
			for _, w := range g.bits {
				b = binary.LittleEndian.AppendUint64(b, w)
			}
		}
	}
	out := append([]byte(goneMagic), goneVersion, 0, 0, 0)
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(b, castagnoli))
	return append(out, b...)
}

// parseTombstone reads a tombstone's file; the part says how many rows it has.
func parseTombstone(b []byte, p *part.Part) (*tombstone, error) {
	switch {
	case len(b) < goneHead || string(b[:4]) != goneMagic:
		return nil, fmt.Errorf("%w: not a tombstone", part.ErrCorrupt)
	case b[4] != goneVersion:
		return nil, fmt.Errorf("%w: version %d, this program reads %d", part.ErrCorrupt, b[4], goneVersion)
	case crc32.Checksum(b[goneHead:], castagnoli) != binary.LittleEndian.Uint32(b[8:]):
		return nil, fmt.Errorf("%w: its checksum does not hold", part.ErrCorrupt)
	}
	d := column.NewDecoder(b[goneHead:])
	if n := d.Uvarint(); d.Err() == nil && n != uint64(len(p.Groups)) {
		d.Fail("%d row groups, the part has %d", n, len(p.Groups))
	}
	t := &tombstone{groups: make([]*goneRows, len(p.Groups))}
	for i := range p.Groups {
		n := d.Uvarint()
		if d.Err() != nil {
			break
		}
		if n == 0 {
			continue
		}
		of := d.Uvarint()
		if of != uint64(p.Groups[i].Rows) || n > of {
			d.Fail("row group %d: %d of %d rows, the part has %d", i, n, of, p.Groups[i].Rows)
			break
		}
		g := &goneRows{of: int(of), n: int(n)}
		if n < of {
			g.decode(&d)
		}
		t.groups[i] = g
		t.rows += int64(n)
	}
	if d.Err() == nil && len(d.Data) > 0 {
		d.Fail("%d bytes after the row groups", len(d.Data))
	}
	return t, d.Err()
}

// decode reads the rows of a group of which some are deleted.
func (g *goneRows) decode(d *column.Decoder) {
	switch form := d.Byte(); form {
	case 0:
		if g.n > len(d.Data) {
			d.Fail("%d rows in %d bytes", g.n, len(d.Data))
			return
		}
		g.list = make([]uint32, g.n)
		row := uint64(0)
		for i := range g.list {
			step := d.Uvarint()
			if row += step; i > 0 && step == 0 || step >= uint64(g.of) || row >= uint64(g.of) {
				d.Fail("row %d of %d", row, g.of)
				return
			}
			g.list[i] = uint32(row)
		}
	case 1:
		words := (g.of + 63) / 64
		raw := d.Take(uint64(8 * words))
		if raw == nil {
			return
		}
		g.bits = make(filter.Bitmap, words)
		for i := range g.bits {
			g.bits[i] = binary.LittleEndian.Uint64(raw[8*i:])
		}
		beyond := g.of%64 != 0 && g.bits[words-1]>>(g.of%64) != 0
		if beyond || g.bits.Count() != g.n {
			d.Fail("a set of %d rows, %d of %d were written", g.bits.Count(), g.n, g.of)
		}
	default:
		d.Fail("rows in form %d, this program reads 0 and 1", form)
	}
}

// readTombstone reads the tombstone that a manifest lists for a part; nil when it
// lists none. A missing one is as bad as a damaged one: which rows are deleted is
// not known then.
func readTombstone(fsys vfs.FS, name string, mp manifest.Part, p *part.Part) (*tombstone, error) {
	if mp.Gone == 0 {
		return nil, nil
	}
	b, err := vfs.ReadFile(fsys, name)
	var t *tombstone
	if err == nil {
		t, err = parseTombstone(b, p)
	}
	switch {
	case err == nil:
		return t, nil
	case vfs.IsNotExist(err):
		return nil, fmt.Errorf("%w: %s is missing, which says what rows are deleted", part.ErrCorrupt, name)
	case errors.Is(err, part.ErrCorrupt):
		return nil, fmt.Errorf("tombstone %s: %w", name, err)
	}
	return nil, err
}

// gonePath is where a part's tombstone lies.
func (s *Store) gonePath(p *livePart) string {
	mp := p.entryName()
	mp.Gone = p.goneNumber
	return s.path(dataDir, p.folder, p.partition, goneFile(mp))
}

// loadTombstone reads the tombstone of a part that has one. A part whose tombstone
// is damaged does not count any more: what was deleted must not come back.
func (s *Store) loadTombstone(p *livePart) (err error) {
	p.gone, err = readTombstone(s.o.FS, s.gonePath(p), p.entry(), p.Part)
	return err
}
