package tail

import (
	"time"

	"journalist/internal/frame"
	"journalist/internal/metrics"
	"journalist/internal/record"
)

// This file is what a Tailer has to do with internal/frame besides calling it.

// maxWindow is how large a buffer is at least for the longest row of any Framer;
// where the texts behind it need more, they take it from elsewhere.
const maxWindow = 3 * record.MaxValue

// framerOf returns the Framer of a file, which may depend on its first bytes.
func (t *Tailer) framerOf(f *file, v view) (*frame.Framer, error) {
	if f.framer == nil {
		fr := v.group.framer
		if fr.NeedsHead() {
			var head [2]byte
			n, err := f.h.ReadAt(head[:], 0)
			if noEOF(err) != nil {
				return nil, err
			}
			fr = fr.For(head[:n])
		}
		f.framer = fr
	}
	return f.framer, nil
}

// quiet is for how long a file has not changed.
func (t *Tailer) quiet(f *file) time.Duration {
	t.mu.Lock()
	changed := f.changed
	t.mu.Unlock()
	return t.since(changed)
}

// later has a file read again after wait, because lines of it are held back until
// then; 0 is never. A scan that comes first does it, too.
func (t *Tailer) later(f *file, wait time.Duration) {
	if wait <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f.retry = true
	if f.timed {
		return
	}
	f.timed = true
	time.AfterFunc(wait, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		f.timed = false
		if !t.stopped && f.retry {
			t.enqueueLocked(f)
		}
	})
}

// countFrames shows what the Framers met with.
func (t *Tailer) countFrames(set *metrics.Set) {
	sum := func(of func(frame.Counts) int64) func() float64 {
		return func() float64 {
			n := int64(0)
			t.mu.Lock()
			defer t.mu.Unlock()
			for _, g := range t.groups {
				n += of(g.framer.Counts())
			}
			return float64(n)
		}
	}
	set.Gauge(sum(func(c frame.Counts) int64 { return c.Undecodable }), "scribe_undecodable_characters_total")
	set.Gauge(sum(func(c frame.Counts) int64 { return c.Damaged }), "scribe_damaged_lines_total")
	set.Gauge(sum(func(c frame.Counts) int64 { return c.Cut }), "scribe_truncated_bytes_total")
}
