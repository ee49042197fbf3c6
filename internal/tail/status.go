package tail

import (
	"cmp"
	"slices"
	"time"

	"journalist/internal/record"
)

// FileStatus says where a file stands.
type FileStatus struct {
	// Path is where the file is now, "" when it was deleted; File is the name its
	// lines carry.
	Path string `json:"path"`
	File string `json:"file"`
	// Source is the generation's identity, "" as long as it has none.
	Source string `json:"source,omitempty"`
	// Size is in bytes; that of what was compressed where that is known.
	Size int64 `json:"size"`
	// Read is how far the file was read, Acked how far servers have it.
	Read  uint64    `json:"read"`
	Acked uint64    `json:"acked"`
	Last  time.Time `json:"last_read,omitzero"`
	// State is waiting (empty), new, active, rotated, deleted or skipped.
	State string `json:"state"`
	// Problem says what is wrong, "" when nothing is.
	Problem string `json:"problem,omitempty"`
}

// Status is a snapshot of what a Tailer follows.
type Status struct {
	Files []FileStatus `json:"files"`
	// Problems are what is wrong with paths that are not followed.
	Problems map[string]string `json:"problems,omitempty"`
	Open     int64             `json:"open_files"`
	// InFlight is how many runs wait for their ack.
	InFlight int `json:"in_flight"`
}

// Status tells where all files stand, by path.
func (t *Tailer) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Status{Open: t.open.Load(), InFlight: len(t.inflight), Problems: make(map[string]string, len(t.problems))}
	for p, text := range t.problems {
		s.Problems[p] = text
	}
	s.Files = make([]FileStatus, 0, len(t.files))
	for _, f := range t.files {
		fs := FileStatus{
			Path: f.path, File: f.label, Size: f.size, Read: f.pub.from, Acked: f.pub.acked,
			State: f.stateLocked(), Problem: f.problem,
		}
		if f.arch != nil && f.bound {
			fs.Size = f.extentLocked()
		}
		if f.pub.last > 0 {
			fs.Last = time.Unix(0, f.pub.last)
		}
		if f.pub.id != (record.SourceID{}) {
			fs.Source = f.pub.id.String()
		}
		if f.unread != "" {
			fs.Problem = f.unread
		}
		s.Files = append(s.Files, fs)
	}
	slices.SortFunc(s.Files, func(a, b FileStatus) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Path, b.Path))
	})
	return s
}

func (f *file) stateLocked() string {
	switch {
	case f.unread != "":
		return "skipped"
	case f.path == "":
		return "deleted"
	case f.pub.id.IsZero() && f.size == 0:
		return "waiting"
	case f.pub.id.IsZero():
		return "new"
	case f.away():
		return "rotated"
	}
	return "active"
}
