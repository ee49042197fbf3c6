package exec

import (
	"math"
	"strconv"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// accumulator computes one aggregate for all groups of one worker.
type accumulator interface {
	// add takes the rows of a block; only those of sel where that is not nil.
	// groups is how many groups there are by now.
	add(v *view, gids *codes, sel []bool, groups int) error
	// merge takes what another worker accumulated; to maps its groups to ours.
	merge(o accumulator, to []uint32, groups int) error
	// value is the result for a group.
	value(g int) record.Value
}

// noter is an accumulator whose results may be estimates: note says so, after
// everything is merged, or "".
type noter interface{ note() string }

// newAccumulators makes those of a stats; seconds is the time that rate() is about.
func newAccumulators(aggs []lang.Agg, b *budget, seconds float64) []accumulator {
	accs := make([]accumulator, len(aggs))
	for i, a := range aggs {
		accs[i] = newAccumulator(a, b, seconds)
		if q, ok := accs[i].(*quantile); ok {
			q.share(aggs[:i], accs, a)
		}
	}
	return accs
}

func newAccumulator(a lang.Agg, b *budget, seconds float64) accumulator {
	switch a.Func {
	case "count":
		return &counter{field: a.Field}
	case "count_uniq":
		return &distinctCounter{field: a.Field, budget: b}
	case "sum", "avg":
		return &summer{field: a.Field, mean: a.Func == "avg"}
	case "min", "max":
		return &extreme{field: a.Field, largest: a.Func == "max", budget: b}
	case "first", "last":
		return &boundary{field: a.Field, newest: a.Func == "last", budget: b}
	case "values":
		return &lister{field: a.Field, budget: b}
	case "list":
		return &sequence{field: a.Field, budget: b}
	case "rate":
		return &rater{seconds: seconds}
	}
	return &quantile{phi: a.Phi, owner: true, samples: &samples{field: a.Field, budget: b}}
}

// grown returns s with at least n elements.
func grown[T any](s []T, n int) []T {
	for len(s) < n {
		s = append(s, make([]T, max(n-len(s), len(s)/2))...)
	}
	return s
}

// counter counts rows, or those that have a field.
type counter struct {
	field  string
	counts []int64
}

func (c *counter) add(v *view, gids *codes, sel []bool, groups int) error {
	c.counts = grown(c.counts, groups)
	var col *scan.Column
	if c.field != "" && c.field != record.FieldTime {
		if col = v.column(c.field); col == nil {
			return nil
		}
		if col.Form == scan.Ints || col.Form == scan.Consts && col.Values[0].Kind != record.Missing {
			col = nil // every row has it
		}
	}
	if col == nil && sel == nil {
		if gids.same {
			c.counts[gids.one] += int64(v.n)
			return nil
		}
		counts := c.counts
		for _, g := range gids.of {
			counts[g]++
		}
		return nil
	}
	for i := range v.n {
		if (sel == nil || sel[i]) && (col == nil || col.Value(i).Kind != record.Missing) {
			c.counts[gids.at(i)]++
		}
	}
	return nil
}

func (c *counter) merge(o accumulator, to []uint32, groups int) error {
	c.counts = grown(c.counts, groups)
	for g, n := range o.(*counter).counts {
		if n != 0 {
			c.counts[to[g]] += n
		}
	}
	return nil
}

func (c *counter) value(g int) record.Value {
	if g >= len(c.counts) {
		return record.IntValue(0)
	}
	return record.IntValue(c.counts[g])
}

// sums of one group: exact as long as all values are integers.
type sums struct {
	n     int64
	ints  int64
	float float64
	over  bool // ints overflowed or some value was no integer: float holds
}

func (s *sums) addInt(i int64) {
	s.n++
	s.float += float64(i)
	sum := s.ints + i
	s.over = s.over || (sum > s.ints) != (i > 0) && i != 0
	s.ints = sum
}

// summer computes sum and avg of what are numbers.
type summer struct {
	field string
	mean  bool
	sums  []sums
}

func (s *summer) add(v *view, gids *codes, sel []bool, groups int) error {
	s.sums = grown(s.sums, groups)
	col := v.column(s.field)
	if col == nil {
		return nil
	}
	if col.Form == scan.Ints && sel == nil {
		for i, n := range col.Ints[:v.n] {
			s.sums[gids.at(i)].addInt(n)
		}
		return nil
	}
	for i := range v.n {
		if sel != nil && !sel[i] {
			continue
		}
		x := col.Value(i)
		if x.Kind == record.Int {
			s.sums[gids.at(i)].addInt(x.Int)
		} else if f, ok := x.Float(); ok {
			t := &s.sums[gids.at(i)]
			t.n++
			t.float += f
			t.over = true
		}
	}
	return nil
}

func (s *summer) merge(o accumulator, to []uint32, groups int) error {
	s.sums = grown(s.sums, groups)
	for g, x := range o.(*summer).sums {
		if x.n == 0 {
			continue
		}
		t := &s.sums[to[g]]
		n, float, over := t.n+x.n, t.float+x.float, t.over || x.over
		t.addInt(x.ints)
		t.n, t.float, t.over = n, float, t.over || over
	}
	return nil
}

func (s *summer) value(g int) record.Value {
	if g >= len(s.sums) || s.sums[g].n == 0 {
		return record.Value{Kind: record.Null}
	}
	t := s.sums[g]
	switch {
	case s.mean && !t.over:
		return floatValue(float64(t.ints) / float64(t.n))
	case s.mean:
		return floatValue(t.float / float64(t.n))
	case !t.over:
		return record.IntValue(t.ints)
	}
	return floatValue(t.float)
}

// floatValue makes a number; what JSON cannot carry becomes null.
func floatValue(f float64) record.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return record.Value{Kind: record.Null}
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e17) {
		format = 'e'
	}
	return record.NumberValue(strconv.AppendFloat(nil, f, format, -1, 64))
}

// extreme computes min or max in the order of compareValues; null does not count.
type extreme struct {
	field   string
	largest bool
	budget  *budget
	values  []record.Value // Missing: none yet
}

func (e *extreme) take(g uint32, v record.Value) error {
	if class(v) == classNone {
		return nil
	}
	old := &e.values[g]
	if old.Kind != record.Missing {
		if c := compareValues(v, *old); c == 0 || (c > 0) != e.largest {
			return nil
		}
	}
	if n := len(v.Bytes) - len(old.Bytes); n != 0 {
		if err := e.budget.take(int64(n), "min and max"); err != nil {
			return err
		}
	}
	*old = record.Value{Kind: v.Kind, Int: v.Int, Bytes: append(old.Bytes[:0], v.Bytes...)}
	return nil
}

func (e *extreme) add(v *view, gids *codes, sel []bool, groups int) error {
	e.values = grown(e.values, groups)
	col := v.column(e.field)
	if col == nil {
		return nil
	}
	for i := range v.n {
		if sel != nil && !sel[i] {
			continue
		}
		if err := e.take(gids.at(i), col.Value(i)); err != nil {
			return err
		}
	}
	return nil
}

func (e *extreme) merge(o accumulator, to []uint32, groups int) error {
	e.values = grown(e.values, groups)
	for g, v := range o.(*extreme).values {
		if v.Kind == record.Missing {
			continue
		}
		if err := e.take(to[g], v); err != nil {
			return err
		}
	}
	return nil
}

func (e *extreme) value(g int) record.Value {
	if g >= len(e.values) || e.values[g].Kind == record.Missing {
		return record.Value{Kind: record.Null}
	}
	return e.values[g]
}
