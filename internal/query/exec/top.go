package exec

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// A top of a field with millions of values needs no group for each of them: the
// rows are read twice. The first time counts hashes of the values, eight bytes each;
// the second one picks up the values that are wanted.

const (
	// topGroups is how many groups a top tries to hold before it counts hashes.
	topGroups = 1 << 16
	// topMost is the longest top that is found by hashes.
	topMost = 10_000
)

// top is a stats that counts, behind which only the groups with the largest or the
// smallest counts are wanted.
type top struct {
	keys []string
	n    int
	rare bool
}

// top finds out whether the stats of a plan is one, whose order and limit are the
// next two pipes then. Groups of equal counts come in the order of their keys.
func (p *plan) top() *top {
	s := p.stats
	if s == nil || p.chart != nil || len(s.Aggs) != 1 || len(s.By) == 0 || len(p.rest) < 2 {
		return nil
	}
	if a := s.Aggs[0]; a.Func != "count" || a.Field != "" || a.If != nil {
		return nil
	}
	order, ok := p.rest[0].(*lang.Sort)
	limit, also := p.rest[1].(*lang.Limit)
	if !ok || !also || limit.N < 1 || limit.N > topMost || len(order.By) > 1+len(s.By) || order.By[0].Field != s.Aggs[0].Name() {
		return nil
	}
	t := &top{n: limit.N, rare: !order.By[0].Down}
	for i, k := range s.By {
		if k.Span != 0 || k.Bucket != 0 || k.Name() == order.By[0].Field || k.Field == record.FieldTime {
			return nil
		}
		if i+1 < len(order.By) && (order.By[i+1].Down || order.By[i+1].Field != k.Name()) {
			return nil
		}
		t.keys = append(t.keys, k.Field)
	}
	return t
}

// groups answers the stats of a plan.
func (q *query) groups(ctx context.Context, p *plan) (*table, error) {
	if x := p.top(); x != nil {
		return q.groupTop(ctx, p, x)
	}
	return q.group(ctx, p)
}

// groupLimit is how many groups a stats may have.
func (q *query) groupLimit() int {
	if q.maxGroups > 0 {
		return min(q.maxGroups, q.e.o.MaxGroups)
	}
	return q.e.o.MaxGroups
}

// groupTop answers the stats of a plan whose order and limit follow: as any other
// where it has few groups, else from hashes.
func (q *query) groupTop(ctx context.Context, p *plan, x *top) (*table, error) {
	held, stats := q.budget.used.Load(), q.stats
	q.maxGroups = topGroups
	t, err := q.group(ctx, p)
	q.maxGroups = 0
	var over *scan.BudgetError
	if !errors.As(err, &over) {
		return t, err
	}
	if err := q.budget.take(held-q.budget.used.Load(), "groups"); err != nil {
		return nil, err
	}
	q.stats = stats
	return q.topByHash(ctx, p, x)
}

// topGroup is a group that may be among those wanted.
type topGroup struct {
	hash  uint64
	count int64
	keys  []record.Value
}

