package spool

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

// segment is one file of the queue: the bytes from base on. Files are only
// appended to, and by the process that made them.
type segment struct {
	name string
	base uint64
	// size is how many bytes behind the header are valid; of the segment that is
	// written to, those that are synced.
	size int64
	disk int64 // how much it takes on disk
	file vfs.File
}

func (s *segment) end() uint64 { return s.base + uint64(s.size) }

const segmentSuffix = ".spool"

func segmentName(dir string, base uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", base, segmentSuffix))
}

// newSegment makes the file of a segment; the header is synced with the first
// frames.
func newSegment(fsys vfs.FS, dir string, id record.SourceID, base uint64) (*segment, error) {
	name := segmentName(dir, base)
	f, err := fsys.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(appendHeader(nil, magicSegment, id, base)); err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		_ = f.Close()         // the first error is the one to tell
		_ = fsys.Remove(name) // nothing of worth is in it
		return nil, err
	}
	return &segment{name: name, base: base, disk: int64(headerSize), file: f}, nil
}

// found is what a queue's folder holds.
type found struct {
	segs     []*segment // in order
	id       record.SourceID
	end      uint64 // behind every byte that may ever have been handed out
	problems []error
}

// openSegments opens what an earlier process left. Files that are no sound segments
// of this queue are renamed and reported as problems; id may be zero when the state
// file is lost, and is then taken from the segments.
func openSegments(fsys vfs.FS, dir string, id record.SourceID) (*found, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	in := &found{id: id}
	for _, e := range entries {
		hex, ok := strings.CutSuffix(strings.TrimSuffix(e.Name(), asideSuffix), segmentSuffix)
		base, err := strconv.ParseUint(hex, 16, 64)
		if !ok || err != nil {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if info, err := fsys.Stat(name); err == nil {
			in.end = max(in.end, base+uint64(max(0, info.Size()-int64(headerSize))))
		}
		if strings.HasSuffix(name, asideSuffix) {
			continue
		}
		s, err := in.open(fsys, name, base)
		if errors.Is(err, ErrCorrupt) {
			err = in.setAside(fsys, name, s, err)
		} else if err == nil && s.size == 0 { // the next segment has its name
			_ = s.file.Close() // only read
			err = fsys.Remove(name)
		} else if err == nil {
			in.segs = append(in.segs, s)
		}
		if err != nil {
			closeAll(in.segs)
			return nil, err
		}
	}
	slices.SortFunc(in.segs, func(a, b *segment) int { return cmp.Compare(a.base, b.base) })
	return in, nil
}

const asideSuffix = ".corrupt"

// open opens one segment that is to begin at base.
func (in *found) open(fsys vfs.FS, name string, base uint64) (*segment, error) {
	s, own, err := openSegment(fsys, name)
	if err != nil {
		return s, err
	}
	if in.id.IsZero() {
		in.id = own
	}
	if s.base != base || own != in.id {
		_ = s.file.Close() // only read
		return s, fmt.Errorf("%s: %w: it belongs to another queue", name, ErrCorrupt)
	}
	return s, nil
}

// setAside takes a file that is no sound segment out of the queue.
func (in *found) setAside(fsys vfs.FS, name string, s *segment, why error) error {
	if s.disk <= int64(headerSize) { // begun when the power failed
		in.problems = append(in.problems, fmt.Errorf("%w: removed, there is no line in it", why))
		return fsys.Remove(name)
	}
	in.problems = append(in.problems, fmt.Errorf("%w: set aside as %s", why, name+asideSuffix))
	return fsys.Rename(name, name+asideSuffix)
}

// openSegment reads the header. Whether the frames are sound shows when they are
// read: until then all bytes count as valid.
func openSegment(fsys vfs.FS, name string) (*segment, record.SourceID, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, record.SourceID{}, err
	}
	info, err := f.Stat()
	header := make([]byte, headerSize)
	var n int
	if err == nil {
		if n, err = f.ReadAt(header, 0); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		_ = f.Close() // only read
		return nil, record.SourceID{}, err
	}
	s := &segment{name: name, size: info.Size() - int64(headerSize), disk: info.Size(), file: f}
	id, base, err := readHeader(header[:n], magicSegment)
	if err != nil {
		_ = f.Close() // only read
		return s, id, fmt.Errorf("%s: %w", name, err)
	}
	s.base = base
	return s, id, nil
}

func closeAll(segs []*segment) {
	for _, s := range segs {
		_ = s.file.Close() // only read
	}
}

// lastSeq returns the highest sequence number in a segment, reading it through.
func (s *segment) lastSeq() (last uint64, some bool) {
	r := reader{file: s.file, limit: s.size}
	for {
		payload, n, err := r.peek()
		if err != nil || payload == nil {
			return last, some
		}
		r.off += int64(n)
		f, err := decodeFrame(payload)
		if err != nil {
			return last, some
		}
		last, some = max(last, f.seq), true
	}
}

// reader goes through the frames of a segment. Offsets count from the end of the
// header. A buffer is never used for other bytes, so that whoever has a part of it
// may keep it.
type reader struct {
	file  vfs.File
	limit int64 // how many bytes are valid
	off   int64 // where the next frame begins
	buf   []byte
	at    int64 // where buf begins
}

// readAhead is how much is read at a time.
const readAhead = 256 << 10

// rest is what the buffer holds from off on.
func (r *reader) rest() []byte { return r.buf[min(int64(len(r.buf)), r.off-r.at):] }

// peek returns the payload of the frame at off and how many bytes the frame takes,
// having read it if need be; nil at the end of what is valid.
func (r *reader) peek() (payload []byte, n int, err error) {
	for {
		have := r.rest()
		payload, n, err := cutFrame(have)
		if err != nil || n > 0 {
			return payload, n, err
		}
		want, left := int64(frameHeader), r.limit-r.off
		if len(have) >= frameHeader {
			want += int64(binary.LittleEndian.Uint32(have))
		}
		if want > left {
			if left > 0 {
				return nil, 0, fmt.Errorf("%w: %d bytes at the end are no whole frame", ErrCorrupt, left)
			}
			return nil, 0, nil
		}
		if err := r.fill(max(want, min(left, readAhead))); err != nil {
			return nil, 0, err
		}
	}
}

// fill reads n bytes from off on.
func (r *reader) fill(n int64) error {
	r.buf, r.at = make([]byte, n), r.off
	got, err := r.file.ReadAt(r.buf, int64(headerSize)+r.off)
	if got == len(r.buf) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the file ends %d bytes early", ErrCorrupt, len(r.buf)-got)
	}
	r.buf = nil
	return err
}
