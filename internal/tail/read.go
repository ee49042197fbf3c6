package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"journalist/internal/frame"
	"journalist/internal/record"
)

// view is what a step needs to know of a file's state.
type view struct {
	path, label string
	was         string // path, or the last one of a deleted file
	group       *group
	node        inode
	away        bool // renamed or deleted
	deleted     bool
	quiet       bool // unchanged for the grace time
	giveUp      bool // deleted for longer than HoldTime
}

func (t *Tailer) viewOf(f *file) (v view, ok bool) {
	now := t.o.Clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	f.retry = false
	if f.void {
		f.void, f.bound = false, false
		f.restart()
	}
	was := f.path
	if f.gone != nil {
		was = f.gone.was
	}
	return view{
		path: f.path, was: was, label: f.label, group: f.group, node: f.node, away: f.away(), deleted: f.path == "",
		quiet:  now.Sub(f.changed) >= t.o.Grace,
		giveUp: f.gone != nil && now.Sub(f.gone.at) > f.group.HoldTime,
	}, f.unread == "" && !f.finished && !f.registering
}

// step does one piece of work on a file: recognise it, or read one run of it. It
// returns true when the file should be queued again at once. The caller has taken
// f from the queue.
func (t *Tailer) step(ctx context.Context, f *file) (more bool) {
	v, ok := t.viewOf(f)
	if !ok {
		return false
	}
	if v.giveUp || (v.deleted && f.h == nil) {
		t.giveUp(f, !v.giveUp)
		return false
	}
	if f.arch != nil {
		return t.stepArchive(ctx, f, v)
	}
	if f.h == nil && !t.openFile(f, v) {
		return false
	}
	fi, err := f.h.Stat()
	if err != nil {
		t.trouble(f, "stat", err)
		return false
	}
	size := uint64(max(fi.Size(), 0))
	t.noteSize(f, fi)
	switch {
	case f.id.IsZero():
		more, err = t.identify(f, v, fi)
	case size < f.offset:
		more, err = t.truncated(f, v)
	case size == f.offset:
		more, err = t.atEnd(f, v)
	default:
		more, err = t.read(ctx, f, v, size-f.offset)
	}
	if err != nil && ctx.Err() == nil {
		t.trouble(f, "read", err)
		more = false
	} else if err == nil {
		t.noTrouble(f)
		if !f.id.IsZero() {
			f.atTime = fi.ModTime()
		}
	}
	if f.awake = more; !more {
		f.fields = nil
	}
	if !v.deleted && t.open.Load() > int64(t.o.MaxOpen) {
		t.closeFile(f)
	}
	return more
}

// openFile opens the file and makes sure that it is the one that was found.
func (t *Tailer) openFile(f *file, v view) bool {
	h, err := t.fs.Open(v.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			t.trouble(f, "open", err)
		}
		t.retry(f)
		return false
	}
	fi, err := h.Stat()
	node, _, ok := inode{}, uint64(0), false
	if err == nil {
		node, _, ok = inodeOf(fi)
	}
	if err != nil || !ok || !fi.Mode().IsRegular() || node != v.node {
		_ = h.Close() // only read
		if err != nil {
			t.trouble(f, "stat", err)
		}
		t.retry(f) // it was replaced since: the scan sorts it out
		return false
	}
	_, given := t.bornAs(v.label, v.path)
	f.h, f.stray = h, given == nil
	f.awake = false
	t.open.Add(1)
	return true
}

// retry has the next scan look at f again.
func (t *Tailer) retry(f *file) {
	t.mu.Lock()
	f.retry = true
	t.mu.Unlock()
}

// noteSize keeps the scan from taking for new what the step has seen.
func (t *Tailer) noteSize(f *file, fi fs.FileInfo) {
	f.atSize = fi.Size()
	now := t.o.Clock()
	t.mu.Lock()
	f.sawLocked(lookOf(fi), now)
	t.mu.Unlock()
}

// scratch is where the ends of files are looked at.
var scratch = sync.Pool{New: func() any { return new([record.HeadMax]byte) }}

// matches tells that the file begins with head and has tail before offset.
func matches(r io.ReaderAt, head, tail record.Fingerprint, offset uint64) (bool, error) {
	buf := scratch.Get().(*[record.HeadMax]byte)
	defer scratch.Put(buf)
	b := buf[:head.Len]
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return false, noEOF(err)
	}
	if record.MakeFingerprint(b) != head {
		return false, nil
	}
	if uint64(tail.Len) > offset {
		return false, nil
	}
	b = buf[:tail.Len]
	if n, err := r.ReadAt(b, int64(offset-uint64(tail.Len))); n < len(b) {
		return false, noEOF(err)
	}
	if record.MakeFingerprint(b) != tail {
		return false, nil
	}
	if tail == wholeHole {
		return holeEndsAt(r, offset)
	}
	return true, nil
}

