package tail

import (
	"bytes"
	"unicode/utf8"

	"journalist/internal/record"
)

// splitter cuts bytes into lines. It keeps no state between calls: each call
// begins at the start of a line (or of a piece of an over-long one).
type splitter struct {
	maxLine int // longest text of one row
	maxRows int
}

// split appends the lines of data[off:] that are complete to rows; the first one
// begins at start in the source. It returns the rows, how many bytes they take,
// and whether it stopped because there are maxRows.
//
// A line longer than maxLine is cut into pieces that depend on nothing but the
// position where the first one begins, so that a restart cuts in the same places.
func (s *splitter) split(rows []record.Line, data []byte, off int, start uint64) (_ []record.Line, used int, full bool) {
	begin := off
	for off < len(data) {
		if len(rows) >= s.maxRows {
			return rows, off - begin, true
		}
		rest := data[off:]
		window := rest[:min(len(rest), s.maxLine+2)]
		i := bytes.IndexByte(window, '\n')
		n, span, marks := i, i+1, record.LineMarks(0)
		switch {
		case i > 0 && window[i-1] == '\r':
			n--
		case i < 0 && len(window) < s.maxLine+2:
			return rows, off - begin, false // not yet complete
		}
		if i < 0 || n > s.maxLine {
			n = runeCut(window[:s.maxLine])
			span, marks = n, record.LineSplit
		}
		rows = append(rows, record.Line{
			Start: start + uint64(off-begin), Span: uint32(span),
			Off: uint32(off), Len: uint32(n), Marks: marks,
		})
		off += span
	}
	return rows, off - begin, false
}

// unterminated appends what is left at the end of a file that will not grow.
func (s *splitter) unterminated(rows []record.Line, data []byte, off int, start uint64) []record.Line {
	n := len(data) - off
	text := n
	if n > 0 && data[len(data)-1] == '\r' {
		text--
	}
	if text > s.maxLine { // the one byte that was waiting for a line end
		k := runeCut(data[off : off+s.maxLine])
		rows = append(rows, record.Line{Start: start, Span: uint32(k), Off: uint32(off), Len: uint32(k), Marks: record.LineSplit})
		off, start, n, text = off+k, start+uint64(k), n-k, text-k
	}
	return append(rows, record.Line{Start: start, Span: uint32(n), Off: uint32(off), Len: uint32(text), Marks: record.LineUnterminated})
}

// runeCut returns how much of b to take so that no character is cut, or all of it
// where it is not UTF-8.
func runeCut(b []byte) int {
	for k := 1; k < utf8.UTFMax && k < len(b); k++ {
		c := b[len(b)-k]
		if utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-k:]) {
				return len(b) - k
			}
			return len(b)
		}
	}
	return len(b)
}

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
