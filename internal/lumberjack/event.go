package lumberjack

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"journalist/internal/record"
)

// AppendEvent appends row i of l as the JSON object that plain version 2 carries,
// for servers such as Logstash: @timestamp (the time of reading), message, offset
// (where the line begins in its file), the fields of the run, and the line's marks
// as tags. A configured field named like one of the first three gives way to it;
// one named tags joins the marks. The fields that the row has of its own stand
// before all of these; where they are no JSON object they are kept as text in
// _extra, and _error says so.
func AppendEvent(dst []byte, l *record.Lines, i int) []byte {
	var e eventEncoder
	e.begin(l)
	return e.append(dst, i)
}

// NoObject is what _error says of a row whose own fields are no JSON object.
const NoObject = "the fields of this line are no JSON object and stand in " + record.FieldExtra

// eventEncoder encodes rows of one run; what they share is made once.
type eventEncoder struct {
	l      *record.Lines
	time   []byte // of reading, as JSON
	fields []byte // of the run, each with a comma before it
	own    map[string][]byte
}

// begin sets the run whose rows follow.
func (e *eventEncoder) begin(l *record.Lines) {
	e.l = l
	e.time = time.Unix(0, l.ReadTime).UTC().AppendFormat(append(e.time[:0], '"'), `2006-01-02T15:04:05.000Z"`)
	e.fields = e.fields[:0]
	for _, f := range l.Fields {
		if !eventOwns(f.Name) && f.Name != record.FieldTags {
			e.fields = appendMember(e.fields, f.Name, f.Value)
		}
	}
}

// eventOwns tells that a name is one that every event has.
func eventOwns(name string) bool {
	return name == record.FieldTime || name == record.FieldMessage || name == record.FieldOffset
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(dst, ',')
	dst = record.AppendJSONString(dst, name)
	dst = append(dst, ':')
	return record.AppendJSONString(dst, value)
}

// append appends the event of row i.
func (e *eventEncoder) append(dst []byte, i int) []byte {
	if extra := e.l.ExtraOf(i); extra != nil {
		return e.appendMerged(dst, i, extra)
	}
	r := &e.l.Rows[i]
	dst = append(append(dst, `{"@timestamp":`...), e.time...)
	dst = append(dst, `,"message":`...)
	dst = record.AppendJSONString(dst, e.l.Text(i))
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendUint(dst, r.Start, 10)
	dst = append(dst, e.fields...)
	return append(e.appendTags(dst, r.Marks, nil), '}')
}

// appendTags appends the member tags, if there are any: the row's own, else the
// configured ones, and the marks.
func (e *eventEncoder) appendTags(dst []byte, marks record.LineMarks, own []byte) []byte {
	switch {
	case own != nil && marks == 0:
		return append(append(dst, `,"tags":`...), own...)
	case own != nil:
		return AppendOwnTags(append(dst, `,"tags":`...), own, marks)
	case marks != 0:
		return AppendTags(append(dst, `,"tags":`...), e.l.Fields, marks)
	}
	for _, f := range e.l.Fields {
		if f.Name == record.FieldTags {
			dst = appendMember(dst, f.Name, f.Value)
		}
	}
	return dst
}

// AppendOwnTags appends the JSON array of the tags that a row has of its own, in JSON
// an array or a single value, and those of its marks.
func AppendOwnTags(dst, own []byte, marks record.LineMarks) []byte {
	dst = append(dst, '[')
	if own = bytes.TrimSpace(own); own[0] == '[' {
		own = bytes.TrimSpace(own[1 : len(own)-1])
	}
	dst = append(dst, own...)
	for j, t := range marks.Tags() {
		if j > 0 || len(own) > 0 {
			dst = append(dst, ',')
		}
		dst = record.AppendJSONString(dst, t)
	}
	return append(dst, ']')
}

// appendMerged appends the event of a row with fields of its own.
func (e *eventEncoder) appendMerged(dst []byte, i int, extra []byte) []byte {
	r := &e.l.Rows[i]
	own, ok := e.members(extra)
	has := func(name string) bool { _, has := own[name]; return has }
	dst = append(dst, '{')
	if v, ok := own[record.FieldTime]; ok {
		dst = append(append(dst, `"@timestamp":`...), v...)
	} else {
		dst = append(append(dst, `"@timestamp":`...), e.time...)
	}
	if r.Len > 0 && !has(record.FieldMessage) {
		dst = append(dst, `,"message":`...)
		dst = record.AppendJSONString(dst, e.l.Text(i))
	}
	if !has(record.FieldOffset) {
		dst = append(dst, `,"offset":`...)
		dst = strconv.AppendUint(dst, r.Start, 10)
	}
	for _, f := range e.l.Fields {
		if !eventOwns(f.Name) && f.Name != record.FieldTags && !has(f.Name) {
			dst = appendMember(dst, f.Name, f.Value)
		}
	}
	if ok {
		dst = e.appendOwn(dst, extra, own)
	} else {
		dst = appendMember(dst, record.FieldExtra, string(extra))
		dst = appendMember(dst, record.FieldError, NoObject)
	}
	return append(e.appendTags(dst, r.Marks, own[record.FieldTags]), '}')
}

// appendOwn appends the members of extra in their order, but for those that stand
// elsewhere. Of members of the same name the last counts.
func (e *eventEncoder) appendOwn(dst, extra []byte, own map[string][]byte) []byte {
	for w := record.JSONMembers(extra); w.Next(); {
		name, value := w.Name(), w.Value()
		if name == record.FieldTime || name == record.FieldTags || &own[name][0] != &value[0] {
			continue
		}
		dst = append(dst, ',')
		dst = record.AppendJSONString(dst, name)
		dst = append(dst, ':')
		dst = append(dst, value...)
	}
	return dst
}

// members returns the members of an object by name, valid until the next call;
// ok is false and there are none where extra is not one JSON object.
func (e *eventEncoder) members(extra []byte) (own map[string][]byte, ok bool) {
	clear(e.own)
	if !json.Valid(extra) || bytes.TrimLeft(extra, " \t\r\n")[0] != '{' {
		return e.own, false
	}
	if e.own == nil {
		e.own = map[string][]byte{}
	}
	for w := record.JSONMembers(extra); w.Next(); {
		e.own[w.Name()] = w.Value()
	}
	return e.own, true
}

// AppendTags appends the JSON array of the tags that marks stand for, after the
// value of a configured field named tags.
func AppendTags(dst []byte, fields []record.Pair, marks record.LineMarks) []byte {
	sep := byte('[')
	for _, f := range fields {
		if f.Name == record.FieldTags {
			dst = append(dst, sep)
			dst = record.AppendJSONString(dst, f.Value)
			sep = ','
		}
	}
	for _, t := range marks.Tags() {
		dst = append(dst, sep)
		dst = record.AppendJSONString(dst, t)
		sep = ','
	}
	if sep == '[' {
		dst = append(dst, '[')
	}
	return append(dst, ']')
}
