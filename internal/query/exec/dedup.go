package exec

import (
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// dedupStep keeps the first row of each combination of fields. It wants all rows
// in order, by one worker.
type dedupStep struct {
	names  []string
	budget *budget
}

func (s *dedupStep) sets() []string { return nil }
func (s *dedupStep) cuts() bool     { return true }

func (s *dedupStep) source(names []string, whole bool) ([]string, bool) {
	return append(slices.Clone(names), s.names...), whole
}

func (s *dedupStep) runner() runner { return &dedupRunner{dedupStep: s, seen: map[string]struct{}{}} }

type dedupRunner struct {
	*dedupStep
	view view
	seen map[string]struct{}
	key  []byte
	rows []int
}

func (d *dedupRunner) run(b *scan.Block) (*scan.Block, error) {
	d.view.reset(b)
	d.rows = d.rows[:0]
	for i := range d.view.n {
		d.key = d.key[:0]
		for _, n := range d.names {
			v, _ := d.view.value(n, i)
			d.key = appendKey(d.key, v)
		}
		isNew, err := d.first()
		if err != nil {
			return nil, err
		}
		if isNew {
			d.rows = append(d.rows, i)
		}
	}
	return pick(b, d.rows), nil
}

// first tells whether the key comes for the first time.
func (d *dedupRunner) first() (bool, error) {
	if _, ok := d.seen[string(d.key)]; ok {
		return false, nil
	}
	if err := d.budget.take(int64(len(d.key))+48, "dedup"); err != nil {
		return false, err
	}
	d.seen[string(d.key)] = struct{}{}
	return true, nil
}

// dedup works on rows at hand.
func (q *query) dedup(t *table, p *lang.Dedup) error {
	d := (&dedupStep{names: p.Names, budget: &q.budget}).runner().(*dedupRunner)
	kept := t.rows[:0]
	for i := range t.rows {
		d.key = d.key[:0]
		for _, n := range d.names {
			v, _ := t.get(&t.rows[i], n)
			d.key = appendKey(d.key, v)
		}
		isNew, err := d.first()
		if err != nil {
			return err
		}
		if isNew {
			kept = append(kept, t.rows[i])
		}
	}
	t.rows = kept
	return nil
}
