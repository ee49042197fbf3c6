package source

import "unicode/utf8"

// Object writes a flat JSON object piece by piece, for the extras of lines. One
// goroutine uses it.
type Object struct {
	dst   []byte
	start int
}

// OpenObject begins an object at the end of dst.
func OpenObject(dst []byte) Object { return Object{dst: append(dst, '{'), start: len(dst)} }

// Close ends the object and returns dst with it; an object without members leaves
// nothing.
func (o *Object) Close() []byte {
	if len(o.dst) == o.start+1 {
		return o.dst[:o.start]
	}
	return append(o.dst, '}')
}

func (o *Object) key(name string) {
	if c := o.dst[len(o.dst)-1]; c != '{' {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(AppendString(o.dst, name), ':')
}

// String adds a member; an empty value adds none.
func String[T string | []byte](o *Object, name string, value T) {
	if len(value) == 0 {
		return
	}
	o.key(name)
	o.dst = AppendString(o.dst, value)
}

// Raw adds a member whose value is JSON already and is appended by f.
func (o *Object) Raw(name string, f func(dst []byte) []byte) {
	o.key(name)
	o.dst = f(o.dst)
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
