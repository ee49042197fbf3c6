package lumberjack

import (
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"journalist/internal/record"
)

// pairEncoder encodes rows as version 1's pairs of strings. Its buffers are
// reused.
type pairEncoder struct {
	extra record.Batch // a row's own fields
	pairs []record.Pair
	at    map[string]int // where in pairs a name stands, for long events
}

// append appends the number of pairs of row i, and the pairs: file, host, offset
// and line first, as logstash-forwarder sends them, then the other fields of the
// run. The fields that the row has of its own follow, nested ones under dotted
// names, arrays as JSON; they stand before others of the same name. Marks become
// tags, with commas between.
func (e *pairEncoder) append(dst []byte, l *record.Lines, i int) []byte {
	r := &l.Rows[i]
	e.pairs = e.pairs[:0]
	clear(e.at)
	for _, first := range [...]string{record.FieldFile, record.FieldHost} {
		for _, f := range l.Fields {
			if f.Name == first {
				e.set(f.Name, f.Value)
			}
		}
	}
	e.set(record.FieldOffset, strconv.FormatUint(r.Start, 10))
	e.set("line", string(l.Text(i)))
	for _, f := range l.Fields {
		if f.Name != record.FieldOffset && f.Name != record.FieldMessage && f.Name != "line" {
			e.set(f.Name, f.Value)
		}
	}
	if extra := l.ExtraOf(i); extra != nil {
		e.own(extra, l.ReadTime)
	}
	for _, t := range r.Marks.Tags() {
		if old := e.get(record.FieldTags); old != "" {
			t = old + "," + t
		}
		e.set(record.FieldTags, t)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(e.pairs)))
	for _, p := range e.pairs {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(p.Name)))
		dst = append(dst, p.Name...)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(p.Value)))
		dst = append(dst, p.Value...)
	}
	return dst
}

// own sets the fields of a row's own.
func (e *pairEncoder) own(extra []byte, readTime int64) {
	e.extra.Reset()
	if err := e.extra.AppendJSON(extra, readTime); err != nil {
		e.set(record.FieldExtra, string(extra))
		e.set(record.FieldError, NoObject+": "+err.Error())
		return
	}
	if e.extra.OwnTime(0) {
		e.set(record.FieldTime, time.Unix(0, e.extra.Time(0)).UTC().Format(time.RFC3339Nano))
	}
	for j := range e.extra.Fields(0) {
		n, v := e.extra.Field(0, j)
		name := e.extra.Name(n).Dotted
		if name == record.FieldMessage {
			name = "line"
		}
		e.set(name, string(v.AppendText(nil)))
	}
}

// manyPairs is from where on names are found by a map.
const manyPairs = 16

// find returns where a name stands, -1 when nowhere.
func (e *pairEncoder) find(name string) int {
	if len(e.pairs) < manyPairs {
		return slices.IndexFunc(e.pairs, func(p record.Pair) bool { return p.Name == name })
	}
	if len(e.at) == 0 {
		if e.at == nil {
			e.at = map[string]int{}
		}
		for i, p := range e.pairs {
			e.at[p.Name] = i
		}
	}
	if i, ok := e.at[name]; ok {
		return i
	}
	return -1
}

func (e *pairEncoder) get(name string) string {
	if i := e.find(name); i >= 0 {
		return e.pairs[i].Value
	}
	return ""
}

// set sets a pair, in the place of one of the same name.
func (e *pairEncoder) set(name, value string) {
	if i := e.find(name); i >= 0 {
		e.pairs[i].Value = value
		return
	}
	if len(e.at) > 0 {
		e.at[name] = len(e.pairs)
	}
	e.pairs = append(e.pairs, record.Pair{Name: name, Value: value})
}
