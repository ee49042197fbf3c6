package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/store/filter"
	"journalist/internal/store/stream"
	tree "journalist/internal/store/text"
	"journalist/internal/store/typed"
)

// patterns finds what the texts of a field have in common. Of row groups it takes
// the templates that the texts are stored by, and never puts the texts together; of
// rows in memory it looks at each text.
type patterns struct {
	x     *scanner
	field string
	units []unit
	sets  []scan.PatternSet // of each worker
	forms []formScratch
}

// formScratch is one worker's memory.
type formScratch struct {
	raw, form, text []byte
	ids, entries    []uint32
	counts          []ranked
}

// codesOf reads which of some texts each value is.
type codesOf = func(src stream.Source, dst []uint32) ([]uint32, error)

// ranked counts the rows of a template or of a value.
type ranked struct {
	count       int64
	first, last uint32 // rows
}

// Patterns returns the n patterns of a field with the most rows among those that
// match the request, and an example of each where asked for. The request's order, limit and columns do not
// count.
func (s *Store) Patterns(ctx context.Context, req *scan.Request, field string, n int, examples bool) (found scan.Patterns, st scan.Stats, ok bool, err error) {
	if field == record.FieldTime || field == record.FieldDataset {
		return scan.Patterns{}, scan.Stats{}, false, nil
	}
	start := time.Now()
	x := &scanner{store: s, req: req, filter: filter.New(req.Filter)}
	snap := s.snapshot(req.From, req.To, req.Datasets)
	defer snap.close()
	x.traceUnits(snap)
	if x.trace != nil {
		x.trace.ordered, x.trace.whole = false, true
	}
	defer x.trace.end()
	workers := max(1, req.Parallel)
	p := &patterns{x: x, field: field, units: snap.units, sets: make([]scan.PatternSet, workers), forms: make([]formScratch, workers)}
	for i := range p.units {
		p.units[i].rank = i // where it stands, for examples
	}
	err = x.parallel(ctx, p.units, p.unit)
	if err == nil {
		found = p.merge(n)
	}
	if err == nil && examples {
		err = p.examples(ctx, found.List)
	}
	x.stats.Elapsed = time.Since(start)
	return found, x.stats, true, err
}

// merge puts the workers' sets together.
func (p *patterns) merge(n int) scan.Patterns {
	all := &p.sets[0]
	for i := range p.sets[1:] {
		s := &p.sets[i+1]
		for _, x := range s.Top(s.Len()) {
			all.Add(&x)
		}
		all.Folded = all.Folded || s.Folded
	}
	list := all.Top(n)
	return scan.Patterns{List: list, Total: all.Len(), Folded: all.Folded}
}

func (p *patterns) unit(ctx context.Context, worker int, u *unit) error {
	defer u.done()
	if err := ctx.Err(); err != nil {
		return err
	}
	var st scan.Stats
	r, err := p.count(u, &p.sets[worker], &p.forms[worker], &st)
	st.BytesRead += bytesRead(r)
	return p.x.finish(u, &st, err)
}

// count adds the patterns of a unit's rows that match.
func (p *patterns) count(u *unit, set *scan.PatternSet, mem *formScratch, st *scan.Stats) (rows, error) {
	r, sel, err := p.x.selection(u, st)
	if err != nil || sel == nil {
		return r, err
	}
	st.RowsMatched += int64(sel.Count())
	times, err := r.Times()
	if err != nil {
		return r, err
	}
	t, err := r.Texts(p.field)
	if err != nil {
		return r, err
	}
	add := func(form []byte, c ranked) {
		if c.count > 0 {
			unit := uint64(u.rank) << 32
			set.Get(form).Add(&scan.Pattern{
				Count: c.count, First: times[c.first], Last: times[c.last],
				FirstRef: unit | uint64(c.first), LastRef: unit | uint64(c.last),
			})
		}
	}
	switch {
	case t != nil && t.Node.Kind() == tree.Template:
		return r, p.templates(t, sel, mem, add)
	case t != nil && t.Node.Kind() == tree.Dict:
		return r, p.dictionary(t, sel, mem, add)
	}
	c, err := r.Col(p.field)
	if err != nil || c == nil {
		return r, err
	}
	p.values(c, sel, mem, add)
	return r, nil
}

