package tail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"time"

	"journalist/internal/record"
)

const (
	// activeFor is how long after its last change a file is polled.
	activeFor = 10 * time.Minute
	// calmScans is how many scan intervals pass between full scans while the kernel
	// tells of all changes and no file waits for one.
	calmScans = 5
	// While it is calm, a look at all files comes after calmRest times as long as the
	// last one took, so that very many quiet files cost well under 1 % of a core;
	// otherwise after busyRest times.
	calmRest, busyRest = 400, 50
)

// find looks for files until ctx ends. It never waits for Output, so that a stuck
// server or file does not keep new files from being seen.
func (t *Tailer) find(ctx context.Context) {
	poll := time.NewTicker(t.o.PollInterval)
	defer poll.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var earliest, nextScan, nextPoll, nextLook time.Time
	calm, asked := false, false // asked: a scan was asked for and put off
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			if start := time.Now(); start.After(nextPoll) {
				t.pollActive(false)
				nextPoll = start.Add(busyRest * time.Since(start))
			}
			continue
		case <-t.rescan:
			if wait := time.Until(earliest); wait > 0 {
				asked = true
				timer.Reset(wait)
				continue
			}
		case <-timer.C:
			if calm && !asked && time.Until(nextScan) > 0 {
				if start := time.Now(); start.After(nextLook) {
					t.pollActive(true)
					nextLook = start.Add(calmRest * time.Since(start))
				}
				timer.Reset(t.o.ScanInterval)
				continue
			}
		}
		asked = false
		start := time.Now()
		t.scan()
		calm = t.calm()
		took := time.Since(start)
		// However many files there are, looking takes at most some percent of a core.
		earliest = time.Now().Add(min(max(10*time.Millisecond, 10*took), 5*time.Second))
		nextScan = time.Now().Add(max(calmScans*t.o.ScanInterval, calmRest*took))
		nextLook = time.Now().Add(calmRest * took) // the scan looked, too
		if calm {
			timer.Reset(t.o.ScanInterval)
		} else {
			timer.Reset(max(t.o.ScanInterval, busyRest*took))
		}
	}
}

// candidate is a path that a pattern gave.
type candidate struct {
	path  string
	group *group
	look  look
	node  inode
}

// look is what one look at a file showed.
type look struct {
	size  int64
	mtime time.Time
}

func lookOf(fi fs.FileInfo) look { return look{fi.Size(), fi.ModTime()} }

// scan expands all patterns and brings what is known of the files up to date.
func (t *Tailer) scan() {
	s := &scanner{t: t, problems: make(map[string]string), dirs: make(map[string]struct{}), listed: make(map[string]*listing)}
	s.expand()
	fresh, missing := s.match()
	for _, f := range missing {
		s.lookAway(f)
	}
	t.limitHeld()
	if t.scans == 1 || t.unsure {
		unfinished, err := s.unfinished()
		if t.unsure = err != nil; t.unsure {
			s.problems["known files"] = err.Error()
		}
		fresh = append(fresh, unfinished...)
	}
	s.followMoves()
	fresh = append(fresh, s.missed...)
	t.admit(fresh)
	t.endFaded()
	if t.watch != nil {
		if err := t.watchDirs(s.dirs); err != nil {
			s.problems["inotify"] = err.Error()
		}
	}
	t.notePolled()
	s.report()
}

// notePolled lists the files of whose changes the kernel does not tell.
func (t *Tailer) notePolled() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.polled)
	t.polled = t.polled[:0]
	for _, f := range t.files {
		if !f.watched {
			t.polled = append(t.polled, f)
		}
	}
}

// scanner is the state of one scan. One goroutine uses it.
type scanner struct {
	t          *Tailer
	candidates []candidate
	dirs       map[string]struct{}
	problems   map[string]string
	// listed are the files in a folder by inode, for those that had to be listed.
	listed map[string]*listing
	missed []*file
}

