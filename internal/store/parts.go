package store

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"journalist/internal/store/manifest"
	"journalist/internal/store/part"
	"journalist/internal/vfs"
)

// livePart is a part that counts, or did until lately.
type livePart struct {
	*part.Part
	folder, partition string
	lo, hi            uint64
	edition           uint64 // how often it was written anew without deleted rows
	rows              int64  // the deleted ones too
	first, last       int64

	// Which rows are deleted, nil for none, and the number of the file that says
	// so. They change under both Store.mergeMu and Store.mu, so either is enough to
	// read them; the tombstone itself never changes.
	gone       *tombstone
	goneNumber uint64

	// Guarded by Store.mu.
	refs  int  // scans that use it
	dead  bool // not live any more
	saved bool // the manifest does not list it any more: the file may go
}

// entry is the part as the manifest lists it.
func (p *livePart) entry() manifest.Part {
	return manifest.Part{Folder: p.folder, Partition: p.partition, Lo: p.lo, Hi: p.hi, Size: p.Size, Edition: p.edition, Gone: p.goneNumber}
}

func (p *livePart) file() string { return partFile(p.entryName()) }

func (p *livePart) entryName() manifest.Part {
	return manifest.Part{Lo: p.lo, Hi: p.hi, Edition: p.edition}
}

// liveRows is the number of rows that are not deleted. Store.mu or Store.mergeMu is
// held.
func (p *livePart) liveRows() int64 { return p.rows - p.gone.count() }

// partFile is the name of a part's file.
func partFile(p manifest.Part) string { return partBase(p) + partSuffix }

// goneFile is the name of the tombstone beside it.
func goneFile(p manifest.Part) string {
	return fmt.Sprintf("%s.%08x%s", partBase(p), p.Gone, goneSuffix)
}

func partBase(p manifest.Part) string {
	base := fmt.Sprintf("%016x-%016x", p.Lo, p.Hi)
	if p.Edition > 0 {
		base += fmt.Sprintf("-%08x", p.Edition)
	}
	return base
}

// parseFile reads the name of a part's file, or of a tombstone, which has Gone set.
func parseFile(name string) (p manifest.Part, ok bool) {
	base, isPart := strings.CutSuffix(name, partSuffix)
	if !isPart {
		if base, ok = strings.CutSuffix(name, goneSuffix); !ok {
			return p, false
		}
		var number string
		if base, number, ok = strings.Cut(base, "."); !ok {
			return p, false
		}
		if p.Gone, ok = parseHex(number, 8); !ok || p.Gone == 0 {
			return p, false
		}
	}
	fields := strings.Split(base, "-")
	if len(fields) == 3 {
		if p.Edition, ok = parseHex(fields[2], 8); !ok || p.Edition == 0 {
			return p, false
		}
		fields = fields[:2]
	}
	if len(fields) != 2 {
		return p, false
	}
	var ok1, ok2 bool
	p.Lo, ok1 = parseHex(fields[0], 16)
	p.Hi, ok2 = parseHex(fields[1], 16)
	return p, ok1 && ok2 && p.Lo <= p.Hi
}

func parseHex(s string, digits int) (n uint64, ok bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	return n, err == nil && len(s) == digits
}

func compareParts(a, b *livePart) int {
	return cmp.Or(cmp.Compare(a.folder, b.folder), cmp.Compare(a.partition, b.partition), cmp.Compare(a.lo, b.lo))
}

// escape makes a folder's name of a dataset's name. The part itself knows the
// dataset, so a long name may be cut.
func escape(dataset string) string {
	const most = 120
	var b strings.Builder
	for i := range len(dataset) {
		switch c := dataset[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', c == '_', c == '-', c == '.' && i > 0:
			b.WriteByte(c)
		default: // capitals too: some file systems take them for small ones
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if name := b.String(); len(name) <= most {
		return name
	}
	return fmt.Sprintf("%s~%08x", b.String()[:most], crc32.ChecksumIEEE([]byte(dataset)))
}

// createPart writes a part's file under a temporary name, makes it durable and
// opens it. The caller has set the part's names.
func (s *Store) createPart(p *livePart, dataset string, write func(*part.Writer) error) (err error) {
	dir := s.path(dataDir, p.folder, p.partition)
	if err := s.makePartition(p.folder, p.partition); err != nil {
		return err
	}
	name := filepath.Join(dir, p.file())
	w, err := part.Create(s.o.FS, name+tmpSuffix, dataset)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.o.FS.Remove(name + tmpSuffix) // the first error is the one to tell
		}
	}()
	if err := write(w); err != nil {
		w.Abort()
		return err
	}
	if err := w.Finish(); err != nil {
		return err
	}
	if err := s.o.FS.Rename(name+tmpSuffix, name); err != nil {
		return err
	}
	if err := s.o.FS.SyncDir(dir); err != nil {
		return err
	}
	return s.openPart(p)
}

// makePartition makes a partition's folder so that it survives a crash.
func (s *Store) makePartition(folder, partition string) error {
	s.dirs.Lock()
	defer s.dirs.Unlock()
	dir := s.path(dataDir, folder, partition)
	if s.dirs.made[dir] {
		return nil
	}
	if err := s.o.FS.MkdirAll(dir); err != nil {
		return err
	}
	// Also where the folders exist: who made them may have failed to sync them.
	if err := s.o.FS.SyncDir(s.path(dataDir)); err != nil {
		return err
	}
	if err := s.o.FS.SyncDir(s.path(dataDir, folder)); err != nil {
		return err
	}
	if s.dirs.made == nil {
		s.dirs.made = map[string]bool{}
	}
	s.dirs.made[dir] = true
	return nil
}

// openPart reads the footer of a part.
func (s *Store) openPart(p *livePart) error {
	opened, err := part.Open(s.o.FS, s.path(dataDir, p.folder, p.partition, p.file()), s.cache)
	if err != nil {
		return err
	}
	if len(opened.Groups) == 0 {
		return fmt.Errorf("part %s: %w: no row groups", opened.Path, part.ErrCorrupt)
	}
	p.Part = opened
	p.rows = opened.Rows()
	p.first, p.last = opened.Bounds()
	return nil
}

// loadManifest opens the parts that count and removes files that do not. A manifest
// that is damaged is set aside and made anew from the parts that are there.
func (s *Store) loadManifest() (*manifest.Manifest, error) {
	man := &manifest.Manifest{Generation: 1, Floor: 1, Seq: 1}
	raw, err := manifest.Load(s.o.FS, s.path(manifestName))
	if err == nil {
		man, err = manifest.Decode(raw)
	}
	found, lerr := listParts(s.o.FS, s.path(dataDir))
	if lerr != nil {
		return nil, lerr
	}
	rebuild := false
	switch {
	case err == nil:
	case vfs.IsNotExist(err):
		// The first start. Parts without a manifest (somebody removed it) count.
		rebuild = len(found.parts) > 0
	case errors.Is(err, manifest.ErrCorrupt):
		s.quarantine(s.path(manifestName), err)
		rebuild = true
	default:
		return nil, err
	}
	if rebuild {
		man = rebuildManifest(found)
		s.o.Logger.Warn("manifest made anew from the parts that are there", "parts", len(man.Parts))
	}
	listed := map[string]bool{}
	for _, mp := range man.Parts {
		p := &livePart{folder: mp.Folder, partition: mp.Partition, lo: mp.Lo, hi: mp.Hi, edition: mp.Edition, goneNumber: mp.Gone}
		name := s.path(dataDir, mp.Folder, mp.Partition, p.file())
		listed[name] = true
		if mp.Gone > 0 {
			listed[s.path(dataDir, mp.Folder, mp.Partition, goneFile(mp))] = true
		}
		err := s.openPart(p)
		if err == nil {
			err = s.loadTombstone(p)
		}
		switch {
		case err == nil:
			s.mu.parts = append(s.mu.parts, p)
		case errors.Is(err, part.ErrCorrupt), unreadable(err):
			s.quarantinePart(p, name, err)
		case vfs.IsNotExist(err):
			s.m.quarantined.Inc()
			s.mu.missing = append(s.mu.missing, name)
			s.o.Logger.Error("a part is missing: its rows are lost", "part", name)
		default:
			return nil, err
		}
	}
	slices.SortFunc(s.mu.parts, compareParts)
	for _, name := range found.files {
		if !listed[name] {
			_ = s.o.FS.Remove(name) // left over from a crash; harmless if it stays
		}
	}
	for _, dir := range found.dirs {
		used := slices.ContainsFunc(man.Parts, func(p manifest.Part) bool { return s.path(dataDir, p.Folder, p.Partition) == dir })
		if !used {
			_ = s.o.FS.Remove(dir) // fails when it is not empty
		}
	}
	return man, nil
}

