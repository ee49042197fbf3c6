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
	// facetRows is how many rows facets look at; of more they take the newest, and
	// so they do behind pipes that change rows, of fewer.
	facetRows      = 1_000_000
	facetRowsSteps = 100_000
	// facetSample is how many rows are looked at whole. Where there are more, only
	// fields whose values come again are read of these.
	facetSample = 10_000
	// facetColumns is about how many fields are read then.
	facetColumns = 500
	// facetValues is how many values are listed of each field.
	facetValues = 10
	// facetKept is how many values of a field are counted at a time.
	facetKept = 8192
)

// facets describes the fields of the rows of a scan.
func (q *query) facets(ctx context.Context, p *plan, f *lang.Facets) (*table, error) {
	c := newFacetCounter(&q.budget)
	rows := facetSample
	if p.steps != nil {
		rows = facetRowsSteps
	}
	more, err := q.sample(ctx, p, rows, c.add)
	switch {
	case err == nil && more && p.steps == nil:
		c, err = q.facetsOfMany(ctx, p, c)
	case more:
		q.note(facetNote, rows)
	}
	if err := q.facetsFit(err); err != nil {
		return nil, err
	}
	return q.facetsResult(c, f), nil
}

const facetNote = "facets are of the newest %d rows; there are more"

// facetsTable describes the fields of rows at hand.
func (q *query) facetsTable(t *table, f *lang.Facets) (*table, error) {
	c := newFacetCounter(&q.budget)
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
		if fc.estimate != 0 {
			q.note("hardly a value of %s comes again: its values are those of the newest %d rows, its numbers are estimates", fc.name, facetSample)
		} else if fc.distinct.registers != nil {
			q.note("distinct of %s %s", fc.name, distinctNote)
		}
		t.rows = append(t.rows, tableRow{values: []record.Value{
			record.StringValue([]byte(fc.name)), record.StringValue([]byte(fc.kind().String())),
			record.IntValue(fc.count), record.IntValue(fc.different()), fc.values(),
		}})
	}
	return t
}

// facetCounter counts the values of all fields of the rows that one worker gets.
type facetCounter struct {
	budget *budget
	rows   int64
	fields map[string]*facetField

	codes []int64
	key   []byte
}

func newFacetCounter(b *budget) *facetCounter {
	return &facetCounter{budget: b, fields: map[string]*facetField{}}
}

// facetField is what is known of one field. Values are told apart by their hashes, of
// which two of a million are equal once in thirty million queries.
type facetField struct {
	name     string
	count    int64
	kinds    [record.JSON + 1]int64
	distinct hashSet
	kept     []facetValue
	slots    []uint32 // a hash table: numbers in kept plus one
	floor    int64    // values that were let go had at most so many rows
	estimate int64    // of the distinct values, where not all were looked at; or 0

	score float64
}

type facetValue struct {
	hash  uint64
	count int64
	key   string // by appendKey
}

// different is how many values there are.
func (f *facetField) different() int64 {
	if f.estimate != 0 {
		return f.estimate
	}
	return f.distinct.count()
}

// slot returns the place of a hash in the table, which is not empty.
func (f *facetField) slot(h uint64) (at int, found bool) {
	mask := uint64(len(f.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		n := f.slots[i]
		if n == 0 {
			return int(i), false
		}
		if f.kept[n-1].hash == h {
			return int(n - 1), true
		}
	}
}

// index makes the table for n values and puts those that are kept into it.
func (f *facetField) index(n int) {
	size := 16
	for size < 2*n {
		size *= 2
	}
	f.slots = make([]uint32, size)
	for i := range f.kept {
		at, _ := f.slot(f.kept[i].hash)
		f.slots[at] = uint32(i + 1)
	}
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
		f = &facetField{name: name}
		c.fields[name] = f
		return f, c.budget.take(int64(len(name))+400, "fields")
	}
	return f, nil
}

// value counts the rows of a value. One that is kept was counted as a distinct one when
// it came first.
func (c *facetCounter) value(f *facetField, v record.Value, n int64) error {
	f.count += n
	f.kinds[min(v.Kind, record.JSON)] += n
	h := hash(v)
	if len(f.slots) > 0 {
		if at, ok := f.slot(h); ok {
			f.kept[at].count += n
			return nil
		}
	}
	if err := f.distinct.add(h, c.budget); err != nil {
		return err
	}
	if len(v.Bytes) > maxShown { // its beginning is all that is shown
		v.Bytes = append(append(make([]byte, 0, maxShown+24), v.Bytes[:maxShown]...), strconv.FormatUint(h, 36)...)
		v.Kind = record.String
	}
	c.key = appendKey(c.key[:0], v)
	return c.keep(f, facetValue{h, n, string(c.key)})
}

// keep takes a value that is not kept yet.
func (c *facetCounter) keep(f *facetField, v facetValue) error {
	if len(f.kept) >= facetKept {
		if err := c.budget.take(-f.prune(), "values of fields"); err != nil {
			return err
		}
	}
	if err := c.budget.take(v.size(), "values of fields"); err != nil {
		return err
	}
	if f.kept = append(f.kept, v); 2*len(f.kept) > len(f.slots) {
		f.index(len(f.kept) + len(f.kept)/2)
		return nil
	}
	at, _ := f.slot(v.hash)
	f.slots[at] = uint32(len(f.kept))
	return nil
}

func (v *facetValue) size() int64 { return int64(len(v.key)) + 64 }

// prune lets the rarer half of the values go.
func (f *facetField) prune() (bytes int64) {
	counts := make([]int64, 0, len(f.kept))
	for _, v := range f.kept {
		counts = append(counts, v.count)
	}
	slices.Sort(counts)
	median := counts[len(counts)/2]
	f.kept = slices.DeleteFunc(f.kept, func(v facetValue) bool {
		if v.count > median {
			return false
		}
		bytes += v.size()
		return true
	})
	f.floor += median
	f.index(facetKept)
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
		if f.estimate == 0 {
			f.score = f.usefulness(c.rows)
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *facetField) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	return list
}

func (f *facetField) sort() {
	f.slots = nil
	slices.SortFunc(f.kept, func(a, b facetValue) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key))
	})
}

// usefulness is high for a field that most rows have and that parts them into some
// groups of similar size, 0 for constants and for what is different in each row.
// Ties are broken by the number of rows, rounding keeps them ties.
func (f *facetField) usefulness(rows int64) float64 {
	const enough = 3 // bits: eight equal groups
	count, entropy := float64(f.count), 0.0
	for _, v := range f.kept {
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
	for i, v := range f.kept[:min(facetValues, len(f.kept))] {
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