// expand fills candidates; each path belongs to the first group that names it.
func (s *scanner) expand() {
	seen := make(map[string]struct{})
	patterns := 0
	for _, gr := range s.t.groups {
		patterns += len(gr.Paths)
	}
	for _, gr := range s.t.groups {
		for _, pattern := range gr.Paths {
			g := globber{fs: s.t.fs, dirs: s.dirs}
			g.expand(pattern)
			for _, err := range g.errs {
				s.problems[pattern] = err.Error()
			}
			for _, p := range g.paths {
				if _, ok := seen[p]; ok || excluded(gr.Exclude, p) {
					continue
				}
				if patterns > 1 {
					seen[p] = struct{}{}
				}
				s.consider(gr, p, !hasMeta(pattern))
			}
		}
	}
	// The oldest first, so that rotated files come before their successors.
	slices.SortStableFunc(s.candidates, func(a, b candidate) int { return a.look.mtime.Compare(b.look.mtime) })
}

func (s *scanner) consider(gr *group, path string, literal bool) {
	fi, err := s.t.fs.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if literal {
			s.problems[path] = "does not exist yet"
		}
		return
	case err != nil:
		s.problems[path] = err.Error()
		return
	case fi.IsDir():
		if literal {
			s.problems[path] = "is a folder; name the files in it, as " + filepath.Join(path, "*.log")
		}
		return
	case !fi.Mode().IsRegular():
		s.problems[path] = fmt.Sprintf("is not a regular file (%s)", fi.Mode().Type())
		return
	}
	node, _, ok := inodeOf(fi)
	if !ok {
		s.problems[path] = "has no inode to recognise it by"
		return
	}
	s.candidates = append(s.candidates, candidate{path, gr, lookOf(fi), node})
}

// match compares the candidates with the files that are known. It returns those
// that are new, and the known ones that no pattern gave.
func (s *scanner) match() (fresh, missing []*file) {
	t := s.t
	now := t.o.Clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scans++
	for _, c := range s.candidates {
		if f := t.files[c.node]; f != nil && f.path == c.path {
			f.seen = -t.scans // where it was, which counts more than its other names
		}
	}
	isNew := make(map[inode]struct{})
	for _, c := range s.candidates {
		f := t.files[c.node]
		if f == nil {
			if _, ok := isNew[c.node]; !ok {
				isNew[c.node] = struct{}{}
				fresh = append(fresh, t.newFile(c.group, c.path, c.path, c.node, c.look, now))
			}
			continue
		}
		if f.seen == t.scans || (f.seen == -t.scans && f.path != c.path) {
			continue // by another of its names
		}
		f.seen = t.scans
		if f.path != c.path {
			t.moveLocked(f, c.path)
			t.enqueueLocked(f) // another file may have got the inode
		}
		t.lookLocked(f, c.look, now)
	}
	for _, f := range t.files {
		if f.seen != t.scans {
			missing = append(missing, f)
		}
	}
	return fresh, missing
}

func (t *Tailer) newFile(g *group, label, path string, node inode, l look, now time.Time) *file {
	return &file{
		group: g, label: label, node: node, path: path, size: l.size, maxSize: l.size, mtime: l.mtime,
		changed: now, seen: t.scans, first: t.scans == 1 && !g.late,
	}
}

// moveLocked notes that f was renamed.
func (t *Tailer) moveLocked(f *file, path string) {
	if f.path == path {
		return
	}
	t.unlistLocked(f)
	was, away := f.path, f.away()
	f.path, f.real, f.resolved = path, "", false
	f.changed = t.o.Clock() // the grace time begins
	if path != "" {
		t.byPath[path] = f
		f.gone = nil
	} else {
		f.gone = &gone{f.changed, was}
	}
	if !f.bound {
		t.nameLocked(f, path)
		return
	}
	if f.away() && !away {
		t.m.rotations.Inc()
		t.log.Debug("file was renamed or removed", "file", f.label, "now", path)
	}
	state := record.Active
	if f.away() {
		state = record.Rotated
	}
	t.noteLocked(f, state)
}