// sameFile tells, like matches, that a file which may be another one is that of g,
// or its copy. The beginning of a first line is the same in many files: what has
// more than was known of that one is not known by it.
func sameFile(r io.ReaderAt, g record.Generation) (bool, error) {
	ok, err := matches(r, g.Head, g.Tail, g.To)
	if !ok || err != nil || g.Head.Len == 0 || g.Head.Len >= shortHead {
		return ok, err
	}
	var buf [shortHead + 1]byte
	b := buf[:g.Head.Len]
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return false, noEOF(err)
	}
	if !halfALine(b) {
		return true, nil
	}
	n, err := r.ReadAt(buf[:1], int64(max(g.To, uint64(g.Head.Len))))
	return n == 0, noEOF(err)
}

// halfALine tells that a beginning says little: it is short, and not a whole line.
func halfALine(head []byte) bool {
	return len(head) < shortHead && bytes.IndexByte(head, '\n') < 0
}

// shortHead is how long a beginning must be that has no end of a line.
const shortHead = 64

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// read sends the next run of lines; avail bytes are there.
func (t *Tailer) read(ctx context.Context, f *file, v view, avail uint64) (more bool, err error) {
	if !f.awake && f.nulls == 0 {
		// It was idle and may have been truncated and grown again meanwhile.
		if ok, err := matches(f.h, f.head, f.tail, f.offset); err != nil {
			return false, err
		} else if !ok {
			return t.truncated(f, v)
		}
	}
	fr, err := t.framerOf(f, v)
	if err != nil {
		return false, err
	}
	want := f.wanted(fr, avail)
	before := int(f.tail.Len)
	r, err := t.pool.get(ctx, before+want*fr.Grow())
	if err != nil {
		return false, err
	}
	sent := false
	defer func() {
		if !sent {
			t.pool.put(r)
		}
	}()
	n, err := f.h.ReadAt(r.buf[:before+want], int64(f.offset)-int64(before))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	data := r.buf[:n]
	if !f.goesOn(data, before) {
		return t.truncated(f, v) // between the two looks
	}
	atEOF := uint64(n-before) == avail || n < before+want
	skip, wait := f.leadingNuls(data[before:], fr.Unit(), v.away, atEOF)
	if wait {
		return false, nil
	}
	body := before + skip
	if skip > 0 && body == n {
		f.passNuls(data, skip)
		return true, nil
	}
	used, full, pause := fr.Frame(&r.lines, data, body, f.offset+uint64(skip), t.ending(f, v, atEOF))
	if used == 0 {
		if skip > 0 {
			f.passNuls(data[:body], skip)
			return true, nil
		}
		// The row goes on: wait for its end, or read as much as the longest has.
		f.long = !atEOF || n-before > readSize/fr.Grow()
		f.chunk = 0
		t.later(f, pause)
		return !atEOF, nil
	}
	f.chunk = 0
	if full {
		f.chunk = max(4<<10, used+used/4)
	}
	f.long = false
	if nulls := f.nulls + uint64(skip); nulls > 0 {
		t.skippedNuls(v.path, nulls)
	}
	if fr.Unit() == 1 {
		t.lookBinary(f, data, body)
	}
	if err := t.emit(ctx, f, r, data[:body+used], f.offset+uint64(skip+used)); err != nil {
		return false, err
	}
	sent = true
	t.later(f, pause)
	return !atEOF || full, nil
}

// wanted is how many of the avail bytes are to be read at once.
func (f *file) wanted(fr *frame.Framer, avail uint64) int {
	want := readSize / fr.Grow()
	if f.long {
		want = fr.Window()
	} else if f.chunk > 0 {
		want = f.chunk
	}
	return int(min(avail, uint64(want)))
}

// goesOn tells whether data, which begins so many bytes before the file's position,
// fits to what was read of it.
func (f *file) goesOn(data []byte, before int) bool {
	if len(data) < before || record.MakeFingerprint(data[:before]) != f.tail {
		return false
	}
	return f.offset > 0 || f.head.Len == 0 || f.head.MatchesStart(data[:min(len(data), record.HeadMax)])
}

