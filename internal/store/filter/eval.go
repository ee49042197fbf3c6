package filter

import (
	"cmp"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
)

// Apply removes from sel the rows for which the predicate does not hold.
func (v *Evaluation) Apply(sel Bitmap) error { return v.apply(v.f.expr, sel) }

func (v *Evaluation) apply(e scan.Expr, sel Bitmap) error {
	switch e := e.(type) {
	case nil:
		return nil
	case scan.And:
		for _, x := range byCost(e) {
			if err := v.apply(x, sel); err != nil {
				return err
			}
			if sel.Empty() {
				return nil
			}
		}
		return nil
	case scan.Or:
		return v.applyOr(byCost(e), sel)
	case scan.Not:
		hit := append(Bitmap(nil), sel...)
		if err := v.apply(e.X, hit); err != nil {
			return err
		}
		sel.andNot(hit)
		return nil
	}
	t, err := v.decideLeaf(e)
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
		c, err := v.r.Col(e.Field)
		if err != nil {
			return err
		}
		keepSlots(c, sel, func(int) bool { return true })
	case scan.Text:
		if e.Field == "" {
			return v.applyAnywhere(e, sel)
		}
		return v.applyText(e, sel, anyKind)
	case scan.Compare:
		return v.applyCompare(&e, sel)
	case scan.In:
		c, err := v.r.Col(e.Field)
		if err != nil {
			return err
		}
		keepValues(c, sel, e.Matches)
	}
	return nil
}

func (v *Evaluation) applyOr(list []scan.Expr, sel Bitmap) error {
	left := append(Bitmap(nil), sel...)
	sel.clear()
	for _, x := range list {
		hit := append(Bitmap(nil), left...)
		if err := v.apply(x, hit); err != nil {
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

func (v *Evaluation) applyAnywhere(e scan.Text, sel Bitmap) error {
	names, err := v.r.Names()
	if err != nil {
		return err
	}
	left := append(Bitmap(nil), sel...)
	sel.clear()
	hit := make(Bitmap, len(sel))
	for _, name := range names {
		h, err := v.r.Head(name)
		if err != nil {
			return err
		}
		if !anywhere(name, h) {
			continue
		}
		one := scan.Text{Field: name, Pattern: e.Pattern}
		if t, err := v.decideText(one); err != nil {
			return err
		} else if t == No {
			continue
		}
		copy(hit, left)
		kinds := column.Text
		if name == record.FieldMessage {
			kinds = anyKind
		}
		if err := v.applyText(one, hit, kinds); err != nil {
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
func (v *Evaluation) applyText(e scan.Text, sel Bitmap, kinds column.KindMask) error {
	if e.Field == record.FieldTime {
		times, err := v.r.Times()
		if err != nil {
			return err
		}
		sel.keep(func(i int) bool { return e.Matches(record.IntValue(times[i])) })
		return nil
	}
	t, err := v.r.Texts(e.Field)
	if err != nil {
		return err
	}
	if t != nil {
		return v.f.patterns[e.Pattern].apply(t, sel)
	}
	c, err := v.r.Col(e.Field)
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

func (v *Evaluation) applyCompare(e *scan.Compare, sel Bitmap) error {
	if e.Field == record.FieldTime {
		times, err := v.r.Times()
		if err != nil {
			return err
		}
		sel.keep(func(i int) bool { return e.Op.Holds(cmp.Compare(times[i], e.Value.Int)) })
		return nil
	}
	c, err := v.r.Col(e.Field)
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