// lookLocked compares a file with what a Stat shows and queues it if there may be
// something to do.
func (t *Tailer) lookLocked(f *file, l look, now time.Time) {
	changed := f.sawLocked(l, now)
	if changed && f.arch != nil {
		f.unread = ""
	}
	rest := f.away() && f.arch == nil && f.size > int64(f.pub.offset) // a last line that waits for the grace time
	if changed || f.retry || rest {
		t.enqueueLocked(f)
	} else if f.h != nil && !f.busy && !f.queued && f.size <= int64(f.pub.offset) && now.Sub(f.changed) > f.group.CloseIdle {
		t.closeFile(f)
	}
}

// lookAway finds out where a file is that no pattern gave.
func (s *scanner) lookAway(f *file) {
	t := s.t
	t.mu.Lock()
	path, label, group, mtime := f.path, f.label, f.group, f.mtime
	head := f.pub.head
	t.mu.Unlock()
	now := t.o.Clock()
	if path != "" {
		fi, err := t.fs.Stat(path)
		if err == nil {
			if node, _, ok := inodeOf(fi); ok && node == f.node {
				t.mu.Lock()
				t.lookLocked(f, lookOf(fi), now)
				t.mu.Unlock()
				return
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return // not known: try again at the next scan
		}
	}
	found, fi, known := s.locate(label, f.node, path == "")
	if !known {
		return
	}
	if found != "" && found != label {
		missed, err := t.missedSiblings(group, label, fi.ModTime())
		if err != nil {
			return
		}
		s.missed = append(s.missed, missed...)
	} else if found == "" && path == label {
		// It may have been rotated, together with its successors, and then compressed.
		missed, err := t.missedBehind(group, label, mtime, head)
		if err != nil {
			return
		}
		s.missed = append(s.missed, missed...)
	}
	t.mu.Lock()
	t.moveLocked(f, found)
	if found != "" {
		t.lookLocked(f, lookOf(fi), now)
	} else {
		t.enqueueLocked(f)
	}
	t.mu.Unlock()
}

// unfinished finds, at the first scan, the files of generations that are known
// but no longer where they were found. After an error some are still to be found.
func (s *scanner) unfinished() (fresh []*file, unsure error) {
	t := s.t
	have := make(map[inode]int64, len(s.candidates))
	elsewhere := make(map[uint64]candidate) // by the inode's number alone
	for _, c := range s.candidates {
		elsewhere[c.node.ino] = c
		have[c.node] = c.look.size
		if packedName(c.path) {
			have[c.node] = math.MaxInt64 // what was compressed is longer
		}
	}
	now := t.o.Clock()
	for _, g := range t.reg.Unfinished() {
		node := inode{g.Dev, g.Ino}
		gr := t.groupOf(g.Path)
		if gr == nil || t.bound(g.ID) {
			continue // no longer configured, or followed since an earlier Run
		}
		if size, ok := have[node]; ok {
			if !longEnough(size, g) { // truncated, and perhaps never written to again
				if err := t.replaced(gr, g, node); err != nil {
					unsure = err
				}
			}
			continue // else it is identified when it is opened
		}
		if c, ok := elsewhere[g.Ino]; ok && sameName(g.Path, c.path) {
			continue // the machine may have renumbered its devices: likewise
		}
		path, fi, known := s.locate(g.Path, node, false)
		switch {
		case path != "" && (packedName(path) || longEnough(fi.Size(), g)):
			// Only the content tells whether it is g's file: another one may have got
			// the inode, which has a name of its own then.
			if path != g.Path {
				missed, err := t.missedSiblings(gr, g.Path, fi.ModTime())
				if err != nil {
					unsure = err
					continue // all of it again
				}
				s.missed = append(s.missed, missed...)
			}
			f := t.newFile(gr, g.Path, path, node, lookOf(fi), now)
			t.nameLocked(f, path)
			fresh = append(fresh, f)
		case known:
			missed, err := t.vanished(gr, g)
			if err != nil {
				unsure = err
			}
			s.missed = append(s.missed, missed...)
		default:
			unsure = fmt.Errorf("the folder of %s cannot be read, or is being changed", g.Path)
		}
	}
	return fresh, unsure
}

// vanished deals with a generation whose file went while scribe was down: its rest
// may be in a copy, and what was rotated away behind it beside that.
func (t *Tailer) vanished(gr *group, g record.Generation) (missed []*file, err error) {
	h, err := t.heirOf(gr, g, inode{}, time.Unix(0, g.SeenAt))
	if err != nil {
		return nil, err
	}
	if h.path != "" {
		t.adopt(gr, g, h.path, h.node)
		return h.missed, nil
	}
	if g.Size > g.To {
		t.m.lostBytes.Add(int(g.Size - g.To))
		t.log.Error("file vanished before it was read to its end", "file", g.Path, "lost_bytes", g.Size-g.To)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fadeLocked(g, nodesOf(h.missed)...)
	return h.missed, nil
}

// groupOf returns the group that a path belongs to, nil for none.
func (t *Tailer) groupOf(path string) *group {
	for _, g := range t.groups {
		if excluded(g.Exclude, path) {
			continue
		}
		for _, p := range g.Paths {
			if matchPath(p, path) {
				return g
			}
		}
	}
	return nil
}

// admit starts to follow new files.
func (t *Tailer) admit(fresh []*file) {
	slices.SortStableFunc(fresh, func(a, b *file) int { return a.mtime.Compare(b.mtime) })
	for _, f := range t.enter(fresh) {
		// Its first line may have come after the scan looked, when the kernel's word of
		// it meant nothing to us yet.
		t.mu.Lock()
		path := f.path
		t.mu.Unlock()
		fi, err := t.fs.Stat(path)
		if err != nil {
			continue // gone again
		}
		if node, _, ok := inodeOf(fi); ok && node == f.node {
			t.mu.Lock()
			t.lookLocked(f, lookOf(fi), t.o.Clock())
			t.mu.Unlock()
		}
	}
}

// enter makes new files known, and returns those that were empty.
func (t *Tailer) enter(fresh []*file) (empty []*file) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range fresh {
		if t.reserved[f.path] > 0 {
			continue // the next scan finds it again
		}
		if known := t.files[f.node]; known != nil {
			if known.path == "" { // the inode of a file that is no more, or back again
				t.moveLocked(known, f.path)
				t.enqueueLocked(known)
			}
			continue
		}
		t.files[f.node] = f
		t.byPath[f.path] = f
		if f.size > 0 {
			t.enqueueLocked(f)
		} else {
			empty = append(empty, f)
		}
	}
	return empty
}

// report logs the problems that are new, and forgets those that are no more.
func (s *scanner) report() {
	t := s.t
	t.mu.Lock()
	old := t.problems
	t.problems = s.problems
	t.mu.Unlock()
	for path, text := range s.problems {
		if old[path] != text {
			t.m.problems.Inc()
			t.log.Warn("cannot read files, will try again", "path", path, "problem", text)
		}
	}
}

// calm tells that no file needs a scan soon: the kernel tells of changes in all of
// them, and none failed, was rotated away or is not yet recognised.
func (t *Tailer) calm() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.files {
		if !f.watched || f.retry || (f.away() && (f.path == "" || f.extentLocked() > int64(f.pub.offset))) || (!f.bound && f.size > 0 && f.unread == "") {
			return false
		}
	}
	return true
}

// pollActive looks at the files that changed lately, in case the kernel does not
// tell of it (a network file system, a mapped file); with all set also at those of
// which it should.
func (t *Tailer) pollActive(all bool) {
	type due struct {
		f    *file
		path string
	}
	now := t.o.Clock()
	var looks []due
	add := func(f *file) {
		if f.path != "" && now.Sub(f.changed) < activeFor && !f.queued && !f.finished {
			looks = append(looks, due{f, f.path})
		}
	}
	t.mu.Lock()
	if all {
		for _, f := range t.files {
			add(f)
		}
	} else {
		for _, f := range t.polled {
			add(f)
		}
	}
	t.mu.Unlock()
	for _, l := range looks {
		fi, err := t.fs.Stat(l.path)
		if err != nil {
			continue
		}
		if n, _, ok := inodeOf(fi); ok && n == l.f.node {
			t.mu.Lock()
			t.lookLocked(l.f, lookOf(fi), now)
			t.mu.Unlock()
		}
	}
}
