// Package discover looks at a machine and proposes what scribe should forward from
// it: the logs of known services, whatever else is written to under the folders
// for logs, and files that running programs hold open.
//
// cmd/scribe prints the proposal, which internal/config reads back; internal/tail
// then follows what it names. It only reads, and only the ends of files.
package discover

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Options say where to look; the zero value is this machine.
type Options struct {
	Root fs.FS            // / by default
	Now  func() time.Time // time.Now by default
	// Fresh is how long ago a file of no known service may have been written to be
	// proposed, 7 days by default.
	Fresh time.Duration
}

// Group is what is proposed for one service or folder.
type Group struct {
	Service string // what writes there
	Why     string // how that was found out
	Paths   []string
	Exclude []string
	Type    string // the field type
	// Multiline, Format and Encoding are as in scribe.yml, "" where nothing is
	// needed. Start is a pattern by which an event begins, where no ready-made
	// Multiline fits.
	Multiline, Start, Format, Encoding string

	Files  int       // that are there now
	Bytes  int64     // of all of them
	Newest time.Time // when the youngest was written
	// Unreadable are files that this user may not read; Groups those that may.
	Unreadable []string
	Groups     []string
}

// Findings is all that was found.
type Findings struct {
	Groups []Group
	// Journal and Docker: the machine has systemd's journal, a Docker socket.
	Journal, Docker bool
	// Problems are folders that could not be looked into.
	Problems []string
}

// searcher is one look.
type searcher struct {
	o        Options
	now      time.Time
	out      Findings
	taken    map[string]bool // files that a group has
	problems map[string]bool
}

// Look searches. It has no error: what cannot be seen stands in Problems.
func Look(o Options) *Findings {
	if o.Root == nil {
		o.Root = os.DirFS("/")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fresh <= 0 {
		o.Fresh = 7 * 24 * time.Hour
	}
	s := &searcher{o: o, now: o.Now(), taken: map[string]bool{}, problems: map[string]bool{}}
	for _, k := range known {
		s.service(k)
	}
	s.folders()
	s.processes()
	s.out.Journal = s.isDir("var/log/journal") || s.isDir("run/log/journal")
	s.out.Docker = s.exists("var/run/docker.sock") || s.exists("run/docker.sock")
	for p := range s.problems {
		s.out.Problems = append(s.out.Problems, p)
	}
	slices.Sort(s.out.Problems)
	return &s.out
}

// found is a file.
type found struct {
	name string // without the leading slash
	info fs.FileInfo
}

// service proposes a known service where a file of it is there.
func (s *searcher) service(k service) {
	var files []found
	var paths []string
	for _, pattern := range k.paths {
		list := s.glob(pattern, k.exclude)
		if len(list) == 0 {
			continue
		}
		paths = append(paths, "/"+pattern)
		files = append(files, list...)
	}
	if len(files) == 0 {
		return
	}
	g := Group{
		Service: k.name, Why: "known place", Paths: paths, Exclude: k.exclude,
		Type: k.name, Multiline: k.multiline, Start: k.start, Format: k.format,
	}
	s.describe(&g, files)
	s.out.Groups = append(s.out.Groups, g)
}

// glob lists the regular files of a pattern that no group has yet.
func (s *searcher) glob(pattern string, exclude []string) (out []found) {
	names, err := fs.Glob(s.o.Root, pattern)
	if err != nil {
		s.problem(pattern, err)
		return nil
	}
	if dir := path.Dir(pattern); !strings.ContainsAny(dir, "*?[") {
		if _, err := fs.ReadDir(s.o.Root, dir); err != nil {
			s.problem(dir, err)
		}
	}
	for _, name := range names {
		if s.taken[name] || slices.ContainsFunc(exclude, func(x string) bool { ok, _ := path.Match(x, path.Base(name)); return ok }) {
			continue
		}
		info, err := fs.Stat(s.o.Root, name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		out = append(out, found{name, info})
	}
	return out
}

// describe takes the files for a group and fills in what they are like.
func (s *searcher) describe(g *Group, files []found) {
	slices.SortFunc(files, func(a, b found) int { return b.info.ModTime().Compare(a.info.ModTime()) })
	looked := 0
	for _, f := range files {
		s.taken[f.name] = true
		g.Files++
		g.Bytes += f.info.Size()
		sample, err := s.end(f.name, f.info.Size())
		if err != nil {
			g.Unreadable = append(g.Unreadable, "/"+f.name)
			if name := s.groupOf(f.info); name != "" && !slices.Contains(g.Groups, name) {
				g.Groups = append(g.Groups, name)
			}
			continue
		}
		if looked < 3 && len(sample) > 0 {
			looked++
			looksLike(g, sample)
		}
	}
	g.Newest = files[0].info.ModTime()
	slices.Sort(g.Unreadable)
}

// problem notes a folder that could not be looked into; one that is not there is
// none.
func (s *searcher) problem(name string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	s.problems["/"+name+": "+err.Error()] = true
}

func (s *searcher) exists(name string) bool {
	_, err := fs.Stat(s.o.Root, name)
	return err == nil
}

func (s *searcher) isDir(name string) bool {
	info, err := fs.Stat(s.o.Root, name)
	return err == nil && info.IsDir()
}

// byFolder makes groups of files that lie together.
func (s *searcher) byFolder(files []found, why func(dir string) string) {
	dirs := map[string][]found{}
	for _, f := range files {
		dir := path.Dir(f.name)
		dirs[dir] = append(dirs[dir], f)
	}
	var groups []Group
	for dir, list := range dirs {
		g := Group{Service: path.Base(dir), Why: why(dir), Type: typeOf(dir, list)}
		if dir == "var/log" || len(list) == 1 {
			for _, f := range list { // beside them lie those of others
				g.Paths = append(g.Paths, "/"+f.name)
			}
			slices.Sort(g.Paths)
		} else {
			for _, ending := range endings {
				if slices.ContainsFunc(list, func(f found) bool { return strings.HasSuffix(f.name, ending) }) {
					g.Paths = append(g.Paths, "/"+dir+"/*"+ending)
				}
			}
		}
		s.describe(&g, list)
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.Paths[0], b.Paths[0]) })
	s.out.Groups = append(s.out.Groups, groups...)
}

// typeOf is a name for what lies in a folder.
func typeOf(dir string, list []found) string {
	base := path.Base(dir)
	if base == "log" || base == "logs" {
		base = path.Base(path.Dir(dir))
	}
	if dir == "var/log" || base == "." || base == "/" {
		if len(list) == 1 {
			return strings.TrimSuffix(path.Base(list[0].name), path.Ext(list[0].name))
		}
		return "system"
	}
	return base
}
