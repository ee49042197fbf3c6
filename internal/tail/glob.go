package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// maxDepth is how many folders deep ** goes.
const maxDepth = 64

// globber expands patterns: those of path/filepath.Match, and ** for any number
// of folders. Unlike filepath.Glob it tells when it could not look, because what
// is then missing is not deleted.
type globber struct {
	fs    FS
	paths []string
	// dirs are the folders that were listed or that hold a path without
	// wildcards: where new files may appear.
	dirs map[string]struct{}
	errs []error
}

// checkPattern says what is wrong with a pattern.
func checkPattern(p string) error {
	for seg := range strings.SplitSeq(p, "/") {
		if _, err := filepath.Match(seg, ""); err != nil {
			return fmt.Errorf("pattern %q: %w in %q", p, err, seg)
		}
	}
	return nil
}

func hasMeta(s string) bool { return strings.ContainsAny(s, `*?[\`) }

func (g *globber) expand(pattern string) {
	dir := "."
	rest := strings.TrimLeft(pattern, "/")
	if rest != pattern {
		dir = "/"
	}
	g.walk(dir, strings.Split(rest, "/"), 0)
}

func (g *globber) walk(dir string, segs []string, depth int) {
	for len(segs) > 0 && !hasMeta(segs[0]) {
		if len(segs) == 1 {
			g.dirs[dir] = struct{}{}
			g.paths = append(g.paths, filepath.Join(dir, segs[0]))
			return
		}
		dir = filepath.Join(dir, segs[0])
		segs = segs[1:]
	}
	if len(segs) == 0 || depth > maxDepth {
		return
	}
	deep := segs[0] == "**"
	rest := segs[1:]
	if deep && len(rest) > 0 {
		g.walk(dir, rest, depth+1)
	}
	for _, e := range g.list(dir) {
		name := filepath.Join(dir, e.Name())
		switch {
		case deep && e.IsDir():
			g.walk(name, segs, depth+1)
		case deep:
			if len(rest) == 0 {
				g.paths = append(g.paths, name)
			}
		default:
			if ok, _ := filepath.Match(segs[0], e.Name()); !ok { // checked by checkPattern
				continue
			}
			if len(rest) == 0 {
				if !e.IsDir() {
					g.paths = append(g.paths, name)
				}
			} else if e.IsDir() || e.Type()&fs.ModeSymlink != 0 {
				g.walk(name, rest, depth+1)
			}
		}
	}
}

func (g *globber) list(dir string) []fs.DirEntry {
	entries, err := g.fs.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			g.errs = append(g.errs, err)
		}
		return entries // what was read before the error is true
	}
	g.dirs[dir] = struct{}{}
	return entries
}

// matchPath tells that path is one that pattern stands for.
func matchPath(pattern, path string) bool {
	return matchSegs(strings.Split(filepath.ToSlash(pattern), "/"), strings.Split(filepath.Clean(path), "/"))
}

func matchSegs(pat, segs []string) bool {
	for len(pat) > 0 {
		switch {
		case pat[0] == "**":
			if len(pat) == 1 {
				return len(segs) > 0
			}
			for i := range segs {
				if matchSegs(pat[1:], segs[i:]) {
					return true
				}
			}
			return false
		case pat[0] == "" && len(segs) > 0 && segs[0] != "", pat[0] == ".":
			pat = pat[1:] // a doubled slash, or ./
			continue
		case len(segs) == 0:
			return false
		}
		if ok, _ := filepath.Match(pat[0], segs[0]); !ok {
			return false
		}
		pat, segs = pat[1:], segs[1:]
	}
	return len(segs) == 0
}

// excluded tells that one of the patterns matches the path, or its last element
// where the pattern has no slash.
func excluded(patterns []string, path string) bool {
	for _, p := range patterns {
		if matchPath(p, path) || (!strings.Contains(p, "/") && matchPath(p, filepath.Base(path))) {
			return true
		}
	}
	return false
}

// related tells that name looks like what a rotation makes of base, both without
// folder: app.log.1, app.log-20260101, app-20260101.log, app.1.log of app.log.
func related(base, name string) bool {
	if rest, ok := strings.CutPrefix(name, base); ok {
		return rest != "" && strings.ContainsAny(rest[:1], ".-_~@")
	}
	ext := filepath.Ext(base)
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(base, ext))
	if !ok || ext == "" || len(rest) < 2 || !strings.ContainsAny(rest[:1], ".-_") {
		return false
	}
	return strings.Contains(rest, ext) && rest[1] >= '0' && rest[1] <= '9'
}
