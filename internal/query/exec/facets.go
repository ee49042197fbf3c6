package exec

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

const (
	// facetRows is how many rows facets look at; of more they take the newest.
	facetRows = 100_000
	// facetValues is how many values are listed of each field.
	facetValues = 10
	// facetKept is how many values of a field are counted at a time.
	facetKept = 4096
)

// facets describes the fields of the rows of a scan.
func (q *query) facets(ctx context.Context, p *plan, f *lang.Facets) (*table, error) {
	c := &facetCounter{budget: &q.budget, fields: map[string]*facetField{}}
	more, err := q.sample(ctx, p, facetRows, c.add)
	if more {
		q.note("facets are of the newest %d rows; there are more", facetRows)
	}
	if err := q.facetsFit(err); err != nil {
		return nil, err
	}
	return q.facetsResult(c, f), nil
}

// facetsTable describes the fields of rows at hand.
func (q *query) facetsTable(t *table, f *lang.Facets) (*table, error) {
	c := &facetCounter{budget: &q.budget, fields: map[string]*facetField{}}
	if err := q.facetsFit(t.emit(c.add)); err != nil {
		return nil, err
	}
	return q.facetsResult(c, f), nil
}

// facetsFit makes an answer from fewer rows of one that does not fit the memory.
func (q *query) facetsFit(err error) error {
	var over *scan.BudgetError
	if errors.As(err, &over) {
		q.stats.Partial = append(q.stats.Partial, "facets are of the rows that fit the query's memory")
		return nil
	}
	return err
}

func (q *query) facetsResult(c *facetCounter, f *lang.Facets) *table {
	list := c.list()
	list = list[:min(f.N, len(list))]
	t := &table{}
	for _, n := range lang.FacetColumns {
		t.cols = append(t.cols, tableColumn{name: n})
	}
	for _, fc := range list {
		if fc.floor > 0 {
			q.note("the counts of values of %s are lower bounds: a value may lack up to %d rows", fc.name, fc.floor)
		}
		if fc.distinct.registers != nil {
			q.note("distinct of %s %s", fc.name, distinctNote)
		}
		t.rows = append(t.rows, tableRow{values: []record.Value{
			record.StringValue([]byte(fc.name)), record.StringValue([]byte(fc.kind().String())),
			record.IntValue(fc.count), record.IntValue(fc.distinct.count()), fc.values(),
		}})
	}
	return t
}

// facetCounter counts the values of all fields of the rows it gets.
type facetCounter struct {
	budget *budget
	rows   int64
	fields map[string]*facetField

	codes []int64
	key   []byte
}

// facetField is what is known of one field.
type facetField struct {
	name     string
	count    int64
	kinds    [record.JSON + 1]int64
	distinct hashSet
	top      map[string]int64 // by appendKey
	floor    int64            // values that were let go had at most so many rows

	sorted []facetValue
	score  float64
}

type facetValue struct {
	key   string
	count int64
}

func (c *facetCounter) add(b *scan.Block) error {
	n := b.Len()
	c.rows += int64(n)
	dataset := false
	for i := range b.Columns {
		col := &b.Columns[i]
		dataset = dataset || col.Name == record.FieldDataset
		if col.Time {
			continue
		}
		if err := c.column(col, n); err != nil {
			return err
		}
	}
	if b.Dataset == "" || dataset {
		return nil
	}
	f, err := c.field(record.FieldDataset)
	if err != nil {
		return err
	}
	return c.value(f, record.StringValue([]byte(b.Dataset)), int64(n))
}

