package tail

import "journalist/internal/record"

// A generation that is over does not count as gone at once. While not all that was
// read of it is acknowledged a shorter copy may still have it; and while what came
// behind it is not registered it is the only trace of that. Should scribe be killed
// before, the next one looks for both again.

// faded is a generation that is over, and the files that came behind it.
type faded struct {
	record.Generation
	behind []inode
}

// fadeLocked lets a generation end whose file is no more, or holds another: that is
// the first of those that came behind it.
func (t *Tailer) fadeLocked(g record.Generation, behind ...inode) {
	t.reg.Note(g.ID, g.Dev, g.Ino, g.To, record.Rotated)
	t.fading[g.ID] = faded{g, behind}
}

// fadingLocked tells that a generation is over, and whether all that was read of it
// is acknowledged.
func (t *Tailer) fadingLocked(id record.SourceID) (g record.Generation, acked, ok bool) {
	f, ok := t.fading[id]
	if !ok {
		return g, false, false
	}
	to, _ := t.reg.Acked(id)
	return f.Generation, to >= f.To, true
}

// endFaded has those that nothing waits for any more count as gone.
func (t *Tailer) endFaded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, f := range t.fading {
		if _, acked, _ := t.fadingLocked(id); !acked {
			continue
		}
		waits := false
		for _, node := range f.behind {
			waits = waits || t.unsettledLocked(node)
		}
		if !waits {
			delete(t.fading, id)
			t.reg.Note(id, f.Dev, f.Ino, f.To, record.Gone)
		}
	}
}

// unsettledLocked tells that a file is still to be registered.
func (t *Tailer) unsettledLocked(node inode) bool {
	f := t.files[node]
	return f != nil && !f.finished && f.unread == "" && (!f.bound || f.registering || f.void)
}
