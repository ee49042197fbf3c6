package tail

import "journalist/internal/vfs"

// maxMoves is how many renames are remembered between two scans.
const maxMoves = 1 << 14

// changed implements hints.
func (t *Tailer) changed(path []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.byPath[string(path)]; f != nil {
		t.enqueueLocked(f)
	}
}

// names implements hints.
func (t *Tailer) names() {
	select {
	case t.rescan <- struct{}{}:
	default:
	}
}

// moved implements hints. Moves are remembered, because a file may be made,
// written and rotated away before any scan sees it.
func (t *Tailer) moved(from, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.moves) < maxMoves {
		t.moves = append(t.moves, [2]string{from, to})
	}
}

// followMoves finds the files that were renamed away from a path that a pattern
// gives before they were seen there.
func (s *scanner) followMoves() {
	t := s.t
	t.mu.Lock()
	moves := t.moves
	t.moves = nil
	t.mu.Unlock()
	if len(moves) == 0 {
		return
	}
	labels := make(map[string]string) // by where the file is now: where it was first
	for _, m := range moves {
		label, ok := labels[m[0]]
		if !ok {
			label = m[0]
		}
		delete(labels, m[0])
		labels[m[1]] = label
	}
	now := t.o.Clock()
	for path, label := range labels {
		g := t.groupOf(label)
		if g == nil || path == label || !sameName(label, path) {
			continue // not one of ours, or made elsewhere and moved into place
		}
		fi, err := t.fs.Stat(path)
		if err != nil || !fi.Mode().IsRegular() {
			if err != nil && !vfs.IsNotExist(err) {
				s.problems[path] = err.Error()
				t.moved(label, path) // and again
			}
			continue
		}
		if node, _, ok := inodeOf(fi); ok {
			s.missed = append(s.missed, t.newFile(g, label, path, node, lookOf(fi), now))
		}
	}
}
