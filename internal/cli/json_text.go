package cli

import "journalist/internal/record"

// jsonString returns s as a JSON string.
func jsonString(s string) []byte { return record.AppendJSONString(nil, s) }

// appendMore appends a field to an object that has no end yet; nil begins one.
func appendMore(dst []byte, f RowField) []byte {
	if dst == nil {
		dst = append(dst, '{')
	} else {
		dst = append(dst, ',')
	}
	dst = record.AppendJSONString(dst, f.Name)
	dst = append(dst, ':')
	return append(dst, f.Value...)
}
