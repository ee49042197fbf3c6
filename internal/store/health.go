package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"journalist/internal/scan"
)

// remedies say what to do about each cause.
var remedies = map[cause]string{
	causeFull:       "Free disk space, lower the retention, or lower the disk floor (--disk-floor). Senders keep their lines and send them when there is room.",
	causeReadOnly:   "Find out why the disk is mounted read-only (dmesg; after disk errors check the file system), then mount it writable: mount -o remount,rw.",
	causePermission: "Give the data folder and everything in it to the user that the server runs as (chown -R), with the right to write.",
	causeIO:         "Look for disk errors (dmesg, smartctl) and for what the server's log says. When the disk is failing, make a backup now and move to another one.",
}

// reasons say what is wrong, by cause.
var reasons = map[cause]string{
	causeFull:       "The disk is full.",
	causeReadOnly:   "The disk is read-only.",
	causePermission: "The server has no permission in its data folder.",
	causeIO:         "The disk reports errors.",
}

// consequences say what follows when a work fails.
var consequences = map[work]string{
	workCommit:   "New records are refused.",
	workFlush:    "Records in memory cannot be written to parts; they are safe in the write-ahead log.",
	workManifest: "The list of parts cannot be written.",
	workRewrite:  "Parts cannot be written anew: merges and the removal of deleted records wait.",
	workRetain:   "Old records cannot be dropped.",
	workRead:     "Some records cannot be read and are missing from answers.",
}

// droppedNews is for how long it is told that records went for lack of space.
const droppedNews = 24 * time.Hour

// Health tells what is wrong. It costs some reads of folders.
func (s *Store) Health() scan.Health {
	h := scan.Health{Aside: s.aside(), Refused: map[string]uint64{
		"full": s.m.full.Get(), "gap": s.m.gaps.Get(), "too_large": s.m.tooLarge.Get(), "failed": s.m.failed.Get(),
	}}
	h.Disk = s.disk()
	now := s.o.Clock()
	h.Problems = append(s.ongoing(now), s.lost(&h.Aside)...)
	h.Problems = append(h.Problems, s.news(now)...)
	slices.SortStableFunc(h.Problems, func(a, b scan.Problem) int { return strings.Compare(a.Severity, b.Severity) })
	h.Taking = s.full.Load() == nil && !s.troubles.has(workCommit)
	return h
}

// disk is the file system's state; zero when it cannot be asked.
func (s *Store) disk() scan.Disk {
	free, total, err := s.o.FS.Free(s.o.Dir)
	if err != nil {
		return scan.Disk{}
	}
	return scan.Disk{Free: free, Total: total, Floor: s.floor(total)}
}

// ongoing are the problems of what fails at present, one for each cause.
func (s *Store) ongoing(now time.Time) []scan.Problem {
	byCause := map[cause]*scan.Problem{}
	get := func(c cause, what string, since time.Time) *scan.Problem {
		p := byCause[c]
		if p == nil {
			p = &scan.Problem{Kind: string(c), Severity: scan.SeverityWarning, What: what, Remedy: remedies[c], Since: since, Where: []string{s.shown(s.o.Dir)}}
			byCause[c] = p
		}
		if since.Before(p.Since) {
			p.Since = since
		}
		return p
	}
	refusing := false
	if f := s.full.Load(); f != nil {
		p := get(causeFull, "The disk is at its floor.", f.since)
		p.Severity = scan.SeverityError
		p.What += " " + consequences[workCommit]
		refusing = true
	}
	failing := s.troubles.present(now)
	for _, w := range works {
		t, fails := failing[w]
		if !fails || w == workCommit && refusing {
			continue
		}
		c := causeOf(t.err)
		p := get(c, reasons[c], t.since)
		if w == workCommit || w == workFlush || w == workRead {
			p.Severity = scan.SeverityError
		}
		p.What += " " + consequences[w]
	}
	var out []scan.Problem
	for _, c := range []cause{causeFull, causeReadOnly, causePermission, causeIO} {
		if p := byCause[c]; p != nil {
			out = append(out, *p)
		}
	}
	return out
}

