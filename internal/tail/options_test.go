package tail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (r *rig) age(name string, by time.Duration) {
	r.t.Helper()
	at := r.clock().Add(-by)
	if err := os.Chtimes(r.path(name), at, at); err != nil {
		r.t.Fatal(err)
	}
}

// TestStartPerGroup: each group says where its files begin.
func TestStartPerGroup(t *testing.T) {
	r := newRig(t, func(o *Options) {
		dir := filepath.Dir(o.Groups[0].Paths[0])
		since := time.Now().Add(-2 * time.Hour)
		o.Groups = []Group{
			{Paths: []string{dir + "/end*.log"}, Start: Start{End: true}},
			{Paths: []string{dir + "/since*.log"}, Start: Start{Since: since}},
			{Paths: []string{dir + "/*.log"}},
		}
	})
	for _, name := range []string{"end.log", "since-old.log", "since-new.log", "begin.log"} {
		r.write(name, name+" 1\n")
	}
	r.age("since-old.log", 3*time.Hour)
	r.age("since-new.log", 2*time.Hour-time.Minute)
	r.age("begin.log", time.Hour)
	r.settle()
	r.want("since-new.log 1|begin.log 1")
	r.write("end.log", "e\n")
	r.settle()
	r.write("since-old.log", "s\n")
	r.settle()
	r.write("end2.log", "new\n") // was not there at the first look
	r.settle()
	r.want("e|s|new")
}

// TestCloseIdlePerGroup: how long files stay open is each group's own.
func TestCloseIdlePerGroup(t *testing.T) {
	r := newRig(t, func(o *Options) {
		dir := filepath.Dir(o.Groups[0].Paths[0])
		o.Groups = []Group{{Paths: []string{dir + "/a.log"}, CloseIdle: time.Minute}, {Paths: []string{dir + "/b.log"}}}
	})
	r.write("a.log", "a\n")
	r.write("b.log", "b\n")
	r.settle()
	r.advance(2 * time.Minute)
	r.settle()
	if n := r.tl.Status().Open; n != 1 {
		t.Errorf("%d files are open after two minutes", n)
	}
	r.advance(4 * time.Minute)
	r.settle()
	if n := r.tl.Status().Open; n != 0 {
		t.Errorf("%d files are open after six minutes", n)
	}
}

// TestHoldBytes: of deleted files that cannot be read the youngest are kept, up to
// so many bytes in the group.
func TestHoldBytes(t *testing.T) {
	r := newRig(t, func(o *Options) {
		dir := filepath.Dir(o.Groups[0].Paths[0])
		o.Groups = []Group{{Paths: []string{dir + "/a*.log"}, HoldBytes: 2500, HoldTime: time.Hour}, {Paths: []string{dir + "/b.log"}}}
	})
	names := []string{"a1.log", "a2.log", "a3.log", "b.log"}
	for _, name := range names {
		r.write(name, name+"\n")
	}
	r.settle()
	r.texts()
	for _, name := range names {
		r.write(name, strings.Repeat("x", 992)+"\n")
		r.tl.scan()
	}
	for _, name := range names {
		r.remove(name)
		r.tl.scan() // nobody reads
		r.advance(time.Second)
	}
	if got := r.logged(); strings.Count(got, "gone before it was read") != 1 || !strings.Contains(got, "a1.log lost_bytes=993") {
		t.Errorf("log is:\n%s", got)
	}
	r.advance(2 * time.Hour)
	r.tl.scan()
	if got := r.logged(); strings.Count(got, "gone before it was read") != 3 || strings.Contains(got, "b.log lost") {
		t.Errorf("log is:\n%s", got)
	}
	r.drain()
	r.want(strings.Repeat("x", 992))
}
