package tail

import "time"

// Lag is what a Tailer follows, in sums.
type Lag struct {
	Files, Open int
	// Bytes are those in files that were not acknowledged, Since when the first of
	// them was seen; zero when there are none.
	Bytes int64
	Since time.Time
}

// Lag sums up Status; it is cheap also for very many files.
func (t *Tailer) Lag() Lag {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := Lag{Files: len(t.files), Open: int(t.open.Load())}
	for _, f := range t.files {
		left := f.size - int64(f.pub.acked)
		if left <= 0 || f.unread != "" {
			continue
		}
		out.Bytes += left
		if out.Since.IsZero() || f.changed.Before(out.Since) {
			out.Since = f.changed
		}
	}
	return out
}