// rebuildManifest lists parts without those whose rows are in a merged one.
func rebuildManifest(found listing) *manifest.Manifest {
	man := &manifest.Manifest{Generation: 1, Floor: 1, Seq: 1}
	for _, p := range found.parts {
		man.Generation = max(man.Generation, p.Hi+1)
		inside := slices.ContainsFunc(found.parts, func(q manifest.Part) bool {
			same := q.Lo == p.Lo && p.Hi == q.Hi
			return q != p && q.Folder == p.Folder && q.Partition == p.Partition && q.Lo <= p.Lo && p.Hi <= q.Hi && (!same || q.Edition > p.Edition)
		})
		if inside {
			continue
		}
		// The last tombstone knows what the ones before it did.
		number := uint64(0)
		for _, t := range found.gone {
			if of := (manifest.Part{Folder: t.Folder, Partition: t.Partition, Lo: t.Lo, Hi: t.Hi, Edition: t.Edition}); of == p {
				number = max(number, t.Gone)
			}
		}
		p.Gone = number
		man.Parts = append(man.Parts, p)
	}
	return man
}

// listing is what lies in the data folder.
type listing struct {
	files []string // all of them
	dirs  []string // of the partitions
	parts []manifest.Part
	gone  []manifest.Part // the tombstones: the part each is of, and its number
}

func listParts(fsys vfs.FS, dir string) (listing, error) {
	var l listing
	err := eachEntry(fsys, dir, true, func(folder string) error {
		return eachEntry(fsys, filepath.Join(dir, folder), true, func(partition string) error {
			l.dirs = append(l.dirs, filepath.Join(dir, folder, partition))
			return eachEntry(fsys, filepath.Join(dir, folder, partition), false, func(file string) error {
				l.files = append(l.files, filepath.Join(dir, folder, partition, file))
				p, ok := parseFile(file)
				p.Folder, p.Partition = folder, partition
				switch {
				case ok && p.Gone > 0:
					l.gone = append(l.gone, p)
				case ok:
					l.parts = append(l.parts, p)
				}
				return nil
			})
		})
	})
	return l, err
}

