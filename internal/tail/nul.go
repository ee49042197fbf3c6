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

// maxHole is how far the end of a hole is looked for when a file is recognised.
const maxHole = 256 << 20

// A file that begins with a hole longer than what is compared of a beginning is
// known by where the hole ends: its generation begins there.

// holeEnd returns where the hole ends that r, of which size bytes are there, begins
// with; 0 for one that has no end within maxHole, or none that is a bound of
// characters of several bytes.
func holeEnd(r io.ReaderAt, size uint64) (end uint64, err error) {
	buf := make([]byte, 64<<10)
	for end < min(size, maxHole) {
		n, err := r.ReadAt(buf, int64(end))
		if noEOF(err) != nil {
			return 0, err
		}
		k := nulRun(buf[:n])
		end += uint64(k)
		if k < n {
			return end - end%4, nil
		}
		if n < len(buf) {
			break
		}
	}
	return 0, nil
}

// sameHole tells, of a file that has what is known before g.To, whether that is
// more than a hole, or one that ends there in it, too.
func sameHole(r io.ReaderAt, g record.Generation) (bool, error) {
	if g.Tail != wholeHole {
		return true, nil
	}
	var next [4]byte
	n, err := r.ReadAt(next[:], int64(g.To))
	return nulRun(next[:n]) < n, noEOF(err)
}

var wholeHole = record.MakeFingerprint(nuls[:record.TailMax])
