package tail

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"journalist/internal/record"
)

func TestLinesAndEnds(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "one\r\n\ntwo\x00x\nbad \xff\xfe\nhalf")
	r.settle()
	if l := r.lines; len(l) != 4 || l[0].span != 5 || l[1].start != 5 || l[1].text != "" || l[3].start != 12 {
		t.Fatalf("lines are %+v", l)
	}
	r.want("one||two\x00x|bad \xff\xfe")
	r.settle()
	r.want("")
	r.write("app.log", " whole\n")
	r.settle()
	if l := r.lines[0]; l.file != r.path("app.log") || l.start != 19 {
		t.Fatalf("line is %+v", l)
	}
	r.want("half whole")
}

func TestEmptyFile(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "")
	r.settle()
	r.want("")
	if s := r.tl.Status().Files; len(s) != 1 || s[0].State != "waiting" {
		t.Fatalf("status is %+v", s)
	}
	r.write("app.log", "x\n")
	r.settle()
	r.want("x")
}

func TestRenameKeepsReading(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\nb\n")
	r.settle()
	id := r.lines[0].id
	r.rename("app.log", "app.log.1")
	r.write("app.log.1", "c\nd") // the writer has it open still
	r.write("app.log", "e\n")
	r.settle()
	for _, l := range r.lines {
		if (l.text == "c") != (l.id == id) && l.text >= "c" {
			t.Fatalf("line %q has source %s, the first file %s", l.text, l.id, id)
		}
		if l.file != r.path("app.log") {
			t.Fatalf("line %q carries file %q", l.text, l.file)
		}
	}
	if g := r.texts(); g != "a|b|c|e" && g != "a|b|e|c" {
		t.Fatalf("lines are %q", g)
	}
	r.grace()
	r.want("d[_unterminated]")
	r.grace()
	r.want("")
	r.write("app.log.1", "more\n") // still, and it is not lost
	r.settle()
	r.want("more")
}

func TestRenameWhileDown(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\nb\n")
	r.settle()
	r.want("a|b")
	r.stop()
	r.write("app.log", "c\n")
	r.rename("app.log", "app.log.3")
	r.write("app.log.2", "d\n") // came and went while nobody looked
	r.write("app.log", "e\n")
	base := time.Now().Add(-time.Minute)
	for i, n := range []string{"app.log.3", "app.log.2", "app.log"} {
		if err := os.Chtimes(r.path(n), time.Time{}, base.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	r.settle()
	r.want("c|d|e")
	r.restart()
	r.settle()
	r.want("")
}

func TestGlobFindsRotated(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Groups[0].Paths = []string{filepath.Join(filepath.Dir(o.Groups[0].Paths[0]), "app.log*")}
	})
	r.write("app.log", "a\n")
	r.settle()
	r.rename("app.log", "app.log.1")
	r.write("app.log", "b\n")
	r.settle()
	r.rename("app.log.1", "app.log.2")
	r.rename("app.log", "app.log.1")
	r.settle()
	r.restart()
	r.settle()
	r.grace()
	r.want("a|b")
}

func TestTruncate(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\nb\nc\n")
	r.settle()
	r.truncate("app.log", 0)
	r.write("app.log", "d\n")
	r.settle()
	r.truncate("app.log", 0)
	r.write("app.log", "0123456789\n") // longer than it was
	r.settle()
	r.want("a|b|c|d|0123456789")
	r.stop()
	r.truncate("app.log", 0)
	r.write("app.log", "longer than it ever was\n")
	r.start()
	r.settle()
	r.want("longer than it ever was")
}

