package exec

import (
	"bytes"
	"cmp"
	"slices"

	"journalist/internal/record"
)

// sequence lists the values of a field from the oldest row on, as a JSON array. Rows
// of equal time come in the order of their values, so that the result does not depend
// on which worker was first; rows of a table without times in their order.
type sequence struct {
	field  string
	budget *budget
	lists  []timedList
	rows   int64 // until now
}

// timedList is the oldest values of a group, sorted from time to time.
type timedList struct {
	values []timedValue
	// limit is the time of the last value that may be listed, where some were left out.
	limit int64
	more  bool
}

type timedValue struct {
	at    int64
	value record.Value
}

const listNote = "lists the oldest 1000 values, there are more"

func (s *sequence) add(v *view, gids *codes, sel []bool, groups int) error {
	s.lists = grown(s.lists, groups)
	col, times, start := v.column(s.field), v.times(), s.rows
	s.rows += int64(v.n)
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
		if err := s.take(&s.lists[gids.at(i)], at, col.Value(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *sequence) take(l *timedList, at int64, v record.Value) error {
	if v.Kind == record.Missing || v.Kind == record.Null {
		return nil
	}
	if l.more && at > l.limit {
		return nil
	}
	if err := s.budget.take(size(v)+8, "list"); err != nil {
		return err
	}
	l.values = append(l.values, timedValue{at, clone(v)})
	if len(l.values) < 2*maxValues {
		return nil
	}
	l.sort()
	var left int64
	for _, x := range l.values[maxValues:] {
		left += size(x.value) + 8
	}
	clear(l.values[maxValues:])
	l.values = l.values[:maxValues]
	l.limit, l.more = l.values[maxValues-1].at, true
	return s.budget.take(-left, "list")
}

func (l *timedList) sort() {
	slices.SortFunc(l.values, func(a, b timedValue) int {
		return cmp.Or(cmp.Compare(a.at, b.at), compareContent(a.value, b.value))
	})
}

func (s *sequence) merge(o accumulator, to []uint32, groups int) error {
	s.lists = grown(s.lists, groups)
	from := o.(*sequence).lists
	for g := range from[:min(len(from), len(to))] {
		l := &s.lists[to[g]]
		for _, x := range from[g].values {
			if err := s.take(l, x.at, x.value); err != nil {
				return err
			}
		}
		if f := &from[g]; f.more && (!l.more || f.limit < l.limit) {
			l.limit, l.more = f.limit, true
		}
	}
	return nil
}

func (s *sequence) value(g int) record.Value {
	if g >= len(s.lists) {
		return arrayOf(nil)
	}
	l := &s.lists[g]
	l.sort()
	list := make([]record.Value, 0, min(len(l.values), maxValues))
	for _, x := range l.values[:min(len(l.values), maxValues)] {
		list = append(list, x.value)
	}
	return arrayOf(list)
}

func (s *sequence) note() string {
	for i := range s.lists {
		if s.lists[i].more || len(s.lists[i].values) > maxValues {
			return listNote
		}
	}
	return ""
}

// arrayOf is a JSON array of values.
func arrayOf(list []record.Value) record.Value {
	text := []byte{'['}
	for i, v := range list {
		if i > 0 {
			text = append(text, ',')
		}
		if v.Kind == record.String {
			text = record.AppendJSONString(text, bytes.ToValidUTF8(v.Bytes, []byte("\ufffd")))
		} else {
			text = v.AppendText(text)
		}
	}
	return record.Value{Kind: record.JSON, Bytes: append(text, ']')}
}
