package store

import (
	"cmp"
	"context"
	"slices"

	"journalist/internal/scan"
	"journalist/internal/store/column"
)

const (
	// moreUnits is in how many units, besides those that hold the oldest and the
	// newest rows of the patterns, rows are looked for whose values are counted.
	moreUnits = 16
	// valueRows is how many rows of a unit are looked at where each has to be.
	valueRows = 20_000
)

// picked are the rows of a unit whose values are counted, ascending, and the pattern
// of each.
type picked struct {
	rows     []uint32
	patterns []int
}

// picker chooses the rows whose values are counted, the newest of each pattern.
type picker struct {
	p     *patterns
	x     *scanner // reads the units again, without being traced
	index *scan.PatternIndex
	left  []int64 // how many rows are wanted of each pattern
	open  int     // patterns of which some are
}

// values counts what stands in the slots of some patterns, in a sample of their rows.
// Without values the patterns still stand.
func (p *patterns) values(ctx context.Context, list []scan.Pattern) error {
	k := &picker{p: p, index: scan.NewPatternIndex(list), left: make([]int64, len(list)), open: len(list)}
	k.x = &scanner{store: p.x.store, req: p.x.req, filter: p.x.filter}
	sample := int64(scan.SampleOf(len(list)))
	for i := range list {
		k.left[i] = min(sample, list[i].Count)
	}
	units, rows, err := k.pick(ctx, list)
	if err != nil {
		return err
	}
	counts := make([][]*scan.SlotValues, len(p.forms))
	for i := range counts {
		counts[i] = make([]*scan.SlotValues, len(list))
	}
	err = k.x.parallel(ctx, units, func(ctx context.Context, worker int, u *unit) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return k.x.finish(u, &scan.Stats{}, k.count(u, &rows[u.rank], list, counts[worker]))
	})
	for i := range list {
		list[i].Values = scan.NewSlotValues(list[i].Form)
		for _, c := range counts {
			if c[i] != nil {
				list[i].Values.Merge(c[i])
			}
		}
	}
	return err
}

// pick chooses rows of units, from the newest unit on.
func (k *picker) pick(ctx context.Context, list []scan.Pattern) (units []unit, rows []picked, err error) {
	holds := make([][]int, len(k.p.units)) // the patterns whose oldest or newest row it has
	for i, x := range list {
		for _, ref := range []uint64{x.FirstRef, x.LastRef} {
			holds[ref>>32] = append(holds[ref>>32], i)
		}
	}
	order := make([]int, len(k.p.units))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(k.p.units[b].last, k.p.units[a].last), cmp.Compare(b, a))
	})
	more := moreUnits
	for _, at := range order {
		if k.open == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(holds[at], func(i int) bool { return k.left[i] > 0 }) {
			if more--; more < 0 {
				continue
			}
		}
		u := k.p.units[at]
		chosen, err := k.choose(&u)
		if err = k.x.finish(&u, &scan.Stats{}, err); err != nil {
			return nil, nil, err
		}
		if len(chosen.rows) > 0 {
			u.rank = len(rows)
			units, rows = append(units, u), append(rows, chosen)
		}
	}
	return units, rows, nil
}

// choose picks the newest rows of a unit.
func (k *picker) choose(u *unit) (chosen picked, err error) {
	r, sel, err := k.x.selection(u, &scan.Stats{})
	if err != nil || sel == nil {
		return chosen, err
	}
	mem := &k.p.forms[0]
	t, err := k.p.coded(r, mem)
	if err != nil {
		return chosen, err
	}
	take := func(row uint32, pattern int) bool {
		if pattern >= 0 && k.left[pattern] > 0 {
			chosen.rows, chosen.patterns = append(chosen.rows, row), append(chosen.patterns, pattern)
			if k.left[pattern]--; k.left[pattern] == 0 {
				k.open--
			}
		}
		return k.open > 0
	}
	if t != nil {
		of := make([]int, t.n) // the pattern of each code, from 1 on
		for i := len(t.ids) - 1; i >= 0; i-- {
			row, code := t.row(i), t.ids[i]
			if !sel.Has(row) {
				continue
			}
			if of[code] == 0 {
				of[code] = k.index.Of(t.form(int(code))) + 2
			}
			if !take(row, of[code]-2) {
				break
			}
		}
	} else if c, err := r.Col(k.p.field); err != nil {
		return picked{}, err
	} else if c != nil {
		list := sel.Rows(nil)
		list = list[max(0, len(list)-valueRows):]
		cursor := column.Cursor{Col: c}
		slots := make([]int, len(list))
		for i, row := range list {
			slots[i] = int(cursor.Slot(row))
		}
		for i := len(list) - 1; i >= 0; i-- {
			if slots[i] < 0 || !mem.formOf(c.Value(slots[i])) {
				continue
			}
			if !take(list[i], k.index.Of(mem.form)) {
				break
			}
		}
	}
	slices.Reverse(chosen.rows)
	slices.Reverse(chosen.patterns)
	return chosen, nil
}

// count counts the values of a unit's chosen rows.
func (k *picker) count(u *unit, chosen *picked, list []scan.Pattern, counts []*scan.SlotValues) error {
	r, err := u.open()
	if err != nil {
		return err
	}
	c, err := r.Take(k.p.field, chosen.rows)
	if err != nil {
		return err
	}
	var text []byte
	for i, pattern := range chosen.patterns {
		if counts[pattern] == nil {
			counts[pattern] = scan.NewSlotValues(list[pattern].Form)
		}
		text = c.Value(i).AppendText(text[:0])
		counts[pattern].Add(text, 1)
	}
	return nil
}
