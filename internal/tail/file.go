package tail

import (
	"time"

	"journalist/internal/frame"
	"journalist/internal/record"
	"journalist/internal/vfs"
)

// file is one generation of a file that is followed. It is found by find.go,
// recognised by identify.go, told from copies of others by copy.go, read by read.go,
// becomes another generation in rotate.go and ends in fade.go.
//
// The first part is guarded by Tailer.mu. The second belongs to whoever has taken
// the file from the queue (busy), else to who holds Tailer.mu; what others may
// see of it is copied to pub after each step.
//
// There may be very many: what few of them have is behind pointers.
type file struct {
	// label is the name under which the generation was born, which its lines carry,
	// and group what this name belongs to. They may change until the generation is
	// recognised (bound).
	label string
	group *group
	node  inode
	path  string // where it is now; "" when nowhere
	size  int64
	mtime time.Time
	// changed is when size or mtime were seen to change.
	changed time.Time
	gone    *gone              // set when no name is left
	seen    int                // number of the scan that saw it last
	real    string             // path without symbolic links, where it is another one
	adopt   *record.Generation // to continue, as this is a copy of its file
	maxSize int64              // largest size seen of this generation
	unread  string             // why it is not read; "" when it is
	problem string
	pub     published
	arch    *archive // of a compressed file

	first               bool // found by the first scan
	resolved            bool // real is known
	watched             bool // the kernel tells of its changes
	queued, busy, again bool
	registering         bool // waits for its identity to be durable
	retry               bool // failed; the next scan tries again
	finished            bool // read to its end, never to change again
	bound               bool // has an identity, durable or about to be
	void                bool // its identity could not be made durable
	timed               bool // a timer will queue it, because lines wait for others

	// Of who is busy with it.
	regrown bool // began after a truncation
	stray   bool // was opened under a name that no pattern ever gave
	awake   bool // the last step did not reach the end
	long    bool // the next line is longer than readSize
	looked  bool // was looked at for binary content
	h       vfs.File
	framer  *frame.Framer // nil until the first read
	id      record.SourceID
	fields  []record.Pair // nil until the next run
	offset  uint64        // the next byte to read, where a line begins
	from    uint64        // the end of the last run sent
	head    record.Fingerprint
	tail    record.Fingerprint
	nulls   uint64    // NUL bytes skipped at the start
	chunk   int       // how much to read next
	held    *holding  // set while it is not read, because it may be a copy
	atSize  int64     // size at the last step
	atTime  time.Time // when it was last written to, at the last step that found what was read of it
	acked   uint64    // at the start
}

// gone is when a file was seen to have no name left, and what its last one was.
type gone struct {
	at  time.Time
	was string
}

// holding is since when a file waits, and its size then.
type holding struct {
	since time.Time
	size  uint64
	// twin is of what it was a copy when both were looked at; it began with head.
	twin record.SourceID
	head record.Fingerprint
}

// published is what others than the one who is busy may see.
type published struct {
	id           record.SourceID
	offset, from uint64
	acked        uint64
	head, tail   record.Fingerprint
	last         int64 // when lines were last read, in nanoseconds; 0 for never
}

// publishLocked copies what the step that just ended has changed.
func (f *file) publishLocked() {
	acked := f.acked
	if f.pub.id == f.id {
		acked = max(acked, f.pub.acked)
	}
	f.pub = published{id: f.id, offset: f.offset, from: f.from, acked: acked, head: f.head, tail: f.tail, last: f.pub.last}
}

// away tells that the file is no longer where it was found. Tailer.mu is held.
func (f *file) away() bool { return f.path != f.label }

// sawLocked notes what a look at the file showed, and tells whether it changed.
func (f *file) sawLocked(l look, now time.Time) bool {
	f.maxSize = max(f.maxSize, l.size)
	if f.size == l.size && f.mtime.Equal(l.mtime) {
		return false
	}
	f.size, f.mtime, f.changed = l.size, l.mtime, now
	return true
}

// restart makes f a new generation that begins at 0, nothing of which is known.
func (f *file) restart() {
	f.id = record.SourceID{}
	f.offset, f.from, f.acked, f.nulls = 0, 0, 0, 0
	f.head, f.tail = record.Fingerprint{}, record.Fingerprint{}
	f.awake, f.long, f.looked, f.chunk, f.framer = false, false, false, 0, nil
	f.held = nil
}

// resume makes f continue the generation g, of which everything that was read is
// acknowledged.
func (f *file) resume(g record.Generation) {
	f.id = g.ID
	f.offset, f.from, f.acked, f.nulls = g.To, g.To, g.To, 0
	f.head, f.tail = g.Head, g.Tail
}

// fieldsOf returns the fields that the lines of a file at path carry.
func (t *Tailer) fieldsOf(g *group, path string) []record.Pair {
	fields := make([]record.Pair, 0, 2+len(g.Fields))
	for _, p := range [...]record.Pair{{Name: record.FieldHost, Value: t.o.Host}, {Name: record.FieldFile, Value: path}} {
		if !hasField(g.Fields, p.Name) {
			fields = append(fields, p)
		}
	}
	return append(fields, g.Fields...)
}

func hasField(fields []record.Pair, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// closeFile closes the handle, if any. The caller is busy with f or holds
// Tailer.mu while nobody is.
func (t *Tailer) closeFile(f *file) {
	if f.h != nil {
		_ = f.h.Close() // only read
		f.h = nil
		t.open.Add(-1)
	}
}
