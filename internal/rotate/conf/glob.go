package conf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// words splits as a shell does: blanks separate, quotes and backslashes protect.
func words(s string) ([]string, error) {
	var out []string
	var b strings.Builder
	var quote byte
	in := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && i+1 < len(s) && (quote == 0 || s[i+1] == quote):
			i++
			b.WriteByte(s[i])
			in = true
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f':
			if in {
				out = append(out, b.String())
				b.Reset()
				in = false
			}
		default:
			b.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if in {
		out = append(out, b.String())
	}
	return out, nil
}

// home replaces a leading ~/.
func home(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if dir, err := os.UserHomeDir(); err == nil {
			return dir + "/" + rest
		}
	}
	return path
}

// glob expands a pattern as glob(3) does: a leading dot must be named, the result
// is sorted, and a pattern that fits nothing stands for itself.
func glob(pattern string) ([]string, error) {
	pattern = home(pattern)
	if !strings.ContainsAny(pattern, `*?[\`) {
		return []string{pattern}, nil
	}
	elems := strings.Split(pattern, "/")
	paths := []string{""}
	for i, e := range elems {
		if e == "" {
			if i == 0 {
				paths = []string{"/"}
			}
			continue
		}
		var next []string
		for _, dir := range paths {
			got, err := globIn(dir, e)
			if err != nil {
				return nil, err
			}
			next = append(next, got...)
		}
		paths = next
	}
	if len(paths) == 0 {
		return []string{pattern}, nil
	}
	slices.Sort(paths)
	return paths, nil
}

func globIn(dir, elem string) ([]string, error) {
	if !strings.ContainsAny(elem, `*?[\`) {
		p := join(dir, elem)
		if _, err := os.Lstat(p); err != nil {
			return nil, nil //nolint:nilerr // what is not there does not match
		}
		return []string{p}, nil
	}
	list := dir
	if list == "" {
		list = "."
	}
	entries, err := os.ReadDir(list)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	elem = strings.ReplaceAll(elem, "[!", "[^")
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(elem, ".") {
			continue
		}
		ok, err := filepath.Match(elem, e.Name())
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, join(dir, e.Name()))
		}
	}
	return out, nil
}

func join(dir, name string) string {
	switch dir {
	case "":
		return name
	case "/":
		return "/" + name
	}
	return dir + "/" + name
}
