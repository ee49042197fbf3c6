package tail

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"journalist/internal/record"
)

// TestHalfALineIsNoName: another file that happens to begin with the same half line,
// and to have got the inode, is read from its start.
func TestHalfALineIsNoName(t *testing.T) {
	r := newRig(t, nil)
	r.write("app.log", "a\n")
	r.settle()
	r.rename("app.log", "app.log.1")
	r.write("app.log", "x")
	r.settle()
	r.rename("app.log.1", "app.log.2")
	r.rename("app.log", "app.log.1")
	r.settle()
	r.grace()
	r.want("a|x[_unterminated]")
	r.remove("app.log.1")
	r.write("next", "xylophone\n")
	r.onInode("x", "next", 0)
	r.stop()
	r.rename("next", "app.log")
	r.start()
	r.settle()
	r.grace()
	r.want("xylophone")

	// The one it was may go on.
	r.rename("app.log", "app.log.1")
	r.write("app.log", "y")
	r.rename("app.log.1", "app.log.2")
	r.rename("app.log", "app.log.1")
	r.settle()
	r.grace()
	r.want("y[_unterminated]")
	r.stop()
	r.write("app.log.1", "z\n")
	r.start()
	r.settle()
	r.want("z")

	for _, c := range []struct {
		read, file string
		same       bool
	}{
		{"x", "x", true},
		{"x", "xy\n", false},
		{"x\n", "x\ny\n", true},
		{"", "xy", true},
		{strings.Repeat("x", shortHead), strings.Repeat("x", 2*shortHead), true},
	} {
		g := record.Generation{Head: record.MakeFingerprint([]byte(c.read)), Tail: record.MakeFingerprint([]byte(c.read)), To: uint64(len(c.read))}
		if same, err := sameFile(bytes.NewReader([]byte(c.file)), g); same != c.same || err != nil {
			t.Fatalf("%q read of %q is the same: %v, %v", c.read, c.file, same, err)
		}
	}
}

// TestCompressedWithSuccessors: between two looks a log is rotated twice, and what
// was known of it is compressed.
func TestCompressedWithSuccessors(t *testing.T) {
	for _, down := range []bool{false, true} {
		r := newRig(t, nil)
		r.write("app.log.7", "z\n")
		r.age("app.log.7", time.Hour) // was there before, and is nobody's
		r.write("app.log", "a\n")
		r.settle()
		r.want("a")
		if down {
			r.stop()
		}
		r.write("app.log", "b\n")
		r.rename("app.log", "app.log.2")
		r.write("app.log.1", "c\n")
		r.write("app.log", "d\n")
		r.compress("app.log.2", ".gz")
		if down {
			r.start()
		}
		r.settle()
		r.later()
		r.wantAll("b", "c", "d")
		r.restart()
		r.settle()
		r.later()
		r.want("")
		r.stop()
	}
}

// TestDeletedBehindTruncation: what was written last is only in the copy.
func TestDeletedBehindTruncation(t *testing.T) {
	r := newRig(t, func(o *Options) { o.CloseIdle = time.Nanosecond })
	r.write("app.log", "a\n")
	r.settle()
	r.advance(time.Second)
	r.settle()
	r.want("a")
	r.write("app.log", "b\n")
	r.copy("app.log", "app.log.1")
	r.truncate("app.log", 0)
	r.remove("app.log")
	r.settle()
	r.later()
	r.want("b")
	r.restart()
	r.settle()
	r.later()
	r.want("")
}

// TestCopyOfWhatIsNotRead: a copy is not taken for read before its original is.
func TestCopyOfWhatIsNotRead(t *testing.T) {
	r := newRig(t, wide)
	r.write("app.log", "a\n")
	r.settle()
	r.want("a")
	r.refuse = true
	r.write("app.log", "b\n")
	r.copy("app.log", "app.log.1")
	r.settle()
	r.later()
	r.later()
	r.truncate("app.log", 0)
	r.refuse = false
	r.settle()
	r.later()
	r.want("b")
}

// TestTruncatedWhileUnreadable: that a file was truncated is found out once it can
// be read.
func TestTruncatedWhileUnreadable(t *testing.T) {
	disk := &faulty{}
	r := newRig(t, func(o *Options) { o.FS = disk })
	r.refuse = true
	r.write("app.log", "a\n")
	r.settle()
	r.copy("app.log", "app.log.1")
	r.truncate("app.log", 0)
	r.refuse = false
	disk.set("read", syscall.EIO)
	r.settle()
	disk.set("read", nil)
	r.settle()
	r.later()
	r.want("a")
}

// TestCopyMovesMeanwhile: the copy is renamed between two looks at it.
func TestCopyMovesMeanwhile(t *testing.T) {
	disk := &listOnce{faulty: &faulty{}, left: -1}
	r := newRig(t, func(o *Options) { o.FS = disk })
	r.write("app.log", "a\n")
	r.settle()
	r.stop()
	r.write("app.log", "b\n")
	r.copy("app.log", "app.log.1")
	r.truncate("app.log", 1)
	disk.then = func() { r.rename("app.log.1", "app.log.2") }
	r.start()
	r.settle()
	r.later()
	r.want("a|b")
}

