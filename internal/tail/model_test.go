package tail

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"journalist/internal/record"
)

// rapidTB lets a rig run inside a rapid check.
type rapidTB struct {
	testing.TB
	rt *rapid.T
}

func (t rapidTB) Helper()                   {}
func (t rapidTB) Fatal(args ...any)         { t.rt.Fatal(args...) }
func (t rapidTB) Fatalf(f string, a ...any) { t.rt.Fatalf(f, a...) }

// model is what should come out: every line has a number, and is written once.
type model struct {
	*rig
	rt    *rapid.T
	next  int
	files []string
	half  map[string]string // the started line at a file's end
	lines map[string]string // all that were written whole, or became final, and where
	wide  bool              // the pattern gives rotated files, too
	// server has what was stored, by source and position.
	server map[[2]any]got
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		m := &model{
			rt: rt, files: []string{"a.log", "b.log"}, half: make(map[string]string), lines: make(map[string]string),
			server: make(map[[2]any]got),
		}
		globs := rapid.SampledFrom([]string{"*.log", "*.log*"}).Draw(rt, "glob")
		m.wide = globs != "*.log"
		m.rig = newRigAt(rapidTB{t, rt}, dir, func(o *Options) {
			o.Groups[0].Paths = []string{filepath.Join(dir, globs)}
			o.MaxLine, o.Groups[0].DeadTime = 40, 10_000*time.Hour // the clock jumps
			if rapid.Bool().Draw(rt, "few handles") {
				o.CloseIdle = time.Nanosecond
			}
		})
		defer m.stop()
		rt.Repeat(map[string]func(*rapid.T){
			"write":        m.write1,
			"start a line": m.writeHalf,
			"rename":       m.rotate,
			"copytruncate": m.copyTruncate,
			"truncate":     m.truncateRead,
			"twice":        m.rotateTwice,
			"early":        m.rotateEarly,
			"cut, rename":  m.truncateRename,
			"down":         m.whileDown,
			"delete":       m.deleteRead,
			"compress":     m.compressRotated,
			"links":        m.link,
			"clock":        m.clockJumps,
			"scan":         func(*rapid.T) { m.tl.scan() },
			"steps":        m.steps,
			"settle":       func(*rapid.T) { m.settle(); m.take() },
			"hold acks":    func(*rapid.T) { m.mu.Lock(); m.hold = true; m.mu.Unlock() },
			"ack":          func(*rapid.T) { m.ackHeld() },
			"restart":      func(*rapid.T) { m.take(); m.restart() },
			"time":         func(*rapid.T) { m.advance(time.Duration(rapid.IntRange(1, 20000).Draw(rt, "ms")) * time.Millisecond) },
		})
		m.check()
	})
}

func (m *model) file(rt *rapid.T) string { return rapid.SampledFrom(m.files).Draw(rt, "file") }

// line makes the next line, without its end.
func (m *model) line(rt *rapid.T) string {
	m.next++
	pad := 0
	if rapid.IntRange(0, 9).Draw(rt, "long") == 0 {
		pad = rapid.IntRange(30, 130).Draw(rt, "pad")
	}
	return fmt.Sprintf("<%d%s>", m.next, strings.Repeat("é", pad))
}

func (m *model) write1(rt *rapid.T) {
	name := m.file(rt)
	var b strings.Builder
	for range rapid.IntRange(1, 5).Draw(rt, "lines") {
		l := m.line(rt)
		m.lines[m.half[name]+l] = name
		m.half[name] = ""
		b.WriteString(l + rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "end"))
	}
	m.write(name, b.String())
}

func (m *model) writeHalf(rt *rapid.T) {
	name := m.file(rt)
	l := m.line(rt)
	m.half[name] += l
	m.write(name, l)
}

// identified makes sure that the file's generation is known to the registry: what
// is rotated away before anybody saw it, nobody can know.
func (m *model) identified(name string) bool {
	fi, err := os.Stat(m.path(name))
	if err != nil || fi.Size() == 0 {
		return false
	}
	m.settle()
	m.take()
	for _, f := range m.tl.Status().Files {
		if f.Path == m.path(name) {
			// Not one that had the inode before, and what became of which is being found out.
			return f.Source != "" && f.File == f.Path && f.Read <= uint64(f.Size)
		}
	}
	return false
}

// final is called when nothing more is written to a generation.
func (m *model) final(name string) {
	if h := m.half[name]; h != "" {
		m.lines[h] = name
		m.half[name] = ""
	}
}

// keep is how many rotations of a file there are; the inodes of older ones are
// used again. No action rotates more often than drop gave room for.
const keep, atOnce = 6, 4

// drop lets go of what the next rotations overwrite, once it is read to its end.
func (m *model) drop() {
	read := false
	for _, name := range m.files {
		for i := keep - atOnce + 1; i <= keep; i++ {
			for _, ext := range exts {
				old := fmt.Sprintf("%s.%d%s", name, i, ext)
				if _, err := os.Stat(m.path(old)); err != nil {
					continue
				}
				if !read {
					m.settle()
					m.grace()
					m.take()
					read = true
				}
				if i == keep {
					m.remove(old)
				}
			}
		}
	}
}

