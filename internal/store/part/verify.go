package part

import (
	"journalist/internal/scan"
	"journalist/internal/store/chunk"
	"journalist/internal/store/column"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
	"journalist/internal/store/words"
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
		return stream.Corrupt("kinds %b, the directory says %b", c.KindsOf(), e.Kinds)
	}
	if c.Form != scan.Ints {
		return nil
	}
	for _, n := range c.Ints {
		if n < e.Min || n > e.Max {
			return stream.Corrupt("%d is not between %d and %d", n, e.Min, e.Max)
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
				return stream.Corrupt("row %d has no value of %q", row, name.Dotted)
			}
			want++
		}
	}
	if have != want {
		return stream.Corrupt("%d values, the records have %d fields", have, want)
	}
	return nil
}

// checkFilter demands that every word of the column is in its filter or in the
// static text of a template, and that the group's common filter has the latter.
func (g *Group) checkFilter(c *column.Col) error {
	if c.KindsOf()&column.Text == 0 {
		return nil
	}
	common, err := g.common()
	if err != nil {
		return err
	}
	var keep words.Set
	column.AddWords(&keep, c)
	if c.Form != scan.Plain {
		return checkWords(&keep, common)
	}
	e := g.dir.entry(c.Name)
	if e == nil {
		e = &g.dir.rest.pool
	}
	f, err := e.Filter(g.src)
	if err != nil {
		return err
	}
	if f == nil {
		return stream.Corrupt("there is none")
	}
	if !e.Texts() {
		return checkWords(&keep, f)
	}
	n, err := g.node(e)
	if err != nil {
		return err
	}
	var static words.Set
	addStatic(&static, n)
	known := words.Filter{Words: static.Bloom(0), Grams: static.Grams()}
	if err := checkWords(&keep, f, &known); err != nil {
		return err
	}
	return checkWords(&keep, f, common)
}

// checkWords demands that each word is known to one of the filters.
func checkWords(set *words.Set, filters ...*words.Filter) error {
	grams := [2]words.Grams{}
	for i, f := range filters {
		grams[i] = f.Grams
	}
	if !set.Grams().Within(grams[0], grams[1]) {
		return stream.Corrupt("it denies a part of a word that is there")
	}
	return set.Each(func(h uint64) error {
		for _, f := range filters {
			if f.Words.May(h) {
				return nil
			}
		}
		return stream.Corrupt("it denies a word that is there")
	})
}

// addStatic adds the words of the templates of a column, or of its dictionary.
func addStatic(set *words.Set, n *text.Node) {
	switch n.Kind() {
	case text.Dict:
		addStatic(set, n.Entries())
	case text.Template:
		for _, t := range n.Templates() {
			for _, piece := range t.Pieces {
				set.AddValue(piece)
			}
		}
	}
}
