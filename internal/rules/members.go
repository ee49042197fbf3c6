package rules

import (
	"bytes"
	"encoding/json"
	"strings"

	"journalist/internal/record"
)

// member is a field of a JSON object: its name, and its value as it stands there.
type member struct {
	name string
	raw  []byte
}

// appendMembers lists the members of a valid JSON object in their order; their
// values are parts of obj. What is no object has none.
func appendMembers(dst []member, obj []byte) []member {
	for m := firstMember(obj); m.next(); {
		dst = append(dst, member{unquote(m.name()), m.raw()})
	}
	return dst
}

// walk goes over the members of a valid JSON object without listing them.
type walk struct {
	obj                []byte
	at                 int // behind the member
	nameAt, nameEnd    int // with its quotes
	valueAt, valueEnds int
}

// firstMember is before the first one; next leads to it.
func firstMember(obj []byte) walk {
	obj = trim(obj)
	if len(obj) < 2 || obj[0] != '{' {
		return walk{}
	}
	return walk{obj: obj, at: 1}
}

func (w *walk) name() []byte { return w.obj[w.nameAt:w.nameEnd] }
func (w *walk) raw() []byte  { return w.obj[w.valueAt:w.valueEnds] }

// next goes on to the next member; false at the end.
func (w *walk) next() bool {
	at := skipSpace(w.obj, w.at)
	if at >= len(w.obj) || w.obj[at] != '"' {
		return false // the end
	}
	w.nameAt, w.nameEnd = at, skipString(w.obj, at)
	at = skipSpace(w.obj, w.nameEnd)
	w.valueAt = skipSpace(w.obj, at+1) // behind the colon
	w.valueEnds = skipValue(w.obj, w.valueAt)
	if w.valueEnds <= w.valueAt || w.valueEnds > len(w.obj) {
		return false // not valid
	}
	at = skipSpace(w.obj, w.valueEnds)
	if at < len(w.obj) && w.obj[at] == ',' {
		at++
	}
	w.at = at
	return true
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t' || b[at] == '\n' || b[at] == '\r') {
		at++
	}
	return at
}

// skipString returns where the string that begins at b[at] ends.
func skipString(b []byte, at int) int {
	for at++; at < len(b); at++ {
		switch b[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(b)
}

// skipValue returns where the value that begins at b[at] ends.
func skipValue(b []byte, at int) int {
	if at >= len(b) {
		return at
	}
	switch b[at] {
	case '"':
		return skipString(b, at)
	case '{', '[':
		depth := 0
		for at < len(b) {
			switch b[at] {
			case '"':
				at = skipString(b, at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
			at++
		}
		return at
	}
	for at < len(b) && bytes.IndexByte([]byte(",}] \t\r\n"), b[at]) < 0 {
		at++
	}
	return at
}

func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 && len(quoted) >= 2 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // of a valid object
	return s
}

// appendObject is the reverse of appendMembers.
func appendObject(dst []byte, members []member) []byte {
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = record.AppendJSONString(dst, m.name)
		dst = append(dst, ':')
		dst = append(dst, m.raw...)
	}
	return append(dst, '}')
}

// findMember returns the value of a field; a dotted name that is none itself leads
// into nested objects. Of several of the same name the last one counts.
func findMember(members []member, name string) ([]byte, bool) {
	for i := len(members) - 1; i >= 0; i-- {
		if members[i].name == name {
			return members[i].raw, true
		}
	}
	for i := len(members) - 1; i >= 0; i-- {
		if rest, ok := below(members[i].name, name); ok {
			if raw, ok := findMember(appendMembers(nil, members[i].raw), rest); ok {
				return raw, true
			}
		}
	}
	return nil, false
}

// below tells what of a dotted name is left under a parent.
func below(parent, name string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(name, parent)
	if !ok || rest == "" || rest[0] != '.' {
		return "", false
	}
	return rest[1:], true
}

// takeMember removes a field, all of its occurrences.
func takeMember(members []member, name string) (_ []member, found bool) {
	kept := members[:0]
	for _, m := range members {
		if m.name == name {
			found = true
			continue
		}
		if rest, ok := below(m.name, name); ok {
			if inner, ok := takeMember(appendMembers(nil, m.raw), rest); ok {
				m.raw, found = appendObject(nil, inner), true
			}
		}
		kept = append(kept, m)
	}
	return kept, found
}

// setMember replaces a field or adds it.
func setMember(members []member, name string, raw []byte) []member {
	members, _ = takeMember(members, name)
	return append(members, member{name, raw})
}
