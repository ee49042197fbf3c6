package tail

import (
	"bytes"
	"io"

	"journalist/internal/record"
)

// minNulRun is how many NUL bytes at a file's start are taken for the hole that a
// truncation leaves under a writer without O_APPEND.
const minNulRun = 64

// nulRun returns how many NUL bytes b begins with.
func nulRun(b []byte) int {
	n := 0
	for len(b) >= len(nuls) && bytes.Equal(b[:len(nuls)], nuls[:]) {
		b = b[len(nuls):]
		n += len(nuls)
	}
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
		n++
	}
	return n
}

var nuls [4096]byte

// leadingNuls tells how many NUL bytes of next, which follows the file's position,
// are to be skipped: those that a file begins with, if they are a hole. With wait
// they are room that a writer has made, and not yet used. away tells that the file was
// rotated, atEnd that next is all there is of it.
func (f *file) leadingNuls(next []byte, unit int, away, atEnd bool) (skip int, wait bool) {
	if f.offset != f.nulls {
		return 0, false
	}
	k := nulRun(next)
	switch {
	case k == len(next) && atEnd:
		return 0, !away && k >= minNulRun
	case k == len(next):
		return k, false
	case f.regrown || f.nulls+uint64(k) >= minNulRun:
		return k - k%unit, false
	}
	return 0, false
}

// passNuls moves the file's position behind n NUL bytes, where data ends.
func (f *file) passNuls(data []byte, n int) {
	f.offset += uint64(n)
	f.nulls += uint64(n)
	f.tail = tailOf(data, len(data))
}

func (t *Tailer) skippedNuls(path string, n uint64) {
	t.m.nulBytes.Add(int(n))
	t.log.Warn("skipped NUL bytes at the start of a file: its writer did not open it for appending when it was truncated",
		"file", path, "bytes", n)
}

// maxHole is how far the end of a hole is looked for when a file is recognised.
const maxHole = 256 << 20

// A file that begins with a hole longer than what is compared of a beginning is
// known by where the hole ends: its generation begins there.

// holeEnd returns where the hole ends that r, of which size bytes are there, begins
// with; characters are of so many bytes. It is 0 for one that has no end within
// maxHole.
func holeEnd(r io.ReaderAt, size, unit uint64) (end uint64, err error) {
	buf := make([]byte, 64<<10)
	for end < min(size, maxHole) {
		n, err := r.ReadAt(buf, int64(end))
		if noEOF(err) != nil {
			return 0, err
		}
		k := nulRun(buf[:n])
		end += uint64(k)
		if k < n {
			return end - end%unit, nil
		}
		if n < len(buf) {
			break
		}
	}
	return 0, nil
}

// holeEndsAt tells that a hole which reaches offset does not go on there.
func holeEndsAt(r io.ReaderAt, offset uint64) (bool, error) {
	var next [4]byte
	n, err := r.ReadAt(next[:], int64(offset))
	return nulRun(next[:n]) < n, noEOF(err)
}

var wholeHole = record.MakeFingerprint(nuls[:record.TailMax])
