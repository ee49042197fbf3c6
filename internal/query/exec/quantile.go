package exec

import (
	"math"
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

const (
	// maxExact is how many numbers a worker keeps as they are, for all groups
	// together, before the larger groups go on as sketches.
	maxExact = 1 << 20
	// minSketch is how many numbers a group must have for a sketch to be smaller.
	minSketch    = 512
	quantileNote = "is within 0.4 % of the exact value: there are too many to sort"
)

// quantile computes one percentile: the smallest of the values that at least so
// large a share of them does not exceed. Those of one field share their samples,
// which the first of them, the owner, gathers.
type quantile struct {
	phi   float64
	owner bool
	*samples
}

// share takes the samples of an earlier percentile of the same rows and field.
func (a *quantile) share(before []lang.Agg, accs []accumulator, agg lang.Agg) {
	for i, o := range before {
		q, ok := accs[i].(*quantile)
		if ok && o.Field == agg.Field && (o.If == nil) == (agg.If == nil) && (o.If == nil || o.If.String() == agg.If.String()) {
			a.samples, a.owner = q.samples, false
			return
		}
	}
}

func (a *quantile) add(v *view, gids *codes, sel []bool, groups int) error {
	if !a.owner {
		return nil
	}
	return a.samples.add(v, gids, sel, groups)
}

func (a *quantile) merge(o accumulator, to []uint32, groups int) error {
	if !a.owner {
		return nil
	}
	return a.samples.merge(o.(*quantile).samples, to, groups)
}

func (a *quantile) value(g int) record.Value {
	if g >= len(a.groups) {
		return record.Value{Kind: record.Null}
	}
	return a.groups[g].quantile(a.phi)
}

func (a *quantile) note() string {
	for i := range a.groups {
		if a.groups[i].sketch != nil {
			return quantileNote
		}
	}
	return ""
}

// samples are the numbers of a field in each group.
type samples struct {
	field  string
	budget *budget
	groups []sample
	kept   int // capacity of all values
	full   bool

	numbers []float64 // of a block's dictionary; NaN: no number
}

// sample holds a group's numbers as they are or as a sketch.
type sample struct {
	values []float64
	sketch *sketch
}

func (s *samples) add(v *view, gids *codes, sel []bool, groups int) error {
	s.groups = grown(s.groups, groups)
	col := v.column(s.field)
	if col == nil {
		return nil
	}
	coded := col.Form == scan.Dict || col.Form == scan.Consts
	if coded {
		s.numbers = s.numbers[:0]
		for _, x := range col.Values {
			s.numbers = append(s.numbers, number(x))
		}
	}
	for i := range v.n {
		if sel != nil && !sel[i] {
			continue
		}
		var f float64
		switch {
		case col.Form == scan.Ints:
			f = float64(col.Ints[i])
		case col.Form == scan.Dict:
			f = s.numbers[col.Codes[i]]
		case coded:
			f = s.numbers[0]
		default:
			f = number(col.Value(i))
		}
		if f != f {
			continue
		}
		if err := s.put(&s.groups[gids.at(i)], f); err != nil {
			return err
		}
	}
	return nil
}

// number is a value as a number, NaN where it is none or infinite.
func number(v record.Value) float64 {
	f, ok := v.Float()
	if !ok || math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

func (s *samples) put(t *sample, f float64) error {
	if t.sketch == nil && len(t.values) == cap(t.values) {
		if err := s.grow(t, max(8, 2*cap(t.values))); err != nil {
			return err
		}
	}
	if t.sketch != nil {
		return t.sketch.add(f, 1, s.budget)
	}
	t.values = append(t.values, f)
	return nil
}

// grow makes room for n numbers in all, or turns them into a sketch.
func (s *samples) grow(t *sample, n int) error {
	if !s.full && s.kept+n-cap(t.values) > maxExact {
		s.full = true
		for i := range s.groups {
			if err := s.shrink(&s.groups[i]); err != nil {
				return err
			}
		}
	}
	if s.full {
		if err := s.shrink(t); err != nil || t.sketch != nil {
			return err
		}
	}
	more := n - cap(t.values)
	if err := s.budget.take(8*int64(more), "percentiles"); err != nil {
		return err
	}
	s.kept += more
	t.values = append(make([]float64, 0, n), t.values...)
	return nil
}

// shrink turns a large group into a sketch.
func (s *samples) shrink(t *sample) error {
	if t.sketch != nil || len(t.values) < minSketch {
		return nil
	}
	return s.sketch(t)
}

func (s *samples) sketch(t *sample) error {
	t.sketch = newSketch()
	for _, f := range t.values {
		if err := t.sketch.add(f, 1, s.budget); err != nil {
			return err
		}
	}
	s.kept -= cap(t.values)
	err := s.budget.take(-8*int64(cap(t.values)), "percentiles")
	t.values = nil
	return err
}

func (s *samples) merge(o *samples, to []uint32, groups int) error {
	s.groups = grown(s.groups, groups)
	for g := range o.groups[:min(len(o.groups), len(to))] {
		from := &o.groups[g]
		t := &s.groups[to[g]]
		switch {
		case from.sketch != nil:
			if t.sketch == nil {
				if err := s.sketch(t); err != nil {
					return err
				}
			}
			if err := t.sketch.merge(from.sketch, s.budget); err != nil {
				return err
			}
		case t.sketch == nil && len(t.values)+len(from.values) > cap(t.values):
			if err := s.grow(t, len(t.values)+len(from.values)); err != nil {
				return err
			}
		}
		for _, f := range from.values {
			if err := s.put(t, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *sample) quantile(phi float64) record.Value {
	if t.sketch != nil {
		return floatValue(t.sketch.quantile(phi))
	}
	if len(t.values) == 0 {
		return record.Value{Kind: record.Null}
	}
	return floatValue(nth(t.values, int(rank(phi, int64(len(t.values))))))
}

// rank is the place, from 0, of a percentile among n sorted values. Shares such as
// 0.07 are a little more than that as a float64, which must not count.
func rank(phi float64, n int64) int64 {
	return min(max(int64(math.Ceil(phi*float64(n)*(1-1e-12))), 1), n) - 1
}

// nth returns what would stand at place k if the values were sorted. It moves them
// so that those before k are not greater and those behind not smaller.
func nth(values []float64, k int) float64 {
	for tries := 0; len(values) > 16; tries++ {
		if tries == 64 { // unlucky pivots
			break
		}
		n := len(values)
		pivot := median3(values[0], values[n/2], values[n-1])
		if n > 1000 { // a better one is worth its price
			pivot = median3(pivot, median3(values[n/8], values[3*n/8], values[5*n/8]), median3(values[n/4], values[3*n/4], values[7*n/8]))
		}
		i, j := 0, n-1
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for pivot < values[j] {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			values = values[:j+1]
		case k >= i:
			values, k = values[i:], k-i
		default:
			return pivot
		}
	}
	slices.Sort(values)
	return values[k]
}

func median3(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }
