package text

import (
	"slices"

	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

// template puts the values of some rows, or of all, together from the templates'
// pieces and the columns.
func (d *decoder) template(n *Node, rows []uint32, all, out bool) (cursor, error) {
	room := d.numbers.lend()
	ids, err := n.IDs(d.src, (*room)[:0])
	if err != nil {
		return cursor{}, err
	}
	*room = ids
	if err = n.check(ids); err != nil {
		return cursor{}, err
	}
	var wanted [][]uint32 // of each column: which of its values
	if !all {
		ids, wanted = n.wanted(ids, rows)
	}
	a := assembler{program: n.program(), columns: make([]cursor, len(n.inner))}
	for i, column := range n.inner {
		whole := all || len(wanted[i]) == column.n
		if column.isFixed() || !whole && len(wanted[i]) == 0 {
			continue // it is part of the program, or nobody asks
		}
		c := &a.columns[i]
		if whole {
			*c, err = d.values(column, nil, true, false)
		} else {
			*c, err = d.values(column, wanted[i], false, false)
		}
		if err != nil {
			return cursor{}, err
		}
		c.total = c.size()
		if a.size += c.total; a.size > MaxSize {
			return cursor{}, tooLong(a.size)
		}
		if c.same {
			c.codes = d.list(c.n)
			clear(c.codes)
		}
		c.data = c.padded()
	}
	var own texts.Vector
	v := &own
	if !out {
		v = d.vectors.lend()
	}
	*v, err = a.run(ids, *v)
	return direct(*v), err
}

// check tells whether each template has as many rows as the structure says, from
// which the columns' lengths were told.
func (n *Node) check(ids []uint32) error {
	if len(ids) != n.n {
		return stream.Corrupt("%d numbers of templates, %d expected", len(ids), n.n)
	}
	for t, rows := range count(ids, len(n.forms.all)) {
		if rows != n.forms.all[t].Rows {
			return stream.Corrupt("template %d has %d rows, %d expected", t, rows, n.forms.all[t].Rows)
		}
	}
	return nil
}

// count counts the rows of each of so many templates.
func count(ids []uint32, templates int) []int {
	rows := make([]int, templates)
	for _, id := range ids {
		rows[id]++
	}
	return rows
}

// wanted returns the templates of some rows and, of each column, which of its values
// those rows take.
func (n *Node) wanted(ids, rows []uint32) (forms []uint32, values [][]uint32) {
	forms = make([]uint32, len(rows))
	needed := make([]bool, len(n.inner))
	for i, r := range rows {
		forms[i] = ids[r]
		for _, s := range n.forms.all[ids[r]].Slots {
			if s.Copy < 0 && !n.inner[s.Column].isFixed() {
				needed[s.Column] = true
			}
		}
	}
	// Of each template, the needed columns that its rows take values from.
	takes := make([][]int, len(n.forms.all))
	for t := range takes {
		for _, s := range n.forms.all[t].Slots {
			if s.Copy < 0 && needed[s.Column] {
				takes[t] = append(takes[t], s.Column)
			}
		}
	}
	values = make([][]uint32, len(n.inner))
	next := make([]uint32, len(n.inner))
	from := uint32(0)
	passed := make([]uint32, len(takes))
	for _, r := range rows {
		passOver(ids[from:r], takes, passed, next)
		for _, c := range takes[ids[r]] {
			values[c] = append(values[c], next[c])
			next[c]++
		}
		from = r + 1
	}
	return forms, values
}

// passOver passes rows of the templates ids: it adds to next how many values they take
// from each column. passed is zeros, and is again when it returns.
func passOver(ids []uint32, takes [][]int, passed, next []uint32) {
	if len(ids) < 2*len(takes) {
		for _, id := range ids {
			for _, c := range takes[id] {
				next[c]++
			}
		}
		return
	}
	for _, id := range ids {
		passed[id]++
	}
	for t, n := range passed {
		if n > 0 {
			for _, c := range takes[t] {
				next[c] += n
			}
			passed[t] = 0
		}
	}
}

// assembler puts texts together. The columns give one value after the other.
type assembler struct {
	*program
	columns []cursor // their data is padded
	size    int      // bytes of all values of the columns, then of the texts but for copies
	out     []byte
}

// run returns the texts that follow these templates, in the memory of v so far as that
// suffices.
func (a *assembler) run(ids []uint32, v texts.Vector) (texts.Vector, error) {
	rows := count(ids, len(a.fixed))
	for t, n := range rows {
		if a.size += n * a.fixed[t]; a.size > MaxSize {
			return texts.Vector{}, tooLong(a.size)
		}
	}
	if a.out = v.Data[:cap(v.Data)]; len(a.out) < a.size+slack {
		a.out = make([]byte, a.size+a.guessCopies(rows)+slack)
	}
	if cap(v.Offsets) <= len(ids) {
		v.Offsets = make([]uint32, len(ids)+1)
	}
	v.Offsets = v.Offsets[:len(ids)+1]
	v.Offsets[0] = 0
	at, ends, out, static := 0, v.Offsets[1:], a.out, a.static
	for i, id := range ids {
		if a.copies[id] {
			var err error
			if at, err = a.withCopies(a.of(id), at); err != nil {
				return texts.Vector{}, err
			}
			out = a.out
			ends[i] = uint32(at)
			continue
		}
		for _, s := range a.of(id) {
			at = put(out, at, static, s.from, s.to)
			if s.slot < 0 {
				break
			}
			c := &a.columns[s.slot]
			k := c.pos
			c.pos++
			if c.codes != nil {
				k = int(c.codes[k])
			}
			at = put(out, at, c.data, c.offsets[k], c.offsets[k+1]-c.sep)
		}
		ends[i] = uint32(at)
	}
	return texts.Vector{Data: a.out[:at], Offsets: v.Offsets}, nil
}

// guessCopies returns about how many bytes the slots need that are copies, of the
// templates with so many rows.
func (a *assembler) guessCopies(rows []int) int {
	if !slices.Contains(a.copies, true) {
		return 0
	}
	sum := 0
	for t, n := range rows {
		if n == 0 || !a.copies[t] {
			continue
		}
		steps := a.of(uint32(t))
		for _, s := range steps {
			if s.slot > slotCopy {
				continue
			}
			c := &a.columns[steps[slotCopy-s.slot].slot]
			if sum += n * (c.total/max(c.n, 1) + 1); sum > a.size {
				return a.size // more is a matter of growing
			}
		}
	}
	return sum
}

// withCopies appends a text some of whose slots are copies of earlier ones. What
// these need was not counted in a.size.
func (a *assembler) withCopies(steps []step, at int) (int, error) {
	var spans [64][2]int
	values := spans[:0]
	for _, s := range steps {
		at = put(a.out, at, a.static, s.from, s.to)
		before := at
		switch {
		case s.slot >= 0:
			c := &a.columns[s.slot]
			k := c.pos
			c.pos++
			if c.codes != nil {
				k = int(c.codes[k])
			}
			at = put(a.out, at, c.data, c.offsets[k], c.offsets[k+1]-c.sep)
		case s.slot <= slotCopy:
			span := values[slotCopy-s.slot]
			a.size += span[1] - span[0]
			if a.size > MaxSize {
				return 0, tooLong(a.size)
			}
			if a.size+slack > len(a.out) {
				a.out = append(a.out, make([]byte, len(a.out)/8+slack+span[1]-span[0])...)
			}
			at += copy(a.out[at:], a.out[span[0]:span[1]])
		}
		values = append(values, [2]int{before, at})
	}
	return at, nil
}
