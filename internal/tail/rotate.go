package tail

import (
	"io/fs"
	"path/filepath"

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
	t.m.truncations.Inc()
	if f.nulls > 0 { // nothing was sent yet
		old.To, old.Tail = 0, record.Fingerprint{}
	}
	if f.arch != nil {
		t.closeFile(f)
	}
	f.restart()
	f.regrown = true
	t.mu.Lock()
	delete(t.byID, old.ID)
	t.nameLocked(f, v.path)
	old.Size = uint64(max(f.maxSize, 0))
	f.changed, f.bound, f.maxSize, f.arch = t.o.Clock(), false, f.atSize, nil
	f.publishLocked()
	t.mu.Unlock()
	t.replaced(v.group, old, v.node)
	return true, nil
}

// replaced deals with a generation whose file now holds another: what is left of
// it is read from a copy beside it, or counted as lost.
func (t *Tailer) replaced(gr *group, g record.Generation, node inode) {
	if path, cnode, ok := t.findCopy(g, node); ok {
		t.log.Info("file was truncated, reading the rest from its copy", "file", g.Path, "copy", path, "offset", g.To)
		t.adopt(gr, g, path, cnode)
		if fi, err := t.fs.Stat(path); err == nil {
			t.admit(t.missedSiblings(gr, g.Path, fi))
		}
		return
	}
	if g.Size > g.To {
		t.m.gapBytes.Add(int(g.Size - g.To))
		t.log.Error("file was truncated before it was read to its end and no copy of it was found", "file", g.Path, "lost_bytes", g.Size-g.To)
	} else {
		t.log.Info("file was truncated, reading from its start", "file", g.Path)
	}
	t.reg.Note(g.ID, node.dev, node.ino, g.Size, record.Gone)
}

// findCopy looks beside g's path for a file that has g's content up to g.To.
func (t *Tailer) findCopy(g record.Generation, not inode) (path string, node inode, ok bool) {
	if g.Head.Len == 0 {
		return "", inode{}, false
	}
	dir, base := filepath.Split(g.Path)
	entries, _ := t.fs.ReadDir(filepath.Clean(dir)) // what cannot be listed has no copies
	var best fs.FileInfo
	for _, e := range entries {
		if !related(base, e.Name()) {
			continue
		}
		p := filepath.Join(dir, e.Name())
		fi, err := t.fs.Stat(p)
		if err != nil || !fi.Mode().IsRegular() || (uint64(max(fi.Size(), 0)) < g.To && !packedName(p)) {
			continue
		}
		n, _, isFile := inodeOf(fi)
		if !isFile || n == not || (best != nil && fi.ModTime().Before(best.ModTime())) {
			continue
		}
		t.mu.Lock()
		taken := t.files[n] != nil && t.files[n].bound
		t.mu.Unlock()
		if taken {
			continue
		}
		if t.isCopy(p, g) {
			path, node, best, ok = p, n, fi, true
		}
	}
	return path, node, ok
}

// isCopy tells that the file at path, unpacked if it is compressed, has g's content
// up to g.To.
func (t *Tailer) isCopy(path string, g record.Generation) bool {
	h, err := t.fs.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = h.Close() }() // only read
	var start [16]byte
	n, err := h.ReadAt(start[:], 0)
	if noEOF(err) != nil {
		return false
	}
	if kind := compression(start[:n]); unpacks(kind) {
		p, err := unpack(h, kind, nil)
		if err != nil {
			return false
		}
		defer p.shutDecoder()
		same, err := matches(p, g.Head, g.Tail, g.To)
		return err == nil && same
	}
	same, err := matches(h, g.Head, g.Tail, g.To)
	return err == nil && same
}

// adopt has the file at path continue the generation g.
func (t *Tailer) adopt(gr *group, g record.Generation, path string, node inode) {
	now := t.o.Clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.files[node]
	if f == nil {
		f = &file{group: gr, label: g.Path, node: node, path: path, changed: now, seen: t.scans}
		t.files[node] = f
	}
	f.adopt = &g
	f.retry = true
	f.skip = ""
	t.enqueueLocked(f)
}

// missedSiblings finds what was at label and rotated away again before anybody
// looked: rotations of it, known to nobody, that are not older than the one at
// hand. Those of another log whose name goes on where label ends are not.
func (t *Tailer) missedSiblings(g *group, label string, than fs.FileInfo) (missed []*file) {
	dir, base := filepath.Split(label)
	entries, _ := t.fs.ReadDir(filepath.Clean(dir)) // what cannot be listed is not found
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
		if err != nil || !fi.Mode().IsRegular() || fi.ModTime().Before(than.ModTime()) || now.Sub(fi.ModTime()) > g.DeadTime {
			continue
		}
		node, _, ok := inodeOf(fi)
		t.mu.Lock()
		if ok && t.files[node] == nil {
			missed = append(missed, t.newFile(g, label, path, node, lookOf(fi), now))
		}
		t.mu.Unlock()
	}
	return missed
}
