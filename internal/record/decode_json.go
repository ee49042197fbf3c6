package record

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// JSONError says where and why a JSON object cannot become a record. Offset is in
// bytes from the beginning of the object.
type JSONError struct {
	Offset int
	Msg    string
}

func (e *JSONError) Error() string {
	return "json: " + e.Msg + " (at byte " + strconv.Itoa(e.Offset) + ")"
}

// FieldTimeRaw keeps what stood in @timestamp when it is no time.
const FieldTimeRaw = "@timestamp_raw"

// AppendJSON adds a row from one JSON object, in one pass and without
// allocating once the batch knows the names.
//
// Nested objects become fields with a path (see Name); arrays and empty objects
// keep their text. "@timestamp" becomes the row's time (marked as its own), now
// is the time of records without one. What can be kept is kept and marked in the
// field _error: a value over MaxValue is cut there, an @timestamp that cannot be
// read stands in @timestamp_raw. Strings keep bytes that are not UTF-8; inside
// arrays, which are handed out as they stand, these become U+FFFD.
//
// The error is always a *JSONError: the text is not one JSON object, or the
// record is over MaxFields, MaxNesting, MaxName or MaxRecord. The batch then has
// the rows it had before. obj is not kept.
func (b *Batch) AppendJSON(obj []byte, now int64) error {
	d := jsonDecoder{b: b, data: obj}
	// Unpaired surrogates halve and bytes that are not UTF-8 triple: the arena
	// never takes more than that, so its range check need not be repeated.
	if uint64(len(b.arena))+3*uint64(len(obj))+4096 > math.MaxUint32 {
		return &JSONError{Msg: "batch is full"}
	}
	b.AddRow(now)
	row := len(b.rows) - 1
	if row > 0 {
		d.guess, d.guessEnd = b.rows[row-1].from, b.rows[row-1].to
	}
	d.document()
	if d.err != nil {
		b.DropRow()
		return d.err
	}
	if d.timed {
		b.rows[row].time, b.rows[row].own = d.time, true
	}
	b.rows[row].to = uint32(len(b.fields))
	if len(d.marks) > 0 {
		b.Add(b.NameID(FieldError), StringValue(d.marks))
	}
	return nil
}

// jsonDecoder is the state of one AppendJSON.
type jsonDecoder struct {
	b    *Batch
	data []byte
	pos  int
	err  *JSONError

	size   int // names and values so far, for MaxRecord
	fields int

	// Consecutive records look alike: the next field's name is compared with that
	// of the record before, fields[guess], before the map is asked.
	guess, guessEnd uint32

	time  int64
	timed bool
	marks []byte // what _error will say

	path [MaxName]byte
}

func (d *jsonDecoder) fail(at int, msg string) bool {
	if d.err == nil {
		d.err = &JSONError{Offset: at, Msg: msg}
	}
	return false
}

func (d *jsonDecoder) mark(msg string, name []byte) {
	if len(d.marks) > 1000 {
		return // enough to know; the list would be the record
	}
	if len(d.marks) > 0 {
		d.marks = append(d.marks, "; "...)
	}
	d.marks = append(d.marks, msg...)
	for _, c := range name {
		if c == 0 {
			c = '.'
		}
		d.marks = append(d.marks, c)
	}
}

// next skips white space and returns the byte there, 0 at the end.
func (d *jsonDecoder) next() byte {
	for ; d.pos < len(d.data); d.pos++ {
		switch c := d.data[d.pos]; c {
		case ' ', '\n', '\r', '\t':
		default:
			return c
		}
	}
	return 0
}

func (d *jsonDecoder) document() bool {
	if d.next() != '{' {
		return d.unexpected("expected an object")
	}
	d.pos++
	if d.next() == '}' {
		d.pos++
	} else if !d.members(0, 1) {
		return false
	}
	if d.next(); d.pos < len(d.data) {
		return d.fail(d.pos, "text after the object")
	}
	return true
}

// unexpected fails at the current byte, or with the end of the text.
func (d *jsonDecoder) unexpected(msg string) bool {
	if d.pos >= len(d.data) {
		return d.fail(len(d.data), "unexpected end: "+msg)
	}
	return d.fail(d.pos, msg)
}

