package column

import (
	"math"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/texts"
)

// None is the slot of a row that has no value.
const None = math.MaxUint32

var missing = []record.Value{{}}

// Take returns the values of the given rows, which ascend or descend, as a column for
// a scan's answer, of len(rows) values with Missing where a row has none. The answer
// may share memory with c, and of rows that follow one another it does.
func (c *Col) Take(name string, rows []uint32) scan.Column {
	out := scan.Column{Name: name, Len: len(rows)}
	if c == nil {
		out.Form, out.Values = scan.Consts, missing
		return out
	}
	if c.Rows != nil {
		slots, absent := Slots(c.Rows, rows)
		switch {
		case absent == len(rows):
			out.Form, out.Values = scan.Consts, missing
			return out
		case absent > 0:
			return c.spread(out, slots, absent)
		}
		rows = slots
	}
	out.Form, out.Values = c.Form, c.Values
	if from, ok := run(rows); ok {
		c.slice(&out, from, from+len(rows))
		return out
	}
	switch c.Form {
	case scan.Dict:
		out.Codes = pick(c.Codes, rows)
	case scan.Ints:
		out.Ints = pick(c.Ints, rows)
	case scan.Plain:
		out.Data, out.Offsets = c.copyTexts(rows)
		if c.Kinds != nil {
			out.Kinds = pick(c.Kinds, rows)
		}
	}
	return out
}

// run tells where rows begin that follow one another.
func run(rows []uint32) (from int, ok bool) {
	if len(rows) == 0 {
		return 0, false
	}
	from = int(rows[0])
	return from, int(rows[len(rows)-1])-from == len(rows)-1
}

// slice sets out's values to those of the slots [from, to), sharing memory.
func (c *Col) slice(out *scan.Column, from, to int) {
	switch c.Form {
	case scan.Dict:
		out.Codes = c.Codes[from:to:to]
	case scan.Ints:
		out.Ints = c.Ints[from:to:to]
	case scan.Plain:
		out.Data, out.Offsets = c.Data, c.Offsets[from:to+1:to+1]
		if c.Kinds != nil {
			out.Kinds = c.Kinds[from:to:to]
		}
	}
}

func pick[T any](vs []T, rows []uint32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = vs[r]
	}
	return out
}

// copyTexts copies the bytes of some slots of a Plain column; None has no bytes.
func (c *Col) copyTexts(slots []uint32) (data []byte, offsets []uint32) {
	n := 0
	for _, s := range slots {
		if s != None {
			n += int(c.Offsets[s+1] - c.Offsets[s])
		}
	}
	data, offsets = make([]byte, 0, n), make([]uint32, len(slots)+1)
	for i, s := range slots {
		if s != None {
			data = append(data, c.Data[c.Offsets[s]:c.Offsets[s+1]]...)
		}
		offsets[i+1] = uint32(len(data))
	}
	return data, offsets
}

// Slots returns of each of some rows, which ascend or descend, its place in have,
// which ascend, or None, and how many have none.
func Slots(have, rows []uint32) (slots []uint32, absent int) {
	slots = make([]uint32, len(rows))
	if len(rows) > 1 && rows[0] > rows[1] {
		for i, r := range rows {
			s, ok := slices.BinarySearch(have, r)
			if slots[i] = uint32(s); !ok {
				slots[i] = None
				absent++
			}
		}
		return slots, absent
	}
	at := 0
	for i, r := range rows {
		for near := min(at+16, len(have)); at < near && have[at] < r; {
			at++
		}
		if at < len(have) && have[at] < r {
			s, _ := slices.BinarySearch(have[at:], r)
			at += s
		}
		slots[i] = uint32(at)
		if at == len(have) || have[at] != r {
			slots[i] = None
			absent++
		}
	}
	return slots, absent
}

// spread is Take where so many rows have no value.
func (c *Col) spread(out scan.Column, slots []uint32, absent int) scan.Column {
	switch c.Form {
	case scan.Consts, scan.Dict:
		out.Form = scan.Dict
		out.Values = append(slices.Clone(c.Values), record.Value{})
		out.Codes = make([]uint32, len(slots))
		for i, s := range slots {
			switch {
			case s == None:
				out.Codes[i] = uint32(len(c.Values))
			case c.Form == scan.Dict:
				out.Codes[i] = c.Codes[s]
			}
		}
	case scan.Ints:
		out.Kinds, out.Offsets = make([]record.Kind, len(slots)), make([]uint32, len(slots)+1)
		out.Data = make([]byte, 0, 8*(len(slots)-absent))
		for i, s := range slots {
			if s != None {
				out.Kinds[i] = record.Int
				out.Data = AppendPlain(out.Data, record.IntValue(c.Ints[s]))
			}
			out.Offsets[i+1] = uint32(len(out.Data))
		}
	default:
		out.Kinds = make([]record.Kind, len(slots))
		for i, s := range slots {
			if s != None {
				out.Kinds[i] = c.Kind(int(s))
			}
		}
		if first, ok := present(slots, absent); ok {
			out.Data, out.Offsets = c.Data, make([]uint32, len(slots)+1)
			at := c.Offsets[first]
			out.Offsets[0] = at
			for i, s := range slots {
				if s != None {
					at = c.Offsets[s+1]
				}
				out.Offsets[i+1] = at
			}
		} else {
			out.Data, out.Offsets = c.copyTexts(slots)
		}
	}
	return out
}

// present tells where the slots begin, not all of which are None, if they follow one
// another but for the None among them.
func present(slots []uint32, absent int) (first uint32, ok bool) {
	i, k := 0, len(slots)-1
	for slots[i] == None {
		i++
	}
	for slots[k] == None {
		k--
	}
	return slots[i], int(slots[k])-int(slots[i]) == len(slots)-absent-1
}

// Spread makes a scan's answer of texts, which are the values of those slots that are
// not None in their order. It shares memory with v.
func Spread(name string, v texts.Vector, slots []uint32, absent int) scan.Column {
	out := scan.Column{Name: name, Form: scan.Plain, Len: len(slots), Offsets: v.Offsets, Data: v.Data}
	if absent == 0 {
		return out
	}
	out.Kinds, out.Offsets = make([]record.Kind, len(slots)), make([]uint32, len(slots)+1)
	k, at := 0, uint32(0)
	for i, s := range slots {
		if s != None {
			out.Kinds[i] = record.String
			k++
			at = v.Offsets[k]
		}
		out.Offsets[i+1] = at
	}
	return out
}
