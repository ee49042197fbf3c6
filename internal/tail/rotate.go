package tail

import (
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"journalist/internal/record"
)

// truncated deals with a file that is shorter than what was read, or whose content
// changed before the reading position: it is a new generation. What was not read
// of the old one may be in the copy that the rotation made.
func (t *Tailer) truncated(f *file, v view) (more bool, err error) {
	old := record.Generation{
		ID: f.id, Path: v.label, Head: f.head, Tail: f.tail, To: f.offset,
		Dev: v.node.dev, Ino: v.node.ino,
	}
	if f.nulls > 0 { // nothing was sent yet
		old.To, old.Tail = 0, record.Fingerprint{}
	}
	t.mu.Lock()
	old.Size = uint64(max(f.maxSize, 0))
	if f.arch != nil { // the file's size is that of what has the inode now
		old.Size = uint64(f.extentLocked())
	}
	if f.adopt != nil { // it is known what the file is now: the size is that one's
		old.Size = old.To
	}
	t.mu.Unlock()
	heir, err := t.heirOf(v.group, old, v.node, f.atTime)
	if err != nil {
		return false, err // it is still truncated at the next look
	}
	t.m.truncations.Inc()
	if f.arch != nil {
		t.closeFile(f)
	}
	f.restart()
	f.regrown = true
	t.mu.Lock()
	delete(t.byID, old.ID)
	t.nameLocked(f, v.path)
	f.changed, f.bound, f.maxSize, f.arch = t.o.Clock(), false, f.atSize, nil
	f.publishLocked()
	t.succeedLocked(v.group, old, v.node, heir)
	t.mu.Unlock()
	t.succeeded(old, heir)
	return true, nil
}

// replaced deals with a generation whose file now holds another: what is left of
// it is read from a copy beside it, or counted as lost. An error means that it is
// not known whether there is a copy, and that nothing was done.
func (t *Tailer) replaced(gr *group, g record.Generation, node inode) error {
	heir, err := t.heirOf(gr, g, node, time.Unix(0, g.SeenAt))
	if err == nil {
		t.mu.Lock()
		t.succeedLocked(gr, g, node, heir)
		t.mu.Unlock()
		t.succeeded(g, heir)
	}
	return err
}

// heir is where what is left of a generation lies.
type heir struct {
	path   string // "" for nowhere
	node   inode
	missed []*file // what was written and rotated away behind it
}

// heirOf finds where the rest of a generation is whose file is no more, or holds
// another one since a time after seen; not is the inode of that one.
func (t *Tailer) heirOf(gr *group, g record.Generation, not inode, seen time.Time) (h heir, err error) {
	path, node, ok, err := t.findCopy(g, not)
	if err != nil {
		return heir{}, err
	}
	if !ok {
		h.missed, err = t.missedBehind(gr, g.Path, seen, g.Head)
		return h, err
	}
	fi, err := t.fs.Stat(path)
	if err != nil {
		return heir{}, err
	}
	missed, err := t.missedSiblings(gr, g.Path, fi.ModTime())
	return heir{path, node, missed}, err
}

// succeedLocked has the heir of g, if there is one, go on with it.
func (t *Tailer) succeedLocked(gr *group, g record.Generation, node inode, h heir) {
	if h.path != "" {
		t.adoptLocked(gr, g, h.path, h.node)
	} else {
		g.Dev, g.Ino = node.dev, node.ino
		t.fadeLocked(g, append(nodesOf(h.missed), node)...)
	}
}

func nodesOf(files []*file) (nodes []inode) {
	for _, f := range files {
		nodes = append(nodes, f.node)
	}
	return nodes
}

// succeeded tells of it.
func (t *Tailer) succeeded(g record.Generation, h heir) {
	if h.path != "" {
		t.log.Info("file was truncated, reading the rest from its copy", "file", g.Path, "copy", h.path, "offset", g.To)
	} else if g.Size > g.To {
		t.m.gapBytes.Add(int(g.Size - g.To))
		t.log.Error("file was truncated before it was read to its end and no copy of it was found", "file", g.Path, "lost_bytes", g.Size-g.To)
	} else {
		t.log.Info("file was truncated, reading from its start", "file", g.Path)
	}
	t.admit(h.missed)
}

// findCopy looks beside g's path for a file that has g's content up to g.To.
func (t *Tailer) findCopy(g record.Generation, not inode) (path string, node inode, ok bool, err error) {
	if g.Head.Len == 0 {
		return "", inode{}, false, nil
	}
	dir := filepath.Dir(g.Path)
	entries, err := t.fs.ReadDir(dir)
	for range 3 {
		if err = t.secret.noFile(dir, err, t.o.Clock()); err != nil {
			return "", inode{}, false, err
		}
		if path, node, ok, err = t.copyAmong(entries, g, not); ok || err != nil {
			break
		}
		// Files that were renamed meanwhile were missed.
		listed := entries
		if entries, err = t.fs.ReadDir(dir); err == nil && slices.EqualFunc(entries, listed, sameEntry) {
			break
		}
	}
	return path, node, ok, noFile(err)
}

func sameEntry(a, b fs.DirEntry) bool { return a.Name() == b.Name() }

