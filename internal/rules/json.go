package rules

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"journalist/internal/record"
)

// parseJSON makes the text the row's fields; it says why when it is no JSON object.
// Fields that the row already had, as the time of a container's line, stay unless
// the object has them too.
func (r *row) parseJSON() string {
	text := trim(r.text)
	if len(text) == 0 {
		return ""
	}
	if text[0] != '{' || !json.Valid(text) {
		return "the line is no JSON object"
	}
	if !r.hasExtra {
		r.setExtra(r.text)
		r.whole = true
		r.nameWhole()
		return ""
	}
	r.touch()
	for _, m := range appendMembers(nil, text) {
		r.members = setMember(r.members, m.name, m.raw)
	}
	r.whole = true
	r.text, r.newText = nil, true
	r.nameParsed()
	return ""
}

// otherNames are what loggers call otherwise the names of a record: msg is the message
// where there is none, and a time that is beyond doubt, with its zone, is @timestamp
// as well.
type otherNames struct {
	msg, message, stamp bool
	at                  []byte // @timestamp
}

// note takes in a member; name is without quotes.
func (n *otherNames) note(name, raw []byte) {
	switch string(name) {
	case "msg":
		n.msg = true
	case record.FieldMessage:
		n.message = true
	case record.FieldTime:
		n.stamp = true
	case "time", "timestamp", "ts":
		if n.at == nil {
			n.at = timeOf(raw)
		}
	}
}

// nameParsed gives the members the names of a record.
func (r *row) nameParsed() {
	r.list()
	var n otherNames
	for _, m := range r.members {
		n.note([]byte(m.name), m.raw)
	}
	if n.at != nil && !n.stamp {
		r.setRaw(record.FieldTime, n.at)
	}
	if n.msg && !n.message {
		r.rename("msg", record.FieldMessage)
	}
}

// nameWhole does the same to an object that is the text, without taking it apart.
func (r *row) nameWhole() {
	var n otherNames
	msgAt, msgEnd := 0, 0
	obj := trim(r.text)
	for w := record.JSONMembers(obj); w.Next(); {
		name := w.RawName()
		n.note(name, w.Value())
		if string(name) == "msg" { // the last one counts
			msgAt, msgEnd = w.NameAt(), w.NameAt()+len(name)
		}
	}
	stamp, msg := n.at != nil && !n.stamp, n.msg && !n.message
	if !stamp && !msg {
		return
	}
	out := append(r.scratch[:0], '{')
	if stamp {
		out = append(append(append(out, `"@timestamp":`...), n.at...), ',')
	}
	rest := 1
	if msg {
		out = append(append(out, obj[1:msgAt]...), record.FieldMessage...)
		rest = msgEnd
	}
	r.scratch = append(out, obj[rest:]...)
	r.text, r.newText = r.scratch, true
	r.setExtra(r.text)
}

// timeOf returns a JSON value as that of @timestamp: a time of RFC 3339, or a number
// of seconds, milliseconds, microseconds or nanoseconds since 1970. It is nil for
// anything else.
func timeOf(raw []byte) []byte {
	if len(raw) == 0 || len(raw) > 64 {
		return nil
	}
	if raw[0] == '"' {
		text := textOf(raw)
		for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00"} {
			if t, err := time.Parse(layout, string(text)); err == nil {
				return stampOf(t)
			}
		}
		return nil
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || n < earliest || n >= earliest*1e12 {
		return nil
	}
	unit := time.Second
	for n >= earliest*1e3 {
		n, unit = n/1e3, unit/1e3
	}
	if whole, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return stampOf(time.Unix(0, 0).Add(time.Duration(whole) * unit))
	}
	seconds, part := math.Modf(n)
	return stampOf(time.Unix(int64(seconds), int64(math.Round(part*1e6))*1e3)) // no float64 has more digits of today
}

// earliest is the first number of seconds, in 1973, that is taken for a time: a
// thousand times as many are milliseconds, and so on.
const earliest = 1e8

func stampOf(t time.Time) []byte {
	return t.UTC().AppendFormat(nil, `"`+time.RFC3339Nano+`"`)
}