// templates counts the rows of a column that is stored by templates.
func (p *patterns) templates(t *filter.Texts, sel filter.Bitmap, mem *formScratch, add func([]byte, ranked)) error {
	if err := p.rank(t, sel, mem, len(t.Node.Templates()), t.Node.IDs); err != nil {
		return err
	}
	templateForms(t.Node, mem, add)
	return nil
}

// templateForms adds the templates of a node with the rows that were counted of each.
func templateForms(n *tree.Node, mem *formScratch, add func([]byte, ranked)) {
	list, columns := n.Templates(), n.Columns()
	classes := make([]scan.Slot, len(columns))
	for i, c := range columns {
		classes[i] = slotOf(c)
	}
	for id := range list {
		if mem.counts[id].count == 0 {
			continue
		}
		x := &list[id]
		mem.raw = scan.AppendStatic(mem.raw[:0], x.Pieces[0])
		for k, s := range x.Slots {
			if s.Copy >= 0 {
				s = x.Slots[s.Copy]
			}
			mem.raw = scan.AppendSlot(mem.raw, classes[s.Column])
			mem.raw = scan.AppendStatic(mem.raw, x.Pieces[k+1])
		}
		mem.form = scan.CleanForm(mem.form[:0], mem.raw)
		add(mem.form, mem.counts[id])
	}
}

// dictionary counts the rows of a column of few distinct texts.
func (p *patterns) dictionary(t *filter.Texts, sel filter.Bitmap, mem *formScratch, add func([]byte, ranked)) error {
	node := t.Node.Entries()
	if node.Kind() == tree.Template {
		var err error
		if mem.entries, err = node.IDs(t.Source, mem.entries[:0]); err != nil {
			return err
		}
		templateOf := func(src stream.Source, dst []uint32) ([]uint32, error) {
			dst, err := t.Node.Codes(src, dst)
			for i, code := range dst {
				dst[i] = mem.entries[code]
			}
			return dst, err
		}
		if err := p.rank(t, sel, mem, len(node.Templates()), templateOf); err != nil {
			return err
		}
		templateForms(node, mem, add)
		return nil
	}
	entries, err := node.Texts(t.Source)
	if err != nil {
		return err
	}
	if err := p.rank(t, sel, mem, entries.Len(), t.Node.Codes); err != nil {
		return err
	}
	for code := range entries.Len() {
		if mem.counts[code].count > 0 {
			mem.form = scan.AppendForm(mem.form[:0], entries.At(code))
			add(mem.form, mem.counts[code])
		}
	}
	return nil
}

// rank counts how many of the selected rows have each of n codes.
func (p *patterns) rank(t *filter.Texts, sel filter.Bitmap, mem *formScratch, n int, codes codesOf) error {
	var err error
	if mem.ids, err = codes(t.Source, mem.ids[:0]); err != nil {
		return err
	}
	var rows []uint32
	if t.Rows != nil {
		if rows, err = t.Rows(); err != nil {
			return err
		}
	}
	mem.counts = slices.Grow(mem.counts[:0], n)[:n]
	clear(mem.counts)
	for i, id := range mem.ids {
		row := uint32(i)
		if rows != nil {
			row = rows[i]
		}
		if sel.Has(row) {
			mem.counts[id].add(row)
		}
	}
	return nil
}

// add counts a row; rows come in order.
func (c *ranked) add(row uint32) {
	if c.count == 0 {
		c.first = row
	}
	c.last = row
	c.count++
}

