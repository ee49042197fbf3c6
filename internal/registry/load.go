package registry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"journalist/internal/record"
	"journalist/internal/vfs"
	"journalist/internal/wire"
)

// State is what the registry's files say.
type State struct {
	// Generations are all that are known, in no order.
	Generations []record.Generation
	// Problems tell what was damaged and what that means; none in good health.
	Problems []string
}

// Load reads the registry in dir without changing anything. It may be called
// beside a running scribe; what that has not yet written is not seen. A folder
// without a registry gives an empty State.
func Load(fsys vfs.FS, dir string) (State, error) {
	// A running scribe may replace the files between listing and opening them;
	// the next look finds the new ones.
	var err error
	for range 5 {
		var l *loader
		if l, err = load(fsys, dir); err == nil {
			return l.state(), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return State{}, err
}

const (
	filePrefix  = "registry-"
	snapshotExt = ".snap"
	logExt      = ".log"
)

func fileName(dir string, seq uint64, ext string) string {
	return filepath.Join(dir, fmt.Sprintf("%s%016x%s", filePrefix, seq, ext))
}

// listing is the sequence numbers of the files that are there, ascending.
type listing struct{ snaps, logs []uint64 }

func list(fsys vfs.FS, dir string) (ls listing, err error) {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return ls, nil
	}
	if err != nil {
		return ls, err
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filePrefix)
		if !ok {
			continue
		}
		hex, ext, _ := strings.Cut(rest, ".")
		seq, err := strconv.ParseUint(hex, 16, 64)
		if err != nil || len(hex) != 16 {
			continue
		}
		switch "." + ext {
		case snapshotExt:
			ls.snaps = append(ls.snaps, seq)
		case logExt:
			ls.logs = append(ls.logs, seq)
		}
	}
	slices.Sort(ls.snaps)
	slices.Sort(ls.logs)
	return ls, nil
}

func (ls listing) last() (seq uint64) {
	for _, s := range [][]uint64{ls.snaps, ls.logs} {
		if len(s) > 0 {
			seq = max(seq, s[len(s)-1])
		}
	}
	return seq
}

// loader gathers what snapshots and logs say.
type loader struct {
	gens     map[record.SourceID]*record.Generation
	problems []string
	files    listing
	// base is the snapshot that was used; with it the logs from base on hold
	// everything. 0 when none was readable.
	base uint64
	// damaged are the names of files that could not be read to their end.
	damaged []string
}

func load(fsys vfs.FS, dir string) (*loader, error) {
	ls, err := list(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("registry: list %s: %w", dir, err)
	}
	l := &loader{files: ls}
	for _, seq := range slices.Backward(ls.snaps) {
		name := fileName(dir, seq, snapshotExt)
		l.gens = make(map[record.SourceID]*record.Generation)
		complete := false
		err := readFile(fsys, name, typeSnapshot, seq, func(e *entry) error {
			complete = e.kind == entryEnd && e.count == uint64(len(l.gens))
			l.apply(e)
			return nil
		})
		if err == nil && !complete {
			err = fmt.Errorf("%w: the end is missing", ErrCorrupt)
		}
		if err == nil {
			l.base = seq
			break
		}
		if !errors.Is(err, ErrCorrupt) {
			return nil, fmt.Errorf("registry: read %s: %w", name, err)
		}
		l.gens = nil
		l.damaged = append(l.damaged, name)
		l.problems = append(l.problems, fmt.Sprintf("%s: %v; falling back to the snapshot before it", name, err))
	}
	if l.base == 0 {
		l.gens = make(map[record.SourceID]*record.Generation)
		if len(ls.snaps) > 0 {
			l.problems = append(l.problems, "no snapshot of the registry is readable: files whose positions are not in its logs are read again from their start")
		}
	}
	return l, l.replay(fsys, dir)
}

// replay applies the logs that follow the base.
func (l *loader) replay(fsys vfs.FS, dir string) error {
	for _, seq := range l.files.logs {
		if seq < l.base {
			continue
		}
		name := fileName(dir, seq, logExt)
		err := readFile(fsys, name, typeLog, seq, func(e *entry) error { l.apply(e); return nil })
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrCorrupt) {
			return fmt.Errorf("registry: read %s: %w", name, err)
		}
		var torn *tornError
		if errors.As(err, &torn) && seq == l.files.last() {
			continue // the last write was cut by a crash; nothing in it was promised
		}
		l.damaged = append(l.damaged, name)
		l.problems = append(l.problems, fmt.Sprintf("%s: %v; what follows there is lost, some lines may be sent again", name, err))
	}
	return nil
}

func (l *loader) apply(e *entry) {
	switch e.kind {
	case entryFull:
		g := e.g
		l.gens[g.ID] = &g
	case entryUpdate:
		if g := l.gens[e.g.ID]; g != nil {
			e.g.Path, e.g.Dev, e.g.Ino = g.Path, g.Dev, g.Ino
			*g = e.g
		}
	case entryForget:
		delete(l.gens, e.g.ID)
	}
}

func (l *loader) state() State {
	s := State{Problems: l.problems, Generations: make([]record.Generation, 0, len(l.gens))}
	for _, g := range l.gens {
		s.Generations = append(s.Generations, *g)
	}
	return s
}

// tornError is a file that ends inside a frame.
type tornError struct{ offset int64 }

func (e *tornError) Error() string { return fmt.Sprintf("cut at byte %d", e.offset) }
func (e *tornError) Unwrap() error { return ErrCorrupt }

func readFile(fsys vfs.FS, name string, kind byte, seq uint64, each func(*entry) error) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	return readFrames(f, kind, seq, each)
}

// readFrames calls each for every entry of the file's sound part. All errors
// about the content wrap ErrCorrupt. An entry is valid only during the call.
func readFrames(r io.Reader, kind byte, seq uint64, each func(*entry) error) error {
	br := bufio.NewReaderSize(r, softFrame)
	var head [headerSize]byte
	if n, err := io.ReadFull(br, head[:]); err != nil {
		if n < headerSize && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
			return &tornError{}
		}
		return err
	}
	if err := checkHeader(head[:], kind, seq); err != nil {
		return err
	}
	offset := int64(headerSize)
	var buf []byte
	for {
		var fh [frameHeader]byte
		if _, err := io.ReadFull(br, fh[:]); errors.Is(err, io.EOF) {
			return nil
		} else if errors.Is(err, io.ErrUnexpectedEOF) {
			return &tornError{offset}
		} else if err != nil {
			return err
		}
		size := binary.LittleEndian.Uint32(fh[:])
		if size > maxFrame || size == 0 {
			return fmt.Errorf("%w: frame of %d bytes at byte %d", ErrCorrupt, size, offset)
		}
		if cap(buf) < int(size) {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if _, err := io.ReadFull(br, buf); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return &tornError{offset}
		} else if err != nil {
			return err
		}
		if crc32.Checksum(buf, castagnoli) != binary.LittleEndian.Uint32(fh[4:]) {
			if _, err := br.Peek(1); errors.Is(err, io.EOF) {
				return &tornError{offset} // size known, content not yet: a cut last write
			}
			return fmt.Errorf("%w: checksum of the frame at byte %d is wrong", ErrCorrupt, offset)
		}
		d := decoder{wire.Decoder{Data: buf, Kind: ErrCorrupt}}
		for {
			e, ok := d.next()
			if !ok {
				break
			}
			if err := each(&e); err != nil {
				return err
			}
		}
		if d.Err() != nil {
			return fmt.Errorf("frame at byte %d: %w", offset, d.Err())
		}
		offset += frameHeader + int64(size)
	}
}
