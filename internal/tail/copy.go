package tail

import (
	"bytes"
	"errors"
	"io"
	"io/fs"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

// What copyOf finds.
type copied int

const (
	noCopy    copied = iota
	another          // none of this one, but perhaps of the next
	takeOver         // of a generation whose file is no more: it goes on here
	undecided        // of one that is followed and may be about to be truncated
	mere             // of one that is followed, and nothing happens to that
)

// copyOf tells whether an unknown file is the copy that copytruncate makes of a
// file before it truncates it, which must not be sent again.
func (t *Tailer) copyOf(f *file, v view, head []byte, size uint64) (record.Generation, copied, error) {
	for _, base := range unrotated(v.was) {
		twin, err := t.unknownTwin(f, base, head)
		if err != nil {
			return record.Generation{}, noCopy, err
		}
		if twin && t.holds(f, false) {
			return record.Generation{}, undecided, nil
		}
		for _, g := range t.reg.Path(base) {
			if g.Ino == v.node.ino || g.Head.Len == 0 {
				continue
			}
			if g, found, err := t.copyOfOne(f, v, g, head, size); found != another || err != nil {
				return g, found, err
			}
		}
	}
	return record.Generation{}, noCopy, nil
}

// copyOfOne is copyOf for one generation. It returns what is known of that by now.
func (t *Tailer) copyOfOne(f *file, v view, g record.Generation, head []byte, size uint64) (record.Generation, copied, error) {
	t.mu.Lock()
	orig := t.byID[g.ID]
	path := ""
	if orig != nil {
		path = orig.path
	}
	followed := orig != nil && !orig.finished
	pending := orig == nil && t.mayBeLocked(g)
	over, sent, fading := t.fadingLocked(g.ID)
	if followed {
		g.To, g.Tail, g.Head = orig.pub.offset, orig.pub.tail, orig.pub.head
	}
	t.mu.Unlock()
	switch {
	case g.State == record.Gone && !f.remembers(g, head, size):
		return g, another, nil
	case g.State == record.Gone:
		return g, mere, nil
	case fading && !f.remembers(over, head, size):
		return g, another, nil
	case fading && !sent:
		return g, undecided, nil
	case fading:
		return g, mere, nil
	}
	if !g.Head.MatchesStart(head) {
		found, err := t.shortCopy(f, orig, g, path, head, size)
		if found != undecided || err != nil || path == "" {
			return g, found, err
		}
	}
	grown := g.To <= size && uint64(g.Head.Len) <= size
	if grown {
		if ok, err := sameFile(f.h, g); err != nil || !ok {
			return g, another, err
		}
	}
	switch {
	case !followed && !pending && orig == nil && grown:
		return g, takeOver, nil
	case !followed && !pending && f.remembers(g, head, size):
		return g, mere, nil
	case !followed && !pending:
		return g, another, nil
	case v.deleted && grown && g.To >= size:
		return g, mere, nil // and nobody is going to add to it
	}
	found, err := t.copyOfFollowed(f, orig, g, head, size, grown)
	return g, found, err
}

// shortCopy tells, of a file that is shorter than what is known of g's beginning,
// whether it may become its copy; orig is the one that follows g, at path. With a
// path it is undecided only when the file begins as that does.
func (t *Tailer) shortCopy(f, orig *file, g record.Generation, path string, head []byte, size uint64) (copied, error) {
	if len(head) >= int(g.Head.Len) || orig == nil {
		return another, nil
	}
	same, err := t.beginsWith(orig, path, head)
	if errors.Is(err, fs.ErrNotExist) { // deleted or renamed while it was copied
		if t.holds(f, f.grew(size)) {
			return undecided, nil
		}
		return another, nil
	}
	if err != nil || !same {
		return another, err
	}
	return undecided, nil
}

// copyOfFollowed is copyOf for a generation whose file orig is followed, or, when it
// is nil, not yet recognised. With grown f has all that was read of that.
func (t *Tailer) copyOfFollowed(f, orig *file, g record.Generation, head []byte, size uint64, grown bool) (copied, error) {
	holds := t.holds(f, f.grew(size))
	same, intact, err := t.samePrefix(f, orig, g, size)
	if grown || (same && err == nil) {
		f.held.twin, f.held.head = g.ID, record.MakeFingerprint(head)
	}
	acked := false
	if same && err == nil {
		acked, err = t.ackedOf(orig, f, size)
	}
	switch {
	case err != nil:
		return noCopy, err
	case holds, orig == nil: // not yet recognised
		return undecided, nil
	case !same && !intact:
		return undecided, nil // the original comes first
	case !same:
		return noCopy, nil
	case !acked:
		return undecided, nil // it may be all that is left, should scribe end now
	case halfALine(head):
		return noCopy, nil // which may become any other
	}
	return mere, nil
}

// mayBeLocked tells that a file that is not recognised yet may be g's: it has the
// inode, and is long enough.
func (t *Tailer) mayBeLocked(g record.Generation) bool {
	there := t.files[inode{g.Dev, g.Ino}]
	if there == nil || there.bound || there.unread != "" {
		return false // it is another one that has the inode now
	}
	return there.arch != nil || longEnough(there.size, g)
}

// ackedOf tells that all lines in the size bytes of c, a copy of f, are
// acknowledged.
func (t *Tailer) ackedOf(f, c *file, size uint64) (bool, error) {
	t.mu.Lock()
	acked := f.pub.acked
	t.mu.Unlock()
	if acked >= size {
		return true, nil
	}
	buf := scratch.Get().(*[record.HeadMax]byte)
	defer scratch.Put(buf)
	rest := buf[:min(size-acked, record.HeadMax)]
	n, err := c.h.ReadAt(rest, int64(acked))
	return size-acked == uint64(n) && bytes.IndexByte(rest, '\n') < 0, noEOF(err)
}

// remembers tells that g, whose file is no more, was read at least as far as f, a
// copy of it, goes: it was read on between the copy and the truncation. f was seen
// to be its copy, or a long beginning is the same.
func (f *file) remembers(g record.Generation, head []byte, size uint64) bool {
	seen := f.held != nil && g.ID == f.held.twin && f.held.head.MatchesStart(head)
	same := g.Head.Len == record.HeadMax && g.Head.MatchesStart(head) && nulRun(head) < len(head)/2 // holes are all alike
	return size <= g.To && (seen || same)
}

// unknownTwin tells that the file at base is followed and begins like f, but is not
// recognised yet, or no longer what it was recognised as: that comes first.
func (t *Tailer) unknownTwin(f *file, base string, head []byte) (bool, error) {
	t.mu.Lock()
	twin := t.byPath[base]
	unknown := twin != nil && twin != f && !twin.finished && twin.unread == "" &&
		(!twin.bound || twin.arch != nil || !twin.pub.head.MatchesStart(head))
	t.mu.Unlock()
	if !unknown {
		return false, nil
	}
	same, err := t.beginsWith(twin, base, head)
	return same, noFile(err)
}

// openAs opens a file where it was last seen. It is not there when another one has
// got the name since.
func (t *Tailer) openAs(f *file, path string) (vfs.File, error) {
	h, err := t.fs.Open(path)
	if err != nil {
		return nil, err
	}
	fi, err := h.Stat()
	if err == nil {
		if node, _, ok := inodeOf(fi); ok && node == f.node {
			return h, nil
		}
		err = fs.ErrNotExist
	}
	_ = h.Close() // only read
	return nil, err
}

// beginsWith tells that f, last seen at path, begins with head, or head with all of it.
func (t *Tailer) beginsWith(f *file, path string, head []byte) (bool, error) {
	h, err := t.openAs(f, path)
	if err != nil {
		return false, err
	}
	defer func() { _ = h.Close() }() // only read
	var buf [record.HeadMax]byte
	n, err := h.ReadAt(buf[:], 0)
	n = min(n, len(head))
	return n > 0 && bytes.Equal(buf[:n], head[:n]), noEOF(err)
}

// grew tells whether a held file's size changed since the last look.
func (f *file) grew(size uint64) bool {
	if f.held == nil {
		f.held = &holding{}
	}
	grew := f.held.size != size
	f.held.size = size
	return grew
}

// holds tells that a file is to wait because it may be a copy; with again from now
// on.
func (t *Tailer) holds(f *file, again bool) bool {
	if f.held == nil {
		f.held = &holding{}
	}
	if again || f.held.since.IsZero() {
		f.held.since = t.o.Clock()
	}
	return t.since(f.held.since) < copyWait
}

// samePrefix compares the end of f's first size bytes with the same bytes of orig,
// if that has a name. When they are not the same, intact tells that orig is there
// and still has what was read of it, which is g.
func (t *Tailer) samePrefix(f, orig *file, g record.Generation, size uint64) (same, intact bool, err error) {
	if orig == nil {
		return false, true, nil
	}
	t.mu.Lock()
	path := orig.path
	t.mu.Unlock()
	h, err := t.openAs(orig, path)
	if err != nil {
		return false, false, noFile(err)
	}
	defer func() { _ = h.Close() }() // only read
	var a, b [4096]byte
	n := min(size, uint64(len(a)))
	at := int64(size - n)
	if _, err := f.h.ReadAt(a[:n], at); err != nil && !errors.Is(err, io.EOF) {
		return false, true, err
	}
	k, err := h.ReadAt(b[:n], at)
	if uint64(k) == n && bytes.Equal(a[:n], b[:n]) {
		return true, true, nil
	}
	if err = noEOF(err); err == nil {
		intact, err = matches(h, g.Head, g.Tail, g.To)
	}
	return false, intact, err
}
