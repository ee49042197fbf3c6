package tail

import (
	"cmp"
	"slices"
)

// limitHeld gives up the deleted files that were held for too long, and of each
// group those that were deleted first while there is more of them than it allows.
func (t *Tailer) limitHeld() {
	now := t.o.Clock()
	var over []*file
	t.mu.Lock()
	var held []*file
	for _, f := range t.files {
		if f.gone != nil && !f.finished {
			held = append(held, f)
		}
	}
	// The youngest first: what they leave room for may stay.
	slices.SortFunc(held, func(a, b *file) int {
		return cmp.Or(b.gone.at.Compare(a.gone.at), cmp.Compare(a.label, b.label))
	})
	sum := make(map[*group]int64)
	for _, f := range held {
		late := now.Sub(f.gone.at) > f.group.HoldTime
		if f.h != nil || f.busy {
			sum[f.group] += f.size
			late = late || (f.group.HoldBytes > 0 && sum[f.group] > f.group.HoldBytes)
		}
		// Also out of the queue: the workers may all be waiting for a server. With
		// one that is busy the next scan tries again.
		if !late || f.busy || f.registering {
			continue
		}
		t.queue = slices.DeleteFunc(t.queue, func(x *file) bool { return x == f })
		f.queued, f.busy = false, true
		over = append(over, f)
	}
	t.mu.Unlock()
	slices.Reverse(over)
	for _, f := range over {
		t.giveUp(f, false)
		t.done(f, false)
	}
}
