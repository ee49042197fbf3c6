package cli

import (
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// blockRows makes rows of the executor's blocks, as the server writes them. It is
// used by one goroutine.
type blockRows struct {
	texts bool // see Question.Texts

	buf  []byte
	row  Row
	at   []int // where the values of the row's fields begin and end in buf
	text [][]byte
}

// each calls f with each row of a block, valid only during the call.
func (r *blockRows) each(b *scan.Block, f func(*Row) error) error {
	message := -1
	if r.texts {
		message = slices.IndexFunc(b.Columns, func(c scan.Column) bool { return c.Name == record.FieldMessage })
	}
	for i := range b.Len() {
		if message < 0 || !r.makeText(&b.Columns[message], i) {
			r.make(b, i)
		}
		if err := f(&r.row); err != nil {
			return err
		}
	}
	return nil
}

// makeText makes a row of a message alone, where there is one.
func (r *blockRows) makeText(c *scan.Column, i int) bool {
	v := c.Value(i)
	if v.Kind != record.String || len(v.Bytes) == 0 {
		return false
	}
	r.row.Fields = append(r.row.Fields[:0], RowField{Name: record.FieldMessage, exact: v.Bytes})
	return true
}

func (r *blockRows) make(b *scan.Block, i int) {
	r.buf, r.at, r.text, r.row.Fields = r.buf[:0], r.at[:0], r.text[:0], r.row.Fields[:0]
	if b.Times != nil {
		r.begin(record.FieldTime)
		r.buf = append(record.AppendTime(append(r.buf, '"'), b.Times[i]), '"')
		r.end(nil)
		r.begin(record.FieldDataset)
		r.buf = record.AppendJSONString(r.buf, b.Dataset)
		r.end(nil)
	}
	switch {
	case b.ShapeOf != nil:
		shape := b.Shapes[b.ShapeOf[i]]
		for j, name := range shape {
			c := slices.IndexFunc(b.Columns, func(c scan.Column) bool { return c.Name == name.Dotted })
			if c >= 0 && !ownKey(name.Dotted) && !slices.ContainsFunc(shape[:j], func(n record.Name) bool { return n.Dotted == name.Dotted }) {
				r.add(&b.Columns[c], i)
			}
		}
	default:
		for j := range b.Columns {
			if b.Times == nil || b.Columns[j].Value(i).Kind != record.Missing && !ownKey(b.Columns[j].Name) {
				r.add(&b.Columns[j], i)
			}
		}
	}
	if len(r.row.Fields) == 0 {
		r.buf = append(r.buf, '{')
	}
	r.row.Raw = append(r.buf, '}')
	r.buf = r.row.Raw
	for j := range r.row.Fields {
		r.row.Fields[j].Value = r.buf[r.at[2*j]:r.at[2*j+1]]
		r.row.Fields[j].exact = r.text[j]
	}
}

// ownKey names what every record has; a field of that name is not shown beside it.
func ownKey(name string) bool { return name == record.FieldTime || name == record.FieldDataset }

func (r *blockRows) begin(name string) {
	first := byte(',')
	if len(r.row.Fields) == 0 {
		first = '{'
	}
	r.buf = append(r.buf, first)
	r.buf = append(record.AppendJSONString(r.buf, name), ':')
	r.row.Fields = append(r.row.Fields, RowField{Name: name})
	r.at = append(r.at, len(r.buf))
}

func (r *blockRows) end(text []byte) {
	r.at = append(r.at, len(r.buf))
	r.text = append(r.text, text)
}

func (r *blockRows) add(c *scan.Column, i int) {
	v := c.Value(i)
	r.begin(c.Name)
	from := len(r.buf)
	switch {
	case c.Time && v.Kind == record.Int:
		r.buf = append(record.AppendTime(append(r.buf, '"'), v.Int), '"')
		r.end(nil)
		return
	case v.Kind == record.String:
		r.buf = v.AppendJSON(r.buf)
		r.end(v.Bytes)
		return
	}
	r.buf = v.AppendJSON(r.buf)
	if v.Kind == record.JSON { // on one line
		for j, b := range r.buf[from:] {
			if b == '\n' || b == '\r' {
				r.buf[from+j] = ' '
			}
		}
	}
	r.end(nil)
}