// members reads the members of an object that is not empty, from the first key
// to the closing brace. Their names begin with the prefix path[:prefix].
func (d *jsonDecoder) members(prefix, depth int) bool {
	for {
		if d.next() != '"' {
			return d.unexpected("expected a key in quotes")
		}
		end, ok := d.key(prefix)
		if !ok {
			return false
		}
		if d.next() != ':' {
			return d.unexpected("expected a colon after the key")
		}
		d.pos++
		if !d.member(end, depth) {
			return false
		}
		switch d.next() {
		case ',':
			d.pos++
		case '}':
			d.pos++
			return true
		default:
			return d.unexpected("expected a comma or the end of the object")
		}
	}
}

// key reads a key into path behind the prefix and returns the path's new end.
func (d *jsonDecoder) key(prefix int) (end int, ok bool) {
	at := d.pos
	from, to, escaped, ok := d.str()
	if !ok {
		return 0, false
	}
	raw := d.data[from:to]
	if !escaped {
		if prefix+len(raw) > MaxName {
			return 0, d.fail(at, "field name is longer than "+strconv.Itoa(MaxName)+" bytes")
		}
		return prefix + copy(d.path[prefix:], raw), true
	}
	// The unescaped key goes through the arena, which may keep garbage.
	n := len(d.b.arena)
	key, _ := AppendUnescaped(d.b.arena, raw) // str has checked it
	key = key[n:]
	end = prefix
	for _, c := range key {
		part := 1
		if c == 0 {
			part = len("\ufffd")
		}
		if end+part > MaxName {
			return 0, d.fail(at, "field name is longer than "+strconv.Itoa(MaxName)+" bytes")
		}
		if c == 0 {
			end += copy(d.path[end:], "\ufffd")
		} else {
			d.path[end] = c
			end++
		}
	}
	return end, true
}

// member reads one value whose name is path[:end].
func (d *jsonDecoder) member(end, depth int) bool {
	c := d.next()
	if depth == 1 && end == len(FieldTime) && string(d.path[:end]) == FieldTime {
		return d.timestamp(c)
	}
	name := d.path[:end]
	switch {
	case c == '"':
		return d.stringMember(name)
	case c == '{':
		at := d.pos
		d.pos++
		if d.next() == '}' {
			d.pos++
			return d.jsonMember(name, at, d.pos-at == len("{}"))
		}
		if depth >= MaxNesting {
			return d.fail(at, "nested deeper than "+strconv.Itoa(MaxNesting)+" levels")
		}
		if end >= MaxName {
			return d.fail(at, "field name is longer than "+strconv.Itoa(MaxName)+" bytes")
		}
		d.path[end] = PathSeparator[0]
		return d.members(end+1, depth+1)
	case c == '[':
		at := d.pos
		plain, ok := d.skip(depth)
		if !ok {
			return false
		}
		return d.jsonMember(name, at, plain)
	case c == '-' || c-'0' <= 9:
		at := d.pos
		text, ok := d.number()
		if !ok {
			return false
		}
		if i, ok := CanonicalInt(text); ok {
			return d.addInt(name, at, Int, i)
		}
		return d.add(name, at, Number, text)
	case c == 't' && d.literal("true"):
		return d.addInt(name, d.pos, Bool, 1)
	case c == 'f' && d.literal("false"):
		return d.addInt(name, d.pos, Bool, 0)
	case c == 'n' && d.literal("null"):
		return d.addInt(name, d.pos, Null, 0)
	}
	return d.unexpected("expected a value")
}

func (d *jsonDecoder) literal(text string) bool {
	if len(d.data)-d.pos < len(text) || string(d.data[d.pos:d.pos+len(text)]) != text {
		return false
	}
	d.pos += len(text)
	return true
}

func (d *jsonDecoder) stringMember(name []byte) bool {
	at := d.pos
	from, to, escaped, ok := d.str()
	if !ok {
		return false
	}
	if !escaped {
		return d.add(name, at, String, d.data[from:to])
	}
	n := len(d.b.arena)
	d.b.arena, _ = AppendUnescaped(d.b.arena, d.data[from:to]) // str has checked it
	length := len(d.b.arena) - n
	if length > MaxValue {
		length = CutRune(d.b.arena[n:n+length], MaxValue)
		d.b.arena = d.b.arena[:n+length]
		d.mark("value was cut at "+strconv.Itoa(MaxValue)+" bytes: ", name)
	}
	return d.push(name, at, length, field{kind: String, num: int64(n)<<32 | int64(length)})
}

