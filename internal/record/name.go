package record

import "strings"

// Name is a field's name. Path keeps the levels of a nested JSON object apart
// with NUL bytes, so that {"a":{"b":1}} and {"a.b":1} come back as they came;
// Dotted is what users write and what the store's columns are called.
type Name struct {
	Path   string
	Dotted string
}

// PathSeparator stands between the levels of Name.Path. A NUL inside a JSON key
// is replaced by U+FFFD before it gets here.
const PathSeparator = "\x00"

// MakeName makes a name from its path.
func MakeName(path string) Name {
	if !strings.Contains(path, PathSeparator) {
		return Name{Path: path, Dotted: path}
	}
	return Name{Path: path, Dotted: strings.ReplaceAll(path, PathSeparator, ".")}
}

// Levels returns the path's levels, outermost first.
func (n Name) Levels() []string { return strings.Split(n.Path, PathSeparator) }
