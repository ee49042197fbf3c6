package rules

import (
	"bytes"
	"encoding/json"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// row is one row while the rules look at it: its text, the fields of its own as an
// ordered list, and those of the run. It is used for one row after the other.
type row struct {
	l     *record.Lines
	index int

	text    []byte
	newText bool // text is not what the run has

	scratch []byte // of nameWhole

	extra    []byte   // the JSON object of the row, as it came
	hasExtra bool     // there is one
	whole    bool     // the extra is the row's text, which is not sent besides
	members  []member // of extra, once listed
	listed   bool
	changed  bool // members say something else than extra

	batch  record.Batch // the extra's fields, for filters
	loaded bool
	common []record.Value // the run's fields
	// The methods get and each, made once.
	getter func(string) (record.Value, bool)
	walker func(func(string, record.Value) bool)
}

// of prepares for the rows of a run.
func (r *row) of(l *record.Lines) {
	r.l, r.getter, r.walker = l, r.get, r.each
	for _, f := range l.Fields {
		r.common = append(r.common, record.StringValue([]byte(f.Value)))
	}
}

// matches tells whether the row as it is now satisfies a filter.
func (r *row) matches(e scan.Expr) bool { return scan.Eval(e, r.getter, r.walker) }

func (r *row) reset(i int, extra []byte) {
	r.index = i
	r.text, r.newText = r.l.Text(i), false
	r.setExtra(extra)
	r.changed, r.whole = false, false
}

func (r *row) setExtra(extra []byte) {
	r.extra, r.hasExtra = extra, extra != nil
	r.members, r.listed, r.loaded = r.members[:0], false, false
}

// list splits the extra into its members.
func (r *row) list() {
	if r.listed {
		return
	}
	r.listed = true
	r.members = appendMembers(r.members[:0], r.extra)
}

// json is what the extra became; nil when nothing is left of it.
func (r *row) json() []byte {
	if len(r.members) == 0 && !r.whole {
		return nil
	}
	return appendObject(nil, r.members)
}

// keepEmpty says that the row's text is empty: with fields of its own and without a
// text it would have none.
func (r *row) keepEmpty() {
	if _, ok := findMember(r.members, record.FieldMessage); !ok && len(r.members) > 0 {
		r.members = append(r.members, member{record.FieldMessage, []byte(`""`)})
	}
}

// touch notes that the members are about to change.
func (r *row) touch() {
	r.list()
	r.changed, r.loaded = true, false
	if r.whole { // the fields are the record from now on; the text is in them or nowhere
		r.text, r.newText = nil, true
	}
}

// setRaw gives the row a field, instead of one of the same name.
func (r *row) setRaw(name string, raw []byte) {
	if name == record.FieldMessage && !r.whole {
		r.setText(textOf(raw))
		return
	}
	r.touch()
	r.members = setMember(r.members, name, raw)
	r.hasExtra = true
}

// setText gives the row another text.
func (r *row) setText(text []byte) {
	r.text, r.newText, r.loaded = text, true, false
	if r.hasExtra { // a message in there would win over the text
		r.list()
		if _, ok := findMember(r.members, record.FieldMessage); ok {
			r.touch()
			r.members, _ = takeMember(r.members, record.FieldMessage)
		}
	}
}

// remove takes a field of the row's own away; see Rules.fields for those of the run.
func (r *row) remove(name string) {
	if !r.hasExtra {
		return
	}
	r.list()
	if _, ok := findMember(r.members, name); !ok {
		return
	}
	r.touch()
	r.members, _ = takeMember(r.members, name)
}

func (r *row) rename(from, to string) {
	if !r.hasExtra {
		return
	}
	r.list()
	raw, ok := findMember(r.members, from)
	if !ok {
		return
	}
	raw = append([]byte(nil), raw...)
	r.touch()
	r.members, _ = takeMember(r.members, from)
	r.setRaw(to, raw)
}

// load decodes the fields for filters.
func (r *row) load() {
	if r.loaded {
		return
	}
	r.loaded = true
	r.batch.Reset()
	text := r.extra
	if r.changed {
		text = r.json()
	}
	if text == nil || r.batch.AppendJSON(text, r.l.ReadTime) != nil {
		r.batch.AddRow(r.l.ReadTime)
	}
}

// get answers scan.Eval: the row's own fields, its text, those of the run.
func (r *row) get(name string) (record.Value, bool) {
	if r.hasExtra {
		r.load()
		if name == record.FieldTime {
			return record.IntValue(r.batch.Time(0)), true
		}
		if v, ok := r.batch.Find(0, name); ok {
			return v, true
		}
	}
	switch name {
	case record.FieldMessage:
		return record.StringValue(r.text), !r.whole
	case record.FieldTime:
		return record.IntValue(r.l.ReadTime), true
	}
	for i := range r.l.Fields {
		if r.l.Fields[i].Name == name {
			return r.common[i], true
		}
	}
	return record.Value{}, false
}

// each hands out every field, for filters that name none.
func (r *row) each(f func(name string, v record.Value) bool) {
	own := false
	if r.hasExtra {
		r.load()
		for j := range r.batch.Fields(0) {
			id, v := r.batch.Field(0, j)
			name := r.batch.Name(id).Dotted
			own = own || name == record.FieldMessage
			if !f(name, v) {
				return
			}
		}
	}
	if !own && !r.whole && !f(record.FieldMessage, record.StringValue(r.text)) {
		return
	}
	for i := range r.l.Fields {
		if !f(r.l.Fields[i].Name, r.common[i]) {
			return
		}
	}
}

// textOf is a JSON value as the text of a line: a string without its quotes,
// anything else as it stands.
func textOf(raw []byte) []byte {
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return []byte(s)
	}
	return raw
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }
