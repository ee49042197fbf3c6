package tail

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"journalist/internal/record"
)

func TestBornAs(t *testing.T) {
	r := newRig(t, nil)
	tl, err := New(Options{
		Groups: []Group{
			{Paths: []string{"/log/*.log", "/wide/app*", "/one/../two/x.log"}, Exclude: []string{"no*"}},
			{Paths: []string{"/log/*.txt", "/log/no.log"}},
		},
		Positions: r.reg, Output: r.output,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		label, path, name string
		group             int // -1: none
	}{
		{"/log/a.log", "/log/a.log", "/log/a.log", 0},
		{"/log/a.log", "", "/log/a.log", 0},
		{"/log/a.log", "/log/a.log.1", "/log/a.log", 0},
		{"/log/a.log", "/log/b.log", "/log/b.log", 0},
		{"/log/a.log", "/log/b.log.7", "/log/b.log", 0},
		{"/log/a.log", "/log/a.log-b.log.1", "/log/a.log-b.log", 0},
		{"/log/a.log", "/log/b.txt-20260101", "/log/b.txt", 1},
		{"/log/a.log", "/log/no.log.1", "/log/no.log", 1},
		{"/log/a.log", "/log/a.old", "/log/a.log", -1},
		{"/log/a.log", "/secret/passwords", "/log/a.log", -1},
		{"/wide/app", "/wide/app.1", "/wide/app", 0},
		{"/wide/app", "/wide/app.errors", "/wide/app.errors", 0},
		{"/two/x.log", "/two/x.log.2", "/two/x.log", 0},
	} {
		name, g := tl.bornAs(c.label, c.path)
		group := -1
		for i := range tl.groups {
			if tl.groups[i] == g {
				group = i
			}
		}
		if name != c.name || group != c.group {
			t.Errorf("%s, now %s: born as %s of group %d, want %s of %d", c.label, c.path, name, group, c.name, c.group)
		}
	}
}

// born is a rig with two groups; the lines of the second have a type.
func born(t *testing.T) *rig {
	return newRig(t, func(o *Options) {
		dir := strings.TrimSuffix(o.Groups[0].Paths[0], "app.log")
		o.Groups = []Group{
			{Paths: []string{dir + "*.log"}},
			{Paths: []string{dir + "*.txt"}, Fields: []record.Pair{{Name: "type", Value: "text"}}},
		}
		o.CloseIdle = time.Nanosecond
	})
}

// reuse gives the inode of from to another file, as a file system does once from
// is deleted and nobody has it open.
func (r *rig) reuse(from, to, text string) {
	r.t.Helper()
	r.rename(from, to)
	if err := os.WriteFile(r.path(to), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// wantFrom wants these lines, all under one name.
func (r *rig) wantFrom(name, lines string) {
	r.t.Helper()
	for _, l := range r.lines {
		if l.file != r.path(name) {
			r.t.Fatalf("line %q carries file %s, want %s", l.text, l.file, name)
		}
	}
	r.want(lines)
}

func TestRenamedBeforeRecognised(t *testing.T) {
	r := born(t)
	r.write("app.log", "a\n")
	r.tl.scan() // nobody reads it yet
	r.rename("app.log", "app.log.1")
	r.settle()
	r.wantFrom("app.log", "a")
	r.stop() // its rest is found again
	r.write("app.log.1", "b\n")
	r.start()
	r.settle()
	r.wantFrom("app.log", "b")
}

func TestHalfLineRenamedBeforeRecognised(t *testing.T) {
	r := born(t)
	r.write("app.log", "no end")
	r.settle()
	r.want("")
	r.rename("app.log", "app.log.1")
	r.settle()
	r.grace()
	r.wantFrom("app.log", "no end[_unterminated]")
}

func TestTruncatedThenRenamed(t *testing.T) {
	r := born(t)
	r.write("app.log", "long enough\n")
	r.settle()
	r.want("long enough")
	r.truncate("app.log", 0)
	r.write("app.log", "b\n")
	r.rename("app.log", "app.log.1")
	r.settle()
	r.wantFrom("app.log", "b")
}

// TestInodeOfAnotherLog has the inode of a deleted rotation come back in another
// log, which is renamed before anybody looks.
func TestInodeOfAnotherLog(t *testing.T) {
	for _, down := range []bool{false, true} {
		for _, to := range []string{"other.log", "other.log.1", "other.txt", "other.txt.1"} {
			r := born(t)
			r.write("app.log", "first\n")
			r.settle()
			r.rename("app.log", "app.log.9")
			r.write("app.log", "second\n")
			r.settle()
			r.grace()
			r.wantFrom("app.log", "first|second")
			if down {
				r.stop()
			}
			if r.tl.open.Load() != 0 {
				t.Fatal("a file is open: its inode cannot come back")
			}
			var fields []record.Pair
			r.reuse("app.log.9", to, "of another log\n")
			if down {
				r.start()
			}
			out := r.tl.o.Output
			r.tl.o.Output = func(ctx context.Context, l *record.Lines) error { fields = l.Fields; return out(ctx, l) }
			r.settle()
			r.wantFrom(strings.TrimSuffix(to, ".1"), "of another log")
			if typed := len(fields) == 3; typed != strings.Contains(to, ".txt") {
				t.Fatalf("down %v, %s: fields are %v", down, to, fields)
			}
			r.restart()
			r.settle()
			r.want("")
			r.stop()
		}
	}
}

// TestInodeOfAForeignFile has it come back in a file that nobody wants read.
func TestInodeOfAForeignFile(t *testing.T) {
	for _, down := range []bool{false, true} {
		r := born(t)
		r.write("app.log", "first\n")
		r.settle()
		r.grace()
		r.want("first")
		if down {
			r.stop()
		}
		r.reuse("app.log", "secret", "nobody is to read this\n")
		if down {
			r.start()
		}
		for range 3 {
			r.settle()
			r.grace()
		}
		r.want("")
		if s := r.tl.Status(); len(s.Files) != 0 || s.Open != 0 {
			t.Fatalf("down %v: status is %+v", down, s)
		}
	}
}

// TestMovedAway goes on reading a file that was renamed to no rotation's name:
// its content tells that it is the same.
func TestMovedAway(t *testing.T) {
	r := born(t)
	r.write("app.log", "a\n")
	r.settle()
	r.grace()
	r.rename("app.log", "elsewhere")
	r.write("elsewhere", "b\n")
	r.settle()
	r.stop()
	r.write("elsewhere", "c\n")
	r.start()
	r.settle()
	r.wantFrom("app.log", "a|b|c")
}
