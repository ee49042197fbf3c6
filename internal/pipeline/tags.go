package pipeline

import (
	"bytes"

	"journalist/internal/record"
)

// addTag adds a tag to row i's field "tags", which is an array of strings. It
// returns false when the row has the tag already.
func addTag(b *record.Batch, i int, tag string) bool {
	name := b.NameID(record.FieldTags)
	for j := range b.Fields(i) {
		if id, v := b.Field(i, j); id == name {
			if hasTag(v, tag) {
				return false
			}
			b.Replace(i, j, withTag(v, tag))
			return true
		}
	}
	// A row's own tags hide the common ones, so it takes these over.
	var common record.Value
	for j := range b.Commons() {
		if id, v := b.Common(j); id == name {
			common = v
		}
	}
	if hasTag(common, tag) {
		return false
	}
	b.Extend(i, name, withTag(common, tag))
	return true
}

func hasTag(v record.Value, tag string) bool {
	switch v.Kind {
	case record.String:
		return string(v.Bytes) == tag
	case record.JSON:
		return bytes.Contains(v.Bytes, record.AppendJSONString(nil, tag))
	}
	return false
}

// withTag returns the tags with one more: an array is appended to, anything else
// becomes the first element of one.
func withTag(v record.Value, tag string) record.Value {
	var out []byte
	switch {
	case v.Kind == record.Missing || v.Kind == record.Null:
		out = append(out, '[')
	case v.Kind == record.JSON && len(v.Bytes) > 1 && v.Bytes[0] == '[':
		out = append(out, bytes.TrimRight(v.Bytes[:len(v.Bytes)-1], " \t")...)
		if len(out) > 1 {
			out = append(out, ',')
		}
	default:
		out = append(v.AppendJSON(append(out, '[')), ',')
	}
	out = record.AppendJSONString(out, tag)
	return record.Value{Kind: record.JSON, Bytes: append(out, ']')}
}