// jsonMember adds the array or empty object that stands at data[at:pos].
func (d *jsonDecoder) jsonMember(name []byte, at int, plain bool) bool {
	text := d.data[at:d.pos]
	if plain && utf8.Valid(text) {
		return d.add(name, at, JSON, text)
	}
	// Line breaks between the elements would break the lines of an answer, bytes
	// that are not UTF-8 its encoding.
	n := len(d.b.arena)
	d.b.arena = compactJSON(d.b.arena, text)
	length := len(d.b.arena) - n
	if length > MaxValue {
		return d.add(name, at, JSON, text) // is cut there
	}
	if !utf8.Valid(text) {
		d.mark("bytes that are not UTF-8 were replaced: ", name)
	}
	return d.push(name, at, length, field{kind: JSON, num: int64(n)<<32 | int64(length)})
}

// add copies a value to the arena and pushes it. One over MaxValue is cut and
// becomes a string, because the rest of a number or an array is none.
func (d *jsonDecoder) add(name []byte, at int, kind Kind, v []byte) bool {
	if len(v) > MaxValue {
		v, kind = v[:CutRune(v, MaxValue)], String
		d.mark("value was cut at "+strconv.Itoa(MaxValue)+" bytes: ", name)
	}
	n := len(d.b.arena)
	d.b.arena = append(d.b.arena, v...)
	return d.push(name, at, len(v), field{kind: kind, num: int64(n)<<32 | int64(len(v))})
}

func (d *jsonDecoder) addInt(name []byte, at int, kind Kind, i int64) bool {
	return d.push(name, at, 8, field{kind: kind, num: i})
}

func (d *jsonDecoder) push(name []byte, at, size int, f field) bool {
	if d.fields++; d.fields > MaxFields {
		return d.fail(at, "record has more than "+strconv.Itoa(MaxFields)+" fields")
	}
	if d.size += size + len(name); d.size > MaxRecord {
		return d.fail(at, "record is larger than "+strconv.Itoa(MaxRecord)+" bytes")
	}
	f.name = d.name(name)
	d.b.fields = append(d.b.fields, f)
	return true
}

// name returns the number of a name.
func (d *jsonDecoder) name(path []byte) uint32 {
	b := d.b
	if d.guess < d.guessEnd {
		if id := b.fields[d.guess].name; b.names[id].Path == string(path) {
			d.guess++
			return id
		}
	}
	id := b.NameIDBytes(path)
	if d.guess+1 < d.guessEnd && b.fields[d.guess+1].name == id {
		d.guess += 2 // a field of the record before is missing here
	}
	return id
}

// timestamp reads the value of @timestamp, which begins with c.
func (d *jsonDecoder) timestamp(c byte) bool {
	at := d.pos
	if _, ok := d.skip(0); !ok {
		return false
	}
	text := d.data[at:d.pos]
	raw := text
	ns, ok := int64(0), false
	switch {
	case c == '"':
		raw = text[1 : len(text)-1]
		if ns, ok = ParseTime(raw); !ok && len(raw) >= len("1000000000") {
			ns, ok = EpochTime(raw)
		}
	case c == '-' || c-'0' <= 9:
		ns, ok = numberTime(text)
	}
	if ok && !d.timed {
		d.time, d.timed = ns, true
		return true
	}
	why := "no time: "
	if ok {
		why = "second one was ignored: "
	}
	d.mark(why, []byte(FieldTime))
	if c != '"' {
		return d.add([]byte(FieldTimeRaw), at, String, text)
	}
	end := d.pos
	d.pos = at
	ok = d.stringMember([]byte(FieldTimeRaw))
	d.pos = end
	return ok
}

// numberTime reads a JSON number as a time since the epoch.
func numberTime(text []byte) (int64, bool) {
	if ns, ok := EpochTime(text); ok {
		return ns, true
	}
	if len(text) > 64 {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.Abs(f) >= 1e19 {
		return 0, false
	}
	return EpochTime(strconv.AppendFloat(nil, f, 'f', -1, 64))
}
