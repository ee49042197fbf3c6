package store

import (
	"path/filepath"
	"strings"
	"sync"
	"time"

	"journalist/internal/scan"
	"journalist/internal/store/part"
	"journalist/internal/store/wal"
	"journalist/internal/vfs"
)

// maxListed bounds the files that are named to users.
const maxListed = 20

// asides remembers what is known of files that were set aside: by their names in the
// quarantine.
type asides struct {
	mu    sync.Mutex
	known map[string]scan.AsideFile
}

// remember notes why a file was set aside.
func (a *asides) remember(dir, name string, cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]scan.AsideFile{}
	}
	a.known[name] = scan.AsideFile{Path: shownIn(dir, name), Cause: shortCause(dir, cause)}
}

// shortCause is an error without the folders above the store.
func shortCause(dir string, err error) string {
	return strings.ReplaceAll(err.Error(), filepath.Dir(dir)+string(filepath.Separator), "")
}

// aside lists what was set aside, now or in runs before.
func (s *Store) aside() scan.Aside { return s.asides.list(s.o.FS, s.o.Dir) }

// list reads the quarantine; a folder that is not there is empty.
func (a *asides) list(fsys vfs.FS, dir string) (out scan.Aside) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, in := range []struct {
		dir    string
		wanted func(name string) bool
	}{
		{quarantineDir, func(string) bool { return true }},
		{walDir, func(name string) bool { return strings.HasSuffix(name, wal.Corrupt) }},
	} {
		entries, err := fsys.ReadDir(filepath.Join(dir, in.dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() || !in.wanted(e.Name()) {
				continue
			}
			name := filepath.Join(dir, in.dir, e.Name())
			var size int64
			if info, err := e.Info(); err == nil {
				size = info.Size()
			}
			out.Files++
			out.Bytes += size
			if len(out.List) < maxListed {
				out.List = append(out.List, a.describe(fsys, dir, name, size))
			}
		}
	}
	// What was removed needs no memory.
	if len(a.known) > 2*(out.Files+maxListed) {
		clear(a.known)
	}
	return out
}

// describe finds out what a file held. a.mu is held.
func (a *asides) describe(fsys vfs.FS, dir, name string, size int64) scan.AsideFile {
	f, ok := a.known[name]
	if ok && f.Bytes == size {
		return f
	}
	f.Path, f.Bytes = shownIn(dir, name), size
	if strings.HasSuffix(name, partSuffix) {
		if p, err := openFile(fsys, name); err == nil && len(p.Groups) > 0 {
			first, last := p.Bounds()
			f.Dataset, f.Rows, f.First, f.Last = p.Dataset, p.Rows(), timeOf(first), timeOf(last)
		}
	}
	if a.known == nil {
		a.known = map[string]scan.AsideFile{}
	}
	a.known[name] = f
	return f
}

// openFile reads the footer of a part that is not live.
func openFile(fsys vfs.FS, name string) (*part.Part, error) { return part.Open(fsys, name, nil) }

func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }
