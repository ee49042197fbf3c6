package memsource

import (
	"bytes"
	"encoding/binary"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// Column makes a column of the form that fits the values, or a Plain one.
func Column(name string, values []record.Value, plain bool) scan.Column {
	c := scan.Column{Name: name, Len: len(values)}
	ints, strings := true, true
	for _, v := range values {
		ints = ints && v.Kind == record.Int
		strings = strings && v.Kind == record.String
		c.Codes = append(c.Codes, uint32(indexOf(&c.Values, v)))
	}
	switch {
	case plain:
	case len(c.Values) == 1:
		c.Form, c.Codes = scan.Consts, nil
		return c
	case ints:
		c.Form, c.Values, c.Codes = scan.Ints, nil, nil
		for _, v := range values {
			c.Ints = append(c.Ints, v.Int)
		}
		return c
	case len(c.Values) < len(values):
		c.Form = scan.Dict
		// A dictionary may have values that none of the rows has.
		c.Values = append(c.Values, record.StringValue([]byte("in no row")))
		return c
	}
	c.Form, c.Values, c.Codes = scan.Plain, nil, nil
	c.Offsets = []uint32{0}
	for _, v := range values {
		c.Kinds = append(c.Kinds, v.Kind)
		switch v.Kind {
		case record.Int, record.Bool:
			c.Data = binary.LittleEndian.AppendUint64(c.Data, uint64(v.Int))
		default:
			c.Data = append(c.Data, v.Bytes...)
		}
		c.Offsets = append(c.Offsets, uint32(len(c.Data)))
	}
	if strings {
		c.Kinds = nil
	}
	return c
}

func indexOf(list *[]record.Value, v record.Value) int {
	for i, x := range *list {
		if x.Kind == v.Kind && x.Int == v.Int && bytes.Equal(x.Bytes, v.Bytes) {
			return i
		}
	}
	*list = append(*list, v)
	return len(*list) - 1
}
