package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/filter"
	"journalist/internal/store/part"
	"journalist/internal/store/wal"
	"journalist/internal/vfs"
)

// deletion is a Delete on its way.
type deletion struct {
	store *Store
	req   *scan.Deletion
	x     *scanner
	whole bool // every row of the time matches

	// The parts that were searched, held until the end, with what was found.
	searched map[*livePart]*foundRows

	mu       sync.Mutex
	progress scan.DeletionProgress
	told     time.Time
}

// foundRows are the rows to delete of a part, by row group.
type foundRows struct {
	groups      []*goneRows
	rows        int64
	first, last int64
}

// Delete deletes the rows that match and were committed before the call. When it
// returns without an error they are in no answer any more, now and after a crash at
// any time, and not in the write-ahead log. Their bytes go from the parts in the
// background, which begins at once; a file that a query still reads goes with its
// end.
//
// After an error the rows may be deleted or not, all of them alike; calling again
// settles it. Deletions run one after the other.
func (s *Store) Delete(ctx context.Context, req *scan.Deletion) (scan.Deleted, error) {
	select {
	case s.deleting <- struct{}{}:
		defer func() { <-s.deleting }()
	case <-ctx.Done():
		return scan.Deleted{}, ctx.Err()
	case <-s.stopped.Done():
		return scan.Deleted{}, record.ErrClosed
	}
	if err := s.Flush(ctx); err != nil {
		if s.stopped.Err() != nil {
			err = record.ErrClosed
		}
		return scan.Deleted{}, fmt.Errorf("delete: write what is in memory to parts: %w", err)
	}
	d := &deletion{store: s, req: req, searched: map[*livePart]*foundRows{}}
	d.x = &scanner{store: s, req: &req.Request, filter: filter.New(req.Request.Filter)}
	d.whole = always(req.Request.Filter)
	defer d.release()
	// Most of the search is done while parts may still be merged; what came of that
	// is searched again while they may not.
	if err := d.search(ctx); err != nil {
		return scan.Deleted{}, fmt.Errorf("delete: %w", err)
	}
	if req.DryRun {
		return d.answer(slices.Collect(maps.Keys(d.searched))), nil
	}
	s.mergeMu.Lock()
	defer s.mergeMu.Unlock()
	if err := d.search(ctx); err != nil {
		return scan.Deleted{}, fmt.Errorf("delete: %w", err)
	}
	if err := s.stopped.Err(); err != nil {
		return scan.Deleted{}, record.ErrClosed
	}
	parts, err := d.apply()
	if err != nil {
		return scan.Deleted{}, fmt.Errorf("delete: %w", err)
	}
	wake(s.mergeWake)
	out := d.answer(parts)
	s.m.deletedRows.Add(int(out.Rows))
	return out, nil
}

// release lets the parts go.
func (d *deletion) release() {
	for p := range d.searched {
		d.store.release(p)
	}
}

// search looks at the parts that were not searched yet.
func (d *deletion) search(ctx context.Context) error {
	s, r := d.store, &d.req.Request
	snap := &snapshot{store: s}
	s.mu.Lock()
	for _, p := range s.mu.parts {
		if d.searched[p] == nil && p.first < r.To && p.last >= r.From && (r.Datasets == nil || slices.Contains(r.Datasets, p.Dataset)) {
			p.refs++
			d.searched[p] = &foundRows{groups: make([]*goneRows, len(p.Groups))}
			snap.addPart(&openPart{live: p, gone: p.gone}, r.From, r.To)
		}
	}
	s.mu.Unlock()
	defer snap.closeFiles()
	d.mu.Lock()
	d.progress.Groups += int64(len(snap.units))
	d.mu.Unlock()
	return d.x.parallel(ctx, snap.units, d.unit)
}

// closeFiles is close for a snapshot whose parts somebody else releases.
func (snap *snapshot) closeFiles() {
	for _, p := range snap.parts {
		if p.reader != nil {
			_ = p.reader.Close() // only read
		}
	}
}

// unit searches a row group.
func (d *deletion) unit(ctx context.Context, _ int, u *unit) error {
	defer u.done()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.store.stopped.Err(); err != nil {
		return record.ErrClosed
	}
	var found *goneRows
	if d.whole && u.first >= d.req.Request.From && u.last < d.req.Request.To {
		set := filter.NewBitmap(u.rows)
		set.SetRange(0, u.rows)
		u.gone.clear(set)
		found = newGone(set, u.rows)
	} else {
		_, sel, err := d.x.selection(u, &scan.Stats{})
		if errors.Is(err, part.ErrCorrupt) {
			d.x.damaged(u, err)
			err = nil
		}
		if err != nil {
			return err // not to be found is not to be deleted
		}
		if sel != nil {
			found = newGone(sel, u.rows)
		}
	}
	d.note(u, found)
	return nil
}

