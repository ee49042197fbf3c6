package record

import "bytes"

// JSONWalk goes over the members of a JSON object, or the elements of an array, as
// they stand in the text: nothing is decoded or copied. The text is known to be
// valid; in one that is not the walk ends somewhere.
type JSONWalk struct {
	text               []byte
	at                 int  // behind the member
	named              bool // the text is an object
	nameAt, nameEnd    int  // between the quotes
	valueAt, valueEnds int
}

// JSONMembers is before the first member of an object; Next leads to it. What is no
// object has none.
func JSONMembers(object []byte) JSONWalk { return walkJSON(object, '{') }

// JSONElements is the same for the elements of an array.
func JSONElements(array []byte) JSONWalk { return walkJSON(array, '[') }

func walkJSON(text []byte, open byte) JSONWalk {
	at := SkipJSONSpace(text, 0)
	if at >= len(text) || text[at] != open {
		return JSONWalk{}
	}
	return JSONWalk{text: text, at: at + 1, named: open == '{'}
}

// Next goes on to the next member; false at the end.
func (w *JSONWalk) Next() bool {
	at := SkipJSONSpace(w.text, w.at)
	if w.named {
		if at >= len(w.text) || w.text[at] != '"' {
			return false // the end
		}
		end := JSONStringEnd(w.text, at)
		if end < 0 {
			return false // not valid
		}
		w.nameAt, w.nameEnd = at+1, end-1
		at = SkipJSONSpace(w.text, SkipJSONSpace(w.text, end)+1) // behind the colon
	}
	w.valueAt, w.valueEnds = at, JSONValueEnd(w.text, at)
	if w.valueEnds <= at {
		return false // the end of an array, or not valid
	}
	w.at = SkipJSONSpace(w.text, w.valueEnds)
	if w.at < len(w.text) && w.text[w.at] == ',' {
		w.at++
	}
	return true
}

// Value is the member's value as it stands there.
func (w *JSONWalk) Value() []byte { return w.text[w.valueAt:w.valueEnds] }

// RawName is what stands between the quotes of the member's name, NameAt where in
// the text. Elements of arrays have no names.
func (w *JSONWalk) RawName() []byte { return w.text[w.nameAt:w.nameEnd] }

// NameAt is where RawName begins in the text.
func (w *JSONWalk) NameAt() int { return w.nameAt }

// Name is the member's name.
func (w *JSONWalk) Name() string {
	raw := w.RawName()
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	name, _ := AppendUnescaped(nil, raw) // of a valid text
	return string(name)
}

// SkipJSONSpace returns where the space that JSON allows at text[at] ends.
func SkipJSONSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}

// JSONStringEnd returns where the string whose opening quote is text[at] ends, with
// its closing one; -1 when it has none.
func JSONStringEnd(text []byte, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return -1
}

// JSONValueEnd returns where the value that begins at text[at] ends: at when there is
// none, -1 when it does not. It looks at the nesting only.
func JSONValueEnd(text []byte, at int) int {
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '"':
			if at = JSONStringEnd(text, at); at < 0 {
				return -1
			}
		case '{', '[':
			depth++
			at++
		case '}', ']':
			if depth == 0 {
				return at // of what is around
			}
			depth--
			at++
		default:
			if depth == 0 {
				return literalEnd(text, at)
			}
			at++
			continue
		}
		if depth == 0 {
			return at
		}
	}
	return -1
}

func literalEnd(text []byte, at int) int {
	for ; at < len(text); at++ {
		switch text[at] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return at
		}
	}
	return at
}
