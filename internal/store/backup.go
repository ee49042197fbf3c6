package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"path"

	"journalist/internal/record"
	"journalist/internal/store/manifest"
	"journalist/internal/store/part"
	"journalist/internal/vfs"
)

// Snapshot is what a store held at a moment: all rows that were committed before it,
// none after, and the positions of exactly then. Its files stay until Close, also
// when the store would remove them. One goroutine uses it.
type Snapshot struct {
	// Files are what a copy of the store consists of, the big ones first. The
	// copy has no write-ahead log: everything is in parts.
	Files []SnapshotFile
	// Rows is how many rows are in them.
	Rows int64

	store *Store
	parts []*livePart
}

// SnapshotFile is a file of a snapshot.
type SnapshotFile struct {
	// Name is relative to the store's directory, with slashes.
	Name string
	Size int64
	// Part tells that the file is a part: it never changes, and one with the same
	// name, size and Tail is the same.
	Part bool

	fs   vfs.FS
	path string
	data []byte
}

// tailBytesOfPart is how much of a part's end tells it from another of its name: its
// footer's checksum, which covers all other checksums, stands there.
const tailBytesOfPart = 16

// Open opens the file's content.
func (f *SnapshotFile) Open() (io.ReadCloser, error) {
	if !f.Part {
		return io.NopCloser(bytes.NewReader(f.data)), nil
	}
	return f.fs.Open(f.path)
}

// Tail is the part's last bytes in hexadecimal.
func (f *SnapshotFile) Tail() (string, error) { return PartTail(f.fs, f.path) }

// PartTail returns the last bytes of a part's file in hexadecimal.
func PartTail(fsys vfs.FS, name string) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	b := make([]byte, min(tailBytesOfPart, info.Size()))
	if n, err := f.ReadAt(b, info.Size()-int64(len(b))); n < len(b) {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return hex.EncodeToString(b), nil
}

// Snapshot takes a snapshot, which must be closed. Batches are taken meanwhile; it
// waits for the memory to be written to parts.
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	// Merges and deletions wait: a part with rows of before and after the moment
	// would be neither in nor out.
	s.mergeMu.Lock()
	defer s.mergeMu.Unlock()
	man, positions, err := s.cut(ctx)
	if err == nil {
		err = s.waitFlushed(ctx, man.Generation-1)
	}
	if err != nil {
		if s.stopped.Err() != nil {
			err = record.ErrClosed
		}
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	snap := &Snapshot{store: s}
	var small []SnapshotFile
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.mu.parts {
		if p.hi >= man.Generation {
			continue
		}
		p.refs++
		snap.parts = append(snap.parts, p)
		snap.Rows += p.liveRows()
		man.Parts = append(man.Parts, p.entry())
		dir := path.Join(dataDir, p.folder, p.partition)
		snap.Files = append(snap.Files, SnapshotFile{Name: path.Join(dir, p.file()), Size: p.Size, Part: true, fs: s.o.FS, path: p.Path})
		if p.gone != nil {
			small = append(small, smallFile(path.Join(dir, goneFile(p.entry())), p.gone.file()))
		}
	}
	small = append(small, smallFile(positionsName, manifest.File(positions)), smallFile(manifestName, manifest.File(man.Encode())))
	snap.Files = append(snap.Files, small...)
	return snap, nil
}

func smallFile(name string, data []byte) SnapshotFile {
	return SnapshotFile{Name: name, Size: int64(len(data)), data: data}
}

// cut draws the line: what was committed until now is in tables of generations below
// the manifest's, and the positions are of now.
func (s *Store) cut(ctx context.Context) (man manifest.Manifest, positions []byte, err error) {
	for {
		if err := s.Flush(ctx); err != nil { // most of the work, without locks
			return man, nil, err
		}
		s.logMu.Lock()
		s.mu.Lock()
		free := s.mu.flushing == nil
		if free {
			positions = s.sources.encode(s.o.Clock())
			s.rotateLocked()
			man = manifest.Manifest{Generation: s.mu.active.Generation, Floor: s.log.Rotate(), Seq: s.log.Next()}
		}
		s.mu.Unlock()
		s.logMu.Unlock()
		if free {
			return man, positions, nil
		}
	}
}

// waitFlushed waits until the tables up to this generation are in parts.
func (s *Store) waitFlushed(ctx context.Context, generation uint64) error {
	for {
		s.mu.Lock()
		flushing, flushed, err := s.mu.flushing, s.mu.flushed, s.mu.flushErr
		s.mu.Unlock()
		switch {
		case flushing == nil || flushing.Generation > generation:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-flushed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopped.Done():
			return s.stopped.Err()
		}
	}
}

// Close lets the snapshot's files go.
func (b *Snapshot) Close() {
	for _, p := range b.parts {
		b.store.release(p)
	}
	b.parts = nil
}

// VerifyPart reads a part's file whole and checks every checksum.
func VerifyPart(fsys vfs.FS, name string) error {
	p, err := part.Open(fsys, name, nil)
	if err != nil {
		return err
	}
	r, err := p.Reader()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read
	for i := range p.Groups {
		if err := r.Verify(i); err != nil {
			return err
		}
	}
	return nil
}
