package wal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path/filepath"

	"journalist/internal/vfs"
)

// Report says what recovery met.
type Report struct {
	Segments int
	Entries  int64
	// Torn is how many bytes of unfinished writes were cut off. Nobody was told
	// that they are safe.
	Torn int64
	// Problems are the segments of which something is lost.
	Problems []Problem
}

// Problem is a damage in a segment.
type Problem struct {
	Segment string
	Offset  int64
	// Aside is where the bytes from Offset on were put, "" with Check.
	Aside string
	Err   error
}

func (p Problem) Error() string {
	return fmt.Sprintf("segment %s is damaged at byte %d: %v", p.Segment, p.Offset, p.Err)
}

// Options say how to recover.
type Options struct {
	FS  vfs.FS
	Dir string
	// Floor is the number of the first segment that is still needed; older ones
	// are removed.
	Floor uint64
	// Next is the least sequence number that the log may go on with.
	Next uint64
	// Check leaves everything as it is: for a look at a stopped store.
	Check bool
}

// Recover hands every committed entry to apply, in order, and returns the log
// ready to go on in a new segment. The entry's body is valid only during the call.
// An error of apply that wraps ErrCorrupt counts as damage of the entry, any other
// ends the recovery.
func Recover(o Options, apply func(Entry) error) (*Log, Report, error) {
	l := &Log{fs: o.FS, dir: o.Dir, number: o.Floor, next: o.Next, sizes: map[uint64]int64{}}
	if l.number > 0 {
		l.number--
	}
	var rep Report
	numbers, err := segments(o.FS, o.Dir)
	if err != nil {
		return nil, rep, fmt.Errorf("write-ahead log: %w", err)
	}
	var live []*segment
	for _, n := range numbers {
		l.number = max(l.number, n)
		name := filepath.Join(o.Dir, segmentName(n))
		if n < o.Floor {
			if !o.Check {
				_ = o.FS.Remove(name) // it is not needed; the next start tries again
			}
			continue
		}
		s, err := openSegment(o.FS, name, n)
		if err != nil {
			return nil, rep, err
		}
		live = append(live, s)
	}
	limit := uint64(math.MaxUint64)
	for i := len(live) - 1; i >= 0; i-- {
		live[i].limit = limit
		if live[i].headErr == nil {
			limit = min(limit, live[i].first)
		}
	}
	for i, s := range live {
		rep.Segments++
		if err := s.recover(o, &rep, i == len(live)-1, apply); err != nil {
			return nil, rep, err
		}
		l.sizes[s.number] = s.size
		l.next = max(l.next, s.next)
	}
	return l, rep, nil
}

type segment struct {
	fs      vfs.FS
	name    string
	number  uint64
	size    int64
	first   uint64
	headErr error
	limit   uint64 // entries from this number on are void
	next    uint64 // one after the last valid entry
}

func openSegment(fsys vfs.FS, name string, number uint64) (*segment, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("write-ahead log: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("write-ahead log: %w", err)
	}
	s := &segment{fs: fsys, name: name, number: number, size: info.Size()}
	var head [headSize]byte
	if n, err := f.ReadAt(head[:], 0); n < headSize {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("write-ahead log: %w", err)
		}
		s.headErr = fmt.Errorf("%w: its head is not complete", ErrCorrupt)
		return s, nil
	}
	s.first, s.headErr = parseHead(head[:], number)
	s.next = s.first
	return s, nil
}

func parseHead(head []byte, number uint64) (first uint64, err error) {
	switch {
	case crc32.Checksum(head[:24], castagnoli) != binary.LittleEndian.Uint32(head[24:]) || string(head[:4]) != magic:
		return 0, fmt.Errorf("%w: its head is not a segment's", ErrCorrupt)
	case head[4] != version:
		return 0, fmt.Errorf("%w: version %d, this program reads %d", ErrCorrupt, head[4], version)
	case binary.LittleEndian.Uint64(head[8:]) != number:
		return 0, fmt.Errorf("%w: its head says segment %d", ErrCorrupt, binary.LittleEndian.Uint64(head[8:]))
	}
	return binary.LittleEndian.Uint64(head[16:]), nil
}

