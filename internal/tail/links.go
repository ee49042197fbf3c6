package tail

import (
	"io/fs"
	"os"
	"path/filepath"
)

// resolver finds paths without symbolic links, by folder.
type resolver map[string]string

func (r resolver) resolve(path string) (string, error) {
	if path == "" {
		return "", fs.ErrNotExist
	}
	fi, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		return filepath.EvalSymlinks(path)
	}
	dir := filepath.Dir(path)
	real, ok := r[dir]
	if !ok {
		if real, err = filepath.EvalSymlinks(dir); err != nil {
			return "", err
		}
		r[dir] = real
	}
	if real == dir {
		return path, nil
	}
	return filepath.Join(real, filepath.Base(path)), nil
}

// watchDirs asks the kernel to tell of changes in the folders, and notes which
// files that covers. A file behind a symbolic link changes in another folder.
func (t *Tailer) watchDirs(dirs map[string]struct{}) error {
	t.mu.Lock()
	var unresolved []*file
	for _, f := range t.files {
		if !f.resolved && f.path != "" {
			unresolved = append(unresolved, f)
		}
	}
	t.mu.Unlock()
	res := resolver{}
	for _, f := range unresolved {
		t.mu.Lock()
		path := f.path
		t.mu.Unlock()
		real, err := res.resolve(path)
		if err != nil {
			continue
		}
		t.mu.Lock()
		if f.resolved = true; real != path {
			f.real = real
			t.byPath[real] = f
		}
		t.mu.Unlock()
	}
	t.mu.Lock()
	for _, f := range t.files {
		if f.path != "" {
			dirs[filepath.Dir(f.path)] = struct{}{}
		}
		if f.real != "" {
			dirs[filepath.Dir(f.real)] = struct{}{}
		}
	}
	t.mu.Unlock()
	covered, err := t.watch.watch(dirs)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.files {
		f.watched = f.resolved && covered[filepath.Dir(f.path)] && (f.real == "" || covered[filepath.Dir(f.real)])
	}
	return err
}
