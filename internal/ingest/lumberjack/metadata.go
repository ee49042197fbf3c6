package lumberjack

import (
	"bytes"
	"slices"
)

var metadataKey = []byte(`"@metadata"`)

// dropMetadata cuts the top-level member @metadata out of a JSON object: Beats
// put in it what is meant for Logstash's routing and never for storage. Text that
// is not JSON comes back unchanged or still not JSON. It may change obj.
func dropMetadata(obj []byte) []byte {
	if !bytes.Contains(obj, metadataKey) {
		return obj
	}
	depth := 0
	for i := 0; i < len(obj); {
		switch obj[i] {
		case '"':
			end := stringEnd(obj, i)
			if end < 0 {
				return obj
			}
			if depth == 1 && bytes.Equal(obj[i:end], metadataKey) {
				if from, to, ok := member(obj, i, end); ok {
					return slices.Delete(obj, from, to)
				}
			}
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
	}
	return obj
}

// member finds the whole member whose key is obj[key:end], with one of the commas
// beside it. A string that is a value, not a key, gives false.
func member(obj []byte, key, end int) (from, to int, ok bool) {
	i := skipSpace(obj, end)
	if i >= len(obj) || obj[i] != ':' {
		return 0, 0, false
	}
	i = valueEnd(obj, skipSpace(obj, i+1))
	if i < 0 {
		return 0, 0, false
	}
	if j := skipSpace(obj, i); j < len(obj) && obj[j] == ',' {
		return key, j + 1, true
	}
	from = key
	for from > 0 && isSpace(obj[from-1]) {
		from--
	}
	if from > 0 && obj[from-1] == ',' {
		from--
	}
	return from, i, true
}

// valueEnd returns where the value that begins at i ends, or -1.
func valueEnd(obj []byte, i int) int {
	depth := 0
	for i < len(obj) {
		switch obj[i] {
		case '"':
			if i = stringEnd(obj, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of the object around: the value was a literal
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}

// stringEnd returns where the string that begins at i ends, or -1.
func stringEnd(obj []byte, i int) int {
	for i++; i < len(obj); i++ {
		switch obj[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func skipSpace(obj []byte, i int) int {
	for i < len(obj) && isSpace(obj[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
