package store

import (
	"errors"
	"fmt"
	"path/filepath"

	"journalist/internal/store/manifest"
	"journalist/internal/store/part"
	"journalist/internal/store/wal"
	"journalist/internal/vfs"
)

// Problem is something that Verify found wrong.
type Problem struct {
	Path string
	Err  error
}

// Summary is what Verify read.
type Summary struct {
	Parts, Groups int
	Rows          int64 // in parts, without the deleted ones
	Deleted       int64 // rows that are deleted and still in parts
	Bytes         int64 // of parts
	WALBatches    int64
	WALRows       int64
	Positions     int
	Leftovers     int // files that do not count; the next start removes them
	SetAside      int // damaged files that were set aside before
	Problems      int
}

// Verify checks every checksum of a data directory and whatever must hold between
// its files, without changing any. No store may have it open. The error says that
// the check itself could not be made.
func Verify(fsys vfs.FS, dir string, report func(Problem)) (Summary, error) {
	v := verifier{fs: fsys, dir: dir, report: report}
	if _, err := fsys.Stat(dir); err != nil {
		return v.sum, fmt.Errorf("verify: %w", err)
	}
	unlock, err := vfs.Lock(fsys, filepath.Join(dir, lockName), 0)
	if errors.Is(err, vfs.ErrLocked) {
		return v.sum, fmt.Errorf("data directory %s is in use: stop the server first: %w", dir, err)
	}
	if err != nil {
		return v.sum, fmt.Errorf("verify: %w", err)
	}
	defer func() { _ = unlock() }() // nothing was written under it
	return v.run()
}

// VerifyCopy is Verify for a copy that no store ever opens: it takes no lock, so
// that the copy may lie where nothing can be written.
func VerifyCopy(fsys vfs.FS, dir string, report func(Problem)) (Summary, error) {
	v := verifier{fs: fsys, dir: dir, report: report}
	return v.run()
}

func (v *verifier) run() (Summary, error) {
	dir, fsys := v.dir, v.fs
	man, err := v.manifest()
	if err != nil {
		return v.sum, err
	}
	if err := v.parts(man); err != nil {
		return v.sum, err
	}
	if err := v.log(man); err != nil {
		return v.sum, err
	}
	aside, err := fsys.ReadDir(filepath.Join(dir, quarantineDir))
	if err != nil && !vfs.IsNotExist(err) {
		return v.sum, err
	}
	v.sum.SetAside += len(aside)
	return v.sum, nil
}

type verifier struct {
	fs     vfs.FS
	dir    string
	report func(Problem)
	sum    Summary
}

func (v *verifier) problem(path string, err error) {
	v.sum.Problems++
	if v.report != nil {
		v.report(Problem{Path: path, Err: err})
	}
}

// manifest checks the manifest and the positions.
func (v *verifier) manifest() (*manifest.Manifest, error) {
	man := &manifest.Manifest{}
	name := filepath.Join(v.dir, manifestName)
	raw, err := manifest.Load(v.fs, name)
	if err == nil {
		man, err = manifest.Decode(raw)
	}
	if err != nil {
		if !vfs.IsNotExist(err) && !errors.Is(err, manifest.ErrCorrupt) {
			return nil, fmt.Errorf("verify: %w", err)
		}
		v.problem(name, err)
	}
	name = filepath.Join(v.dir, positionsName)
	raw, err = manifest.Load(v.fs, name)
	if err == nil {
		src := newSources()
		err = src.decode(raw)
		v.sum.Positions = src.len()
	}
	if err != nil && !vfs.IsNotExist(err) {
		v.problem(name, err)
	}
	return man, nil
}

func (v *verifier) parts(man *manifest.Manifest) error {
	listed := map[string]bool{}
	last := map[string]manifest.Part{}
	for _, p := range man.Parts {
		name := filepath.Join(v.dir, dataDir, p.Folder, p.Partition, partFile(p))
		listed[name] = true
		if p.Gone > 0 {
			listed[filepath.Join(filepath.Dir(name), goneFile(p))] = true
		}
		where := p.Folder + "/" + p.Partition
		if before, ok := last[where]; ok && p.Lo <= before.Hi || p.Hi >= man.Generation {
			v.problem(name, fmt.Errorf("%w: its generations overlap with others", part.ErrCorrupt))
		}
		last[where] = p
		if err := v.part(name, p); err != nil {
			v.problem(name, err)
		}
	}
	found, err := listParts(v.fs, filepath.Join(v.dir, dataDir))
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, name := range found.files {
		if !listed[name] {
			v.sum.Leftovers++
		}
	}
	return nil
}

func (v *verifier) part(name string, mp manifest.Part) error {
	p, err := part.Open(v.fs, name, nil)
	if err != nil {
		return err
	}
	if p.Size != mp.Size && mp.Size != 0 {
		return fmt.Errorf("%w: %d bytes, the manifest says %d", part.ErrCorrupt, p.Size, mp.Size)
	}
	if escape(p.Dataset) != mp.Folder {
		return fmt.Errorf("%w: it holds the dataset %q", part.ErrCorrupt, p.Dataset)
	}
	r, err := p.Reader()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read
	gone, err := readTombstone(v.fs, filepath.Join(filepath.Dir(name), goneFile(mp)), mp, p)
	if err != nil {
		return err
	}
	v.sum.Parts++
	v.sum.Bytes += p.Size
	v.sum.Deleted += gone.count()
	for i := range p.Groups {
		if err := r.Verify(i); err != nil {
			v.problem(name, err)
			continue
		}
		v.sum.Groups++
		v.sum.Rows += int64(p.Groups[i].Rows - gone.group(i).count())
	}
	return nil
}

func (v *verifier) log(man *manifest.Manifest) error {
	dir := filepath.Join(v.dir, walDir)
	if _, err := v.fs.Stat(dir); vfs.IsNotExist(err) {
		return nil
	}
	_, rep, err := wal.Recover(wal.Options{FS: v.fs, Dir: dir, Floor: man.Floor, Next: man.Seq, Check: true}, func(e wal.Entry) error {
		b, err := decodeBody(e.Body)
		if err == nil {
			v.sum.WALRows += int64(b.Len())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	v.sum.WALBatches = rep.Entries
	for _, p := range rep.Problems {
		v.problem(p.Segment, p.Err)
	}
	return nil
}