// recover reads the segment's entries and deals with what does not belong to it.
func (s *segment) recover(o Options, rep *Report, last bool, apply func(Entry) error) error {
	if s.headErr != nil {
		// A head is synced before anything is committed behind it: what is not even
		// a head long is the trace of a crash at the segment's beginning.
		if s.size <= headSize {
			rep.Torn += s.size
			return nil
		}
		return s.setAside(o, rep, 0, s.headErr)
	}
	f, err := s.fs.Open(s.name)
	if err != nil {
		return fmt.Errorf("write-ahead log: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	r := NewReader(io.NewSectionReader(f, headSize, s.size-headSize), s.size-headSize)
	for {
		at := headSize + r.Good()
		e, err := r.Next()
		if err == nil && e.Seq >= s.limit {
			err = errVoid
		} else if err == nil && e.Seq != s.next {
			err = fmt.Errorf("%w: entry %d, %d expected", ErrCorrupt, e.Seq, s.next)
		}
		if err == nil {
			if err = apply(e); err == nil {
				s.next = e.Seq + 1
				rep.Entries++
				continue
			}
			if errors.Is(err, ErrCorrupt) {
				return s.setAside(o, rep, at, err)
			}
			return err
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errVoid) || s.next == s.limit:
			rep.Torn += s.size - at // written, but its sender was told that it failed
			return nil
		case !errors.Is(err, ErrCorrupt):
			return err
		case last && !r.Follows():
			rep.Torn += s.size - at
			return s.cut(o, at)
		}
		return s.setAside(o, rep, at, err)
	}
}

var errVoid = errors.New("void")

// cut removes an unfinished write.
func (s *segment) cut(o Options, at int64) error {
	if o.Check {
		return nil
	}
	if err := s.fs.Truncate(s.name, at); err != nil {
		return fmt.Errorf("write-ahead log: cut an unfinished write: %w", err)
	}
	s.size = at
	return nil
}

// setAside copies what follows the damage to a file of its own.
func (s *segment) setAside(o Options, rep *Report, at int64, cause error) error {
	p := Problem{Segment: s.name, Offset: at, Err: cause}
	if !o.Check {
		p.Aside = s.name + Corrupt
		if err := s.copyFrom(at, p.Aside); err != nil {
			return fmt.Errorf("write-ahead log: set a damaged segment aside: %w", err)
		}
		if err := s.cut(o, at); err != nil {
			return err
		}
	}
	rep.Problems = append(rep.Problems, p)
	return nil
}

func (s *segment) copyFrom(at int64, name string) error {
	in, err := s.fs.Open(s.name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := s.fs.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(in, at, s.size-at))
	if err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = s.fs.SyncDir(filepath.Dir(name))
	}
	return err
}

// Reader reads the records behind a segment's head.
type Reader struct {
	in   *bufio.Reader
	left int64
	good int64 // end of the last good record
	bad  int64 // length the first bad record claims, 0 when it is nonsense
	src  io.ReaderAt
	buf  []byte
}

// NewReader reads size bytes of records.
func NewReader(src interface {
	io.Reader
	io.ReaderAt
}, size int64,
) *Reader {
	return &Reader{in: bufio.NewReaderSize(src, 256<<10), left: size, src: src}
}

// Next returns the next entry, io.EOF behind the last one, else an error that
// wraps ErrCorrupt. The body is valid until the next call.
func (r *Reader) Next() (Entry, error) {
	if r.left == 0 {
		return Entry{}, io.EOF
	}
	if r.left < recordHead {
		return Entry{}, fmt.Errorf("%w: %d bytes at its end are no record", ErrCorrupt, r.left)
	}
	head, err := r.in.Peek(recordHead)
	if err != nil {
		return Entry{}, readErr(err)
	}
	n := int64(binary.LittleEndian.Uint32(head))
	if n > MaxBody || n > r.left-recordHead {
		return Entry{}, fmt.Errorf("%w: a record of %d bytes, %d are left", ErrCorrupt, n, r.left-recordHead)
	}
	r.bad = recordHead + n
	if int64(cap(r.buf)) < r.bad {
		r.buf = make([]byte, r.bad+r.bad/4)
	}
	rec := r.buf[:r.bad]
	if _, err := io.ReadFull(r.in, rec); err != nil {
		return Entry{}, readErr(err)
	}
	if sum, want := recordSum(rec), binary.LittleEndian.Uint32(rec[4:]); sum != want {
		return Entry{}, fmt.Errorf("%w: a record's checksum is %08x, %08x was written", ErrCorrupt, sum, want)
	}
	r.good += r.bad
	r.left -= r.bad
	r.bad = 0
	return Entry{Seq: binary.LittleEndian.Uint64(rec[8:]), Time: int64(binary.LittleEndian.Uint64(rec[16:])), Body: rec[recordHead:]}, nil
}

func readErr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", ErrCorrupt)
	}
	return err
}

// Good is the offset behind the last good record.
func (r *Reader) Good() int64 { return r.good }

// Follows tells whether a good record follows the bad one, so that the bad one is
// no unfinished write at the end of the log.
func (r *Reader) Follows() bool {
	if r.bad == 0 {
		return false
	}
	rest := r.left - r.bad
	next := NewReader(io.NewSectionReader(r.src, r.good+r.bad, rest), rest)
	_, err := next.Next()
	return err == nil
}
