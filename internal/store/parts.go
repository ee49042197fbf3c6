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
	rows              int64
	first, last       int64

	// Guarded by Store.mu.
	refs  int  // scans that use it
	dead  bool // not live any more
	saved bool // the manifest does not list it any more: the file may go
}

func (p *livePart) file() string { return partFile(p.lo, p.hi) }

func partFile(lo, hi uint64) string { return fmt.Sprintf("%016x-%016x", lo, hi) + partSuffix }

func parsePartFile(name string) (lo, hi uint64, ok bool) {
	base, ok := strings.CutSuffix(name, partSuffix)
	if !ok || len(base) != 33 || base[16] != '-' {
		return 0, 0, false
	}
	lo, err1 := strconv.ParseUint(base[:16], 16, 64)
	hi, err2 := strconv.ParseUint(base[17:], 16, 64)
	return lo, hi, err1 == nil && err2 == nil && lo <= hi
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
	opened, err := part.Open(s.o.FS, s.path(dataDir, p.folder, p.partition, p.file()))
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
		man = rebuildManifest(found.parts)
		s.o.Logger.Warn("manifest made anew from the parts that are there", "parts", len(man.Parts))
	}
	listed := map[string]bool{}
	for _, mp := range man.Parts {
		p := &livePart{folder: mp.Folder, partition: mp.Partition, lo: mp.Lo, hi: mp.Hi}
		name := s.path(dataDir, mp.Folder, mp.Partition, p.file())
		listed[name] = true
		switch err := s.openPart(p); {
		case err == nil:
			s.mu.parts = append(s.mu.parts, p)
		case errors.Is(err, part.ErrCorrupt):
			s.quarantine(name, err)
		case vfs.IsNotExist(err):
			s.m.quarantined.Inc()
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
func rebuildManifest(parts []manifest.Part) *manifest.Manifest {
	man := &manifest.Manifest{Generation: 1, Floor: 1, Seq: 1}
	for _, p := range parts {
		man.Generation = max(man.Generation, p.Hi+1)
		inside := slices.ContainsFunc(parts, func(q manifest.Part) bool {
			return q != p && q.Folder == p.Folder && q.Partition == p.Partition && q.Lo <= p.Lo && p.Hi <= q.Hi
		})
		if !inside {
			man.Parts = append(man.Parts, p)
		}
	}
	return man
}

// listing is what lies in the data folder.
type listing struct {
	files []string // all of them
	dirs  []string // of the partitions
	parts []manifest.Part
}

func listParts(fsys vfs.FS, dir string) (listing, error) {
	var l listing
	err := eachEntry(fsys, dir, true, func(folder string) error {
		return eachEntry(fsys, filepath.Join(dir, folder), true, func(partition string) error {
			l.dirs = append(l.dirs, filepath.Join(dir, folder, partition))
			return eachEntry(fsys, filepath.Join(dir, folder, partition), false, func(file string) error {
				l.files = append(l.files, filepath.Join(dir, folder, partition, file))
				if lo, hi, ok := parsePartFile(file); ok {
					l.parts = append(l.parts, manifest.Part{Folder: folder, Partition: partition, Lo: lo, Hi: hi})
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
func (s *Store) saveManifest() error {
	s.manifestMu.Lock()
	defer s.manifestMu.Unlock()
	man, trash := s.manifest()
	keep := func(err error) error {
		s.mu.Lock()
		s.mu.trash = append(s.mu.trash, trash...)
		s.mu.Unlock()
		return err
	}
	if man.Floor > s.walFloor {
		now := s.o.Clock()
		if n := s.sources.expire(now); n > 0 {
			s.o.Logger.Info("forgot sources that have not sent for long", "sources", n)
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
	s.logMu.Lock()
	defer s.logMu.Unlock()
	if err := s.log.Remove(man.Floor); err != nil {
		s.o.Logger.Warn("cannot remove old segments, trying again later", "error", err)
	}
	return nil
}

// manifest describes what counts now, and hands out the dead parts that it does not
// list any more.
func (s *Store) manifest() (man manifest.Manifest, trash []*livePart) {
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
		man.Parts = append(man.Parts, manifest.Part{Folder: p.folder, Partition: p.partition, Lo: p.lo, Hi: p.hi, Size: p.Size})
	}
	man.Floor = s.mu.done
	trash = s.mu.trash
	s.mu.trash = nil
	return man, trash
}

// removePart removes a dead part's file. Empty folders go at the next start, when
// nobody is about to write into them.
func (s *Store) removePart(p *livePart) {
	if err := s.o.FS.Remove(p.Path); err != nil && !vfs.IsNotExist(err) {
		s.o.Logger.Warn("cannot remove a part that is not needed any more", "part", p.Path, "error", err)
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
	s.quarantine(p.Path, cause)
	if err := s.saveManifest(); err != nil {
		s.o.Logger.Error("manifest not written, trying again with the next change", "error", err)
	}
}

// quarantine moves a damaged file out of the way and tells everybody.
func (s *Store) quarantine(name string, cause error) {
	s.m.quarantined.Inc()
	rel, err := filepath.Rel(s.o.Dir, name)
	if err != nil {
		rel = filepath.Base(name)
	}
	to := s.path(quarantineDir, strings.ReplaceAll(rel, string(filepath.Separator), "+"))
	err = s.o.FS.Rename(name, to)
	if err == nil {
		err = errors.Join(s.o.FS.SyncDir(s.path(quarantineDir)), s.o.FS.SyncDir(filepath.Dir(name)))
	}
	s.o.Logger.Error("damaged file set aside: its rows are missing from answers", "file", name, "now", to, "error", cause, "move", err)
}
