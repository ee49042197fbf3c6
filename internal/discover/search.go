package discover

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// endings are those of files that hold logs.
var endings = []string{".log", ".err", ".out", ".jsonl"}

// notLogs are files under /var/log that are none of text, and folders with others'.
var notLogs = []string{"journal", "lastlog", "wtmp", "btmp", "faillog", "sysstat", "sa", "installer", "tallylog", "pods", "containers"}

const (
	maxDepth = 4
	maxFiles = 2000 // that are looked at beside the known services
)

// folders proposes what is written to under the folders for logs and belongs to no
// known service.
func (s *searcher) folders() {
	var files []found
	for _, root := range []string{"var/log", "var/www", "srv", "opt", "home"} {
		if s.isDir(root) {
			s.walk(root, 0, root == "var/log", &files)
		}
	}
	s.byFolder(files, func(string) string { return "written to lately" })
}

// walk gathers fresh files with a log's ending; outside of /var/log only those that
// lie in a folder called log or logs.
func (s *searcher) walk(dir string, depth int, logs bool, out *[]found) {
	entries, err := fs.ReadDir(s.o.Root, dir)
	if err != nil {
		if logs {
			s.problem(dir, err)
		}
		return
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case len(*out) >= maxFiles:
			s.problems[fmt.Sprintf("/%s: more than %d files of no known service; the rest is not looked at", dir, maxFiles)] = true
			return
		case slices.Contains(notLogs, e.Name()) || strings.HasPrefix(e.Name(), ".") || e.Name() == "node_modules":
		case e.IsDir():
			if depth < maxDepth {
				s.walk(name, depth+1, logs || e.Name() == "log" || e.Name() == "logs", out)
			}
		case logs && !s.taken[name] && hasEnding(name) && e.Type().IsRegular():
			if info, err := e.Info(); err == nil && info.Size() > 0 && s.now.Sub(info.ModTime()) < s.o.Fresh {
				*out = append(*out, found{name, info})
			}
		}
	}
}

func hasEnding(name string) bool {
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// processes proposes files with a log's ending that running programs have open and
// that lie where nobody would look. Without root's rights that are the user's own.
func (s *searcher) processes() {
	entries, err := fs.ReadDir(s.o.Root, "proc")
	if err != nil {
		return
	}
	links, ok := s.o.Root.(fs.ReadLinkFS)
	if !ok {
		return
	}
	by := map[string]string{}
	var files []found
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil || len(files) >= maxFiles {
			continue
		}
		program, name := s.program(e.Name())
		if slices.Contains(ours, name) {
			continue // what is open there is forwarded, or no log
		}
		fds, err := fs.ReadDir(s.o.Root, path.Join("proc", e.Name(), "fd"))
		if err != nil {
			continue // another user's, or gone
		}
		for _, fd := range fds {
			target, err := links.ReadLink(path.Join("proc", e.Name(), "fd", fd.Name()))
			name := strings.TrimPrefix(target, "/")
			if err != nil || name == target || !hasEnding(name) || s.taken[name] || by[path.Dir(name)] != "" && slices.ContainsFunc(files, func(f found) bool { return f.name == name }) {
				continue
			}
			info, err := fs.Stat(s.o.Root, name)
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			by[path.Dir(name)] = program
			files = append(files, found{name, info})
		}
	}
	s.byFolder(files, func(dir string) string { return "open in " + by[dir] })
}

// ours are our own programs.
var ours = []string{"scribe", "journalist"}

// program says what a process is, and its bare name where that is known.
func (s *searcher) program(pid string) (text, name string) {
	b, err := fs.ReadFile(s.o.Root, path.Join("proc", pid, "comm"))
	if name = strings.TrimSpace(string(b)); err == nil && name != "" {
		return name + " (" + pid + ")", name
	}
	return "process " + pid, ""
}
