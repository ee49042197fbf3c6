package exec

import (
	"journalist/internal/record"
	"journalist/internal/scan"
)

// view finds the columns of a block by name. One goroutine uses it, for one block
// after the other.
type view struct {
	b     *scan.Block
	n     int
	index map[string]int

	time, dataset scan.Column
}

func (v *view) reset(b *scan.Block) {
	v.b, v.n = b, b.Len()
	if v.index == nil {
		v.index = map[string]int{}
	}
	clear(v.index)
	for i := range b.Columns {
		v.index[b.Columns[i].Name] = i
	}
}

// column returns the column of this name, nil where no row has it.
func (v *view) column(name string) *scan.Column {
	if name == record.FieldTime && v.b.Times != nil {
		v.time = scan.Column{Name: name, Form: scan.Ints, Time: true, Len: v.n, Ints: v.b.Times}
		return &v.time
	}
	if i, ok := v.index[name]; ok {
		return &v.b.Columns[i]
	}
	if name == record.FieldDataset && v.b.Dataset != "" {
		v.dataset = scan.Column{Name: name, Form: scan.Consts, Len: v.n, Values: []record.Value{record.StringValue([]byte(v.b.Dataset))}}
		return &v.dataset
	}
	return nil
}

// times are those of the rows, of a table's rows those of its first column of
// times; nil where it has none.
func (v *view) times() []int64 {
	if v.b.Times != nil {
		return v.b.Times
	}
	for i := range v.b.Columns {
		if c := &v.b.Columns[i]; c.Time && c.Form == scan.Ints {
			return c.Ints
		}
	}
	return nil
}

func (v *view) value(name string, i int) (record.Value, bool) {
	c := v.column(name)
	if c == nil {
		return record.Value{}, false
	}
	x := c.Value(i)
	return x, x.Kind != record.Missing
}

// eval tells whether row i satisfies e.
func (v *view) eval(e scan.Expr, i int) bool {
	return scan.Eval(e,
		func(name string) (record.Value, bool) { return v.value(name, i) },
		func(f func(string, record.Value) bool) {
			for j := range v.b.Columns {
				c := &v.b.Columns[j]
				if x := c.Value(i); x.Kind != record.Missing && !f(c.Name, x) {
					return
				}
			}
		})
}
