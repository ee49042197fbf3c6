package tail

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"slices"
	"time"

	"journalist/internal/record"
)

// A compressed file is a generation like any other; its positions are those of
// what was compressed. Most of them were read before they were compressed: they go
// on as the generation that they were, which has nothing left to read, or the rest
// that was written last.

// archive is what a file has that is compressed.
type archive struct {
	kind string
	// ended: everything was read, to the position total, of the file as it was then.
	ended   bool
	total   int64
	size    int64
	mtime   time.Time
	waiting bool // for another one to be closed
	damage  string
}

// extentLocked is how long the file is as far as is known; that of what was
// compressed, if it was.
func (f *file) extentLocked() int64 {
	switch {
	case f.arch == nil:
		return max(f.size, 0)
	case f.arch.ended:
		return f.arch.total
	}
	return int64(f.pub.offset) + 1 // something may come
}

// archiveDone tells that nothing is left to read of a compressed file.
func (t *Tailer) archiveDone(f *file) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return f.arch.ended && f.arch.size == f.size && f.arch.mtime.Equal(f.mtime)
}

// mayUnpack reserves one of the few places of those that are unpacked at the same
// time. Without one f is queued when a place may be free.
func (t *Tailer) mayUnpack(f *file) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unpacking.Load() < int64(t.o.Workers) {
		t.unpacking.Add(1)
		return true
	}
	if !f.arch.waiting {
		f.arch.waiting = true
		t.packed = append(t.packed, f)
	}
	return false
}

// wakePackedLocked queues files that wait for a place.
func (t *Tailer) wakePackedLocked() {
	for n := int64(t.o.Workers) - t.unpacking.Load(); n > 0 && len(t.packed) > 0; n-- {
		f := t.packed[0]
		t.packed = t.packed[1:]
		f.arch.waiting = false
		t.enqueueLocked(f)
	}
}

// stepArchive is step for a compressed file.
func (t *Tailer) stepArchive(ctx context.Context, f *file, v view) (more bool) {
	if t.archiveDone(f) {
		t.noTrouble(f)
		return false
	}
	if f.h == nil {
		if !v.quiet && packedName(v.path) { // it may still be written to
			t.retry(f)
			return false
		}
		if !t.openArchive(f, v) {
			return false
		}
	}
	p, ok := f.h.(*packed)
	if !ok {
		t.closeFile(f)
		return true
	}
	more, err := t.readArchive(ctx, f, p, v)
	switch {
	case err != nil && ctx.Err() == nil:
		t.trouble(f, "read", err)
		t.closeFile(f)
		return false
	case err != nil || more:
	case f.id.IsZero() || !t.isRegistering(f):
		t.closeFile(f)
	}
	if f.awake = more; !more {
		f.fields = nil
	}
	if err == nil {
		t.noTrouble(f)
	}
	return more
}

// isRegistering tells that f waits for its identity to be durable.
func (t *Tailer) isRegistering(f *file) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return f.registering
}

func (t *Tailer) openArchive(f *file, v view) bool {
	if !t.mayUnpack(f) {
		return false
	}
	free := func() { t.unpacking.Add(-1) }
	if !t.openFile(f, v) {
		free()
		return false
	}
	if other, err := t.anotherFile(f, v); other || err != nil {
		free()
		t.closeFile(f)
		if err != nil {
			t.trouble(f, "read", err)
		}
		return false
	}
	p, err := unpack(f.h, f.arch.kind, free)
	f.h = p
	if err != nil {
		t.trouble(f, "read", err)
		t.closeFile(f)
		return false
	}
	return true
}