func TestCopyTruncateRestInCopy(t *testing.T) {
	for _, glob := range []string{"app.log", "app.log*"} {
		for _, down := range []bool{false, true} {
			r := newRig(t, func(o *Options) {
				o.Groups[0].Paths = []string{filepath.Join(filepath.Dir(o.Groups[0].Paths[0]), glob)}
			})
			r.write("app.log", "a\nb\n")
			r.settle()
			r.want("a|b")
			if down {
				r.stop()
			}
			r.write("app.log", "c\n")
			r.copy("app.log", "app.log.1")
			r.truncate("app.log", 0)
			r.write("app.log", "d\n")
			if down {
				r.start()
			}
			r.settle()
			r.settle()
			if g := r.texts(); g != "c|d" && g != "d|c" {
				t.Fatalf("glob %s down %v: lines are %q\n%s", glob, down, g, r.logged())
			}
			r.grace()
			r.restart()
			r.settle()
			r.grace()
			r.want("")
			r.stop()
		}
	}
}

func TestCopyBeforeTruncateIsNotRead(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Groups[0].Paths = []string{filepath.Join(filepath.Dir(o.Groups[0].Paths[0]), "app.log*")}
	})
	r.write("app.log", "a\nb\n")
	r.settle()
	r.copy("app.log", "app.log.1")
	r.settle() // sees the copy before the truncation
	r.want("a|b")
	r.truncate("app.log", 0)
	r.write("app.log", "c\n")
	r.settle()
	r.settle()
	r.want("c")
	// A copy that nobody truncates is read from its end.
	r.copy("app.log", "app.log.bak")
	r.settle()
	r.grace()
	r.write("app.log.bak", "own\n")
	r.settle()
	r.want("own")
}

func TestNulHole(t *testing.T) {
	r := newRig(t, nil)
	f, err := os.Create(r.path("app.log")) // not O_APPEND
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	line := strings.Repeat("x", 99) + "\n"
	for range 6000 {
		if _, err := f.WriteString(line); err != nil {
			t.Fatal(err)
		}
	}
	r.settle()
	if len(r.lines) != 6000 {
		t.Fatalf("%d lines", len(r.lines))
	}
	r.lines = nil
	r.truncate("app.log", 0)
	if _, err := f.WriteString("after\n"); err != nil {
		t.Fatal(err)
	}
	r.settle()
	if l := r.lines; len(l) != 1 || l[0].start != 600000 {
		t.Fatalf("lines are %+v", l)
	}
	r.want("after")
	if !strings.Contains(r.logged(), "bytes=600000") {
		t.Fatalf("skipped bytes are not told: %s", r.logged())
	}
}

func TestLongLines(t *testing.T) {
	for _, size := range []int{100, 0} {
		r := newRig(t, func(o *Options) { o.MaxLine = size })
		limit := r.tl.o.MaxLine
		exact := strings.Repeat("e", limit)
		long := strings.Repeat("é", limit) // cut between characters
		r.write("app.log", exact+"\r\n"+exact+"\n"+long+"\n"+exact+"y")
		r.settle()
		l := r.lines
		var b strings.Builder
		for i, x := range l {
			if len(x.text) > limit {
				t.Fatalf("line %d has %d bytes, limit %d", i, len(x.text), limit)
			}
			if i >= 2 {
				b.WriteString(x.text)
			}
		}
		if len(l) < 4 || l[0].text != exact || l[1].text != exact || l[0].marks|l[1].marks != 0 || l[2].marks != record.LineSplit {
			t.Fatalf("limit %d: %d lines", limit, len(l))
		}
		if s := b.String(); s != long {
			t.Fatalf("limit %d: pieces are %d bytes, the line %d", limit, len(s), len(long))
		}
		r.texts()
		r.restart()
		r.write("app.log", "z\n")
		r.settle()
		if g := r.texts(); g != exact+"[_split]|yz" {
			t.Fatalf("limit %d: %d bytes", limit, len(g))
		}
		r.stop()
	}
}

