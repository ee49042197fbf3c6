package tail

import (
	"path/filepath"
	"strconv"
	"strings"
)

// bornAs returns the name under which what is now at path was born, and the group
// that this name belongs to. label is what the file was called before, when
// anything is known of it: a file may be renamed before it is recognised, and its
// inode may by now be that of another file. g is nil when no pattern gave the
// file, under whatever name: then only a known generation may be read in it.
func (t *Tailer) bornAs(label, path string) (name string, g *group) {
	if path == "" || path == label {
		return label, t.groupOf(label)
	}
	if g := t.groupOf(path); g != nil {
		if numbered(label, path) {
			return label, t.groupOf(label) // the pattern gives rotated files, too
		}
		return path, g
	}
	for _, base := range unrotated(path) {
		if g := t.groupOf(base); g != nil {
			return base, g
		}
	}
	return label, nil
}

// nameLocked names f, which is not yet recognised and was found at path.
func (t *Tailer) nameLocked(f *file, path string) {
	if name, g := t.bornAs(f.label, path); g != nil {
		f.label, f.group = name, g
	}
}

// unrotated returns the paths of which path may be a rotation, longest first:
// app.log-20260101 gives app.log-20260101 cut at each separator, and for
// app-20260101.log also app.log.
func unrotated(path string) []string {
	dir, base := filepath.Split(path)
	var out []string
	for i := len(base) - 1; i > 0; i-- {
		switch base[i] {
		case '.', '-', '_', '~', '@':
			out = append(out, dir+base[:i])
			if ext := filepath.Ext(base); len(ext) < len(base)-i && ext != "" {
				out = append(out, dir+base[:i]+ext)
			}
		}
	}
	return out
}

// maxShifts is how often a file is renamed at most, to one number higher each time,
// between its birth and its compression.
const maxShifts = 100

// births returns the paths under which the file that is at path may have been born:
// those of which it may be a rotation, and rotations of the same with lower numbers.
func births(path string) []string {
	out := unrotated(path)
	dir, base := filepath.Split(path)
	end := len(base)
	for end > 0 {
		if end = strings.LastIndexAny(base[:end], "0123456789") + 1; end == 0 {
			return out
		}
		start := end
		for start > 0 && base[start-1] >= '0' && base[start-1] <= '9' {
			start--
		}
		if n, err := strconv.Atoi(base[start:end]); err == nil && end-start < 5 && start > 0 && strings.ContainsRune(".-_", rune(base[start-1])) {
			for k := n - 1; k >= max(0, n-maxShifts); k-- {
				shifted := base[:start] + strconv.Itoa(k) + base[end:]
				out = append(out, dir+shifted, dir+strings.TrimSuffix(shifted, filepath.Ext(shifted)))
			}
			return out
		}
		end = start
	}
	return out
}

// sameName tells that path is label or a rotation of it.
func sameName(label, path string) bool {
	return label == path || (filepath.Dir(label) == filepath.Dir(path) && related(filepath.Base(label), filepath.Base(path)))
}

// numbered tells that path is a rotation of label with a number or a date in it.
func numbered(label, path string) bool {
	return label != path && sameName(label, path) && strings.ContainsAny(path[commonPrefix(label, path):], "0123456789")
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