// TestHeirHasTheInodeOfAnother: the copy that a truncated log goes on in has the
// inode that another log had, whose rest is in a compressed file.
func TestHeirHasTheInodeOfAnother(t *testing.T) {
	r := newRig(t, allLogs)
	r.write("a.log", "a1\n")
	r.write("b.log", "b1\n")
	r.settle()
	r.texts()
	r.stop()
	r.write("a.log", "a2\n")
	r.write("b.log", "b2\n")
	r.copy("a.log", "kept")
	r.compress("kept", ".gz")
	r.rename("kept.gz", "a.log.1.gz")
	b, err := os.ReadFile(r.path("b.log"))
	if err != nil {
		t.Fatal(err)
	}
	r.reuse("a.log", "b.log.1", string(b))
	r.truncate("b.log", 0)
	r.start()
	r.settle()
	r.later()
	r.wantAll("a2", "b2")
}

// TestInodeOfNothingToRead: what had the rest of a log is compressed, and an archive
// of which nothing is read has its inode.
func TestInodeOfNothingToRead(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "damaged": "\x1f\x8b\x08 and no more", "unknown": "\xfd7zXZ\x00 is not unpacked",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, allLogs)
			r.write("a.log", "a1\n")
			r.settle()
			r.want("a1")
			r.stop()
			r.write("a.log", "a2\n")
			r.copy("a.log", "kept")
			r.compress("kept", ".gz")
			r.rename("kept.gz", "a.log.1.gz")
			if content == "" {
				r.write("none", "")
				r.compress("none", ".gz")
				b, err := os.ReadFile(r.path("none.gz"))
				if err != nil {
					t.Fatal(err)
				}
				content = string(b)
			}
			r.reuse("a.log", "b.log.1.gz", content)
			r.start()
			r.settle()
			r.later()
			r.later()
			r.want("a2")
		})
	}
}

// TestSiblingsBehindAnError: the folder cannot be read in full when scribe starts.
func TestSiblingsBehindAnError(t *testing.T) {
	disk := &listOnce{faulty: &faulty{}}
	r := newRig(t, func(o *Options) { o.FS = disk })
	r.write("app.log", "a\n")
	r.settle()
	r.want("a")
	r.stop()
	r.rename("app.log", "app.log.2")
	r.write("app.log.1", "b\n")
	r.write("app.log", "c\n")
	r.start()
	disk.left = 1 // that of the pattern needs none
	r.settle()
	disk.left = -1
	r.settle()
	r.grace()
	r.wantAll("b", "c")
}

// listOnce lists folders as often as is left, if that is not negative.
type listOnce struct {
	*faulty
	left int
	then func() // behind the next one
}

func (l *listOnce) ReadDir(name string) ([]os.DirEntry, error) {
	if l.left == 0 {
		return nil, syscall.EIO
	}
	l.left--
	entries, err := l.faulty.ReadDir(name)
	if then := l.then; then != nil {
		l.then = nil
		then()
	}
	return entries, err
}

// TestRoomAhead: NUL bytes at the end of a file that has nothing else are not text.
func TestRoomAhead(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxLine = 64 })
	r.write("app.log", strings.Repeat("\x00", 3*record.HeadMax))
	r.settle()
	r.want("")
	r.write("app.log", "half")
	r.settle()
	r.write("app.log", " a line\n")
	r.settle()
	r.want("half a line")
}

// TestCopyHasTheInodeOfAKnownOne: the copy of a truncated log has the inode of an
// old one that was deleted to make room.
func TestCopyHasTheInodeOfAKnownOne(t *testing.T) {
	r := newRig(t, func(o *Options) { o.CloseIdle = time.Nanosecond })
	r.write("app.log", "a\n")
	r.settle()
	r.rename("app.log", "app.log.1")
	r.write("app.log", "b\n")
	r.settle()
	r.grace()
	r.want("a|b")
	r.write("app.log", "c\n")
	r.reuse("app.log.1", "app.log.2", "b\nc\n")
	r.rename("app.log.2", "app.log.1")
	r.truncate("app.log", 0)
	r.tl.changed([]byte(r.path("app.log"))) // before the scan
	r.drain()
	r.settle()
	r.grace()
	r.want("c")
}

// TestTroubleWithAnArchivePasses: the problem of a file that is read to its end goes
// when it can be looked at again.
func TestTroubleWithAnArchivePasses(t *testing.T) {
	disk := &faulty{}
	r := newRig(t, func(o *Options) { wide(o); o.FS = disk })
	r.write("app.log.1", "a\n")
	r.compress("app.log.1", ".gz")
	r.later()
	r.want("a")
	disk.set("open", syscall.EIO)
	r.age("app.log.1.gz", time.Hour) // touched
	r.later()
	disk.set("open", nil)
	r.age("app.log.1.gz", 2*time.Hour)
	r.later()
	for _, f := range r.tl.Status().Files {
		if f.Problem != "" {
			t.Fatalf("status is %+v", f)
		}
	}
	r.want("")
}