// values counts the rows of any other column, text by text.
func (p *patterns) values(c *column.Col, sel filter.Bitmap, mem *formScratch, add func([]byte, ranked)) {
	cursor := column.Cursor{Col: c}
	if c.Form == scan.Consts || c.Form == scan.Dict {
		mem.counts = slices.Grow(mem.counts[:0], len(c.Values))[:len(c.Values)]
		clear(mem.counts)
		eachRow(sel, 0, 64*len(sel), func(row uint32) {
			slot := cursor.Slot(row)
			switch {
			case slot < 0:
			case c.Form == scan.Consts:
				mem.counts[0].add(row)
			default:
				mem.counts[c.Codes[slot]].add(row)
			}
		})
		for code, n := range mem.counts {
			if n.count > 0 && mem.formOf(c.Values[code]) {
				add(mem.form, n)
			}
		}
		return
	}
	eachRow(sel, 0, 64*len(sel), func(row uint32) {
		if slot := cursor.Slot(row); slot >= 0 && mem.formOf(c.Value(slot)) {
			add(mem.form, ranked{1, row, row})
		}
	})
}

// formOf makes the form of a value; null has none.
func (mem *formScratch) formOf(v record.Value) bool {
	mem.text = v.AppendText(mem.text[:0])
	mem.form = scan.AppendForm(mem.form[:0], mem.text)
	return v.Kind != record.Missing && v.Kind != record.Null
}

// slotOf is the class of all values of a template's column.
func slotOf(n *tree.Node) scan.Slot {
	for n.Kind() == tree.Dict {
		n = n.Entries()
	}
	switch n.Kind() {
	case tree.Const:
		form := scan.AppendForm(nil, n.Text())
		if len(form) == 2 && form[0] == 0 {
			return scan.Slot(form[1])
		}
	case tree.Typed:
		switch n.TypedKind() {
		case typed.Int, typed.Digits, typed.Decimal:
			if prefix, suffix := n.Typed().Affixes(); len(prefix)+len(suffix) == 0 {
				return scan.SlotNum
			}
		case typed.IPv4:
			return scan.SlotIP
		case typed.Time:
			return scan.SlotTime
		case typed.Hex, typed.Hash:
			return scan.SlotHex
		case typed.UUID:
			return scan.SlotUUID
		}
	}
	return scan.SlotAny
}

// example is a row whose text is wanted, for a pattern of the list.
type example struct {
	ref     uint64
	pattern int
	first   bool
}

// examples reads the newest text of each pattern, and the oldest to tell the classes
// of its slots, those of one unit together.
func (p *patterns) examples(ctx context.Context, list []scan.Pattern) error {
	wanted := make([]example, 0, 2*len(list))
	for i := range list {
		wanted = append(wanted, example{list[i].FirstRef, i, true}, example{list[i].LastRef, i, false})
	}
	slices.SortFunc(wanted, func(a, b example) int { return cmp.Compare(a.ref, b.ref) })
	oldest, newest := make([][]byte, len(list)), make([][]byte, len(list))
	for len(wanted) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := slices.IndexFunc(wanted, func(x example) bool { return x.ref>>32 != wanted[0].ref>>32 })
		if n < 0 {
			n = len(wanted)
		}
		u := &p.units[wanted[0].ref>>32]
		// Without examples the counts still stand.
		if err := p.x.finish(u, &scan.Stats{}, p.textsOf(u, wanted[:n], oldest, newest)); err != nil {
			return err
		}
		wanted = wanted[n:]
	}
	for i := range list {
		list[i].Example = scan.ExampleOf(newest[i])
		list[i].Refine(oldest[i], newest[i])
	}
	return nil
}

func (p *patterns) textsOf(u *unit, wanted []example, oldest, newest [][]byte) error {
	r, err := u.open()
	if err != nil {
		return err
	}
	at := make([]uint32, len(wanted))
	for i, x := range wanted {
		at[i] = uint32(x.ref)
	}
	at = slices.Compact(at)
	c, err := r.Take(p.field, at)
	if err != nil {
		return err
	}
	for _, x := range wanted {
		k, _ := slices.BinarySearch(at, uint32(x.ref))
		text := c.Value(k).AppendText(nil)
		if x.first {
			oldest[x.pattern] = text
		} else {
			newest[x.pattern] = text
		}
	}
	return nil
}
