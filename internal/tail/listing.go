package tail

import (
	"io/fs"
	"maps"
	"path/filepath"
)

// listing is the files in a folder by inode. It is settled when the one before it
// showed the same.
type listing struct {
	byNode  map[inode]string
	settled bool
}

// locate looks for an inode among the files beside label, under any name that
// shares its stem. known is false when the folder cannot be read, or when it changes
// too fast: files that are renamed while a folder is listed can be missed, so that two
// listings must agree on what was not gone before.
func (s *scanner) locate(label string, node inode, gone bool) (path string, fi fs.FileInfo, known bool) {
	dir := filepath.Dir(label)
	l := s.listed[dir]
	for try := range 3 {
		if l == nil || (try > 0 && !l.settled) {
			var err error
			if l, err = s.list(dir, l); err != nil {
				return "", nil, false
			}
		}
		path, ok := l.byNode[node]
		if !ok && (gone || l.settled) {
			return "", nil, true
		}
		if !ok {
			continue
		}
		if fi, err := s.t.fs.Stat(path); err == nil {
			if n, _, isFile := inodeOf(fi); isFile && n == node {
				return path, fi, true
			}
		}
		l.settled = false // it was renamed again, or is gone by now
	}
	return "", nil, false
}

// list lists a folder again; last is what it was before, nil if nobody looked.
func (s *scanner) list(dir string, last *listing) (*listing, error) {
	entries, err := s.t.fs.ReadDir(dir)
	if noFile(err) != nil {
		return nil, err
	}
	l := &listing{byNode: make(map[inode]string, len(entries))}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if fi, err := e.Info(); err == nil {
			if n, _, ok := inodeOf(fi); ok {
				l.byNode[n] = filepath.Join(dir, e.Name())
			}
		}
	}
	l.settled = last != nil && maps.Equal(l.byNode, last.byNode)
	s.listed[dir] = l
	return l, nil
}
