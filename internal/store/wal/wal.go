// Package wal is the write-ahead log: what a batch's sender is told to be safe
// stands here, synced, until its rows are in parts.
//
// internal/store's committer writes it in groups, one write and one sync each, and
// replays it at start; down the way is only internal/vfs. The format is described
// in docs/format/wal.md.
package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"journalist/internal/vfs"
)

const (
	magic      = "JWAL"
	version    = 1
	headSize   = 32
	recordHead = 24
	// MaxBody is the longest record body in bytes.
	MaxBody = 64 << 20

	suffix = ".wal"
	// Corrupt is appended to the name of what was set aside.
	Corrupt = ".corrupt"
)

// ErrCorrupt is wrapped by errors that say that a segment is not what was written.
var ErrCorrupt = errors.New("corrupt write-ahead log")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Entry is one record of the log.
type Entry struct {
	// Seq numbers the entries without gaps.
	Seq uint64
	// Time is when the entry was committed, milliseconds since the epoch.
	Time int64
	Body []byte
}

// Log writes the log. One goroutine uses it.
type Log struct {
	fs  vfs.FS
	dir string

	file   vfs.File // nil: the next commit begins a segment
	name   string
	good   int64  // bytes of file that are synced
	number uint64 // of file, or of the segment before the next one
	next   uint64 // sequence number of the next entry
	sizes  map[uint64]int64
	buf    []byte
}

// Commit writes the entries and syncs them; it sets their Seq. When it fails, none
// of them counts: the segment is given up, because nobody knows what a failed sync
// has kept, and the next one says by its first sequence number that whatever the
// old one may still hold from there on is void.
func (l *Log) Commit(entries []Entry) error {
	if l.file == nil {
		if err := l.begin(); err != nil {
			return err
		}
	}
	l.buf = l.buf[:0]
	for i := range entries {
		e := &entries[i]
		e.Seq = l.next + uint64(i)
		l.buf = appendRecord(l.buf, *e)
	}
	_, err := l.file.Write(l.buf)
	if err == nil {
		err = l.file.Sync()
	}
	written := int64(len(l.buf))
	if cap(l.buf) > 8<<20 {
		l.buf = nil
	}
	if err != nil {
		l.abandon()
		return fmt.Errorf("write-ahead log: %w", err)
	}
	l.good += written
	l.sizes[l.number] = l.good
	l.next += uint64(len(entries))
	return nil
}

func appendRecord(dst []byte, e Entry) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.Body)))
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, e.Seq)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Time))
	dst = append(dst, e.Body...)
	binary.LittleEndian.PutUint32(dst[at+4:], recordSum(dst[at:]))
	return dst
}

// recordSum is the checksum of a record: of its length and of what follows the
// checksum.
func recordSum(r []byte) uint32 {
	return crc32.Update(crc32.Checksum(r[:4], castagnoli), castagnoli, r[8:])
}

func (l *Log) begin() error {
	number := l.number + 1
	name := filepath.Join(l.dir, segmentName(number))
	f, err := l.fs.Create(name)
	if err != nil {
		return fmt.Errorf("begin a segment of the write-ahead log: %w", err)
	}
	// The number is used up even when the rest fails: a name is never used twice.
	l.number = number
	l.file, l.name, l.good = f, name, 0
	_, err = f.Write(segmentHead(number, l.next))
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		l.abandon()
		return fmt.Errorf("begin a segment of the write-ahead log: %w", err)
	}
	l.good = headSize
	l.sizes[number] = headSize
	return nil
}

func segmentName(number uint64) string { return fmt.Sprintf("%016x", number) + suffix }

func segmentHead(number, first uint64) []byte {
	b := append([]byte(magic), version, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, number)
	b = binary.LittleEndian.AppendUint64(b, first)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, 0, 0, 0, 0)
}

// abandon gives the segment up. It is cut back where that works; where not, the
// next segment voids the rest.
func (l *Log) abandon() {
	_ = l.file.Close()                // its last sync failed already
	_ = l.fs.Truncate(l.name, l.good) // see above
	l.file, l.sizes[l.number] = nil, l.good
}

// Rotate ends the segment and returns the number below which all segments are
// complete: entries committed from now on stand in this segment or a later one.
func (l *Log) Rotate() uint64 {
	if l.file != nil {
		_ = l.file.Close() // every commit was synced
		l.file = nil
	}
	return l.number + 1
}

// SegmentSize is the size of the segment that is written to.
func (l *Log) SegmentSize() int64 {
	if l.file == nil {
		return 0
	}
	return l.good
}

// Next is the sequence number of the next entry.
func (l *Log) Next() uint64 { return l.next }

// Size is the size of all segments.
func (l *Log) Size() int64 {
	n := int64(0)
	for _, s := range l.sizes {
		n += s
	}
	return n
}

// Remove deletes the segments before the given number: their rows are in parts.
func (l *Log) Remove(before uint64) error {
	var numbers []uint64
	for n := range l.sizes {
		if n < before {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if err := l.fs.Remove(filepath.Join(l.dir, segmentName(n))); err != nil && !vfs.IsNotExist(err) {
			return fmt.Errorf("remove a segment of the write-ahead log: %w", err)
		}
		delete(l.sizes, n)
	}
	return nil
}

// Close closes the log.
func (l *Log) Close() error {
	l.Rotate()
	return nil
}

// segments lists the numbers of the segments in a folder, ascending.
func segments(fsys vfs.FS, dir string) ([]uint64, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), suffix)
		if n, err := strconv.ParseUint(base, 16, 64); ok && err == nil && len(base) == 16 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
