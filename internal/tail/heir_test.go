package tail

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

// TestTwoOfOneInode: what was compressed gave its inode to the next log, and that
// was compressed in turn: both go on in their archives.
func TestTwoOfOneInode(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\n")
	r.settle()
	r.rename("app.log", "app.log.1")
	r.write("app.log", "b\n")
	r.settle()
	r.wantAll("a", "b")
	r.onInode("a\n", "app.log", 0)
	r.stop()
	r.write("app.log.1", "c\n")
	r.write("app.log", "d\n")
	r.compress("app.log.1", ".gz")
	r.rename("app.log.1.gz", "app.log.3.gz")
	r.rename("app.log", "app.log.2")
	r.compress("app.log.2", ".gz")
	r.start()
	r.settle()
	r.later()
	r.wantAll("c", "d")
}

// TestMissedBehindNothing: a log was read to its end and expired while scribe was
// down, and its inode is that of the next one; what was rotated in between is read.
func TestMissedBehindNothing(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\n")
	r.settle()
	r.want("a")
	r.write("app.log.1", "b\n")
	r.write("next", "c\n")
	r.onInode("a\n", "next", 0)
	r.stop()
	r.rename("next", "app.log")
	r.start()
	r.settle()
	r.later()
	r.wantAll("b", "c")
}

// TestTwoCopiesBetweenTwoLooks: a log is copied and truncated twice before it is
// looked at again; the second copy is all that is left.
func TestTwoCopiesBetweenTwoLooks(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\n")
	r.settle()
	r.want("a")
	r.truncate("app.log", 0) // and the copy is expired already
	r.write("app.log", "b\nb\n")
	r.copy("app.log", "app.log.1")
	r.truncate("app.log", 0)
	r.write("app.log", "c\n")
	r.settle()
	r.later()
	r.later()
	r.wantAll("b", "b", "c")
}

// TestRenumbered: a machine may give a device another number when it starts.
func TestRenumbered(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\n")
	r.settle()
	r.want("a")
	r.onInode("a\n", "app.log", 7)
	r.write("app.log", "b\n")
	r.restart()
	r.settle()
	r.want("b")
	r.onInode("a\nb\n", "app.log", 8)
	r.rename("app.log", "app.log.1")
	r.write("app.log", "c\n")
	r.restart()
	r.settle()
	r.want("c")
	if strings.Contains(r.logged(), "lost") {
		t.Fatal(r.logged())
	}
}

// TestAcksOfWhatGoesOn: what was read of a file and is not acknowledged is not when
// its copy, or its archive, goes on for it, until the acks come.
func TestAcksOfWhatGoesOn(t *testing.T) {
	for name, rotate := range map[string]func(*rig) string{
		"copy": func(r *rig) string {
			r.copy("app.log", "app.log.1")
			r.truncate("app.log", 0)
			return "app.log.1"
		},
		"archive": func(r *rig) string {
			r.rename("app.log", "app.log.1")
			r.settle()
			r.compress("app.log.1", ".gz")
			return "app.log.1.gz"
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.CloseIdle = time.Nanosecond })
			r.hold = true
			r.write("app.log", "one\ntwo\n")
			r.settle()
			r.idle()
			r.want("one|two")
			at := r.path(rotate(r))
			acked := func() bool {
				fi, err := os.Stat(at)
				if err != nil {
					t.Fatal(err)
				}
				node, _, _ := inodeOf(fi)
				to, followed := r.tl.AckedOf(at, node.dev, node.ino)
				if !followed {
					t.Fatalf("%s is not followed", at)
				}
				return to >= uint64(len("one\ntwo\n"))
			}
			r.settle()
			r.later()
			if acked() {
				t.Fatal("counts as acknowledged")
			}
			for _, l := range r.held {
				r.tl.Acked(l)
			}
			if !acked() {
				t.Fatal("is not acknowledged after the acks")
			}
			for _, f := range r.tl.Status().Files {
				if f.Acked != f.Read {
					t.Errorf("not acknowledged: %+v", f)
				}
			}
			r.held, r.hold = nil, false
			r.want("")
		})
	}
}