// ending tells the framer what may come behind the bytes that were read.
func (t *Tailer) ending(f *file, v view, atEOF bool) frame.Ending {
	if !atEOF {
		return frame.Ending{}
	}
	end := frame.Ending{Quiet: t.quiet(f), Last: v.away && v.quiet}
	if p, ok := f.h.(*packed); ok {
		end.Last = errors.Is(p.end, io.EOF) || end.Quiet >= copyWait
	}
	return end
}

// emit hands the run to Output; it ends behind data, at the position to. On success
// the file's position moves there, and the run belongs to Acked.
func (t *Tailer) emit(ctx context.Context, f *file, r *run, data []byte, to uint64) error {
	head, err := t.headOf(f, data, len(data), to)
	if err != nil {
		return err
	}
	now := t.o.Clock()
	r.file, r.head, r.tail = f, head, tailOf(data, len(data))
	tail := r.tail
	r.lines.Position = record.Position{ID: f.id, From: f.from, To: to}
	r.lines.ReadTime = now.UnixNano()
	r.lines.Priority = f.group.Priority
	lines, bytes, split := len(r.lines.Rows), to-f.from, 0
	for i := range r.lines.Rows {
		if r.lines.Rows[i].Marks&record.LineSplit != 0 {
			split++
		}
	}
	t.mu.Lock()
	t.inflight[&r.lines] = r
	group := f.group
	if f.fields == nil {
		f.fields = t.fieldsOf(group, f.label)
	}
	r.lines.Fields = f.fields
	f.pub.last = now.UnixNano()
	t.mu.Unlock()
	group.apply(&r.lines)
	if err := t.o.Output(ctx, &r.lines); err != nil {
		t.mu.Lock()
		delete(t.inflight, &r.lines)
		t.mu.Unlock()
		return fmt.Errorf("send lines: %w", err)
	}
	// From here on r may already be used again.
	f.offset, f.from, f.nulls = to, to, 0
	f.head, f.tail = head, tail
	t.m.lines.Add(lines)
	t.m.bytes.Add(int(bytes))
	t.m.split.Add(split)
	return nil
}

// tailOf is the fingerprint of the last bytes before data[end].
func tailOf(data []byte, end int) record.Fingerprint {
	return record.MakeFingerprint(data[max(0, end-record.TailMax):end])
}

// headOf extends the head fingerprint as far as the bytes sent reach.
func (t *Tailer) headOf(f *file, data []byte, end int, to uint64) (record.Fingerprint, error) {
	want := min(to, record.HeadMax)
	if uint64(f.head.Len) >= want {
		return f.head, nil
	}
	if uint64(end) == to { // data begins where the file does
		return record.MakeFingerprint(data[:want]), nil
	}
	var buf [record.HeadMax]byte
	n, err := f.h.ReadAt(buf[:want], 0)
	if uint64(n) < want {
		if err = noEOF(err); err == nil {
			err = errors.New("file became shorter while it was read")
		}
		return record.Fingerprint{}, err
	}
	if !f.head.MatchesStart(buf[:want]) {
		return record.Fingerprint{}, errors.New("file changed while it was read")
	}
	return record.MakeFingerprint(buf[:want]), nil
}

// lookBinary warns once of a file that does not look like text; its lines are
// read all the same.
func (t *Tailer) lookBinary(f *file, data []byte, off int) {
	if f.looked {
		return
	}
	f.looked = true
	if bytes.IndexByte(data[off:min(len(data), off+8192)], 0) >= 0 {
		t.log.Warn("file looks binary, its lines are sent as they are", "file", f.label)
	}
}

// atEnd deals with a file that has nothing to read, unless it has another content
// of the same length.
func (t *Tailer) atEnd(f *file, v view) (more bool, err error) {
	if !f.awake && f.nulls == 0 {
		if same, err := matches(f.h, f.head, f.tail, f.offset); err != nil {
			return false, err
		} else if !same {
			return t.truncated(f, v)
		}
	}
	f.awake, f.fields = false, nil
	if v.deleted && v.quiet {
		t.finish(f)
	}
	return false, nil
}

// finish lets go of a file that will never be read again.
func (t *Tailer) finish(f *file) {
	t.closeFile(f)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finishLocked(f)
}

func (t *Tailer) finishLocked(f *file) {
	f.publishLocked()
	f.finished = true
	t.forgetLocked(f)
	if !f.id.IsZero() && f.pub.acked >= f.pub.from {
		t.noteLocked(f, record.Gone)
		delete(t.byID, f.id)
	}
}

