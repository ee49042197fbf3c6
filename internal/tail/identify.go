package tail

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"slices"
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
		return false, t.emptied(f, v, fi)
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
		if _, _, err := t.known(f, v, head, size); err != nil { // those that had the inode before end
			return false, err
		}
		t.setAside(f, "compressed with "+kind)
		return false, nil
	} else if kind != "" {
		t.closeFile(f)
		t.mu.Lock()
		f.arch = &archive{kind: kind}
		t.mu.Unlock()
		return true, nil
	}
	if g, err := t.takeAdopt(f, v); err != nil {
		return false, err
	} else if g != nil {
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
	case copied == mere && v.deleted:
		t.finish(f)
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
	start, err := t.startOf(f, v, fi, head, fromEnd)
	if err != nil {
		return false, err
	}
	return false, t.register(f, v, head, start)
}

// emptied deals with a file that is empty, and of which nothing is known: what it
// had before may have been copied, also what was written since the last look.
func (t *Tailer) emptied(f *file, v view, fi fs.FileInfo) error {
	if _, _, err := t.known(f, v, nil, 0); err != nil {
		return err
	}
	if !f.atTime.IsZero() && fi.ModTime().After(f.atTime) && v.group != nil && !v.away {
		missed, err := t.missedSiblings(v.group, v.label, f.atTime)
		if err != nil {
			return err
		}
		t.admit(missed)
	}
	f.atTime = fi.ModTime()
	return nil
}

// startOf is where a file that is new to scribe is begun.
func (t *Tailer) startOf(f *file, v view, fi fs.FileInfo, head []byte, fromEnd bool) (uint64, error) {
	size := uint64(fi.Size())
	if fromEnd {
		return size, nil
	}
	if why := t.tooOld(f, v.group, fi); why != "" {
		t.log.Info("file is read from its end on", "file", v.path, "reason", why, "age", t.since(fi.ModTime()).Round(time.Minute))
		return size, nil
	}
	if len(head) < record.HeadMax || nulRun(head) < len(head) {
		return 0, nil
	}
	fr, err := t.framerOf(f, v)
	if err != nil {
		return 0, err
	}
	start, err := holeEnd(f.h, size, uint64(fr.Unit()))
	if start > 0 {
		t.skippedNuls(v.path, start)
	}
	return start, err
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

// takeAdopt returns the generation that f was found to be a copy of, once. Those
// that had the inode before end.
func (t *Tailer) takeAdopt(f *file, v view) (*record.Generation, error) {
	t.mu.Lock()
	g := f.adopt
	t.mu.Unlock()
	if g == nil {
		return nil, nil
	}
	for _, o := range t.reg.Inode(v.node.ino) {
		if o.ID == g.ID || o.State == record.Gone || o.Dev != v.node.dev || t.bound(o.ID) {
			continue
		}
		gr := t.groupOf(o.Path)
		if gr == nil {
			continue
		}
		if err := t.replaced(gr, o, v.node); err != nil {
			return nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f.adopt = nil
	return g, nil
}

// bind makes f the known generation g.
func (t *Tailer) bind(f *file, g record.Generation) {
	f.resume(g)
	t.mu.Lock()
	defer t.mu.Unlock()
	if acked, ok := t.reg.Acked(g.ID); ok { // of a copy: what was read of its original may be on its way
		f.acked = min(f.acked, acked)
	}
	if gr := t.groupOf(g.Path); gr != nil {
		f.group = gr
	}
	f.label, f.bound, f.fields = g.Path, true, nil
	t.byID[g.ID] = f
	delete(t.heirs, g.ID)
	delete(t.fading, g.ID)
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
	if v.away {
		g.State = record.Rotated
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
	// At once, so that a copy is not looked at in between.
	t.reg.Register(func(err error) { t.registered(f, g.ID, err) }, g)
	t.mu.Unlock()
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
	gens := t.reg.Inode(v.node.ino)
	// Of several that fit, as of those that begin with a hole, the one that is not
	// gone, and of which most is known.
	slices.SortStableFunc(gens, func(a, b record.Generation) int {
		aGone, bGone := a.State == record.Gone, b.State == record.Gone
		switch {
		case aGone == bGone:
			return cmp.Compare(b.To, a.To)
		case bGone:
			return -1
		}
		return 1
	})
	for _, o := range gens {
		if t.bound(o.ID) || (o.State == record.Gone && (ok || o.Head.Len == 0)) {
			continue
		}
		if o.Dev != v.node.dev && !sameName(o.Path, v.path) {
			continue // devices may be renumbered at boot, but then the name fits
		}
		fits := !ok && o.To <= size && o.Head.MatchesStart(head)
		if fits && o.State == record.Gone {
			known := head[:o.Head.Len] // a server may have more of it, that went on otherwise
			fits = !halfALine(known) && nulRun(known) < len(known)
		}
		// What was read to its end is not unpacked to see that.
		if p, is := f.h.(*packed); fits && (!is || o.Size != o.To || !p.claims(o.To)) {
			// Of a rotated file half a line may be known, which its writer goes on with.
			same := sameFile
			if v.away && o.State == record.Rotated {
				same = func(r io.ReaderAt, g record.Generation) (bool, error) { return matches(r, g.Head, g.Tail, g.To) }
			}
			if fits, err = same(f.h, o); err != nil {
				return o, false, err
			}
		}
		switch {
		case fits:
			g, ok = o, true
		case o.State != record.Gone:
			old = append(old, o)
		}
	}
	for _, o := range old {
		if err := t.replaced(v.group, o, v.node); err != nil {
			return o, false, err
		}
		f.regrown = f.regrown || (o.Path == v.path && !ok)
	}
	return g, ok, nil
}

// bound tells that a generation is followed, or about to be, or over.
func (t *Tailer) bound(id record.SourceID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, fading := t.fading[id]
	heir := t.heirs[id]
	return t.byID[id] != nil || fading || (heir != nil && heir.adopt != nil && heir.adopt.ID == id && t.files[heir.node] == heir)
}

// longEnough tells that a file of this size, which is not compressed, may be g's.
func longEnough(size int64, g record.Generation) bool {
	return uint64(max(size, 0)) >= max(g.To, uint64(g.Head.Len))
}

// noFile makes nil of the error that there is no such file: only others mean that
// it is not known what is there.
func noFile(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// setAside does not read a file that cannot be read, leave one that is not to be.
func (t *Tailer) setAside(f *file, why string) { t.doWithout(f, slog.LevelWarn, why) }
func (t *Tailer) leave(f *file, why string)    { t.doWithout(f, slog.LevelInfo, why) }

func (t *Tailer) doWithout(f *file, level slog.Level, why string) {
	t.closeFile(f)
	t.mu.Lock()
	f.unread = why
	t.mu.Unlock()
	t.m.skipped.Inc()
	t.log.Log(t.ctx, level, "file is not read", "file", f.label, "reason", why)
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