// lost are the problems of records that are missing from answers.
func (s *Store) lost(a *scan.Aside) (out []scan.Problem) {
	if a.Files > 0 {
		p := scan.Problem{
			Kind: "damaged", Severity: scan.SeverityError,
			What: fmt.Sprintf("%s set aside (%d bytes): the records in %s are missing from answers.", someOf(a.Files, "damaged file is", "damaged files are"), a.Bytes,
				map[bool]string{true: "it", false: "them"}[a.Files == 1]),
			Remedy: "Restore the records from a backup or have them sent again, then remove the files named here. When more appear, look for disk and memory errors (dmesg, smartctl).",
		}
		for _, f := range a.List {
			p.Where = append(p.Where, describeAside(f))
		}
		out = append(out, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.mu.missing); n > 0 {
		p := scan.Problem{
			Kind: "missing", Severity: scan.SeverityError,
			What:   someOf(n, "part that should be there was not found at the start", "parts that should be there were not found at the start") + ": their records are missing from answers.",
			Remedy: "Find out who removed files from the data folder, and restore the records from a backup. A further start does not ask for them again.",
		}
		for _, name := range s.mu.missing[:min(n, maxListed)] {
			p.Where = append(p.Where, s.shown(name))
		}
		out = append(out, p)
	}
	return out
}

func someOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// describeAside is a file that was set aside on one line, with what is missing
// without it.
func describeAside(f scan.AsideFile) string {
	out := f.Path
	if f.Rows > 0 {
		const form = "2006-01-02T15:04:05Z"
		out += fmt.Sprintf(": dataset %s, %d records, %s to %s", f.Dataset, f.Rows, f.First.Format(form), f.Last.Format(form))
	}
	if f.Cause != "" {
		out += ": " + f.Cause
	}
	return out
}

// news are the problems that are over but should be known.
func (s *Store) news(now time.Time) (out []scan.Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.mu.floorDrop; d.parts > 0 && now.Sub(d.at) < droppedNews {
		out = append(out, scan.Problem{
			Kind: "dropped", Severity: scan.SeverityWarning, Since: d.at,
			What:   fmt.Sprintf("The disk was at its floor: the oldest %d records (%d bytes) were dropped within a day.", d.rows, d.bytes),
			Remedy: "Give the data folder more disk space, or set a retention that fits, so that it is you who decides what goes.",
		})
	}
	if s.mu.clockHeld != 0 {
		out = append(out, scan.Problem{
			Kind: "clock", Severity: scan.SeverityWarning,
			What:   fmt.Sprintf("The clock jumped forward by %s: nothing is dropped for its age for some hours.", s.mu.clockHeld.Round(time.Minute)),
			Remedy: "Check the machine's time and its synchronisation (timedatectl). When the time is right there is nothing to do.",
		})
	}
	return out
}

// floorDrop is what went for lack of space within about a day.
type floorDrop struct {
	at    time.Time
	rows  int64
	bytes int64
	parts int
}

// noteFloorDrop adds up what was dropped because of the disk floor.
func (s *Store) noteFloorDrop(parts []*livePart) {
	now := s.o.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.mu.floorDrop
	if now.Sub(d.at) >= droppedNews {
		*d = floorDrop{}
	}
	d.at = now
	for _, p := range parts {
		d.rows += p.liveRows()
		d.bytes += p.Size
		d.parts++
	}
}

// shown is how a path is called in what users read: from the store's folder on.
func (s *Store) shown(name string) string { return shownIn(s.o.Dir, name) }

func shownIn(dir, name string) string {
	rel, err := filepath.Rel(filepath.Dir(dir), name)
	if err != nil {
		return filepath.Base(name)
	}
	return rel
}