// forgetLocked takes f out of what the scan looks at.
func (t *Tailer) forgetLocked(f *file) {
	if t.files[f.node] == f {
		delete(t.files, f.node)
	}
	t.unlistLocked(f)
}

// unlistLocked takes f's names out of what the watcher looks up.
func (t *Tailer) unlistLocked(f *file) {
	for _, p := range [...]string{f.path, f.real} {
		if t.byPath[p] == f {
			delete(t.byPath, p)
		}
	}
}

// giveUp lets go of a deleted file that still has something to read, or can no
// longer be read: its rest is read from a copy, or counted as lost. With wait a copy
// may still be made, as by gzip.
func (t *Tailer) giveUp(f *file, wait bool) {
	t.mu.Lock()
	size, label, group, mtime := f.maxSize, f.label, f.group, f.mtime
	wait = wait && f.gone != nil && t.since(f.gone.at) < copyWait
	if f.arch != nil {
		size = f.extentLocked()
	}
	t.mu.Unlock()
	if f.h != nil && f.arch == nil {
		if fi, err := f.h.Stat(); err == nil {
			size = fi.Size()
		}
	}
	lost := size - int64(f.offset)
	g := record.Generation{ID: f.id, Path: label, Head: f.head, Tail: f.tail, To: f.offset, Size: uint64(size), Dev: f.node.dev, Ino: f.node.ino}
	if lost <= 0 {
		path, node, ok, err := t.lastOf(f, g)
		if err != nil {
			t.trouble(f, "find its copy", err)
			return
		}
		if ok {
			t.goOnIn(f, group, g, path, node)
		} else {
			t.finish(f)
		}
		return
	}
	if f.id.IsZero() {
		if done, err := t.giveUpUnknown(f, group, label, mtime); done || err != nil {
			if err != nil {
				t.trouble(f, "find its copy", err)
			}
			return
		}
	}
	path, node, ok, err := t.findCopy(g, f.node)
	if err != nil {
		t.trouble(f, "find its copy", err)
		return
	}
	if wait && !ok && !f.id.IsZero() {
		t.retry(f)
		return
	}
	if ok {
		t.log.Info("file is gone before it was read to its end, reading the rest from its copy", "file", label, "copy", path, "offset", g.To)
		t.goOnIn(f, group, g, path, node)
		return
	}
	t.finish(f)
	t.m.lostBytes.Add(int(lost))
	t.log.Error("file is gone before it was read to its end", "file", label, "lost_bytes", lost)
}

// giveUpUnknown is giveUp for a file that was not yet recognised. It may be one that
// the registry knows, whose rest is looked for; what it was compressed to, if it was,
// is a new file.
func (t *Tailer) giveUpUnknown(f *file, g *group, label string, mtime time.Time) (done bool, err error) {
	for _, o := range t.reg.Inode(f.node.ino) {
		if o.State == record.Gone || o.Dev != f.node.dev || t.bound(o.ID) {
			continue
		}
		if err := t.replaced(g, o, f.node); err != nil {
			return false, err
		}
		done = true
	}
	if !done {
		missed, err := t.missedSiblings(g, label, mtime)
		if err != nil {
			return false, err
		}
		if done = slices.ContainsFunc(missed, func(m *file) bool { return packedName(m.path) }); done {
			t.admit(missed)
		}
	}
	if done {
		t.finish(f)
	}
	return done, nil
}

// trouble notes what is wrong with a file, and says so when that is new. The next
// scan tries again.
func (t *Tailer) trouble(f *file, what string, err error) {
	text := what + ": " + err.Error()
	t.mu.Lock()
	known := f.problem == text
	f.problem, f.retry = text, true
	t.mu.Unlock()
	if !known {
		t.m.problems.Inc()
		t.log.Warn("cannot read file, will try again", "file", f.label, "error", text)
	}
}

func (t *Tailer) noTrouble(f *file) {
	t.mu.Lock()
	left := "" // what no look at it changes
	if f.arch != nil {
		left = f.arch.damage
	}
	had := f.problem != left
	f.problem = left
	t.mu.Unlock()
	if had {
		t.log.Info("file can be read again", "file", f.label)
	}
}

// since is how long ago u was, never negative: the clock may have been set back.
func (t *Tailer) since(u time.Time) time.Duration { return max(t.o.Clock().Sub(u), 0) }
