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
	lines map[string]bool   // all that were written whole, or became final
	moved int
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
			rt: rt, files: []string{"a.log", "b.log"}, half: make(map[string]string), lines: make(map[string]bool),
			server: make(map[[2]any]got),
		}
		globs := rapid.SampledFrom([]string{"*.log", "*.log*"}).Draw(rt, "glob")
		m.rig = newRigAt(rapidTB{t, rt}, dir, func(o *Options) {
			o.Groups[0].Paths = []string{filepath.Join(dir, globs)}
			o.MaxLine = 40
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
			"down":         m.whileDown,
			"delete":       m.deleteRead,
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
		m.lines[m.half[name]+l] = true
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
			return f.Source != ""
		}
	}
	return false
}

// final is called when nothing more is written to a generation.
func (m *model) final(name string) {
	if h := m.half[name]; h != "" {
		m.lines[h] = true
		m.half[name] = ""
	}
}

func (m *model) rotated(name string) string {
	m.moved++
	return fmt.Sprintf("%s.%d", name, m.moved)
}

func (m *model) rotate(rt *rapid.T) {
	name := m.file(rt)
	if m.identified(name) {
		m.rename(name, m.rotated(name))
		m.final(name)
	}
}

// rotateTwice has a generation come and go between two looks.
func (m *model) rotateTwice(rt *rapid.T) {
	name := m.file(rt)
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
	for range rapid.IntRange(1, 3).Draw(rt, "unseen generations") {
		l := m.line(rt)
		m.lines[l] = true
		m.write(name, l+"\n")
		m.rename(name, m.rotated(name))
	}
}

// whileDown has things happen to a file while scribe does not run.
func (m *model) whileDown(rt *rapid.T) {
	name := m.file(rt)
	known := m.identified(name)
	m.stop()
	if rapid.Bool().Draw(rt, "written") {
		l := m.line(rt)
		m.lines[m.half[name]+l] = true
		m.half[name] = ""
		m.write(name, l+"\n")
	}
	if known {
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
			l := m.line(rt)
			m.lines[l] = true
			m.write(name, l+"\n")
		}
	}
	m.start()
	m.settle()
	m.settle()
	m.take()
}

// copyTruncate writes more between the last look and the copy.
func (m *model) copyTruncate(rt *rapid.T) {
	name := m.file(rt)
	if !m.identified(name) {
		return
	}
	if m.half[name] == "" && rapid.Bool().Draw(rt, "unread") {
		l := m.line(rt)
		m.lines[l] = true
		m.write(name, l+"\n")
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
			m.lines[m.half[name]] = true
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
	for _, s := range joined(m.server) {
		stored[s]++
	}
	for l := range m.lines {
		if stored[l] != 1 {
			m.rt.Errorf("line %q is there %d times", l, stored[l])
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
		m.rt.Fatalf("log:\n%s", m.logged())
	}
	for _, f := range m.tl.Status().Files {
		if f.Acked != f.Read {
			m.rt.Fatalf("file is not acknowledged to its end: %+v", f)
		}
	}
}

// joined puts the pieces of split lines together again, and checks the positions.
func joined(server map[[2]any]got) []string {
	bySource := make(map[record.SourceID][]got)
	for _, l := range server {
		bySource[l.id] = append(bySource[l.id], l)
	}
	var out []string
	for _, lines := range bySource {
		sortLines(lines)
		var b bytes.Buffer
		for i, l := range lines {
			if i > 0 && lines[i-1].start+uint64(lines[i-1].span) != l.start {
				b.WriteString("<gap>")
			}
			b.WriteString(l.text)
			if l.marks&record.LineSplit == 0 {
				out = append(out, b.String())
				b.Reset()
			}
		}
		if b.Len() > 0 {
			out = append(out, b.String())
		}
	}
	return out
}

func sortLines(lines []got) {
	slices.SortFunc(lines, func(a, b got) int { return cmp.Compare(a.start, b.start) })
}
