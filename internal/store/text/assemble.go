package text

import (
	"fmt"
	"slices"

	"journalist/internal/store/stream"
	"journalist/internal/store/template"
	"journalist/internal/store/texts"
)

// templateValues puts the values of some rows, or of all, together from the
// templates' pieces and the columns.
func (n *Node) templateValues(src stream.Source, rows []uint32, all bool) (cursor, error) {
	ids, err := n.IDs(src, make([]uint32, 0, n.n))
	if err == nil {
		err = n.check(ids)
	}
	if err != nil {
		return cursor{}, err
	}
	var wanted [][]uint32 // of each column: which of its values
	if !all {
		ids, wanted = n.wanted(ids, rows)
	}
	a := assembler{forms: n.forms.all, static: n.forms.static[:cap(n.forms.static)], columns: make([]cursor, len(n.inner))}
	for i, column := range n.inner {
		whole := all || len(wanted[i]) == column.n
		if !whole && len(wanted[i]) == 0 {
			continue
		}
		var c cursor
		if whole {
			c, err = column.values(src, nil, true)
		} else {
			c, err = column.values(src, wanted[i], false)
		}
		if err != nil {
			return cursor{}, err
		}
		c.total = c.size()
		if a.size += c.total; a.size > MaxSize {
			return cursor{}, tooLong(a.size)
		}
		a.columns[i] = c
	}
	v, err := a.run(ids)
	return direct(v), err
}

// check tells whether each template has as many rows as the structure says, from
// which the columns' lengths were told.
func (n *Node) check(ids []uint32) error {
	if len(ids) != n.n {
		return fmt.Errorf("%w: %d numbers of templates, %d expected", stream.ErrCorrupt, len(ids), n.n)
	}
	rows := make([]int, len(n.forms.all))
	for _, id := range ids {
		rows[id]++
	}
	for t := range rows {
		if rows[t] != n.forms.all[t].Rows {
			return fmt.Errorf("%w: template %d has %d rows, %d expected", stream.ErrCorrupt, t, rows[t], n.forms.all[t].Rows)
		}
	}
	return nil
}

// wanted returns the templates of some rows and, of each column, which of its values
// those rows take.
func (n *Node) wanted(ids, rows []uint32) (forms []uint32, values [][]uint32) {
	forms = make([]uint32, len(rows))
	needed := make([]bool, len(n.inner))
	for i, r := range rows {
		forms[i] = ids[r]
		for _, s := range n.forms.all[ids[r]].Slots {
			if s.Copy < 0 {
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
		skip(ids[from:r], takes, passed, next)
		for _, c := range takes[ids[r]] {
			values[c] = append(values[c], next[c])
			next[c]++
		}
		from = r + 1
	}
	return forms, values
}

// skip passes rows of the templates ids: it adds to next how many values they take
// from each column. passed is zeros, and is again when skip returns.
func skip(ids []uint32, takes [][]int, passed, next []uint32) {
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
	forms   []template.Template
	static  []byte
	columns []cursor
	size    int // bytes of all values of the columns, then of the texts but for copies
	out     []byte
}

// step is a piece of static text and the slot that follows it.
type step struct {
	from, to uint32 // of static
	slot     int32
}

const (
	slotNone = -1 // the text ends
	slotCopy = -2 // slot -2-i is a copy of slot i
)

// run returns the texts that follow these templates.
func (a *assembler) run(ids []uint32) (texts.Vector, error) {
	steps, copies := a.steps()
	for _, id := range ids {
		for _, s := range steps[id] {
			a.size += int(s.to - s.from)
		}
	}
	if a.size > MaxSize {
		return texts.Vector{}, tooLong(a.size)
	}
	a.out = make([]byte, a.size+a.guessCopies(ids, copies)+slack)
	offsets := make([]uint32, len(ids)+1)
	at := 0
	for i, id := range ids {
		if copies[id] {
			var err error
			if at, err = a.withCopies(steps[id], at); err != nil {
				return texts.Vector{}, err
			}
		} else {
			out := a.out
			for _, s := range steps[id] {
				at = put(out, at, a.static, s.from, s.to)
				if s.slot >= 0 {
					c := &a.columns[s.slot]
					from, to := c.next()
					at = put(out, at, c.data, from, to)
				}
			}
		}
		offsets[i+1] = uint32(at)
	}
	return texts.Vector{Data: a.out[:at:at], Offsets: offsets}, nil
}

// guessCopies returns about how many bytes the slots need that are copies.
func (a *assembler) guessCopies(ids []uint32, copies []bool) int {
	if !slices.Contains(copies, true) {
		return 0
	}
	rows := make([]int, len(a.forms))
	for _, id := range ids {
		rows[id]++
	}
	sum := 0
	for t := range a.forms {
		for _, s := range a.forms[t].Slots {
			if s.Copy < 0 || rows[t] == 0 {
				continue
			}
			for s.Copy >= 0 {
				s = a.forms[t].Slots[s.Copy]
			}
			c := &a.columns[s.Column]
			sum += rows[t] * (c.total/max(c.n, 1) + 1)
			if sum > a.size {
				return a.size // more is a matter of growing
			}
		}
	}
	return sum
}

// next says where the next value stands.
func (c *cursor) next() (from, to uint32) {
	k := c.pos
	if !c.same {
		c.pos++
		if c.codes != nil {
			k = int(c.codes[k])
		}
	}
	return c.offsets[k], c.offsets[k+1] - c.sep
}

// steps tells for each template how its texts are put together, and which templates
// have slots that are copies.
func (a *assembler) steps() (steps [][]step, copies []bool) {
	total := 0
	for t := range a.forms {
		total += len(a.forms[t].Pieces)
	}
	all := make([]step, total)
	steps, copies = make([][]step, len(a.forms)), make([]bool, len(a.forms))
	at := uint32(0)
	for t := range a.forms {
		form := &a.forms[t]
		steps[t], all = all[:len(form.Pieces):len(form.Pieces)], all[len(form.Pieces):]
		for k, piece := range form.Pieces {
			s := step{from: at, to: at + uint32(len(piece)), slot: slotNone}
			at = s.to + 1
			if k < len(form.Slots) {
				if s.slot = int32(form.Slots[k].Column); form.Slots[k].Copy >= 0 {
					s.slot = slotCopy - int32(form.Slots[k].Copy)
					copies[t] = true
				}
			}
			steps[t][k] = s
		}
	}
	return steps, copies
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
			from, to := c.next()
			at = put(a.out, at, c.data, from, to)
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
