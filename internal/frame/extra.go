package frame

import (
	"strconv"

	"journalist/internal/record"
)

// meta is what is known of a line besides its text: ranges of Data.
type meta struct {
	nanos         int64 // the line's time, 0 for none
	time          span  // as it was written
	stream, attrs span
	quoted        bool // stream is a JSON string already
	damaged       bool
}

type span struct{ off, n int }

// extra gives row i the fields that are its own.
func (w *work) extra(e *event, i int) {
	m := &e.meta
	if m.time.n == 0 && m.stream.n == 0 && m.attrs.n == 0 && e.bad == 0 && !m.damaged {
		return
	}
	d := w.l.Data
	off := len(d)
	sep := byte('{')
	key := func(name string) {
		d = append(d, sep, '"')
		d = append(d, name...)
		d = append(d, '"', ':')
		sep = ','
	}
	get := func(s span) []byte { return w.l.Data[s.off : s.off+s.n] }
	if m.time.n > 0 {
		key(record.FieldTime)
		d = append(append(append(d, '"'), get(m.time)...), '"')
	}
	if w.l.Rows[i].Len == 0 { // empty, which is not the same as missing
		key(record.FieldMessage)
		d = append(d, `""`...)
	}
	if m.stream.n > 0 {
		key("stream")
		if m.quoted {
			d = append(d, get(m.stream)...)
		} else {
			d = append(append(append(d, '"'), get(m.stream)...), '"')
		}
	}
	if m.attrs.n > 0 {
		key("attrs")
		d = append(d, get(m.attrs)...)
	}
	switch {
	case m.damaged:
		key(record.FieldError)
		d = append(d, `"the line is not of the format `...)
		d = append(append(d, w.f.format...), '"')
	case e.bad > 0:
		key(record.FieldError)
		d = strconv.AppendInt(append(d, '"'), int64(e.bad), 10)
		d = append(d, " characters are not "...)
		d = append(append(d, w.f.enc.name...), '"')
	}
	d = append(d, '}')
	w.l.Extras = append(w.l.Extras, record.Extra{Row: uint32(i), Off: uint32(off), Len: uint32(len(d) - off)})
	w.l.Data = d
}
