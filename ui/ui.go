// Package ui carries the web page inside the binary: the build in dist/, made
// from src/ by `npm run build` and committed, so that a plain `go install` has it.
//
// It is the last station of a line's way and imports none of ours. Up the way
// internal/api serves these files and answers the page's questions; the page is
// nothing but a client of that API.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist returns the built page: index.html and assets/, whose file names carry a
// hash of their content and may be cached for ever.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil { // only a malformed name fails, and "dist" is none
		panic(err)
	}
	return sub
}
