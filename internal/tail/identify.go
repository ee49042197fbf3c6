package tail

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"time"

	"journalist/internal/record"
)

// copyWait is how long a file that looks like a copy of one that is followed must
// be unchanged before it is taken for one that nobody truncates.
const copyWait = 10 * time.Second

// identify finds out which generation the file is: one that is known, or a new
// one, which is registered. A new file is read once its identity is durable.
func (t *Tailer) identify(f *file, v view, fi fs.FileInfo) (more bool, err error) {
	size := uint64(max(fi.Size(), 0))
	if size == 0 { // nothing to recognise it by yet
		if v.deleted && v.quiet {
			t.finish(f)
		}
		return false, nil
	}
	buf := scratch.Get().(*[record.HeadMax]byte)
	defer scratch.Put(buf)
	n, err := f.h.ReadAt(buf[:min(size, record.HeadMax)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	head := buf[:n]
	if n == 0 {
		return false, nil
	}
	if kind := compression(head); kind != "" && !unpacks(kind) {
		t.skip(f, "compressed with "+kind)
		return false, nil
	} else if kind != "" {
		t.closeFile(f)
		t.mu.Lock()
		f.arch = &archive{kind: kind}
		t.mu.Unlock()
		return true, nil
	}
	if g := t.takeAdopt(f); g != nil {
		t.bind(f, *g)
		return true, nil
	}
	if g, ok, err := t.known(f, v, head, size); err != nil {
		return false, err
	} else if ok {
		t.bind(f, g)
		return true, nil
	}
	if f.stray {
		t.log.Info("a file that is not to be read has the inode of one that is no more", "file", v.path)
		t.finish(f)
		return false, nil
	}
	switch g, copied, err := t.copyOf(f, v, head, size); {
	case err != nil:
		return false, err
	case copied == takeOver:
		t.log.Info("file is a copy of a rotated one, going on there", "file", g.Path, "copy", v.path, "offset", g.To)
		t.bind(f, g)
		return true, nil
	case copied == undecided:
		t.retry(f)
		return false, nil
	case copied == mere:
		t.log.Info("file is a copy of what was already read, reading from its end", "file", v.path)
		return false, t.register(f, v, head, size)
	}
	fromEnd := (t.o.FromEnd || v.group.Start.End) && f.first && !f.regrown
	if !fromEnd && n < record.HeadMax && bytes.IndexByte(head, '\n') < 0 && !(v.away && v.quiet) {
		// A generation is known by its first line at least, else another one with
		// the same few bytes could be taken for it.
		return false, nil
	}
	start := uint64(0)
	if fromEnd {
		start = size
	} else if why := t.tooOld(f, v.group, fi); why != "" {
		start = size
		t.log.Info("file is read from its end on", "file", v.path, "reason", why, "age", t.since(fi.ModTime()).Round(time.Minute))
	}
	return false, t.register(f, v, head, start)
}

// tooOld says why nothing is read of what a file that is new to scribe has now, ""
// when it is read.
func (t *Tailer) tooOld(f *file, g *group, fi fs.FileInfo) string {
	switch {
	case f.regrown:
		return ""
	case t.since(fi.ModTime()) > g.DeadTime:
		return "it was not written for longer than the dead time"
	case fi.ModTime().Before(g.Start.Since):
		return "it was last written before the start"
	}
	return ""
}

// takeAdopt returns the generation that f was found to be a copy of, once.
func (t *Tailer) takeAdopt(f *file) *record.Generation {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := f.adopt
	f.adopt = nil
	return g
}

// bind makes f the known generation g.
func (t *Tailer) bind(f *file, g record.Generation) {
	f.resume(g)
	t.mu.Lock()
	defer t.mu.Unlock()
	if gr := t.groupOf(g.Path); gr != nil {
		f.group = gr
	}
	f.label, f.bound, f.fields = g.Path, true, nil
	t.byID[g.ID] = f
	f.publishLocked()
	state := record.Active
	if f.away() {
		state = record.Rotated
	}
	t.noteLocked(f, state)
}

// register gives f a new identity; reading begins at start once it is durable.
func (t *Tailer) register(f *file, v view, head []byte, start uint64) error {
	g := record.Generation{
		ID: record.NewSourceID(), Path: v.label, Dev: v.node.dev, Ino: v.node.ino,
		Head: record.MakeFingerprint(head), To: start, Size: uint64(f.atSize),
	}
	if start > 0 {
		var buf [record.TailMax]byte
		b := buf[:min(start, record.TailMax)]
		if n, err := f.h.ReadAt(b, int64(start)-int64(len(b))); n < len(b) {
			return errors.Join(errors.New("file became shorter while it was looked at"), noEOF(err))
		}
		g.Tail = record.MakeFingerprint(b)
	}
	f.resume(g)
	t.mu.Lock()
	f.label, f.group, f.fields = v.label, v.group, nil // whatever a scan made of it meanwhile
	f.bound, f.registering = true, true
	t.byID[g.ID] = f
	t.mu.Unlock()
	t.reg.Register(func(err error) { t.registered(f, g.ID, err) }, g)
	return nil
}

// registered is called when a new identity is durable or cannot be made so.
func (t *Tailer) registered(f *file, id record.SourceID, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.registering = false
	if err != nil {
		delete(t.byID, id)
		f.retry = true
		// The step that called register may not have given f back yet.
		f.void = true
		if t.ctx.Err() == nil {
			t.log.Warn("cannot register file, will try again", "file", f.label, "error", err)
		}
		return
	}
	t.enqueueLocked(f)
}

// known looks the file up by its inode and then by its content. Generations that
// had the inode before and do not fit were truncated or deleted while nobody
// looked.
func (t *Tailer) known(f *file, v view, head []byte, size uint64) (g record.Generation, ok bool, err error) {
	var old []record.Generation
	for _, g := range t.reg.Inode(v.node.ino) {
		if t.bound(g.ID) || (g.State == record.Gone && g.Head.Len == 0) {
			continue
		}
		if g.Dev != v.node.dev && !sameName(g.Path, v.path) {
			continue // devices may be renumbered at boot, but then the name fits
		}
		fits := g.To <= size && g.Head.MatchesStart(head)
		if p, ok := f.h.(*packed); ok && fits && g.Size == g.To && p.claims(g.To) {
			return g, true, nil // read to its end, and not to be unpacked to see that
		}
		if fits {
			if fits, err = matches(f.h, g.Head, g.Tail, g.To); err != nil {
				return g, false, err
			}
		}
		if fits {
			return g, true, nil
		}
		if g.State != record.Gone && g.Dev == v.node.dev {
			old = append(old, g)
		}
	}
	for _, g := range old {
		t.replaced(v.group, g, v.node)
		f.regrown = f.regrown || g.Path == v.path
	}
	return record.Generation{}, false, nil
}

func (t *Tailer) bound(id record.SourceID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id] != nil
}

// What copyOf finds.
type copied int

const (
	noCopy    copied = iota
	takeOver         // of a generation whose file is no more: it goes on here
	undecided        // of one that is followed and may be about to be truncated
	mere             // of one that is followed, and nothing happens to that
)

// copyOf tells whether an unknown file is the copy that copytruncate makes of a
// file before it truncates it, which must not be sent again.
func (t *Tailer) copyOf(f *file, v view, head []byte, size uint64) (record.Generation, copied, error) {
	for _, base := range unrotated(v.path) {
		if t.unknownTwin(f, base, head) {
			if t.holds(f, false) {
				return record.Generation{}, undecided, nil
			}
		}
		for _, g := range t.reg.Path(base) {
			if g.State == record.Gone || g.Ino == v.node.ino || g.Head.Len == 0 || !g.Head.MatchesStart(head) {
				continue
			}
			t.mu.Lock()
			orig := t.byID[g.ID]
			followed := orig != nil && !orig.finished
			pending := t.files[inode{g.Dev, g.Ino}] != nil && orig == nil
			if followed {
				g.To, g.Tail, g.Head = orig.pub.offset, orig.pub.tail, orig.pub.head
			}
			t.mu.Unlock()
			grown := g.To <= size
			if grown {
				if ok, err := matches(f.h, g.Head, g.Tail, g.To); err != nil {
					return g, noCopy, err
				} else if !ok {
					continue
				}
			}
			switch {
			case !followed && !pending && orig == nil && grown:
				return g, takeOver, nil
			case !followed && !pending:
				continue
			}
			if t.holds(f, f.grew(size)) {
				return g, undecided, nil
			}
			if same, err := t.samePrefix(f, orig, size); err != nil || !same {
				return g, noCopy, nil //nolint:nilerr // the original cannot be compared: take the file as it is
			}
			return g, mere, nil
		}
	}
	return record.Generation{}, noCopy, nil
}

// unknownTwin tells that the file at base is followed and begins like f, but is
// not recognised yet: that comes first.
func (t *Tailer) unknownTwin(f *file, base string, head []byte) bool {
	t.mu.Lock()
	twin := t.byPath[base]
	unknown := twin != nil && twin != f && !twin.bound && !twin.finished && twin.skip == ""
	t.mu.Unlock()
	if !unknown {
		return false
	}
	h, err := t.fs.Open(base)
	if err != nil {
		return false
	}
	defer func() { _ = h.Close() }() // only read
	var buf [record.HeadMax]byte
	n, err := h.ReadAt(buf[:], 0)
	n = min(n, len(head))
	return n > 0 && noEOF(err) == nil && bytes.Equal(buf[:n], head[:n])
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

// samePrefix compares the end of f's first size bytes with the same bytes of orig.
func (t *Tailer) samePrefix(f, orig *file, size uint64) (bool, error) {
	if orig == nil {
		return false, nil
	}
	t.mu.Lock()
	path := orig.path
	t.mu.Unlock()
	h, err := t.fs.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = h.Close() }() // only read
	var a, b [4096]byte
	n := min(size, uint64(len(a)))
	at := int64(size - n)
	if _, err := f.h.ReadAt(a[:n], at); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	k, err := h.ReadAt(b[:n], at)
	return uint64(k) == n && bytes.Equal(a[:n], b[:n]), noEOF(err)
}

// skip leaves a file unread and says so once.
func (t *Tailer) skip(f *file, why string) {
	t.closeFile(f)
	t.mu.Lock()
	f.skip = why
	t.mu.Unlock()
	t.m.skipped.Inc()
	t.log.Warn("file is not read", "file", f.label, "reason", why)
}

// compression names the format when head is the start of a compressed file.
func compression(head []byte) string {
	for _, m := range [...]struct{ magic, name string }{
		{"\x1f\x8b\x08", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"\xfd7zXZ\x00", "xz"}, {"BZh", "bzip2"}, {"\x04\x22\x4d\x18", "lz4"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) && (m.name != "bzip2" || (len(head) > 10 && string(head[4:10]) == "1AY&SY")) {
			return m.name
		}
	}
	return ""
}
