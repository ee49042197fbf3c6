//go:build !unix

package discover

import "io/fs"

// groupOf is not known where files have no groups.
func (s *searcher) groupOf(fs.FileInfo) string { return "" }
