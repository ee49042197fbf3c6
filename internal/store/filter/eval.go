package filter

import (
	"cmp"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
)

// Apply removes from sel the rows for which the predicate does not hold.
func (f *Filter) Apply(r Rows, sel Bitmap) error { return f.apply(f.expr, r, sel) }

func (f *Filter) apply(e scan.Expr, r Rows, sel Bitmap) error {
	switch e := e.(type) {
	case nil:
		return nil
	case scan.And:
		for _, x := range byCost(e) {
			if err := f.apply(x, r, sel); err != nil {
				return err
			}
			if sel.Empty() {
				return nil
			}
		}
		return nil
	case scan.Or:
		return f.applyOr(byCost(e), r, sel)
	case scan.Not:
		hit := append(Bitmap(nil), sel...)
		if err := f.apply(e.X, r, hit); err != nil {
			return err
		}
		sel.andNot(hit)
		return nil
	}
	t, err := f.decideLeaf(e, r)
	switch {
	case err != nil:
		return err
	case t == No:
		sel.clear()
		return nil
	case t == Yes:
		return nil
	}
	switch e := e.(type) {
	case scan.Exists:
		c, err := r.Col(e.Field)
		if err != nil {
			return err
		}
		keepSlots(c, sel, func(int) bool { return true })
	case scan.Text:
		if e.Field == "" {
			return f.applyAnywhere(e, r, sel)
		}
		return f.applyText(e, r, sel, anyKind)
	case scan.Compare:
		return f.applyCompare(&e, r, sel)
	}
	return nil
}

func (f *Filter) applyOr(list []scan.Expr, r Rows, sel Bitmap) error {
	left := append(Bitmap(nil), sel...)
	sel.clear()
	for _, x := range list {
		hit := append(Bitmap(nil), left...)
		if err := f.apply(x, r, hit); err != nil {
			return err
		}
		sel.or(hit)
		left.andNot(hit)
		if left.Empty() {
			return nil
		}
	}
	return nil
}

func (f *Filter) applyAnywhere(e scan.Text, r Rows, sel Bitmap) error {
	names, err := r.Names()
	if err != nil {
		return err
	}
	left := append(Bitmap(nil), sel...)
	sel.clear()
	hit := make(Bitmap, len(sel))
	for _, name := range names {
		h, err := r.Head(name)
		if err != nil {
			return err
		}
		if !anywhere(name, h) {
			continue
		}
		one := scan.Text{Field: name, Pattern: e.Pattern}
		if t, err := f.decideText(one, r); err != nil {
			return err
		} else if t == No {
			continue
		}
		copy(hit, left)
		kinds := column.Text
		if name == record.FieldMessage {
			kinds = anyKind
		}
		if err := f.applyText(one, r, hit, kinds); err != nil {
			return err
		}
		sel.or(hit)
		left.andNot(hit)
		if left.Empty() {
			return nil
		}
	}
	return nil
}

const anyKind = ^column.KindMask(0)

// applyText keeps the rows whose value is of one of the kinds and matches.
func (f *Filter) applyText(e scan.Text, r Rows, sel Bitmap, kinds column.KindMask) error {
	if e.Field == record.FieldTime {
		times, err := r.Times()
		if err != nil {
			return err
		}
		sel.keep(func(i int) bool { return e.Matches(record.IntValue(times[i])) })
		return nil
	}
	t, err := r.Texts(e.Field)
	if err != nil {
		return err
	}
	if t != nil {
		return f.patterns[e.Pattern].apply(t, sel)
	}
	c, err := r.Col(e.Field)
	if err != nil {
		return err
	}
	if c != nil && c.Form == scan.Plain && c.Kinds == nil {
		keepSlots(c, sel, func(i int) bool { return e.Pattern.Match(c.Bytes(i)) })
		return nil
	}
	keepValues(c, sel, func(v record.Value) bool { return kinds.Has(v.Kind) && e.Matches(v) })
	return nil
}

func (f *Filter) applyCompare(e *scan.Compare, r Rows, sel Bitmap) error {
	if e.Field == record.FieldTime {
		times, err := r.Times()
		if err != nil {
			return err
		}
		sel.keep(func(i int) bool { return e.Op.Holds(cmp.Compare(times[i], e.Value.Int)) })
		return nil
	}
	c, err := r.Col(e.Field)
	if err != nil {
		return err
	}
	if c != nil && c.Form == scan.Ints && e.Value.Kind == record.Int {
		keepSlots(c, sel, func(i int) bool { return e.Op.Holds(cmp.Compare(c.Ints[i], e.Value.Int)) })
		return nil
	}
	keepValues(c, sel, e.Matches)
	return nil
}

// keepValues keeps the rows whose value satisfies hold, asking once per distinct
// value where the column knows them.
func keepValues(c *column.Col, sel Bitmap, hold func(record.Value) bool) {
	if c == nil || c.Form != scan.Consts && c.Form != scan.Dict {
		keepSlots(c, sel, func(i int) bool { return hold(c.Value(i)) })
		return
	}
	holds := make([]bool, len(c.Values))
	for i, v := range c.Values {
		holds[i] = hold(v)
	}
	if c.Form == scan.Consts {
		keepSlots(c, sel, func(int) bool { return holds[0] })
		return
	}
	keepSlots(c, sel, func(i int) bool { return holds[c.Codes[i]] })
}

// keepSlots keeps the rows that have a value that satisfies hold.
func keepSlots(c *column.Col, sel Bitmap, hold func(slot int) bool) {
	if c == nil {
		sel.clear()
		return
	}
	if c.Rows == nil {
		sel.keep(hold)
		return
	}
	hit := make(Bitmap, len(sel))
	for i, row := range c.Rows {
		if sel.Has(row) && hold(i) {
			hit.Set(row)
		}
	}
	copy(sel, hit)
}
