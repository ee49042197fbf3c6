package tail

import (
	"strings"
	"testing"
	"time"
)

// TestRenamedWhileListed: a log is rotated while its folder is listed, and again
// before what the listing showed is looked at. It is not gone, and not another one.
func TestRenamedWhileListed(t *testing.T) {
	disk := &listOnce{faulty: &faulty{}, left: -1}
	r := newRig(t, func(o *Options) { wide(o); o.FS = disk; o.CloseIdle = time.Nanosecond })
	r.hold = true
	r.write("app.log", "one\ntwo\n")
	r.settle()
	r.idle()
	r.want("one|two")
	disk.then = func() { // the pattern's listing does not have the new name,
		r.rename("app.log", "app.log.1")
		r.write("app.log", "three\n")
		disk.then = func() { r.rename("app.log.1", "app.log.2") } // and that for the inode the wrong one
	}
	r.settle()
	r.idle()
	r.later()
	for _, l := range r.held {
		r.tl.Acked(l)
	}
	r.held, r.hold = nil, false
	r.later()
	r.want("three")
}

// TestCopyOfWhatHasAnotherInode: a log that got the inode of a compressed one which
// was deleted is copied and truncated before it was looked at.
func TestCopyOfWhatHasAnotherInode(t *testing.T) {
	r := newRig(t, wide)
	r.write("app.log", "one\n")
	r.settle()
	r.rename("app.log", "app.log.1")
	r.compress("app.log.1", ".gz")
	r.write("app.log", "two\n")
	r.settle()
	r.later()
	r.wantAll("one", "two")
	r.rename("app.log", "app.log.2")
	r.reuse("app.log.1.gz", "app.log", "three\nfour\n")
	r.write("app.log.1", "three\n") // it is not complete yet
	r.settle()
	r.advance(5 * time.Second)
	r.settle()
	r.write("app.log.1", "four\n")
	r.truncate("app.log", 0)
	r.settle()
	r.later()
	r.wantAll("three", "four")
	if strings.Contains(r.logged(), "lost_bytes") {
		t.Error("told as lost:\n" + r.logged())
	}
}