// compareTuples orders as table.orderByKeys.
func compareTuples(a, b []record.Value) int {
	for i := range a {
		if c := compareContent(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// topByHash counts, range of hashes by range as far as memory goes, and keeps the best.
func (q *query) topByHash(ctx context.Context, p *plan, x *top) (*table, error) {
	read := func(add func(worker int, b *scan.Block) error) error {
		r := p.request(q)
		if r == nil {
			return nil
		}
		r.Columns, r.Whole = p.source(x.keys, false)
		r.Parallel = q.e.o.Parallel
		p.arrange(r)
		return q.scanSteps(ctx, scanRows, p, r, add)
	}
	var best []topGroup
	for lo := 0; lo < hashShards; {
		c := newHashCounts(&q.budget, lo)
		first, err := q.topCount(x, c, read)
		if err != nil {
			return nil, err
		}
		more, err := q.topPick(x, c, first, read)
		if err != nil {
			return nil, err
		}
		best = append(best, more...)
		slices.SortFunc(best, x.compare)
		best = best[:min(len(best), x.n)]
		lo = c.end()
		c.free()
	}
	t := resultTable(p.stats, recordTime)
	for _, g := range best {
		t.rows = append(t.rows, tableRow{values: append(g.keys, record.IntValue(g.count))})
	}
	return t, nil
}

// compare orders groups as they are wanted.
func (x *top) compare(a, b topGroup) int {
	if a.count != b.count {
		if x.better(a.count, b.count) {
			return -1
		}
		return 1
	}
	return compareTuples(a.keys, b.keys)
}

func (x *top) better(a, b int64) bool { return a > b != x.rare && a != b }

// reading reads the rows once.
type reading = func(add func(worker int, b *scan.Block) error) error

// topCount counts and returns the bound: groups whose count is better are wanted, and
// some of those that have it.
func (q *query) topCount(x *top, c *hashCounts, read reading) (topBound, error) {
	workers := make([]*topCounter, q.e.o.Parallel)
	for i := range workers {
		workers[i] = &topCounter{keys: keysOf{names: x.keys}, to: newHashBuffers(c)}
	}
	if err := read(func(w int, b *scan.Block) error { return workers[w].add(b) }); err != nil {
		return topBound{}, err
	}
	for _, w := range workers {
		if err := w.to.flush(); err != nil {
			return topBound{}, err
		}
	}
	return x.bound(c), nil
}

// topBound is the count that the last group wanted has. The groups that are better are
// wanted, and so many of those that are equal.
type topBound struct {
	count  int64
	better bool // there are groups that are better
	any    bool // there are groups at all
}

// bound finds the n-th best count.
func (x *top) bound(c *hashCounts) topBound {
	// The best come first whenever the list is cut to them; from then on the last of
	// them keeps out what is not better.
	list := make([]int64, 0, 2*x.n)
	full := false
	cut := func() {
		slices.Sort(list)
		if !x.rare {
			slices.Reverse(list)
		}
		list = list[:min(len(list), x.n)]
	}
	c.each(func(_ uint64, n int64) {
		if full && !x.better(n, list[x.n-1]) {
			return
		}
		if list = append(list, n); len(list) == cap(list) {
			cut()
			full = true
		}
	})
	if len(list) == 0 {
		return topBound{}
	}
	cut()
	last := list[len(list)-1]
	return topBound{count: last, better: list[0] != last, any: true}
}

// topPick reads the rows again for the values of the groups that are wanted.
func (q *query) topPick(x *top, c *hashCounts, bound topBound, read reading) ([]topGroup, error) {
	if !bound.any {
		return nil, nil
	}
	workers := make([]*topPicker, q.e.o.Parallel)
	for i := range workers {
		workers[i] = &topPicker{top: x, counts: c, bound: bound, keys: keysOf{names: x.keys}, budget: &q.budget, found: map[uint64]bool{}}
	}
	if err := read(func(w int, b *scan.Block) error { return workers[w].add(b) }); err != nil {
		return nil, err
	}
	var all []topGroup
	found := map[uint64]bool{}
	for _, w := range workers {
		for _, g := range slices.Concat(w.sure, w.ties) {
			if !found[g.hash] {
				found[g.hash] = true
				all = append(all, g)
			}
		}
	}
	return all, nil
}

// keysOf goes through the values of a block's keys.
type keysOf struct {
	names  []string
	view   view
	cols   []*scan.Column
	tuple  []record.Value
	counts []int64 // of a dictionary
}

// each calls f with the tuples of keys and how many rows have each. The tuple and what
// it points to are valid during the call.
func (k *keysOf) each(b *scan.Block, f func(tuple []record.Value, n int64) error) error {
	k.view.reset(b)
	k.cols = k.cols[:0]
	for _, name := range k.names {
		k.cols = append(k.cols, k.view.column(name))
	}
	k.tuple = append(k.tuple[:0], make([]record.Value, len(k.cols))...)
	if len(k.cols) == 1 {
		switch col := k.cols[0]; {
		case col == nil:
			return f(k.tuple, int64(k.view.n))
		case col.Form == scan.Consts:
			k.tuple[0] = col.Values[0]
			return f(k.tuple, int64(k.view.n))
		case col.Form == scan.Dict:
			k.counts = append(k.counts[:0], make([]int64, len(col.Values))...)
			for _, code := range col.Codes[:k.view.n] {
				k.counts[code]++
			}
			for code, n := range k.counts {
				if n > 0 {
					k.tuple[0] = col.Values[code]
					if err := f(k.tuple, n); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
	for i := range k.view.n {
		for j, col := range k.cols {
			k.tuple[j] = record.Value{}
			if col != nil {
				k.tuple[j] = col.Value(i)
			}
		}
		if err := f(k.tuple, 1); err != nil {
			return err
		}
	}
	return nil
}

// hashTuple is hash of one value, and of several together.
func hashTuple(tuple []record.Value) uint64 {
	h := hash(tuple[0])
	for _, v := range tuple[1:] {
		h = (h^h>>32)*0x9e3779b97f4a7c15 + hash(v)
	}
	return h
}

// topCounter counts one worker's rows.
type topCounter struct {
	keys keysOf
	to   *hashBuffers
}

func (t *topCounter) add(b *scan.Block) error {
	return t.keys.each(b, func(tuple []record.Value, n int64) error { return t.to.add(hashTuple(tuple), n) })
}

// topPicker picks the groups of one worker's rows that may be wanted.
type topPicker struct {
	top    *top
	counts *hashCounts
	bound  topBound
	keys   keysOf
	budget *budget

	found map[uint64]bool
	sure  []topGroup
	ties  []topGroup // that have the bound: the first ones in order
}

func (t *topPicker) add(b *scan.Block) error {
	return t.keys.each(b, func(tuple []record.Value, _ int64) error { return t.tuple(tuple) })
}

// late tells whether a tuple comes behind all ties that are wanted. Texts that do not
// begin like a number are in the order of their bytes, behind all numbers.
func (t *topPicker) late(tuple []record.Value) bool {
	if len(t.ties) < t.top.n {
		return false
	}
	last := t.ties[len(t.ties)-1].keys
	if len(tuple) == 1 && tuple[0].Kind == record.String && last[0].Kind == record.String && wordy(tuple[0].Bytes) {
		if wordy(last[0].Bytes) {
			return bytes.Compare(tuple[0].Bytes, last[0].Bytes) >= 0
		}
		if class(last[0]) == classNumber {
			return true
		}
	}
	return compareTuples(tuple, last) >= 0
}

// wordy tells that a text is certainly no number.
func wordy(b []byte) bool {
	switch {
	case len(b) == 0:
		return true
	case b[0] >= '0' && b[0] <= '9':
		if len(b) > 1 && b[1]|0x20 == 'x' {
			return false // perhaps hexadecimal
		}
		for _, c := range b {
			if c > '9' && c|0x20 != 'e' {
				return true
			}
		}
		return false
	}
	return b[0] != '-' && b[0] != '+' && b[0] != '.'
}

func (t *topPicker) tuple(tuple []record.Value) error {
	late := t.late(tuple)
	if late && !t.bound.better {
		return nil
	}
	h := hashTuple(tuple)
	n := t.counts.get(h)
	tie := n == t.bound.count
	if n == 0 || tie && late || !tie && !t.top.better(n, t.bound.count) || t.found[h] {
		return nil
	}
	g := topGroup{hash: h, count: n, keys: make([]record.Value, len(tuple))}
	held := int64(64)
	for i, v := range tuple {
		g.keys[i] = clone(v)
		held += size(v)
	}
	if err := t.budget.take(held, "groups"); err != nil {
		return err
	}
	t.found[h] = true
	if !tie {
		t.sure = append(t.sure, g)
		return nil
	}
	at, _ := slices.BinarySearchFunc(t.ties, g, func(a, b topGroup) int { return compareTuples(a.keys, b.keys) })
	if t.ties = slices.Insert(t.ties, at, g); len(t.ties) <= t.top.n {
		return nil
	}
	last := t.ties[t.top.n]
	delete(t.found, last.hash)
	t.ties = t.ties[:t.top.n]
	held = 64
	for _, v := range last.keys {
		held += size(v)
	}
	return t.budget.take(-held, "groups")
}
