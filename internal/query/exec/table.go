package exec

import (
	"cmp"
	"context"
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// table holds rows in memory, for the pipes that need all of them. Its rows are
// whole records, or values of columns.
type table struct {
	whole bool
	cols  []tableColumn // of rows that are not whole
	rows  []tableRow
	// placed: the rows are records that know their place.
	placed bool
}

type tableColumn struct {
	name string
	time bool // Ints of nanoseconds since the epoch
}

type tableRow struct {
	// Of whole rows:
	time    int64
	dataset string
	shape   []record.Name // shared between rows

	place uint64 // as scan.Block.Places

	// values stand as shape, or as the table's columns.
	values []record.Value
}

func (t *table) get(r *tableRow, name string) (record.Value, bool) {
	if t.whole {
		switch name {
		case record.FieldTime:
			return record.IntValue(r.time), true
		case record.FieldDataset:
			return record.StringValue([]byte(r.dataset)), true
		}
		for i, n := range r.shape {
			if n.Dotted == name {
				return r.values[i], true
			}
		}
		return record.Value{}, false
	}
	for i, c := range t.cols {
		if c.name == name {
			return r.values[i], r.values[i].Kind != record.Missing
		}
	}
	return record.Value{}, false
}

func (t *table) each(r *tableRow, f func(string, record.Value) bool) {
	for i, v := range r.values {
		name := ""
		if t.whole {
			name = r.shape[i].Dotted
		} else {
			name = t.cols[i].name
		}
		if !f(name, v) {
			return
		}
	}
}

// apply runs one pipe.
func (q *query) apply(ctx context.Context, t *table, p lang.Pipe) (*table, error) {
	switch p := p.(type) {
	case *lang.Limit:
		t.rows = t.rows[:min(p.N, len(t.rows))]
	case *lang.Sort:
		t.sort(p.By)
	case *lang.Fields:
		t.project(choiceOf(p))
	case *lang.Where:
		e, err := q.tableCompiler(t).filter(p.Filter)
		if err != nil {
			return nil, err
		}
		t.where(e)
	case *lang.Dedup:
		return t, q.dedup(t, p)
	case *lang.Eval:
		return t, q.eval(t, p)
	case *lang.Timechart:
		return q.chartTable(t, p)
	case *lang.Context:
		return t, q.context(ctx, t, p)
	case *lang.Patterns:
		return q.patternsTable(t, p)
	case *lang.Facets:
		return q.facetsTable(t, p)
	case *lang.Extract:
		return t, q.extract(t, p)
	case *lang.Stats:
		return q.aggregateTable(t, p)
	}
	return t, nil
}

// sort orders the rows; equal ones stay as they are, except that records of equal time
// come in the order of their arrival, or the reverse of it, where the time is a key.
func (t *table) sort(by []lang.SortKey) {
	type entry struct {
		keys []record.Value
		row  tableRow
	}
	list := make([]entry, len(t.rows))
	for i := range t.rows {
		list[i] = entry{row: t.rows[i]}
		for _, k := range by {
			v, _ := t.get(&t.rows[i], k.Field)
			list[i].keys = append(list[i].keys, v)
		}
	}
	byTime := timeKey(by)
	slices.SortStableFunc(list, func(a, b entry) int {
		c := compareKeys(by, a.keys, b.keys)
		if c != 0 || byTime == nil || !t.placed || !t.isTime(record.FieldTime) {
			return c
		}
		if byTime.Down {
			return cmp.Compare(b.row.place, a.row.place)
		}
		return cmp.Compare(a.row.place, b.row.place)
	})
	for i := range list {
		t.rows[i] = list[i].row
	}
}

func (t *table) where(e scan.Expr) {
	kept := t.rows[:0]
	for i := range t.rows {
		r := t.rows[i]
		if scan.Eval(e,
			func(name string) (record.Value, bool) { return t.get(&r, name) },
			func(f func(string, record.Value) bool) { t.each(&r, f) }) {
			kept = append(kept, r)
		}
	}
	t.rows = kept
}

// project leaves of the rows what a choice says.
func (t *table) project(left choice) {
	if left.keep == nil && t.whole {
		for i := range t.rows {
			r := &t.rows[i]
			var values []record.Value
			for j, n := range r.shape {
				if left.leaves(n.Dotted) {
					values = append(values, r.values[j])
				}
			}
			r.shape, r.values = left.of(r.shape), values
		}
		return
	}
	var cols []tableColumn
	if left.keep == nil {
		for _, c := range t.cols {
			if left.leaves(c.name) {
				cols = append(cols, c)
			}
		}
	} else {
		for _, n := range left.keep {
			cols = append(cols, tableColumn{name: n, time: t.isTime(n)})
		}
	}
	for i := range t.rows {
		values := make([]record.Value, len(cols))
		for j, c := range cols {
			values[j], _ = t.get(&t.rows[i], c.name)
		}
		t.rows[i] = tableRow{values: values, place: t.rows[i].place}
	}
	t.cols, t.whole = cols, false
}

func (t *table) isTime(name string) bool {
	if t.whole {
		return name == record.FieldTime
	}
	for _, c := range t.cols {
		if c.name == name {
			return c.time
		}
	}
	return false
}

// clock is the column of times that time(span) and timechart group a table by: that of
// the records, else the first one; "" where there is none.
func (t *table) clock() string {
	if t.isTime(record.FieldTime) {
		return record.FieldTime
	}
	for _, c := range t.cols {
		if c.time {
			return c.name
		}
	}
	return ""
}

// blockRows is how many rows of a table one block carries.
const blockRows = 1024

// emit yields the table as blocks, of whole rows one dataset each. An answer of
// columns yields at least one block, so that its columns are known.
func (t *table) emit(yield func(*scan.Block) error) error {
	if !t.whole && len(t.rows) == 0 {
		return yield(t.block(nil))
	}
	for from := 0; from < len(t.rows); {
		to := from + 1
		for to < len(t.rows) && to-from < blockRows && t.rows[to].dataset == t.rows[from].dataset {
			to++
		}
		if err := yield(t.block(t.rows[from:to])); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (t *table) block(rows []tableRow) *scan.Block {
	if t.whole {
		return wholeBlock(rows)
	}
	b := &scan.Block{}
	for i, c := range t.cols {
		ints := true
		for j := range rows {
			ints = ints && rows[j].values[i].Kind == record.Int
		}
		if ints {
			col := scan.Column{Name: c.name, Form: scan.Ints, Time: c.time, Len: len(rows), Ints: make([]int64, len(rows))}
			for j := range rows {
				col.Ints[j] = rows[j].values[i].Int
			}
			b.Columns = append(b.Columns, col)
			continue
		}
		col := newPlain(c.name, 0)
		col.Time = c.time
		for j := range rows {
			appendValue(&col, rows[j].values[i])
		}
		b.Columns = append(b.Columns, col)
	}
	return b
}

func wholeBlock(rows []tableRow) *scan.Block {
	b := &scan.Block{Dataset: rows[0].dataset}
	index := map[string]int{}
	shapes := map[*record.Name]uint32{} // shapes are shared: the first name tells them apart
	for i := range rows {
		r := &rows[i]
		b.Times = append(b.Times, r.time)
		var first *record.Name
		if len(r.shape) > 0 {
			first = &r.shape[0]
		}
		id, ok := shapes[first]
		if !ok {
			id = uint32(len(b.Shapes))
			shapes[first] = id
			b.Shapes = append(b.Shapes, r.shape)
		}
		b.ShapeOf = append(b.ShapeOf, id)
		for j, n := range r.shape {
			c, ok := index[n.Dotted]
			if !ok {
				c = len(b.Columns)
				index[n.Dotted] = c
				b.Columns = append(b.Columns, newPlain(n.Dotted, i))
			}
			col := &b.Columns[c]
			for col.Len < i {
				appendValue(col, record.Value{})
			}
			if col.Len == i { // else a second field of the same dotted name
				appendValue(col, r.values[j])
			}
		}
	}
	for c := range b.Columns {
		for b.Columns[c].Len < len(rows) {
			appendValue(&b.Columns[c], record.Value{})
		}
	}
	return b
}

// newPlain makes a column that begins with n missing values.
func newPlain(name string, n int) scan.Column {
	return scan.Column{Name: name, Form: scan.Plain, Len: n, Kinds: make([]record.Kind, n), Offsets: make([]uint32, n+1)}
}

func appendValue(c *scan.Column, v record.Value) {
	switch v.Kind {
	case record.Int, record.Bool:
		for i := range 8 {
			c.Data = append(c.Data, byte(uint64(v.Int)>>(8*i)))
		}
	case record.Number, record.String, record.JSON:
		c.Data = append(c.Data, v.Bytes...)
	}
	c.Kinds = append(c.Kinds, v.Kind)
	c.Offsets = append(c.Offsets, uint32(len(c.Data)))
	c.Len++
}
