package store

import (
	"cmp"
	"slices"
	"sync"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/chunk"
	"journalist/internal/store/column"
	"journalist/internal/store/filter"
	"journalist/internal/store/part"
	"journalist/internal/store/words"
)

// rows are what a scan evaluates and takes values from: a row group or a chunk.
type rows interface {
	filter.Rows
	Shapes() (names []record.Name, shapes [][]uint32, shapeOf []uint32, err error)
	// Take returns the values of some rows, ascending or descending, as
	// scan.Block has them.
	Take(name string, rows []uint32) (scan.Column, error)
}

// unit is a row group or a chunk that a scan may look at.
type unit struct {
	first, last int64
	rank        int // order of arrival among units
	rows        int
	bytes       int64
	chunk       *chunk.Chunk
	part        *openPart
	group       int
	gone        *goneRows // deleted rows, nil for none
}

// live is the number of rows that are not deleted.
func (u *unit) live() int { return u.rows - u.gone.count() }

// snapshot is the rows of a moment. The parts it refers to stay until close.
type snapshot struct {
	store *Store
	parts []*openPart
	units []unit
}

// openPart is a part of a snapshot, its file opened when it is first read.
type openPart struct {
	live   *livePart
	gone   *tombstone // of the moment, which later deletions do not change
	mu     sync.Mutex
	reader *part.Reader
	left   int // units not done yet
}

// snapshot collects the units with rows in [from, to) of these datasets, nil
// meaning all, in order of arrival.
func (s *Store) snapshot(from, to int64, datasets []string) *snapshot {
	snap := &snapshot{store: s}
	wanted := func(d string) bool { return datasets == nil || slices.Contains(datasets, d) }
	s.mu.Lock()
	var live []*openPart
	for _, p := range s.mu.parts {
		if p.first < to && p.last >= from && wanted(p.Dataset) {
			p.refs++
			live = append(live, &openPart{live: p, gone: p.gone})
		}
	}
	var chunks []*chunk.Chunk
	for _, t := range s.tablesLocked() {
		for _, d := range t.Datasets() {
			if wanted(d) {
				chunks = append(chunks, t.Chunks(d)...)
			}
		}
	}
	s.mu.Unlock()
	slices.SortStableFunc(live, func(a, b *openPart) int { return cmp.Compare(a.live.lo, b.live.lo) })
	for _, op := range live {
		snap.addPart(op, from, to)
	}
	for _, c := range chunks {
		if first, last := c.Times[0], c.Times[c.Len()-1]; first < to && last >= from {
			snap.units = append(snap.units, unit{first: first, last: last, rank: len(snap.units), rows: c.Len(), bytes: c.Size(), chunk: c})
		}
	}
	return snap
}

// addPart adds the row groups of a part with rows in [from, to) that are not all
// deleted.
func (snap *snapshot) addPart(op *openPart, from, to int64) {
	snap.parts = append(snap.parts, op)
	for i := range op.live.Groups {
		g := &op.live.Groups[i]
		u := unit{first: g.First, last: g.Last, rank: len(snap.units), rows: g.Rows, bytes: g.Bytes, part: op, group: i, gone: op.gone.group(i)}
		if g.First < to && g.Last >= from && u.live() > 0 {
			op.left++
			snap.units = append(snap.units, u)
		}
	}
}

func (snap *snapshot) close() {
	for _, p := range snap.parts {
		if p.reader != nil {
			_ = p.reader.Close() // only read
		}
		snap.store.release(p.live)
	}
}

// open begins to read a unit.
func (u *unit) open() (rows, error) {
	if u.chunk != nil {
		return memRows{u.chunk}, nil
	}
	p := u.part
	p.mu.Lock()
	if p.reader == nil {
		r, err := p.live.Reader()
		if err != nil {
			p.mu.Unlock()
			return nil, err
		}
		p.reader = r
	}
	r := p.reader
	p.mu.Unlock()
	return r.Group(u.group)
}

// done tells that the unit is not read any more; the last one closes the file.
func (u *unit) done() {
	if u.part == nil {
		return
	}
	p := u.part
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left--; p.left == 0 && p.reader != nil {
		_ = p.reader.Close() // only read
		p.reader = nil
	}
}

// memRows is a chunk as rows.
type memRows struct{ c *chunk.Chunk }

func (m memRows) Len() int                                 { return m.c.Len() }
func (m memRows) Dataset() string                          { return m.c.Dataset }
func (m memRows) Times() ([]int64, error)                  { return m.c.Times, nil }
func (m memRows) Bounds() (first, last int64)              { return m.c.Times[0], m.c.Times[m.c.Len()-1] }
func (m memRows) Denies(string, []words.Key) (bool, error) { return false, nil }
func (m memRows) Col(name string) (*column.Col, error)     { return m.c.Col(name), nil }

func (m memRows) Texts(string) (*filter.Texts, error) { return nil, nil }

func (m memRows) Counts(string) (values []record.Value, counts []int64, ok bool, err error) {
	return nil, nil, false, nil
}

func (m memRows) Take(name string, rows []uint32) (scan.Column, error) {
	return m.c.Col(name).Take(name, rows), nil
}

func (m memRows) Names() ([]string, error) {
	names := make([]string, len(m.c.Cols))
	for i, c := range m.c.Cols {
		names[i] = c.Name
	}
	return names, nil
}

func (m memRows) Head(name string) (filter.Head, error) {
	c := m.c.Col(name)
	if c == nil {
		return filter.Head{}, nil
	}
	h := filter.Head{Present: true, Full: c.Rows == nil, Form: c.Form, Kinds: c.KindsOf()}
	if c.Form == scan.Ints { // bounds are not kept: let the values decide
		h.Min, h.Max = -1<<63, 1<<63-1
	}
	return h, nil
}

func (m memRows) Values(name string) ([]record.Value, error) {
	if c := m.c.Col(name); c != nil {
		return c.Values, nil
	}
	return nil, nil
}

func (m memRows) Shapes() (names []record.Name, shapes [][]uint32, shapeOf []uint32, err error) {
	return m.c.Names, m.c.Shapes, m.c.ShapeOf, nil
}