func (c *facetCounter) column(col *scan.Column, n int) error {
	var f *facetField
	add := func(v record.Value, n int64) error {
		if v.Kind == record.Missing || n == 0 {
			return nil
		}
		if f == nil {
			var err error
			if f, err = c.field(col.Name); err != nil {
				return err
			}
		}
		return c.value(f, v, n)
	}
	switch col.Form {
	case scan.Consts:
		return add(col.Values[0], int64(n))
	case scan.Dict:
		c.codes = append(c.codes[:0], make([]int64, len(col.Values))...)
		for _, code := range col.Codes[:n] {
			c.codes[code]++
		}
		for i, v := range col.Values {
			if err := add(v, c.codes[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range n {
		if err := add(col.Value(i), 1); err != nil {
			return err
		}
	}
	return nil
}

func (c *facetCounter) field(name string) (*facetField, error) {
	f := c.fields[name]
	if f == nil {
		name = strings.Clone(name)
		f = &facetField{name: name, top: map[string]int64{}}
		c.fields[name] = f
		return f, c.budget.take(int64(len(name))+400, "fields")
	}
	return f, nil
}

func (c *facetCounter) value(f *facetField, v record.Value, n int64) error {
	f.count += n
	f.kinds[min(v.Kind, record.JSON)] += n
	h := hash(v)
	if err := f.distinct.add(h, c.budget); err != nil {
		return err
	}
	if len(v.Bytes) > maxShown { // its beginning is all that is shown
		v.Bytes = append(append(make([]byte, 0, maxShown+24), v.Bytes[:maxShown]...), strconv.FormatUint(h, 36)...)
		v.Kind = record.String
	}
	c.key = appendKey(c.key[:0], v)
	if _, ok := f.top[string(c.key)]; !ok {
		if len(f.top) >= facetKept {
			if err := c.budget.take(-f.prune(), "values of fields"); err != nil {
				return err
			}
		}
		if err := c.budget.take(int64(len(c.key))+64, "values of fields"); err != nil {
			return err
		}
	}
	f.top[string(c.key)] += n
	return nil
}

// prune lets the rarer half of the values go.
func (f *facetField) prune() (bytes int64) {
	counts := make([]int64, 0, len(f.top))
	for _, n := range f.top {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	median := counts[len(counts)/2]
	for k, n := range f.top {
		if n <= median {
			delete(f.top, k)
			bytes += int64(len(k)) + 64
		}
	}
	f.floor += median
	return bytes
}

func (f *facetField) kind() record.Kind {
	kind := record.Null
	for k, n := range f.kinds {
		if n > f.kinds[kind] {
			kind = record.Kind(k)
		}
	}
	return kind
}

// list orders the fields by their usefulness: those first that most rows have and
// whose values tell rows apart without being all different.
func (c *facetCounter) list() []*facetField {
	list := make([]*facetField, 0, len(c.fields))
	for _, f := range c.fields {
		f.sort()
		f.score = f.usefulness(c.rows)
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *facetField) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	return list
}

func (f *facetField) sort() {
	f.sorted = make([]facetValue, 0, len(f.top))
	for k, n := range f.top {
		f.sorted = append(f.sorted, facetValue{k, n})
	}
	slices.SortFunc(f.sorted, func(a, b facetValue) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key))
	})
}

// usefulness is high for a field that most rows have and that parts them into some
// groups of similar size, 0 for constants and for what is different in each row.
// Ties are broken by the number of rows, rounding keeps them ties.
func (f *facetField) usefulness(rows int64) float64 {
	const enough = 3 // bits: eight equal groups
	count, entropy := float64(f.count), 0.0
	for _, v := range f.sorted {
		share := float64(v.count) / count
		entropy -= share * math.Log2(share)
	}
	repeated := 1 - float64(f.distinct.count())/count
	score := count / float64(rows) * min(entropy, enough) / enough * max(repeated, 0) * max(repeated, 0)
	return math.Round(score*1e9) / 1e9
}

// values are the commonest values as a JSON array of objects.
func (f *facetField) values() record.Value {
	text := []byte{'['}
	for i, v := range f.sorted[:min(facetValues, len(f.sorted))] {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, `{"value":`...)
		text = appendShown(text, keyValue(v.key))
		text = append(strconv.AppendInt(append(text, `,"count":`...), v.count, 10), '}')
	}
	return record.Value{Kind: record.JSON, Bytes: append(text, ']')}
}

// keyValue is the value that appendKey made a key of.
func keyValue(key string) record.Value {
	v := record.Value{Kind: record.Kind(key[0])}
	var n uint64
	i := 1
	for shift := 0; ; shift += 7 {
		c := key[i]
		i++
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			break
		}
	}
	if v.Kind == record.Int || v.Kind == record.Bool {
		v.Int = int64(n)
	} else {
		v.Bytes = []byte(key[i:])
	}
	return v
}

// appendShown appends a value as JSON; long ones are cut.
func appendShown(dst []byte, v record.Value) []byte {
	if v.Kind == record.String {
		text := string(bytes.ToValidUTF8(v.Bytes, []byte("\ufffd")))
		return record.AppendJSONString(dst, shown(text))
	}
	return v.AppendJSON(dst)
}
