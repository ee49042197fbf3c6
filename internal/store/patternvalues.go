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
	index []*scan.PatternIndex // of each worker
	left  []int64              // how many rows are wanted of each pattern
	open  int                  // patterns of which some are
}

// values counts what stands in the slots of some patterns, in a sample of their rows.
// Without values the patterns still stand.
func (p *patterns) values(ctx context.Context, list []scan.Pattern) error {
	k := &picker{p: p, left: make([]int64, len(list)), open: len(list)}
	for range p.forms {
		k.index = append(k.index, scan.NewPatternIndex(list))
	}
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
	err = k.p.x.parallel(ctx, units, func(ctx context.Context, worker int, u *unit) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return k.p.x.finish(u, &scan.Stats{}, k.count(u, &rows[u.rank], list, counts[worker]))
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
	for len(order) > 0 && k.open > 0 {
		var round []unit
		for len(order) > 0 && len(round) < 4*len(k.index) {
			at := order[0]
			order = order[1:]
			if !slices.ContainsFunc(holds[at], func(i int) bool { return k.left[i] > 0 }) {
				if more--; more < 0 {
					continue
				}
			}
			u := k.p.units[at]
			u.rank = len(round)
			round = append(round, u)
		}
		chosen := make([]picked, len(round))
		err := k.p.x.parallel(ctx, round, func(ctx context.Context, worker int, u *unit) (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			chosen[u.rank], err = k.choose(u, worker)
			return k.p.x.finish(u, &scan.Stats{}, err)
		})
		if err != nil {
			return nil, nil, err
		}
		for i, u := range round {
			if c := k.keep(&chosen[i]); len(c.rows) > 0 {
				u.rank = len(rows)
				units, rows = append(units, u), append(rows, c)
			}
		}
	}
	return units, rows, nil
}

// keep takes of what was chosen, the newest first, what is still wanted.
func (k *picker) keep(chosen *picked) (kept picked) {
	for i, pattern := range chosen.patterns {
		if k.left[pattern] == 0 {
			continue
		}
		kept.rows, kept.patterns = append(kept.rows, chosen.rows[i]), append(kept.patterns, pattern)
		if k.left[pattern]--; k.left[pattern] == 0 {
			k.open--
		}
	}
	slices.Reverse(kept.rows)
	slices.Reverse(kept.patterns)
	return kept
}

// choose picks the newest rows of a unit, newest first, as many as are wanted of each
// pattern while nobody else picks any.
func (k *picker) choose(u *unit, worker int) (chosen picked, err error) {
	r, sel, err := k.p.x.selection(u, &scan.Stats{})
	if err != nil || sel == nil {
		return chosen, err
	}
	mem, index := &k.p.forms[worker], k.index[worker]
	t, err := k.p.coded(r, mem)
	if err != nil {
		return chosen, err
	}
	left, open := slices.Clone(k.left), k.open
	take := func(row uint32, pattern int) bool {
		if pattern >= 0 && left[pattern] > 0 {
			chosen.rows, chosen.patterns = append(chosen.rows, row), append(chosen.patterns, pattern)
			if left[pattern]--; left[pattern] == 0 {
				open--
			}
		}
		return open > 0
	}
	if t != nil {
		of := make([]int, t.n) // 0: not looked at, else the pattern of a code and 2
		for i := len(t.ids) - 1; i >= 0; i-- {
			row, code := t.row(i), t.ids[i]
			if !sel.Has(row) {
				continue
			}
			if of[code] == 0 {
				of[code] = index.Of(t.form(int(code))) + 2
			}
			if !take(row, of[code]-2) {
				break
			}
		}
		return chosen, nil
	}
	c, err := r.Col(k.p.field)
	if err != nil || c == nil {
		return chosen, err
	}
	list := sel.Rows(nil)
	list = list[max(0, len(list)-valueRows):]
	cursor := column.Cursor{Col: c}
	slots := make([]int, len(list))
	for i, row := range list {
		slots[i] = cursor.Slot(row)
	}
	for i := len(list) - 1; i >= 0; i-- {
		if slots[i] < 0 || !mem.formOf(c.Value(slots[i])) {
			continue
		}
		if !take(list[i], index.Of(mem.form)) {
			break
		}
	}
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
