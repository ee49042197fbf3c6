package frame

import (
	"bytes"
	"encoding/binary"

	"journalist/internal/record"
)

// physical is one line of the source, or a piece of an over-long one: data[from:to]
// with its line end. Its text is off, n in the Lines' Data, decoded.
type physical struct {
	from, to int
	off, n   int
	marks    record.LineMarks
	bad      int // characters that could not be decoded
	cut      int // bytes left out
}

// breakAt returns where the first line feed of b begins, -1 where there is none.
func (f *Framer) breakAt(b []byte) int {
	if f.Unit() == 1 {
		return bytes.IndexByte(b, '\n')
	}
	other := 1 // where the zero byte of the unit is
	if f.enc.big {
		other = -1
	}
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1
		}
		i += at
		low := i&1 == 0
		if low == (other == 1) && i+other < len(b) && b[i+other] == 0 {
			return i &^ 1
		}
		at = i + 1
	}
}

// endsInReturn tells that b ends with a carriage return.
func (f *Framer) endsInReturn(b []byte) bool {
	n := len(b)
	switch {
	case f.Unit() == 1:
		return n > 0 && b[n-1] == '\r'
	case n < 2:
		return false
	case f.enc.big:
		return b[n-2] == 0 && b[n-1] == '\r'
	}
	return b[n-2] == '\r' && b[n-1] == 0
}

// physical finds the line that begins at off; ok is false when it is not complete.
func (w *work) physical(off int, last bool) (p physical, ok bool) {
	f := w.f
	unit, limit := f.Unit(), f.physicalMax()
	if unit == 2 {
		limit &^= 1
	}
	rest := w.data[off:]
	window := rest[:min(len(rest), limit+2*unit)]
	n := f.breakAt(window)
	span, marks, cut := n+unit, record.LineMarks(0), false
	switch {
	case n >= 0:
	case len(window) == limit+2*unit: // longer than it may be
		n, cut = limit, true
	case last:
		n, span, marks = len(rest), len(rest), record.LineUnterminated
	default:
		return physical{}, false
	}
	if !cut && f.endsInReturn(rest[:n]) {
		n -= unit
	}
	if cut = cut || n > limit; cut {
		n = limit
		if f.enc == nil {
			n = runeCut(rest[:limit])
		}
	}
	p = physical{from: off}
	mark := 0 // bytes of a byte order mark
	if w.at(off) == 0 {
		mark = f.mark(rest[:n])
	}
	took := n - mark
	if f.enc == nil {
		p.off, p.n = off+mark, n-mark
	} else {
		p.off, p.n, took, p.bad = w.decode(off+mark, n-mark)
	}
	if took < n-mark {
		cut, n = true, mark+took
	}
	p.to = off + span
	p.marks = marks
	if cut {
		p.to, p.marks = off+n, record.LineSplit
		if f.truncate {
			p.to, p.marks = off+f.lineEnd(rest), record.LineTruncated
			p.cut = p.to - off - n
		}
	}
	return p, true
}

// lineEnd returns how many bytes b has up to a line's end and with it, all where
// there is none.
func (f *Framer) lineEnd(b []byte) int {
	if i := f.breakAt(b); i >= 0 {
		return i + f.Unit()
	}
	return len(b) &^ (f.Unit() - 1)
}

// mark returns how many bytes of a byte order mark a source's first line begins
// with.
func (f *Framer) mark(b []byte) int {
	switch {
	case f.enc == nil:
		if bytes.HasPrefix(b, []byte(bom)) {
			return len(bom)
		}
	case f.enc.wide && len(b) >= 2:
		if f.enc.unit(b) == 0xFEFF {
			return 2
		}
	}
	return 0
}

// isASCII tells that no byte of b is above 127.
func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