func TestHugeLine(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", strings.Repeat("0123456789abcdef", 100<<16)+"\nshort\n")
	r.settle()
	n := 0
	for _, l := range r.lines[:len(r.lines)-1] {
		n += len(l.text)
	}
	if last := r.lines[len(r.lines)-1].text; n != 100<<20 || last != "short" {
		t.Fatalf("%d bytes, last line %q", n, last)
	}
}

func TestDeleted(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\n")
	r.settle()
	f, err := os.OpenFile(r.path("app.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r.remove("app.log")
	if _, err := f.WriteString("b\nc"); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.want("a|b")
	r.grace()
	r.want("c[_unterminated]")
	r.grace()
	if s := r.tl.Status(); len(s.Files) != 0 || s.Open != 0 {
		t.Fatalf("status is %+v", s)
	}
	for _, g := range r.reg.All() {
		if g.State != record.Gone {
			t.Fatalf("generation is %+v", g)
		}
	}
	r.write("app.log", "new\n")
	r.settle()
	r.want("new")
}

func TestInodeReuse(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxOpen = 1; o.CloseIdle = time.Nanosecond })
	r.write("app.log", "first generation\n")
	r.settle()
	r.advance(time.Hour)
	r.settle() // closed now
	// A file system may give the inode to the next file at once. To be sure that it
	// does, keep the file and change its content.
	if err := os.WriteFile(r.path("app.log"), []byte("other generation, longer\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.want("first generation|other generation, longer")
	r.stop()
	if err := os.WriteFile(r.path("app.log"), []byte("third generation, that is longer\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.settle()
	r.want("third generation, that is longer")
}

func TestDeadTimeAndFromEnd(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "old\n")
	if err := os.Chtimes(r.path("app.log"), time.Time{}, time.Now().Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.write("app.log", "new\n")
	r.settle()
	r.want("new")
	r.restart()
	r.settle()
	r.want("")

	r = newRig(t, func(o *Options) {
		o.FromEnd = true
		o.Groups[0].Paths[0] = filepath.Join(filepath.Dir(o.Groups[0].Paths[0]), "*.log")
	})
	r.write("app.log", "old\n")
	r.settle()
	r.write("app.log", "new\n")
	r.write("b.log", "found later\n")
	r.settle()
	if g := r.texts(); g != "new|found later" && g != "found later|new" {
		t.Fatalf("lines are %q", g)
	}
}

func TestFields(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Groups[0].Fields = []record.Pair{{Name: "type", Value: "app"}, {Name: "host", Value: "mine"}}
	})
	r.write("app.log", "x\n")
	var fields []record.Pair
	out := r.tl.o.Output
	r.tl.o.Output = func(ctx context.Context, l *record.Lines) error { fields = l.Fields; return out(ctx, l) }
	r.settle()
	want := []record.Pair{{Name: "file", Value: r.path("app.log")}, {Name: "type", Value: "app"}, {Name: "host", Value: "mine"}}
	if len(fields) != 3 || fields[0] != want[0] || fields[1] != want[1] || fields[2] != want[2] {
		t.Fatalf("fields are %v", fields)
	}
}

func TestHoldTime(t *testing.T) {
	r := newRig(t, func(o *Options) { o.HoldTime = time.Hour })
	r.write("app.log", "a\n")
	r.settle()
	r.write("app.log", "never sent\n")
	r.remove("app.log")
	r.tl.scan() // nobody reads: all workers wait
	r.advance(30 * time.Minute)
	r.tl.scan()
	if r.tl.open.Load() != 1 {
		t.Fatal("the deleted file is not held")
	}
	r.advance(31 * time.Minute)
	r.tl.scan()
	if r.tl.open.Load() != 0 {
		t.Fatal("the deleted file is held for ever")
	}
	r.settle()
	r.want("a")
	if s := r.tl.Status().Files; len(s) != 0 {
		t.Fatalf("status is %+v", s)
	}
	if !strings.Contains(r.logged(), "lost_bytes=11") {
		t.Fatalf("the loss is not told: %s", r.logged())
	}
}
