package rotate

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// attr is what a file's status says.
type attr struct {
	Mode  uint32 `json:"mode"` // permission bits
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
	Size  int64  `json:"size"`
	ATime int64  `json:"atime"` // nanoseconds since the epoch
	MTime int64  `json:"mtime"`
	Dev   uint64 `json:"dev"`
	Ino   uint64 `json:"ino"`
	Links uint64 `json:"links"`
}

func attrOf(fi fs.FileInfo) attr {
	a := attr{Mode: uint32(fi.Mode().Perm()), Size: fi.Size(), MTime: fi.ModTime().UnixNano(), ATime: fi.ModTime().UnixNano(), Links: 1}
	sysAttr(fi, &a)
	return a
}

// view is the file system as it will be after the steps that are planned so far.
type view struct{ names map[string]*attr } // nil: it will be gone

func newView() *view { return &view{names: make(map[string]*attr)} }

func (v *view) stat(path string) (attr, bool) {
	if a, ok := v.names[path]; ok {
		if a == nil {
			return attr{}, false
		}
		return *a, true
	}
	fi, err := os.Stat(path)
	if err != nil {
		return attr{}, false
	}
	return attrOf(fi), true
}

func (v *view) exists(path string) bool {
	_, ok := v.stat(path)
	return ok
}

func (v *view) set(path string, a attr) { v.names[path] = &a }
func (v *view) remove(path string)      { v.names[path] = nil }

func (v *view) rename(from, to string) {
	if a, ok := v.stat(from); ok {
		v.set(to, a)
		v.remove(from)
	}
}

// list returns the names in a folder, sorted.
func (v *view) list(dir string) []string {
	entries, _ := os.ReadDir(dir) // a folder that is not there has no names
	var out []string
	for _, e := range entries {
		if a, ok := v.names[filepath.Join(dir, e.Name())]; !ok || a != nil {
			out = append(out, e.Name())
		}
	}
	for path, a := range v.names {
		if a != nil && filepath.Dir(path) == filepath.Clean(dir) && !slices.Contains(out, filepath.Base(path)) {
			out = append(out, filepath.Base(path))
		}
	}
	slices.Sort(out)
	return out
}