// TestRotatedBehindAnEmptyLog: a log was truncated and empty when scribe ended; what
// was written and rotated away until the next one began is found.
func TestRotatedBehindAnEmptyLog(t *testing.T) {
	for name, rotate := range map[string]func(*rig){
		"renamed":          func(r *rig) { r.rename("app.log", "app.log.1") },
		"copied":           func(r *rig) { r.copy("app.log", "app.log.1"); r.truncate("app.log", 0) },
		"renamed, created": func(r *rig) { r.rename("app.log", "app.log.1"); r.write("app.log", "next\n") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.write("app.log", "one\n")
			r.settle()
			r.want("one")
			r.truncate("app.log", 0)
			r.settle()
			r.later()
			r.stop()
			r.write("app.log", "two\n")
			rotate(r)
			r.start()
			r.settle()
			r.later()
			want := []string{"two"}
			if strings.Contains(name, "created") {
				want = append(want, "next")
			}
			r.wantAll(want...)
			if n := len(r.reg.Unfinished()); name != "copied" && n != len(want) {
				t.Errorf("%d generations are not gone", n)
			}
			if strings.Contains(r.logged(), "lost") {
				t.Error(r.logged())
			}
		})
	}
}

// TestHolesAreAlike: a writer without O_APPEND leaves a hole after a truncation. A
// second one is not taken for the first, of which nothing was acknowledged.
func TestHolesAreAlike(t *testing.T) {
	r := newRig(t, nil)
	r.hold = true
	hole := func(n int) string { return strings.Repeat("\x00", n) }
	r.write("app.log", hole(5000)+"a\n")
	r.settle()
	first := r.lines[0]
	r.want("a")
	r.restart()
	r.settle()
	if again := r.lines[0]; again.id != first.id || again.start != 5000 {
		t.Fatalf("came again as %+v, first as %+v", again, first)
	}
	r.want("a")
	r.stop()
	r.truncate("app.log", 0)
	r.write("app.log", hole(9000)+"b\n")
	r.hold = false
	r.start()
	r.settle()
	if second := r.lines[0]; second.id == first.id || second.start != 9000 {
		t.Fatalf("came as %+v, what was there before as %+v", second, first)
	}
	r.want("b")
}

// TestSecretBesideALog: a file that scribe may not read does not keep a log that was
// truncated from being read, but one that is still being made is waited for.
func TestSecretBesideALog(t *testing.T) {
	disk := &secretFS{}
	r := newRig(t, func(o *Options) { o.FS = disk })
	r.write("app.log.audit", "not for scribe\n")
	disk.secret = r.path("app.log.audit")
	r.write("app.log", "one\n")
	r.settle()
	r.want("one")
	r.truncate("app.log", 0)
	r.settle()
	r.write("app.log", "two\n")
	r.settle()
	r.later()
	r.want("two")

	disk.secret = r.path("app.log.1")
	r.write("app.log", "three\n")
	r.copy("app.log", "app.log.1")
	r.truncate("app.log", 0)
	r.write("app.log", "four\n")
	r.settle()
	disk.secret = ""
	r.settle()
	r.later()
	r.wantAll("three", "four")
}

// secretFS refuses to open one file.
type secretFS struct {
	osFS
	secret string
}

func (f *secretFS) Open(name string) (vfs.File, error) {
	if name == f.secret {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	return f.osFS.Open(name)
}

// TestNameOfAnother: a file is not compared with itself because it has got the name
// under which another one was last seen.
func TestNameOfAnother(t *testing.T) {
	r := newRig(t, wide)
	r.write("app.log", "one\n")
	r.settle()
	r.rename("app.log", "app.log.1")
	r.settle()
	r.want("one")
	orig := r.tl.byPath[r.path("app.log.1")]
	r.rename("app.log.1", "app.log.2")
	r.write("app.log.1", "one\ntwo\n")
	if same, err := r.tl.beginsWith(orig, r.path("app.log.1"), []byte("one\n")); same || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("begins as another file: %v, %v", same, err)
	}
	same, intact, err := r.tl.samePrefix(orig, orig, record.Generation{}, 0)
	if same || intact || err != nil {
		t.Fatalf("same %v, intact %v, %v", same, intact, err)
	}
}
