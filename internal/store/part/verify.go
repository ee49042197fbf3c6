package part

import (
	"fmt"

	"journalist/internal/scan"
	"journalist/internal/store/chunk"
	"journalist/internal/store/column"
)

// Verify reads a row group whole and checks every checksum and whatever must hold
// between its blocks.
func (r *Reader) Verify(i int) error {
	g, err := r.Group(i)
	if err != nil {
		return err
	}
	c, err := g.Chunk()
	if err != nil {
		return err
	}
	for j := range g.dir.entries {
		e := &g.dir.entries[j]
		col, err := g.Col(e.Name)
		if err != nil {
			return err
		}
		if err := checkEntry(e, col); err != nil {
			return g.wrap("column "+e.Name, err)
		}
	}
	if err := checkShapes(c); err != nil {
		return g.wrap("shapes", err)
	}
	for _, col := range c.Cols {
		if err := g.checkFilter(col); err != nil {
			return g.wrap("word filter of "+col.Name, err)
		}
	}
	return nil
}

func checkEntry(e *column.Entry, c *column.Col) error {
	if c.KindsOf()&^e.Kinds != 0 {
		return fmt.Errorf("%w: kinds %b, the directory says %b", ErrCorrupt, c.KindsOf(), e.Kinds)
	}
	if c.Form != scan.Ints {
		return nil
	}
	for _, n := range c.Ints {
		if n < e.Min || n > e.Max {
			return fmt.Errorf("%w: %d is not between %d and %d", ErrCorrupt, n, e.Min, e.Max)
		}
	}
	return nil
}

// checkShapes demands that each field of a record has a value and each value stands
// in a record.
func checkShapes(c *chunk.Chunk) error {
	have := 0
	for _, col := range c.Cols {
		have += col.Len
	}
	want := 0
	cursors := map[string]*column.Cursor{}
	for row := range c.Len() {
		for _, name := range c.Shape(row) {
			cur, ok := cursors[name.Dotted]
			if !ok {
				cur = &column.Cursor{Col: c.Col(name.Dotted)}
				cursors[name.Dotted] = cur
			}
			if cur.Slot(uint32(row)) < 0 {
				return fmt.Errorf("%w: row %d has no value of %q", ErrCorrupt, row, name.Dotted)
			}
			want++
		}
	}
	if have != want {
		return fmt.Errorf("%w: %d values, the records have %d fields", ErrCorrupt, have, want)
	}
	return nil
}

// checkFilter demands that the filter knows every word of the column.
func (g *Group) checkFilter(c *column.Col) error {
	if c.KindsOf()&column.Text == 0 || c.Form == scan.Consts {
		return nil
	}
	var words column.Words
	words.AddCol(c)
	missing := false
	err := words.Each(func(h uint64) error {
		absent, err := g.Absent(c.Name, []uint64{h})
		missing = missing || absent
		return err
	})
	if err == nil && missing {
		err = fmt.Errorf("%w: it denies a word that is there", ErrCorrupt)
	}
	return err
}
