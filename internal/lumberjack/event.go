package lumberjack

import (
	"strconv"
	"time"

	"journalist/internal/record"
)

// AppendEvent appends row i of l as the JSON object that plain version 2 carries,
// for servers such as Logstash: @timestamp (the time of reading), message, offset
// (where the line begins in its file), the fields of the run, and the line's marks
// as tags. A configured field named like one of the first three gives way to it;
// one named tags joins the marks.
func AppendEvent(dst []byte, l *record.Lines, i int) []byte {
	r := &l.Rows[i]
	dst = append(dst, `{"@timestamp":"`...)
	dst = time.Unix(0, l.ReadTime).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = append(dst, `","message":`...)
	dst = record.AppendJSONString(dst, l.Text(i))
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendUint(dst, r.Start, 10)
	for _, f := range l.Fields {
		switch f.Name {
		case record.FieldTime, record.FieldMessage, record.FieldOffset:
			continue
		case record.FieldTags:
			if r.Marks != 0 {
				continue
			}
		}
		dst = append(dst, ',')
		dst = record.AppendJSONString(dst, f.Name)
		dst = append(dst, ':')
		dst = record.AppendJSONString(dst, f.Value)
	}
	if r.Marks != 0 {
		dst = append(dst, `,"tags":`...)
		dst = AppendTags(dst, l.Fields, r.Marks)
	}
	return append(dst, '}')
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
