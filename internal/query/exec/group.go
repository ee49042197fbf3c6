package exec

import (
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// grouper groups the rows of one worker. Every key numbers its values; a group is
// a tuple of such numbers, made pair by pair, so that a row costs a few small map
// look-ups and mostly none.
type grouper struct {
	stats  *lang.Stats
	ifs    []scan.Expr // as stats.Aggs; nil where there is none
	coders []*coder
	levels []*pairs // level i joins key i+1 to the tuple of the keys before
	accs   []accumulator
	budget *budget
	max    int

	view view
	keys []codes
	gids codes
	sel  []bool
}

// pairs numbers pairs of codes.
type pairs struct {
	ids           map[uint64]uint32
	first, second []uint32
	last          uint64
	lastID        uint32
	valid         bool
}

func newGrouper(q *query, s *lang.Stats, ifs []scan.Expr) *grouper {
	g := &grouper{stats: s, ifs: ifs, budget: &q.budget, max: q.groupLimit()}
	for i, k := range s.By {
		g.coders = append(g.coders, newCoder(q, k))
		if i > 0 {
			g.levels = append(g.levels, &pairs{ids: map[uint64]uint32{}})
		}
	}
	g.accs = newAccumulators(s.Aggs, &q.budget, q.seconds(s))
	g.keys = make([]codes, len(s.By))
	return g
}

// groups is how many there are.
func (g *grouper) groups() int {
	switch {
	case len(g.coders) == 0:
		return 1
	case len(g.levels) == 0:
		return len(g.coders[0].values)
	}
	return len(g.levels[len(g.levels)-1].first)
}

func (g *grouper) add(b *scan.Block) error {
	g.view.reset(b)
	if g.view.n == 0 {
		return nil
	}
	before := g.groups()
	for i, c := range g.coders {
		if err := c.code(&g.view, &g.keys[i]); err != nil {
			return err
		}
	}
	gids := &g.gids
	switch len(g.keys) {
	case 0:
		*gids = codes{same: true, of: gids.of}
	case 1:
		gids = &g.keys[0]
	default:
		if err := g.join(); err != nil {
			return err
		}
	}
	groups := g.groups()
	if err := g.budget.take(int64(groups-before)*int64(16+24*len(g.accs)), "groups"); err != nil {
		return err
	}
	for i, acc := range g.accs {
		if err := acc.add(&g.view, gids, g.selected(g.ifs[i]), groups); err != nil {
			return err
		}
	}
	return nil
}

// selected tells which rows satisfy an aggregate's own filter; nil means all.
func (g *grouper) selected(e scan.Expr) []bool {
	if e == nil {
		return nil
	}
	g.sel = g.sel[:0]
	for i := range g.view.n {
		g.sel = append(g.sel, g.view.eval(e, i))
	}
	return g.sel
}

// join makes the group numbers of tuples.
func (g *grouper) join() error {
	n := g.view.n
	out := &g.gids
	same := true
	for i := range g.keys {
		same = same && g.keys[i].same
	}
	rows := n
	if out.same = same; same {
		rows = 1
	}
	if cap(out.of) < rows {
		out.of = make([]uint32, rows)
	}
	out.of = out.of[:rows]
	for i := range rows {
		id := g.keys[0].at(i)
		for j, l := range g.levels {
			var err error
			if id, err = l.join(id, g.keys[j+1].at(i), g); err != nil {
				return err
			}
		}
		out.of[i] = id
	}
	if same {
		out.one = out.of[0]
	}
	return nil
}

func (p *pairs) join(a, b uint32, g *grouper) (uint32, error) {
	key := uint64(a)<<32 | uint64(b)
	if p.valid && key == p.last {
		return p.lastID, nil
	}
	id, ok := p.ids[key]
	if !ok {
		if len(p.first) >= g.max {
			return 0, &scan.BudgetError{Need: int64(len(p.first)) + 1, Have: int64(g.max), What: "groups", Count: true}
		}
		if err := g.budget.take(48, "groups"); err != nil {
			return 0, err
		}
		id = uint32(len(p.first))
		p.ids[key] = id
		p.first, p.second = append(p.first, a), append(p.second, b)
	}
	p.last, p.lastID, p.valid = key, id, true
	return id, nil
}

// tuple returns the keys of a group.
func (g *grouper) tuple(id uint32) []record.Value {
	keys := make([]record.Value, len(g.coders))
	for i := len(g.coders) - 1; i > 0; i-- {
		l := g.levels[i-1]
		keys[i] = g.coders[i].values[l.second[id]]
		id = l.first[id]
	}
	if len(keys) > 0 {
		keys[0] = g.coders[0].values[id]
	}
	return keys
}

// merge adds another worker's groups to ours.
func (g *grouper) merge(o *grouper) error {
	to := make([]uint32, o.groups())
	if len(g.coders) > 0 {
		for id := range to {
			var mine uint32
			for i, v := range o.tuple(uint32(id)) {
				code, err := g.coders[i].known(v)
				if err != nil {
					return err
				}
				if i == 0 {
					mine = code
				} else if mine, err = g.levels[i-1].join(mine, code, g); err != nil {
					return err
				}
			}
			to[id] = mine
		}
	}
	for i, acc := range g.accs {
		if err := acc.merge(o.accs[i], to, g.groups()); err != nil {
			return err
		}
	}
	return nil
}

// known is the code of a value that is in its bucket already.
func (c *coder) known(v record.Value) (uint32, error) {
	plain := *c
	plain.buckets, plain.key.Bucket, plain.haveLast = nil, 0, false
	code, err := plain.value(v)
	c.values, c.scratch = plain.values, plain.scratch
	return code, err
}
