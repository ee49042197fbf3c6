package tail

import "bytes"

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
