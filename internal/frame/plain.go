package frame

import (
	"bytes"
	"unicode/utf8"

	"journalist/internal/record"
)

const bom = "\xef\xbb\xbf" // UTF-8's byte order mark

// lines makes rows of the lines of data[off:], the way of most sources: nothing is
// copied.
//
// A line longer than maxLine is cut into pieces that depend on nothing but the
// position where the first one begins, so that a restart cuts in the same places.
func (f *Framer) lines(l *record.Lines, data []byte, off int, start uint64, last bool) (used int, full bool) {
	begin, limit := off, maxRows(data)
	rows := l.Rows
	for off < len(data) {
		if len(rows) >= limit {
			full = true
			break
		}
		rest := data[off:]
		window := rest[:min(len(rest), f.maxLine+2)]
		i := bytes.IndexByte(window, '\n')
		n, span, marks := i, i+1, record.LineMarks(0)
		switch {
		case i > 0 && window[i-1] == '\r':
			n--
		case i < 0 && len(window) < f.maxLine+2:
			if !last {
				l.Rows = rows
				strip(l, data, start)
				return off - begin, false
			}
			n, span, marks = len(rest), len(rest), record.LineUnterminated
			if rest[n-1] == '\r' {
				n--
			}
			i = n
		}
		if i < 0 || n > f.maxLine {
			n = runeCut(window[:f.maxLine])
			span, marks = n, record.LineSplit
			if f.truncate {
				span, marks = f.lineEnd(rest), record.LineTruncated
				f.n.cut.Add(int64(span - n))
			}
		}
		rows = append(rows, record.Line{
			Start: start + uint64(off-begin), Span: uint32(span),
			Off: uint32(off), Len: uint32(n), Marks: marks,
		})
		off += span
	}
	l.Rows = rows
	strip(l, data, start)
	return off - begin, full
}

// strip takes a byte order mark off the text of a source's first line.
func strip(l *record.Lines, data []byte, start uint64) {
	if start != 0 || len(l.Rows) == 0 {
		return
	}
	if r := &l.Rows[0]; bytes.HasPrefix(data[r.Off:r.Off+r.Len], []byte(bom)) {
		r.Off += uint32(len(bom))
		r.Len -= uint32(len(bom))
	}
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

// insideLine returns how many bytes at data[off:] are the rest of a line whose
// beginning was cut off: the bytes before them are those of an over-long line, and
// not of a hole that a truncation left.
func (f *Framer) insideLine(data []byte, off int) int {
	k := min(f.maxLine, historyMax) &^ (f.Unit() - 1)
	if off < k || off >= len(data) {
		return 0
	}
	before := data[off-k : off]
	if f.breakAt(before) >= 0 || len(bytes.Trim(before, "\x00")) == 0 {
		return 0
	}
	return f.lineEnd(data[off:])
}
