package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/manifest"
	"journalist/internal/store/part"
	"journalist/internal/store/wal"
	"journalist/internal/vfs"
)

// Inspect is Store.Inventory for a data directory that no store has open. It changes
// nothing, so that it also works where nothing can be written, and stops when stop
// returns an error. Damaged parts are named in Partial and stay where they are.
func Inspect(stop func() error, fsys vfs.FS, dir string, req scan.InventoryRequest, progress func(scan.InventoryProgress)) (scan.Inventory, error) {
	if _, err := fsys.Stat(dir); err != nil {
		return scan.Inventory{}, fmt.Errorf("inspect: %w", err)
	}
	unlock, err := vfs.Lock(fsys, filepath.Join(dir, lockName), 0)
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return scan.Inventory{}, fmt.Errorf("data directory %s is in use: %w", dir, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		// Whoever may only read takes no lock and has nothing to break.
		unlock = func() error { return nil }
	case err != nil:
		return scan.Inventory{}, fmt.Errorf("inspect: %w", err)
	}
	defer func() { _ = unlock() }() // nothing was written under it
	x := inspector{fs: fsys, dir: dir, inv: newInventory(req, time.Now())}
	man, err := x.manifest()
	if err != nil {
		return scan.Inventory{}, err
	}
	for _, mp := range man.Parts {
		if err := stop(); err != nil {
			return scan.Inventory{}, err
		}
		x.part(mp)
	}
	if err := x.log(man); err != nil {
		return scan.Inventory{}, err
	}
	if err := x.state(); err != nil {
		return scan.Inventory{}, err
	}
	open := func(i int) (*part.Part, error) { return x.parts[i], nil }
	if err := x.inv.read(stop, len(x.parts), open, func(i int, err error) { x.damaged(x.parts[i].Path, err) }, progress); err != nil {
		return scan.Inventory{}, fmt.Errorf("inspect: %w", err)
	}
	return x.inv.finish(), nil
}

type inspector struct {
	fs    vfs.FS
	dir   string
	inv   *inventory
	parts []*part.Part
}

func (x *inspector) damaged(name string, err error) {
	x.inv.out.Partial = append(x.inv.out.Partial, shownIn(x.dir, name)+": "+shortCause(x.dir, err))
}

// manifest reads the manifest; what is damaged or missing is made of the parts there
// are, as a start would.
func (x *inspector) manifest() (*manifest.Manifest, error) {
	name := filepath.Join(x.dir, manifestName)
	raw, err := manifest.Load(x.fs, name)
	if err == nil {
		var man *manifest.Manifest
		if man, err = manifest.Decode(raw); err == nil {
			return man, nil
		}
	}
	if !vfs.IsNotExist(err) {
		if !errors.Is(err, manifest.ErrCorrupt) {
			return nil, fmt.Errorf("inspect: %w", err)
		}
		x.damaged(name, err)
	}
	found, err := listParts(x.fs, filepath.Join(x.dir, dataDir))
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	return rebuildManifest(found), nil
}

func (x *inspector) part(mp manifest.Part) {
	name := filepath.Join(x.dir, dataDir, mp.Folder, mp.Partition, partFile(mp))
	p, err := openFile(x.fs, name)
	if err != nil {
		x.damaged(name, err)
		return
	}
	if want := x.inv.req.Dataset; want != "" && p.Dataset != want {
		return
	}
	gone, err := readTombstone(x.fs, filepath.Join(filepath.Dir(name), goneFile(mp)), mp, p)
	if err != nil {
		x.damaged(name, err)
	}
	x.parts = append(x.parts, p)
	x.inv.addPart(p, gone.count())
}

// log counts the rows that are only in the write-ahead log: the next start has them
// in memory.
func (x *inspector) log(man *manifest.Manifest) error {
	dir := filepath.Join(x.dir, walDir)
	entries, err := x.fs.ReadDir(dir)
	if vfs.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".wal") {
			x.inv.out.WALBytes += info.Size()
		}
	}
	_, rep, err := wal.Recover(wal.Options{FS: x.fs, Dir: dir, Floor: man.Floor, Next: man.Seq, Check: true}, func(e wal.Entry) error {
		b, err := decodeBody(e.Body)
		if err == nil {
			x.inv.addLogged(cmp.Or(b.Dataset, record.DefaultDataset), int64(b.Len()), int64(b.Bytes()))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	for _, p := range rep.Problems {
		x.damaged(p.Segment, p.Err)
	}
	return nil
}

// addLogged adds a batch that is only in the log.
func (v *inventory) addLogged(dataset string, rows, bytes int64) {
	if rows == 0 || v.req.Dataset != "" && v.req.Dataset != dataset {
		return
	}
	d := v.dataset(dataset)
	d.MemoryRows += rows
	d.Rows += rows
	v.out.Rows += rows
	v.out.MemoryRows += rows
	v.out.MemoryBytes += bytes
}

// state reads what else there is.
func (x *inspector) state() error {
	var a asides
	x.inv.out.Aside = a.list(x.fs, x.dir)
	if free, total, err := x.fs.Free(x.dir); err == nil {
		x.inv.out.Disk = scan.Disk{Free: free, Total: total}
	}
	name := filepath.Join(x.dir, positionsName)
	raw, err := manifest.Load(x.fs, name)
	if err == nil {
		src := newSources()
		err = src.decode(raw)
		x.inv.out.Sources = src.len()
	}
	switch {
	case err == nil, vfs.IsNotExist(err):
	case errors.Is(err, manifest.ErrCorrupt):
		x.damaged(name, err)
	default:
		return fmt.Errorf("inspect: %w", err)
	}
	return nil
}
