package tail

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"journalist/internal/frame"
	"journalist/internal/record"
)

// Hold has the Run that ends next keep its files open, so that what was deleted
// and is not yet read is still there for the Run that follows.
func (t *Tailer) Hold() { t.hold.Store(true) }

// Change takes over Groups, Host, FromEnd, MaxOpen, CloseIdle and HoldTime of other
// options, between two Runs: nothing that was read is read again, what is on its
// way comes back through Acked as ever, and files that are still named go on where
// they are. Files that are no longer named are let go; the registry keeps their
// positions. When the options are wrong nothing changes.
func (t *Tailer) Change(o Options) error {
	n := t.o
	n.Groups = slices.Clone(o.Groups)
	n.Host, n.FromEnd, n.MaxOpen, n.CloseIdle, n.HoldTime = o.Host, o.FromEnd, o.MaxOpen, o.CloseIdle, o.HoldTime
	if err := n.setDefaults(); err != nil {
		return err
	}
	groups, err := makeGroups(n.Groups, n.MaxLine)
	if err != nil {
		return err
	}
	for _, g := range groups {
		g.late = slices.ContainsFunc(t.groups, func(old *group) bool {
			return slices.Equal(old.Paths, g.Paths) && slices.Equal(old.Exclude, g.Exclude)
		})
	}
	t.cutting.Lock() // Cut is busy with a file
	defer t.cutting.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.o, t.groups = n, groups
	t.scans = 0 // what is unfinished is looked for again
	for _, f := range t.files {
		f.seen = 0
		g := t.groupOf(f.label)
		if g == nil {
			t.letGoLocked(f)
			continue
		}
		f.group, f.framer = g, nil
		f.fields = nil
		t.enqueueLocked(f)
	}
	return nil
}

// Release closes the files that Hold kept open, when no other Run follows.
func (t *Tailer) Release() {
	t.hold.Store(false)
	t.closeAll()
}

// letGoLocked stops following a file that is no longer named. Nobody is busy with
// it.
func (t *Tailer) letGoLocked(f *file) {
	t.closeFile(f)
	t.queue = slices.DeleteFunc(t.queue, func(x *file) bool { return x == f })
	f.queued, f.finished = false, true
	if t.byID[f.id] == f {
		delete(t.byID, f.id)
	}
	f.pub = published{} // acks that are still to come move the registry only
	t.forgetLocked(f)
}

// makeGroups prepares groups whose options were checked.
func makeGroups(groups []Group, maxLine int) (out []*group, err error) {
	for _, g := range groups {
		def(&g.Frame.MaxLine, maxLine)
		gr := &group{Group: g}
		if gr.framer, err = frame.New(g.Frame); err != nil {
			return nil, fmt.Errorf("tail: files %v: %w", g.Paths, err)
		}
		gr.Paths = slices.DeleteFunc(slices.Clone(g.Paths), func(p string) bool { return p == "-" })
		gr.stdin = len(gr.Paths) != len(g.Paths)
		for i, p := range gr.Paths {
			gr.Paths[i] = filepath.Clean(p) // as the paths that it gives
		}
		out = append(out, gr)
	}
	return out, nil
}

// begin prepares a Run, which may not be the first.
func (t *Tailer) begin(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ctx, t.stopped = ctx, false
	for _, f := range t.files {
		if f.pub.from > 0 || f.bound {
			t.enqueueLocked(f) // what the end of an earlier Run kept from being sent
		}
	}
}

// apply lets the group's owner change a run before it goes out.
func (g *group) apply(l *record.Lines) {
	if g.Apply != nil {
		g.Apply(l)
	}
}

// Names tells that one of the group's patterns gives a path.
func (g *Group) Names(path string) bool {
	if excluded(g.Exclude, path) {
		return false
	}
	for _, p := range g.Paths {
		if matchPath(filepath.Clean(p), path) {
			return true
		}
	}
	return false
}
