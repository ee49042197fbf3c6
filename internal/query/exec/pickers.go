package exec

import (
	"math"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// rater counts rows per second of the bucket or of the query's time.
type rater struct {
	counter
	seconds float64
}

func (r *rater) merge(o accumulator, to []uint32, groups int) error {
	return r.counter.merge(&o.(*rater).counter, to, groups)
}

func (r *rater) value(g int) record.Value { return r.over(g, r.seconds) }

// over is the rate of a group whose rows are of so many seconds.
func (r *rater) over(g int, seconds float64) record.Value {
	n := r.counter.value(g)
	if n.Int == 0 || seconds <= 0 {
		return n
	}
	return floatValue(float64(n.Int) / seconds)
}

// boundary keeps the value of the oldest or the newest row that has one. Of rows
// of equal time the smaller value counts, so that the result does not depend on
// which worker was first. Rows of a table
// without times count in their order.
type boundary struct {
	field  string
	newest bool
	budget *budget
	ends   []end
	rows   int64 // until now
}

type end struct {
	at    int64
	value record.Value // Missing: none yet
}

func (a *boundary) add(v *view, gids *codes, sel []bool, groups int) error {
	a.ends = grown(a.ends, groups)
	col := v.column(a.field)
	times := v.times()
	start := a.rows
	a.rows += int64(v.n)
	if col == nil {
		return nil
	}
	for i := range v.n {
		if sel != nil && !sel[i] {
			continue
		}
		at := start + int64(i)
		if times != nil {
			at = times[i]
		}
		if err := a.take(gids.at(i), at, col.Value(i)); err != nil {
			return err
		}
	}
	return nil
}

func (a *boundary) take(g uint32, at int64, v record.Value) error {
	if v.Kind == record.Missing || v.Kind == record.Null {
		return nil
	}
	e := &a.ends[g]
	if e.value.Kind != record.Missing {
		if at != e.at && (at > e.at) != a.newest || at == e.at && compareContent(v, e.value) >= 0 {
			return nil
		}
	}
	if n := len(v.Bytes) - cap(e.value.Bytes); n > 0 {
		if err := a.budget.take(int64(n), "first and last"); err != nil {
			return err
		}
	}
	e.at = at
	e.value = record.Value{Kind: v.Kind, Int: v.Int, Bytes: append(e.value.Bytes[:0], v.Bytes...)}
	return nil
}

func (a *boundary) merge(o accumulator, to []uint32, groups int) error {
	a.ends = grown(a.ends, groups)
	from := o.(*boundary).ends
	for g := range from[:min(len(from), len(to))] {
		if err := a.take(to[g], from[g].at, from[g].value); err != nil {
			return err
		}
	}
	return nil
}

func (a *boundary) value(g int) record.Value {
	if g >= len(a.ends) || a.ends[g].value.Kind == record.Missing {
		return record.Value{Kind: record.Null}
	}
	return a.ends[g].value
}

// maxValues is how many values of a group values() lists.
const (
	maxValues  = 1000
	valuesNote = "lists the first 1000 values, there are more"
)

// lister lists the distinct values of a field in their order, as a JSON array.
type lister struct {
	field  string
	budget *budget
	sets   []valueSet
	key    []byte
	seen   []bool // of a block's dictionary
}

type valueSet struct {
	known map[string]record.Value
	// last is the greatest that may be listed where some were left out.
	last record.Value
	more bool
}

func (l *lister) add(v *view, gids *codes, sel []bool, groups int) error {
	l.sets = grown(l.sets, groups)
	col := v.column(l.field)
	if col == nil {
		return nil
	}
	coded := col.Form == scan.Dict || col.Form == scan.Consts
	l.seen = append(l.seen[:0], make([]bool, len(col.Values))...)
	for i := range v.n {
		if sel != nil && !sel[i] {
			continue
		}
		if coded && gids.same {
			code := uint32(0)
			if col.Form == scan.Dict {
				code = col.Codes[i]
			}
			if l.seen[code] {
				continue
			}
			l.seen[code] = true
		}
		if err := l.take(&l.sets[gids.at(i)], col.Value(i)); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) take(s *valueSet, v record.Value) error {
	if v.Kind == record.Missing || v.Kind == record.Null {
		return nil
	}
	l.key = appendKey(l.key[:0], v)
	if _, ok := s.known[string(l.key)]; ok {
		return nil
	}
	if s.more && compareContent(v, s.last) > 0 {
		return nil
	}
	if s.known == nil {
		s.known = map[string]record.Value{}
	}
	if err := l.budget.take(2*size(v)+32, "values"); err != nil {
		return err
	}
	s.known[string(l.key)] = clone(v)
	if len(s.known) < 2*maxValues {
		return nil
	}
	sorted := s.sorted()
	s.last, s.more = sorted[maxValues-1], true
	var left int64
	for _, x := range sorted[maxValues:] {
		delete(s.known, string(appendKey(nil, x)))
		left += 2*size(x) + 32
	}
	return l.budget.take(-left, "values")
}

func (s *valueSet) sorted() []record.Value {
	list := make([]record.Value, 0, len(s.known))
	for _, v := range s.known {
		list = append(list, v)
	}
	slices.SortFunc(list, compareContent)
	return list
}

func (l *lister) merge(o accumulator, to []uint32, groups int) error {
	l.sets = grown(l.sets, groups)
	from := o.(*lister).sets
	for g := range from[:min(len(from), len(to))] {
		s := &l.sets[to[g]]
		if f := &from[g]; f.more && (!s.more || compareContent(f.last, s.last) < 0) {
			s.last, s.more = f.last, true
		}
		for _, v := range from[g].known {
			if err := l.take(s, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *lister) value(g int) record.Value {
	if g >= len(l.sets) {
		return arrayOf(nil)
	}
	list := l.sets[g].sorted()
	return arrayOf(list[:min(len(list), maxValues)])
}

func (l *lister) note() string {
	for i := range l.sets {
		if l.sets[i].more || len(l.sets[i].known) > maxValues {
			return valuesNote
		}
	}
	return ""
}

// appendKey appends the value in a form that is equal for equal values only.
func appendKey(dst []byte, v record.Value) []byte {
	dst = append(dst, byte(v.Kind))
	n := uint64(v.Int)
	if v.Kind != record.Int && v.Kind != record.Bool {
		n = uint64(len(v.Bytes))
	}
	for n >= math.MaxInt8+1 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(append(dst, byte(n)), v.Bytes...)
}