// rotated makes room for the next rotation of a file, and returns its name.
func (m *model) rotated(name string) string {
	for i := keep - 1; i >= 1; i-- {
		for _, ext := range exts {
			err := os.Rename(m.path(fmt.Sprintf("%s.%d%s", name, i, ext)), m.path(fmt.Sprintf("%s.%d%s", name, i+1, ext)))
			if err != nil && !os.IsNotExist(err) {
				m.rt.Fatal(err)
			}
		}
	}
	return name + ".1"
}

func (m *model) rotate(rt *rapid.T) {
	name := m.file(rt)
	m.drop()
	if m.identified(name) {
		m.rename(name, m.rotated(name))
		m.final(name)
	}
}

// rotateEarly renames a file that was seen but perhaps not yet recognised.
func (m *model) rotateEarly(rt *rapid.T) {
	name := m.file(rt)
	m.drop()
	m.tl.scan()
	if fi, err := os.Stat(m.path(name)); err != nil || fi.Size() == 0 {
		return
	}
	m.rename(name, m.rotated(name))
	m.final(name)
	if rapid.Bool().Draw(rt, "next") {
		m.put(rt, name)
	}
	m.settle()
	m.grace()
	m.take()
}

// truncateRename has a generation begin in a truncated file that is renamed
// before anybody looks.
func (m *model) truncateRename(rt *rapid.T) {
	name := m.file(rt)
	m.drop()
	if m.half[name] != "" || !m.identified(name) {
		return
	}
	m.truncate(name, 0)
	m.put(rt, name)
	m.rename(name, m.rotated(name))
	m.settle()
	m.settle()
	m.take()
}

// put writes one line.
func (m *model) put(rt *rapid.T, name string) {
	l := m.line(rt)
	m.lines[m.half[name]+l] = name
	m.half[name] = ""
	m.write(name, l+"\n")
}

// rotateTwice has a generation come and go between two looks.
func (m *model) rotateTwice(rt *rapid.T) {
	name := m.file(rt)
	m.drop()
	if !m.identified(name) {
		return
	}
	m.rotateTwiceNow(rt, name)
	m.settle()
	m.take()
}

func (m *model) rotateTwiceNow(rt *rapid.T, name string) {
	m.rename(name, m.rotated(name))
	m.final(name)
	for range rapid.IntRange(1, atOnce-1).Draw(rt, "unseen generations") {
		m.put(rt, name)
		m.rename(name, m.rotated(name))
	}
}

// whileDown has things happen to the files while scribe does not run.
func (m *model) whileDown(rt *rapid.T) {
	names := rapid.Permutation(m.files).Draw(rt, "files")[:rapid.IntRange(1, len(m.files)).Draw(rt, "how many")]
	m.drop()
	known := make(map[string]bool)
	for _, name := range names {
		known[name] = m.identified(name)
	}
	m.stop()
	for _, name := range names {
		if rapid.Bool().Draw(rt, "written") {
			m.put(rt, name)
		}
		if !known[name] {
			continue
		}
		switch rapid.IntRange(0, 3).Draw(rt, "what") {
		case 0:
			m.rename(name, m.rotated(name))
			m.final(name)
		case 1:
			m.rotateTwiceNow(rt, name)
		case 2:
			m.copy(name, m.rotated(name))
			m.truncate(name, 0)
			m.final(name)
			m.put(rt, name)
		}
	}
	m.start()
	m.settle()
	m.settle()
	m.take()
}

// exts are what rotated files end in.
var exts = []string{"", ".gz", ".zst"}

// compressRotated compresses rotated files, with a rotation just before or not, and
// while scribe runs or not.
func (m *model) compressRotated(rt *rapid.T) {
	name := m.file(rt)
	m.drop()
	known := m.identified(name)
	down := rapid.Bool().Draw(rt, "down")
	if down {
		m.stop()
	}
	if known && rapid.Bool().Draw(rt, "rotate first") {
		if rapid.Bool().Draw(rt, "unread") {
			m.put(rt, name)
		}
		m.rename(name, m.rotated(name))
		m.final(name)
		if !down && rapid.Bool().Draw(rt, "seen") {
			m.settle()
		}
	}
	ext := rapid.SampledFrom(exts[1:]).Draw(rt, "ext")
	for i := 1; i < keep; i++ {
		old := fmt.Sprintf("%s.%d", name, i)
		if _, err := os.Stat(m.path(old)); err == nil && rapid.Bool().Draw(rt, "compress") {
			m.rig.compress(old, ext)
		}
	}
	if down {
		m.start()
	}
	m.settle()
	m.take()
	m.grace()
	m.take()
}

