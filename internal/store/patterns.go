package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/store/filter"
	tree "journalist/internal/store/text"
	"journalist/internal/store/typed"
)

// patterns finds what the texts of a field have in common. Of row groups it takes
// the templates that the texts are stored by, and never puts the texts together; of
// rows in memory it looks at each text. What patternvalues.go does comes after.
type patterns struct {
	x     *scanner
	field string
	units []unit // in the order of their ranks, by which references to rows name them
	want  scan.PatternDetails
	axis  scan.TrendAxis
	level uint8             // the least that trends are counted at
	sets  []scan.PatternSet // of each worker
	forms []formScratch
}

// formScratch is one worker's memory.
type formScratch struct {
	raw, form, text []byte
	ids, entries    []uint32
	trendTally
}

// Patterns returns the n patterns of a field with the most rows among those that
// match the request, with what else is wanted of each. The request's order, limit and
// columns do not count.
func (s *Store) Patterns(ctx context.Context, req *scan.Request, field string, n int, want scan.PatternDetails) (found scan.Patterns, st scan.Stats, ok bool, err error) {
	if field == record.FieldTime || field == record.FieldDataset {
		return scan.Patterns{}, scan.Stats{}, false, nil
	}
	start := time.Now()
	x := &scanner{store: s, req: req, filter: filter.New(req.Filter)}
	snap := s.snapshot(req.From, req.To, req.Datasets)
	defer snap.close()
	x.traceUnits(snap, true)
	workers := max(1, req.Parallel)
	p := &patterns{
		x: x, field: field, units: snap.units, want: want, axis: scan.NewTrendAxis(req.From, req.To),
		sets: make([]scan.PatternSet, workers), forms: make([]formScratch, workers),
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range p.units {
		first, last = min(first, p.units[i].first), max(last, p.units[i].last)
	}
	// Units are counted in narrower buckets than those of all rows, of which few may
	// match.
	p.level = max(p.axis.Level(max(first, req.From), min(last, req.To)), 5) - 5
	err = x.parallel(ctx, p.units, p.unit)
	x.trace.end()
	x.trace = nil // of what is read again nothing is told
	if err == nil {
		found = p.merge(n)
	}
	if err == nil && want.Examples {
		err = p.examples(ctx, found.List)
	}
	if err == nil && want.Values {
		err = p.values(ctx, found.List)
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
	return scan.Patterns{List: list, Total: all.Len(), Folded: all.Folded, Range: all.Range()}
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
	cut := func(first, last uint32) {
		if p.want.Trend {
			mem.cut(p.axis, p.level, times, first, last)
		}
	}
	add := func(form []byte, code int, c ranked) {
		unit := uint64(u.rank) << 32
		x := set.Get(form)
		x.Add(&scan.Pattern{
			Count: c.count, First: times[c.first], Last: times[c.last],
			FirstRef: unit | uint64(c.first), LastRef: unit | uint64(c.last),
		})
		if p.want.Trend {
			mem.addTo(&x.Trend, code, c, times)
		}
	}
	t, err := p.coded(r, mem)
	if err != nil {
		return r, err
	}
	if t != nil {
		first, last, some := t.ends(sel)
		if !some {
			return r, nil
		}
		cut(first, last)
		mem.begin(t.n)
		for i, id := range t.ids {
			if row := t.row(i); sel.Has(row) {
				mem.add(int(id), row)
			}
		}
		for code := range t.n {
			if c := mem.counts[code]; c.count > 0 {
				add(t.form(code), code, c)
			}
		}
		return r, nil
	}
	c, err := r.Col(p.field)
	if err != nil || c == nil {
		return r, err
	}
	mem.values(c, sel, cut, add)
	return r, nil
}

// coded is a column whose texts are stored by templates or by few distinct ones: the
// code of each of its rows, and the form of a code, valid until the next.
type coded struct {
	n    int // codes
	ids  []uint32
	rows []uint32 // nil: all
	form func(code int) []byte
}

func (c *coded) row(i int) uint32 {
	if c.rows != nil {
		return c.rows[i]
	}
	return uint32(i)
}

// ends are the first and the last row with a text among some rows.
func (c *coded) ends(sel filter.Bitmap) (first, last uint32, some bool) {
	i, n := 0, len(c.ids)
	for i < n && !sel.Has(c.row(i)) {
		i++
	}
	for n > i && !sel.Has(c.row(n-1)) {
		n--
	}
	if i == n {
		return 0, 0, false
	}
	return c.row(i), c.row(n - 1), true
}

// coded reads the codes of a unit's texts; nil where it has none.
func (p *patterns) coded(r rows, mem *formScratch) (*coded, error) {
	t, err := r.Texts(p.field)
	if err != nil || t == nil {
		return nil, err
	}
	c := &coded{}
	switch t.Node.Kind() {
	case tree.Template:
		c.n, c.form = len(t.Node.Templates()), templateForms(t.Node, mem)
		mem.ids, err = t.Node.IDs(t.Source, mem.ids[:0])
	case tree.Dict:
		err = c.dictionary(t, mem)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c.ids = mem.ids; t.Rows != nil {
		c.rows, err = t.Rows()
	}
	return c, err
}

// dictionary reads the codes of a column of few distinct texts.
func (c *coded) dictionary(t *filter.Texts, mem *formScratch) (err error) {
	if mem.ids, err = t.Node.Codes(t.Source, mem.ids[:0]); err != nil {
		return err
	}
	node := t.Node.Entries()
	if node.Kind() == tree.Template {
		if mem.entries, err = node.IDs(t.Source, mem.entries[:0]); err != nil {
			return err
		}
		for i, code := range mem.ids {
			mem.ids[i] = mem.entries[code]
		}
		c.n, c.form = len(node.Templates()), templateForms(node, mem)
		return nil
	}
	entries, err := node.Texts(t.Source)
	c.n = entries.Len()
	c.form = func(code int) []byte {
		mem.form = scan.AppendForm(mem.form[:0], entries.At(code))
		return mem.form
	}
	return err
}

// templateForms makes the forms of a node's templates.
func templateForms(n *tree.Node, mem *formScratch) func(id int) []byte {
	list, columns := n.Templates(), n.Columns()
	classes := make([]scan.Slot, len(columns))
	for i, c := range columns {
		classes[i] = slotOf(c)
	}
	return func(id int) []byte {
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
		return mem.form
	}
}

// values counts the rows of any other column, text by text.
func (mem *formScratch) values(c *column.Col, sel filter.Bitmap, cut func(first, last uint32), add func([]byte, int, ranked)) {
	cursor := column.Cursor{Col: c}
	if c.Form != scan.Consts && c.Form != scan.Dict {
		eachRow(sel, 0, 64*len(sel), func(row uint32) {
			if slot := cursor.Slot(row); slot >= 0 && mem.formOf(c.Value(slot)) {
				cut(row, row)
				add(mem.form, 0, ranked{1, row, row})
			}
		})
		return
	}
	mem.ids, mem.entries = mem.ids[:0], mem.entries[:0] // codes and rows
	eachRow(sel, 0, 64*len(sel), func(row uint32) {
		slot, code := cursor.Slot(row), uint32(0)
		if slot < 0 {
			return
		}
		if c.Form == scan.Dict {
			code = c.Codes[slot]
		}
		if kind := c.Values[code].Kind; kind != record.Missing && kind != record.Null {
			mem.ids, mem.entries = append(mem.ids, code), append(mem.entries, row)
		}
	})
	if len(mem.ids) == 0 {
		return
	}
	cut(mem.entries[0], mem.entries[len(mem.entries)-1])
	mem.begin(len(c.Values))
	for i, code := range mem.ids {
		mem.add(int(code), mem.entries[i])
	}
	for code, n := range mem.counts {
		if n.count > 0 && mem.formOf(c.Values[code]) {
			add(mem.form, code, n)
		}
	}
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