// copyAmong is findCopy among the files of a folder.
func (t *Tailer) copyAmong(entries []fs.DirEntry, g record.Generation, not inode) (path string, node inode, ok bool, err error) {
	dir, base := filepath.Split(g.Path)
	var best fs.FileInfo
	for _, e := range entries {
		if !related(base, e.Name()) {
			continue
		}
		p := filepath.Join(dir, e.Name())
		fi, err := t.fs.Stat(p)
		if noFile(err) != nil {
			return "", inode{}, false, err
		}
		if err != nil || !fi.Mode().IsRegular() || (uint64(max(fi.Size(), 0)) < g.To && !packedName(p)) {
			continue
		}
		n, _, isFile := inodeOf(fi)
		if !isFile || n == not || (best != nil && fi.ModTime().Before(best.ModTime())) {
			continue
		}
		if taken, err := t.taken(p, n); err != nil {
			return "", inode{}, false, err
		} else if taken {
			continue
		}
		same, err := t.isCopy(p, g)
		if same && err == nil {
			same, err = t.isNoOther(p, n, g)
		}
		if err != nil {
			return "", inode{}, false, err
		}
		if same {
			path, node, best, ok = p, n, fi, true
		}
	}
	return path, node, ok, nil
}

// taken tells that the file at path is followed as a generation of its own, and
// is not another one that has got the inode since.
func (t *Tailer) taken(path string, node inode) (bool, error) {
	t.mu.Lock()
	f := t.files[node]
	if f == nil || !f.bound {
		t.mu.Unlock()
		return false, nil
	}
	p, kind := f.pub, ""
	if f.arch != nil {
		kind = f.arch.kind
	}
	t.mu.Unlock()
	switch {
	case kind != "":
		return t.isCompressed(path, kind)
	case p.head.Len == 0:
		return true, nil
	}
	return t.isCopy(path, record.Generation{Head: p.head, Tail: p.tail, To: p.offset})
}

// isCompressed tells that the file at path is compressed in this way.
func (t *Tailer) isCompressed(path, kind string) (bool, error) {
	h, err := t.fs.Open(path)
	if err != nil {
		return false, noFile(err)
	}
	defer func() { _ = h.Close() }() // only read
	var start [16]byte
	n, err := h.ReadAt(start[:], 0)
	return compression(start[:n]) == kind, noEOF(err)
}

// isNoOther tells that no other generation than g is known to be the file at path,
// which was not opened yet. Short beginnings are often the same.
func (t *Tailer) isNoOther(path string, node inode, g record.Generation) (bool, error) {
	for _, o := range t.reg.Inode(node.ino) {
		if o.ID == g.ID || o.Dev != node.dev || o.State == record.Gone || o.Head.Len < g.Head.Len {
			continue
		}
		if other, err := t.isCopy(path, o); other || err != nil {
			return false, err
		}
	}
	return true, nil
}

// isCopy tells that the file at path, unpacked if it is compressed, has g's content
// up to g.To. What is damaged, or not yet complete, is none.
func (t *Tailer) isCopy(path string, g record.Generation) (bool, error) {
	h, err := t.fs.Open(path)
	if err = t.secret.noFile(path, err, t.o.Clock()); h == nil {
		return false, err
	}
	defer func() { _ = h.Close() }() // only read
	var start [16]byte
	n, err := h.ReadAt(start[:], 0)
	if noEOF(err) != nil {
		return false, err
	}
	if kind := compression(start[:n]); unpacks(kind) {
		p, err := unpack(h, kind, nil)
		if err != nil {
			return false, err
		}
		defer p.shutDecoder()
		return sameFile(p, g)
	}
	return sameFile(h, g)
}

// adopt has the file at path continue the generation g.
func (t *Tailer) adopt(gr *group, g record.Generation, path string, node inode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.adoptLocked(gr, g, path, node)
}

func (t *Tailer) adoptLocked(gr *group, g record.Generation, path string, node inode) {
	now := t.o.Clock()
	f := t.files[node]
	if f == nil {
		f = &file{group: gr, label: g.Path, node: node, path: path, changed: now, seen: t.scans}
		t.files[node] = f
	}
	f.adopt = &g
	t.heirs[g.ID] = f
	f.retry = true
	f.unread = ""
	t.enqueueLocked(f)
}

// missedSiblings finds what was at label and rotated away again before anybody
// looked: rotations of it, known to nobody, that are not older than the one at
// hand. Those of another log whose name goes on where label ends are not.
func (t *Tailer) missedSiblings(g *group, label string, than time.Time) (missed []*file, err error) {
	dir, base := filepath.Split(label)
	entries, err := t.fs.ReadDir(filepath.Clean(dir))
	if err = t.secret.noFile(filepath.Clean(dir), err, t.o.Clock()); err != nil {
		return nil, err
	}
	now := t.o.Clock()
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !related(base, e.Name()) || !numbered(label, path) || excluded(g.Exclude, path) {
			continue
		}
		if name, _ := t.bornAs(label, path); name != label {
			continue
		}
		fi, err := t.fs.Stat(path)
		if noFile(err) != nil {
			return nil, err
		}
		if err != nil || !fi.Mode().IsRegular() || fi.ModTime().Before(than) || now.Sub(fi.ModTime()) > g.DeadTime {
			continue
		}
		node, _, ok := inodeOf(fi)
		t.mu.Lock()
		if ok && t.files[node] == nil {
			missed = append(missed, t.newFile(g, label, path, node, lookOf(fi), now))
		}
		t.mu.Unlock()
	}
	return missed, nil
}

// missedBehind is missedSiblings for a file that is nowhere any more, and was last
// seen to change at mtime. Its copies are not meant.
func (t *Tailer) missedBehind(g *group, label string, mtime time.Time, head record.Fingerprint) ([]*file, error) {
	missed, err := t.missedSiblings(g, label, mtime)
	if err != nil || head.Len == 0 {
		return nil, err
	}
	var out []*file
	for _, f := range missed {
		copied, err := t.isCopy(f.path, record.Generation{Head: head})
		if err != nil {
			return nil, err
		}
		if !copied {
			out = append(out, f)
		}
	}
	return out, nil
}