// link gives a file another name, hard or symbolic, which a pattern may give, too.
func (m *model) link(rt *rapid.T) {
	name := m.file(rt)
	if !m.identified(name) {
		return
	}
	other := rapid.SampledFrom([]string{"z.log", "other"}).Draw(rt, "name")
	_ = os.Remove(m.path(other)) // may not be there
	link := os.Link
	if rapid.Bool().Draw(rt, "symbolic") {
		link = os.Symlink
	}
	if err := link(m.path(name), m.path(other)); err != nil {
		rt.Fatal(err)
	}
	m.settle()
	m.take()
	m.remove(other)
}

// clockJumps sets the clock forwards. Back it only goes for the times of files:
// what scribe measures is measured with a clock that does not.
func (m *model) clockJumps(rt *rapid.T) {
	m.advance(time.Duration(rapid.IntRange(1, 3*3600).Draw(rt, "seconds")) * time.Second)
	m.settle()
	m.take()
}

// copyTruncate writes more between the last look and the copy.
func (m *model) copyTruncate(rt *rapid.T) {
	name := m.file(rt)
	m.drop()
	if !m.identified(name) {
		return
	}
	if m.half[name] == "" && rapid.Bool().Draw(rt, "unread") {
		m.put(rt, name)
	}
	m.copy(name, m.rotated(name))
	if rapid.Bool().Draw(rt, "copy seen") {
		m.settle()
	}
	m.truncate(name, 0)
	m.final(name)
	m.settle()
	m.settle()
	m.take()
}

func (m *model) truncateRead(rt *rapid.T) {
	name := m.file(rt)
	if m.half[name] == "" && m.identified(name) {
		m.truncate(name, 0)
		m.tl.scan()
		m.drain()
	}
}

func (m *model) deleteRead(rt *rapid.T) {
	name := m.file(rt)
	if m.half[name] == "" && m.identified(name) {
		m.remove(name)
	}
}

func (m *model) steps(rt *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(rt, "steps") {
		if f := m.tl.next(false); f != nil {
			m.tl.done(f, m.tl.step(m.t.Context(), f))
		}
	}
	m.take()
}

func (m *model) ackHeld() {
	m.mu.Lock()
	held := m.held
	m.held, m.hold = nil, false
	m.mu.Unlock()
	for _, l := range held {
		m.tl.Acked(l)
	}
}

// take stores what came out as a server would: by position.
func (m *model) take() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.rig.lines {
		key := [2]any{l.id, l.start}
		if old, ok := m.server[key]; ok && (old.text != l.text || old.span != l.span) {
			m.rt.Fatalf("source %s at %d was %q and is %q", l.id, l.start, old.text, l.text)
		}
		m.server[key] = l
	}
	m.rig.lines = nil
}

func (m *model) check() {
	for _, name := range m.files {
		if m.half[name] != "" {
			m.lines[m.half[name]] = name
			m.half[name] = ""
			m.write(name, "\n")
		}
	}
	m.ackHeld()
	m.settle()
	m.grace()
	m.grace()
	m.take()
	stored := make(map[string]int)
	for _, l := range joined(m.server) {
		stored[l.text]++
		if name := m.path(m.lines[l.text]); l.file != name && !(m.wide && strings.HasPrefix(l.file, name+".")) {
			m.rt.Errorf("line %q of %s came under the name %s", l.text, name, l.file)
		}
	}
	for l := range m.lines {
		if stored[l] != 1 {
			m.rt.Errorf("line %q of %s is there %d times", l, m.lines[l], stored[l])
			for _, g := range m.server {
				if strings.HasPrefix(g.text, l[:min(len(l), 5)]) {
					m.rt.Logf("%+v", g)
				}
			}
		}
		delete(stored, l)
	}
	if len(stored) > 0 {
		m.rt.Errorf("lines that nobody wrote: %v", stored)
	}
	if m.rt.Failed() {
		m.rt.Fatalf("files: %+v\nlog:\n%s", m.tl.Status().Files, m.logged())
	}
	for _, f := range m.tl.Status().Files {
		if f.Acked != f.Read {
			m.rt.Fatalf("file is not acknowledged to its end: %+v", f)
		}
	}
}

// joined puts the pieces of split lines together again, and checks the positions.
func joined(server map[[2]any]got) []got {
	bySource := make(map[record.SourceID][]got)
	for _, l := range server {
		bySource[l.id] = append(bySource[l.id], l)
	}
	var out []got
	for _, lines := range bySource {
		sortLines(lines)
		var b bytes.Buffer
		for i, l := range lines {
			if i > 0 && lines[i-1].start+uint64(lines[i-1].span) != l.start {
				b.WriteString("<gap>")
			}
			b.WriteString(l.text)
			if l.marks&record.LineSplit == 0 {
				out = append(out, got{text: b.String(), file: l.file})
				b.Reset()
			}
		}
		if b.Len() > 0 {
			out = append(out, got{text: b.String(), file: lines[len(lines)-1].file})
		}
	}
	return out
}

func sortLines(lines []got) {
	slices.SortFunc(lines, func(a, b got) int { return cmp.Compare(a.start, b.start) })
}
