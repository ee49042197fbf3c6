package source

import "journalist/internal/record"

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
	o.dst = append(record.AppendJSONString(o.dst, name), ':')
}

// String adds a member; an empty value adds none.
func String[T string | []byte](o *Object, name string, value T) {
	if len(value) == 0 {
		return
	}
	o.key(name)
	o.dst = record.AppendJSONString(o.dst, value)
}

// Raw adds a member whose value is JSON already and is appended by f.
func (o *Object) Raw(name string, f func(dst []byte) []byte) {
	o.key(name)
	o.dst = f(o.dst)
}