// anotherFile finds out that a file which is not compressed, or otherwise, has got
// the inode, and has it looked at as a new one.
func (t *Tailer) anotherFile(f *file, v view) (other bool, err error) {
	var start [16]byte
	n, err := f.h.ReadAt(start[:], 0)
	if err = noEOF(err); err != nil || n < 4 || compression(start[:n]) == f.arch.kind {
		return false, err
	}
	if f.id.IsZero() {
		f.restart()
		t.mu.Lock()
		f.arch = nil
		t.mu.Unlock()
	} else if _, err = t.truncated(f, v); err != nil {
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enqueueLocked(f)
	return true, nil
}

// readArchive recognises a compressed file or reads one run of it.
func (t *Tailer) readArchive(ctx context.Context, f *file, p *packed, v view) (more bool, err error) {
	fi, err := p.Stat()
	if err != nil {
		return false, err
	}
	t.noteSize(f, fi)
	if f.id.IsZero() {
		return t.identifyArchive(f, p, v, fi)
	}
	if more, err = t.read(ctx, f, v, math.MaxInt64); more || err != nil || f.id.IsZero() {
		return more, err
	}
	if p.end == nil || (!errors.Is(p.end, io.EOF) && t.quiet(f) < copyWait) {
		t.retry(f) // cut off: perhaps it is still written to
		return false, nil
	}
	t.endArchive(f, p, fi)
	return false, nil
}

// endArchive notes that everything was read of a compressed file as it is.
func (t *Tailer) endArchive(f *file, p *packed, fi fs.FileInfo) {
	t.mu.Lock()
	f.publishLocked()
	f.arch.damage = ""
	f.arch.ended, f.arch.total, f.arch.size, f.arch.mtime = true, p.pos, fi.Size(), fi.ModTime()
	if !f.id.IsZero() {
		state := record.Active
		if f.away() {
			state = record.Rotated
		}
		t.noteLocked(f, state)
	}
	t.mu.Unlock()
	if !errors.Is(p.end, io.EOF) {
		t.m.damaged.Inc()
		t.mu.Lock()
		f.arch.damage = "compressed file is damaged: " + p.end.Error()
		f.problem = f.arch.damage
		t.mu.Unlock()
		t.log.Error("compressed file is damaged, only what is before that is read", "file", f.label, "error", p.end, "read_bytes", f.offset)
	}
}

// identifyArchive is identify for a compressed file.
func (t *Tailer) identifyArchive(f *file, p *packed, v view, fi fs.FileInfo) (more bool, err error) {
	if g, err := t.takeAdopt(f, v); err != nil {
		return false, err
	} else if g != nil {
		t.bind(f, *g)
		return true, nil
	}
	if len(p.head) == 0 {
		empty := errors.Is(p.end, io.EOF)
		if !empty && t.quiet(f) < copyWait {
			t.retry(f)
			return false, nil
		}
		if _, _, err := t.known(f, v, nil, 0); err != nil { // those that had the inode before end
			return false, err
		}
		if empty {
			t.leave(f, "compressed, and empty")
		} else {
			t.m.damaged.Inc()
			t.setAside(f, "compressed file is damaged: "+p.end.Error())
		}
		return false, nil
	}
	if g, ok, err := t.known(f, v, p.head, math.MaxInt64); err != nil {
		return false, err
	} else if ok {
		t.bind(f, g)
		return true, nil
	}
	if f.stray {
		t.finish(f)
		return false, nil
	}
	switch g, found, err := t.original(f, p, v); {
	case err != nil:
		return false, err
	case found == takeOver:
		t.log.Info("compressed file is known, going on there", "file", g.Path, "compressed", v.path, "offset", g.To)
		t.bind(f, g)
		return true, nil
	case found == undecided:
		t.retry(f)
		return false, nil
	case found == mere:
		t.leave(f, "is the compressed copy of a file that is read")
		return false, nil
	}
	switch why := t.tooOld(f, v.group, fi); {
	case v.group.SkipCompressed:
		t.leave(f, "compressed, and never read before")
	case (t.o.FromEnd || v.group.Start.End) && f.first && !f.regrown:
		t.leave(f, "compressed, and there before the start")
	case why != "":
		t.leave(f, "compressed, and "+why)
	default:
		return false, t.register(f, v, p.head, 0)
	}
	return false, nil
}

// original finds the generation that a compressed file was: the one that has most
// of its content acknowledged.
func (t *Tailer) original(f *file, p *packed, v view) (best record.Generation, found copied, err error) {
	var gens []record.Generation
	for _, base := range births(v.path) {
		twin, err := t.unknownTwin(f, base, p.head)
		if err != nil {
			return best, noCopy, err
		}
		if twin {
			if t.holds(f, false) {
				return best, undecided, nil
			}
		}
		for _, g := range t.reg.Path(base) {
			if g.Head.Len > 0 && g.Head.MatchesStart(p.head) {
				gens = append(gens, g)
			}
		}
	}
	there := make(map[record.SourceID]copied)
	t.mu.Lock()
	for i := range gens {
		g := &gens[i]
		orig := t.byID[g.ID]
		_, acked, fading := t.fadingLocked(g.ID)
		switch {
		case orig == nil && !fading && t.mayBeLocked(*g) && g.State != record.Gone && g.Ino != v.node.ino:
			there[g.ID] = undecided // its file is not yet recognised
		case orig == nil && fading && !acked:
			there[g.ID] = undecided
		case orig == nil:
			there[g.ID] = takeOver
		default:
			g.To, g.Tail, g.Head = orig.pub.offset, orig.pub.tail, orig.pub.head
			if there[g.ID] = undecided; orig.path != "" && !orig.finished {
				there[g.ID] = mere
			}
		}
	}
	t.mu.Unlock()
	slices.SortFunc(gens, func(a, b record.Generation) int { return cmp.Compare(a.To, b.To) })
	for _, g := range gens {
		ok, err := sameFile(p, g)
		if err != nil {
			return best, noCopy, err
		}
		switch {
		case ok:
			best, found = g, there[g.ID]
		case found == noCopy && there[g.ID] == takeOver && errors.Is(p.end, io.EOF) && f.remembers(g, p.head, uint64(p.pos)):
			best, found = g, mere // of a copy that was made before the last of it was read
		}
	}
	return best, found, nil
}

// compressedFrom finds what a deleted file that nobody had open was compressed to:
// something may have been written to it last.
func (t *Tailer) compressedFrom(f *file, g record.Generation) (path string, node inode, ok bool) {
	t.mu.Lock()
	was := ""
	if f.gone != nil {
		was = f.gone.was
	}
	t.mu.Unlock()
	if f.h != nil || f.arch != nil || was == "" || g.Head.Len == 0 {
		return "", inode{}, false
	}
	for _, ext := range [...]string{".gz", ".zst", ".1.gz", ".1.zst"} { // also rotated first
		fi, err := t.fs.Stat(was + ext)
		if err != nil || !fi.Mode().IsRegular() {
			continue
		}
		node, _, ok := inodeOf(fi)
		t.mu.Lock()
		taken := t.files[node] != nil && t.files[node].bound
		t.mu.Unlock()
		if ok && !taken {
			if same, err := t.isCopy(was+ext, g); err == nil && same {
				return was + ext, node, true
			}
		}
	}
	return "", inode{}, false
}

// lastOf finds where the last lines may be of a deleted file of which everything
// was read that was seen of it: unless it was open, there may have been more.
func (t *Tailer) lastOf(f *file, g record.Generation) (path string, node inode, ok bool, err error) {
	if path, node, ok = t.compressedFrom(f, g); ok {
		return path, node, ok, nil
	}
	t.mu.Lock()
	last := f.h == nil && f.arch == nil && f.gone != nil && f.gone.was == f.label
	t.mu.Unlock()
	if !last {
		return "", inode{}, false, nil
	}
	return t.findCopy(g, f.node)
}

// goOnIn finishes f and has the file at path continue its generation.
func (t *Tailer) goOnIn(f *file, gr *group, g record.Generation, path string, node inode) {
	t.closeFile(f)
	f.restart() // acks that are still to come are of the other file
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finishLocked(f)
	delete(t.byID, g.ID)
	t.adoptLocked(gr, g, path, node)
}
