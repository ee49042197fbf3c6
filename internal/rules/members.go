package rules

import (
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
	for w := record.JSONMembers(obj); w.Next(); {
		dst = append(dst, member{w.Name(), w.Value()})
	}
	return dst
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