// note keeps what was found and tells how far the search is.
func (d *deletion) note(u *unit, found *goneRows) {
	const every = 200 * time.Millisecond
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress.GroupsDone++
	if found != nil {
		f := d.searched[u.part.live]
		if f.rows == 0 {
			f.first, f.last = math.MaxInt64, math.MinInt64
		}
		f.groups[u.group] = found
		f.rows += int64(found.n)
		f.first, f.last = min(f.first, u.first), max(f.last, u.last)
		d.progress.Rows += int64(found.n)
	}
	if now := time.Now(); d.req.Progress != nil && now.Sub(d.told) >= every {
		d.told = now
		d.req.Progress(d.progress)
	}
}

// mark is a part of which rows are deleted.
type mark struct {
	part *livePart
	gone *tombstone
	file string // of the new tombstone, "" when the whole part goes
}

// apply writes the tombstones and, with one write, the manifest that makes them
// count. It returns the parts that lost rows. mergeMu is held.
func (d *deletion) apply() (parts []*livePart, err error) {
	s := d.store
	marks, err := d.writeTombstones()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	for _, m := range marks {
		switch p := m.part; {
		case p.dead: // found damaged a moment ago
			if m.file != "" {
				s.mu.stale = append(s.mu.stale, m.file)
			}
			continue
		case m.file == "":
			s.replaceLocked([]*livePart{p}, nil)
		default:
			if p.goneNumber > 0 {
				s.mu.stale = append(s.mu.stale, s.gonePath(p))
			}
			p.gone = m.gone
			p.goneNumber++
		}
		parts = append(parts, m.part)
	}
	s.mu.Unlock()
	// Also when nothing was found: a deletion before may have failed here, and this
	// one must not say that all is well.
	if err := s.saveManifest(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	floor := s.mu.done
	s.mu.Unlock()
	s.logMu.Lock()
	defer s.logMu.Unlock()
	if err := s.log.Remove(floor); err != nil {
		return nil, fmt.Errorf("the rows are in no answer any more, but still in the write-ahead log: %w", err)
	}
	return parts, nil
}

// writeTombstones writes a tombstone for each part of which some rows are deleted.
// On an error it removes what it wrote.
func (d *deletion) writeTombstones() (marks []mark, err error) {
	s := d.store
	defer func() {
		if err == nil {
			return
		}
		for _, m := range marks {
			if m.file != "" {
				_ = s.o.FS.Remove(m.file) // no manifest lists it: the next start removes it, too
			}
		}
	}()
	for p, f := range d.searched {
		s.mu.Lock()
		dead := p.dead
		s.mu.Unlock()
		if f.rows == 0 || dead {
			continue
		}
		m := mark{part: p, gone: p.gone.with(f.groups)}
		if m.gone.rows < p.rows {
			mp := p.entryName()
			mp.Gone = p.goneNumber + 1
			m.file = s.path(dataDir, p.folder, p.partition, goneFile(mp))
			if err := vfs.WriteFile(s.o.FS, m.file, m.gone.file()); err != nil {
				return marks, err
			}
		}
		marks = append(marks, m)
	}
	return marks, nil
}

// answer sums up what was found in these parts.
func (d *deletion) answer(parts []*livePart) scan.Deleted {
	out := scan.Deleted{Partial: d.x.stats.Partial}
	for _, p := range parts {
		f := d.searched[p]
		if f.rows == 0 {
			continue
		}
		if out.Parts == 0 || f.first < out.First {
			out.First = f.first
		}
		if out.Parts == 0 || f.last > out.Last {
			out.Last = f.last
		}
		out.Rows += f.rows
		out.Parts++
	}
	out.SetAside = d.store.countAside()
	return out
}

// countAside counts the damaged files that were set aside: parts and other files in
// the quarantine, and what stands beside the log.
func (s *Store) countAside() int {
	n := 0
	if entries, err := s.o.FS.ReadDir(s.path(quarantineDir)); err == nil {
		n = len(entries)
	}
	entries, _ := s.o.FS.ReadDir(s.path(walDir)) // without the folder there is none
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), wal.Corrupt) {
			n++
		}
	}
	return n
}