func eachEntry(fsys vfs.FS, dir string, dirs bool, f func(name string) error) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.IsDir() == dirs {
			if err := f(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// saveManifest writes what counts now. Files that are not needed any more go only
// after that: when the write fails, the manifest on disk may be the old or the new
// one, and both must find their files.
func (s *Store) saveManifest() (err error) {
	s.manifestMu.Lock()
	defer s.manifestMu.Unlock()
	defer func() { s.note(workManifest, err) }()
	man, trash, stale := s.manifest()
	keep := func(err error) error {
		s.mu.Lock()
		s.mu.trash = append(s.mu.trash, trash...)
		s.mu.stale = append(s.mu.stale, stale...)
		s.mu.Unlock()
		return err
	}
	if man.Floor > s.walFloor {
		now := s.o.Clock()
		if s.clockJumped(now) == 0 { // else they are not as old as they seem
			if n := s.sources.expire(now); n > 0 {
				s.o.Logger.Info("forgot sources that have not sent for long", "sources", n)
			}
		}
		// Positions may be newer than the floor: replaying the rest of the log over
		// them changes nothing.
		if err := manifest.Save(s.o.FS, s.path(positionsName), s.sources.encode(now)); err != nil {
			return keep(fmt.Errorf("save positions: %w", err))
		}
	}
	if err := manifest.Save(s.o.FS, s.path(manifestName), man.Encode()); err != nil {
		return keep(fmt.Errorf("save manifest: %w", err))
	}
	s.walFloor = man.Floor
	s.mu.Lock()
	for _, p := range trash {
		p.saved = true
		if p.refs == 0 {
			s.removePart(p)
		}
	}
	s.mu.Unlock()
	for _, name := range stale {
		s.removeFile(name)
	}
	s.logMu.Lock()
	defer s.logMu.Unlock()
	if err := s.log.Remove(man.Floor); err != nil {
		s.o.Logger.Warn("cannot remove old segments, trying again later", "error", err)
	}
	return nil
}

// manifest describes what counts now, and hands out the dead parts and the replaced
// tombstones that it does not list any more.
func (s *Store) manifest() (man manifest.Manifest, trash []*livePart, stale []string) {
	s.logMu.Lock()
	man.Seq = s.log.Next()
	s.logMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	man.Generation = s.mu.active.Generation
	if s.mu.flushing != nil {
		man.Generation = s.mu.flushing.Generation
	}
	for _, p := range s.mu.parts {
		man.Parts = append(man.Parts, p.entry())
	}
	man.Floor = s.mu.done
	trash, stale = s.mu.trash, s.mu.stale
	s.mu.trash, s.mu.stale = nil, nil
	return man, trash, stale
}

// removePart removes a dead part's files. Empty folders go at the next start, when
// nobody is about to write into them.
func (s *Store) removePart(p *livePart) {
	s.cache.Forget(p.Part)
	s.removeFile(p.Path)
	if p.goneNumber > 0 {
		s.removeFile(s.gonePath(p))
	}
}

func (s *Store) removeFile(name string) {
	if err := s.o.FS.Remove(name); err != nil && !vfs.IsNotExist(err) {
		s.o.Logger.Warn("cannot remove a file that is not needed any more", "file", name, "error", err)
	}
}

// replaceLocked takes parts out of the live ones and puts others in.
func (s *Store) replaceLocked(out, in []*livePart) {
	s.mu.parts = slices.DeleteFunc(s.mu.parts, func(p *livePart) bool { return slices.Contains(out, p) })
	s.mu.parts = append(s.mu.parts, in...)
	slices.SortFunc(s.mu.parts, compareParts)
	for _, p := range out {
		p.dead = true
		s.mu.trash = append(s.mu.trash, p)
	}
}

// release ends a scan's use of a part.
func (s *Store) release(p *livePart) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.refs--
	if p.refs == 0 && p.dead && p.saved {
		s.removePart(p)
	}
}

// setAside takes a damaged part out of the live ones and out of the way, so that
// the others go on and a person can look at it.
func (s *Store) setAside(p *livePart, cause error) {
	s.mu.Lock()
	if p.dead {
		s.mu.Unlock()
		return
	}
	s.replaceLocked([]*livePart{p}, nil)
	s.mu.trash = slices.DeleteFunc(s.mu.trash, func(q *livePart) bool { return q == p })
	s.mu.Unlock()
	s.quarantinePart(p, p.Path, cause)
	if err := s.saveManifest(); err != nil {
		s.o.Logger.Error("manifest not written, trying again with the next change", "error", err)
	}
}

// quarantinePart moves a damaged part and the tombstone beside it out of the way.
func (s *Store) quarantinePart(p *livePart, name string, cause error) {
	if p.goneNumber > 0 {
		gone := s.gonePath(p)
		if err := s.o.FS.Rename(gone, s.asidePath(gone)); err != nil && !vfs.IsNotExist(err) {
			s.o.Logger.Warn("the list of deleted rows stays beside where its part was", "file", gone, "error", err)
		}
	}
	s.quarantine(name, cause)
}

// asidePath is where a file goes that is set aside.
func (s *Store) asidePath(name string) string {
	rel, err := filepath.Rel(s.o.Dir, name)
	if err != nil {
		rel = filepath.Base(name)
	}
	return s.path(quarantineDir, strings.ReplaceAll(rel, string(filepath.Separator), "+"))
}

// quarantine moves a damaged file out of the way and tells everybody.
func (s *Store) quarantine(name string, cause error) {
	s.m.quarantined.Inc()
	to := s.asidePath(name)
	s.asides.remember(s.o.Dir, to, cause)
	err := s.o.FS.Rename(name, to)
	if err == nil {
		err = errors.Join(s.o.FS.SyncDir(s.path(quarantineDir)), s.o.FS.SyncDir(filepath.Dir(name)))
	}
	s.o.Logger.Error("damaged file set aside: its rows are missing from answers", "file", name, "now", to, "error", cause, "move", err)
}
