package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"journalist/internal/vfs"
)

const (
	// maxFile is the largest configuration file, as logrotate's.
	maxFile    = 0xffffff
	maxNesting = 16
)

// taboo are the endings that include leaves out.
var taboo = []string{
	",v", ".bak", ".cfsaved", ".disabled", ".dpkg-bak", ".dpkg-del", ".dpkg-dist", ".dpkg-new", ".dpkg-old", ".dpkg-tmp",
	".rhn-cfg-tmp-*", ".rpmnew", ".rpmorig", ".rpmsave", ".swp", ".ucf-dist", ".ucf-new", ".ucf-old", "~",
}

// Read reads configuration files and folders in order; later ones know the
// defaults of earlier ones. What is wrong is in Problems: a block with a mistake
// is left out, the others count.
func Read(paths ...string) *Config {
	r := &reader{c: &Config{}, owner: make(map[string]*Set)}
	for _, t := range taboo {
		r.taboo = append(r.taboo, "*"+t)
	}
	def := defaults()
	for _, p := range paths {
		r.path(p, def, Problem{File: p})
	}
	return r.c
}

type reader struct {
	c       *Config
	taboo   []string
	nesting int
	owner   map[string]*Set // log file to the block that has it
}

func (r *reader) problem(file string, line int, format string, args ...any) {
	r.c.Problems = append(r.c.Problems, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// path reads a file, or the files of a folder. at is where its name stands.
func (r *reader) path(path string, def *Set, at Problem) (ok bool) {
	fi, err := os.Stat(path)
	if err != nil {
		r.problem(at.File, at.Line, "%v", err)
		return false
	}
	if !fi.IsDir() {
		return r.file(path, def)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		r.problem(at.File, at.Line, "%v", err)
		return false
	}
	ok = true
	for _, e := range entries {
		if !slices.ContainsFunc(r.taboo, func(t string) bool { return tabooed(t, e.Name()) }) {
			ok = r.file(filepath.Join(path, e.Name()), def) && ok
		}
	}
	return ok
}

func tabooed(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
		return false // a leading dot must be named
	}
	ok, err := filepath.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	return ok && err == nil
}

// file reads one file; the defaults that it sets stay, unless it has mistakes.
func (r *reader) file(path string, def *Set) bool {
	data, err := r.load(path)
	if err != nil {
		r.problem(path, 0, "%v", err)
		return errors.Is(err, errIgnored)
	}
	if len(data) == 0 {
		return true
	}
	saved := *def
	p := &parser{r: r, file: path, s: string(data), line: 1, def: def, set: def}
	p.run()
	if p.bad {
		*def = saved
	}
	return !p.bad
}

var errIgnored = errors.New("the file is left out")

func (r *reader) load(path string) ([]byte, error) {
	f, err := vfs.OpenShared(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return nil, err
	}
	if fi.Size() > maxFile {
		return nil, fmt.Errorf("%d bytes are no configuration file", fi.Size())
	}
	if err := safeOwner(fi); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// safeOwner: what root does must be said by root alone.
func safeOwner(fi fs.FileInfo) error {
	if os.Getuid() != 0 {
		return nil
	}
	if fi.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("it may be written by its group or by others: %w (chmod go-w)", errIgnored)
	}
	if uid, _, ok := vfs.OwnerOf(fi); ok && uid != 0 {
		return fmt.Errorf("it does not belong to root: %w (chown root)", errIgnored)
	}
	return nil
}

// parser goes through one file.
type parser struct {
	r       *reader
	file    string
	s       string
	pos     int
	line    int
	def     *Set
	set     *Set // def outside of a block
	spoiled bool // the block has a mistake
	bad     bool // the file has one
}

func (p *parser) errorf(format string, args ...any) {
	p.r.problem(p.file, p.line, format, args...)
	p.bad = true
	if p.set != p.def {
		p.spoiled = true
	}
}

func (p *parser) warnf(format string, args ...any) {
	p.r.problem(p.file, p.line, format, args...)
	p.r.c.Problems[len(p.r.c.Problems)-1].Warning = true
}

func (p *parser) run() {
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		switch {
		case c == '\n':
			p.line++
			p.pos++
		case c == ' ' || c == '\t' || c == '\r':
			p.pos++
		case c == '#':
			p.rest()
		case isAlpha(c):
			p.directive()
		case c == '}':
			p.pos++
			p.end()
		case c == '/' || c == '"' || c == '\'' || c == '~':
			if p.set != p.def {
				p.errorf("a file name inside of a block: is a } missing before it?")
				p.rest()
				continue
			}
			if !p.begin() {
				return
			}
		default:
			p.errorf("a line begins with a directive or a file name (in quotes, or with /), not with %q", c)
			p.rest()
		}
	}
	if p.set != p.def {
		p.errorf("the block that begins in line %d has no }", p.set.Line)
	}
}

func isAlpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// rest returns the rest of the line, and stops before its end.
func (p *parser) rest() string {
	n := strings.IndexByte(p.s[p.pos:], '\n')
	if n < 0 {
		n = len(p.s) - p.pos
	}
	text := p.s[p.pos : p.pos+n]
	p.pos += n
	return text
}

// begin reads file names up to a brace.
func (p *parser) begin() bool {
	var b strings.Builder
	start := p.line
	fresh := true // at the beginning of a line, where a comment may be
	for ; p.pos < len(p.s); p.pos++ {
		c := p.s[p.pos]
		switch {
		case c == '\n':
			p.line++
			fresh = true
		case c == '#' && fresh:
			p.rest()
			p.pos--
			continue
		case c == '}':
			p.errorf("} without {")
			return false
		case c == '{':
			p.pos++
			p.open(b.String(), start)
			return true
		case c != ' ' && c != '\t':
			fresh = false
		}
		b.WriteByte(c)
	}
	p.line = start
	p.errorf("no { after the names of log files")
	return false
}

// open begins a block.
func (p *parser) open(pattern string, line int) {
	set := *p.def
	set.File, set.Line, set.Pattern = p.file, line, pattern
	set.Compressor.Options = slices.Clone(set.Compressor.Options)
	p.set, p.spoiled = &set, false
	globs, err := words(pattern)
	switch {
	case err != nil:
		p.errorf("%v", err)
	case len(globs) == 0:
		p.errorf("no log file before the {")
	}
	set.Globs = globs
}

// end ends a block and finds its files.
func (p *parser) end() {
	if p.set == p.def {
		p.errorf("} without {")
		return
	}
	set, spoiled := p.set, p.spoiled
	p.set, p.spoiled = p.def, false
	if text := strings.TrimSpace(p.rest()); text != "" && !strings.HasPrefix(text, "#") {
		p.errorf("unexpected text after }: %s", text)
	}
	if spoiled {
		p.r.problem(set.File, set.Line, "the block of %s is left out because of its mistakes", strings.TrimSpace(set.Pattern))
		return
	}
	p.expand(set)
	p.r.c.Sets = append(p.r.c.Sets, set)
}

// expand finds the files of a block. Each belongs to the first block that names it.
func (p *parser) expand(set *Set) {
	for _, g := range set.Globs {
		paths, err := glob(g)
		if err != nil {
			if !set.MissingOK {
				p.r.problem(set.File, set.Line, "%s: %v", g, err)
				p.bad = true
			}
			continue
		}
		for _, path := range paths {
			if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
				continue
			}
			first := p.r.owner[path]
			if first == nil {
				p.r.owner[path] = set
				set.Logs = append(set.Logs, path)
				continue
			}
			if !first.IgnoreDuplicates {
				p.r.problem(set.File, set.Line, "%s was named before, at %s:%d (see ignoreduplicates)", path, first.File, first.Line)
				p.bad = true
				break
			}
		}
	}
}

// script reads up to endscript.
func (p *parser) script(name string) (string, bool) {
	start := p.line
	p.rest()
	p.pos = min(p.pos+1, len(p.s))
	p.line++
	from := p.pos
	for p.pos < len(p.s) {
		at := p.pos
		text := p.rest()
		word := strings.TrimLeft(text, " \t")
		end := 0
		for end < len(word) && isAlpha(word[end]) {
			end++
		}
		if word[:end] == "endscript" {
			p.pos = at + len(text) - len(word) + end
			return p.s[from:at], true
		}
		p.pos = min(p.pos+1, len(p.s))
		p.line++
	}
	p.line = start
	p.errorf("%s without endscript", name)
	return "", false
}

// nearest returns the directive that a word may have been meant to be, "" for none.
func nearest(word string) string {
	best, least := "", 1+len(word)/3
	for _, d := range slices.Sorted(maps.Keys(directives)) {
		if n := distance(strings.ToLower(word), d); n <= least {
			if n < least || best == "" {
				best, least = d, n
			}
		}
	}
	return best
}

// distance is how many letters are to be changed, added or left out.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := last
			if a[i] != b[j] {
				d++
			}
			last = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
