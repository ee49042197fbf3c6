// Package source is what all sources of lines that are not files have in common:
// the shape of the way out and a builder for runs of lines.
//
// The sources are the packages below it: internal/source/journal,
// internal/source/syslog; internal/source/spool stands between one of them and the
// way out when lines must be on disk before a server has them, and
// internal/source/container says of what container a file is. All of them hand
// runs to an Output, which cmd/scribe leads through internal/rules to
// internal/ship.
package source

import (
	"context"
	"fmt"

	"journalist/internal/record"
)

// Output takes a run of lines and blocks while there is no room for it: the shape
// of ship.Shipper.Send. One goroutine hands over the runs of one source, in order.
// The output may take lines out of the run and change them, as internal/rules does,
// but not its position; nobody else may until acked was called with it, which happens
// once, in the order of the runs, when all of its lines are durable behind the output.
// acked must not be held up.
type Output func(ctx context.Context, l *record.Lines, acked func(*record.Lines)) error

// Builder collects lines into a run. One goroutine uses it; the run that Take
// returns belongs to the caller.
type Builder struct {
	// ID and At are the source and the position of the next line in it.
	ID record.SourceID
	At uint64

	from  uint64
	lines record.Lines
}

// NewBuilder makes a builder for lines of the source from this position on.
func NewBuilder(id record.SourceID, at uint64) *Builder { return &Builder{ID: id, At: at, from: at} }

// maxExtra is the longest JSON object of a line; with the text it is a record.
const maxExtra = record.MaxRecord - record.MaxValue - 1<<16

// Len is how many lines there are.
func (b *Builder) Len() int { return len(b.lines.Rows) }

// Bytes is how many bytes the lines take.
func (b *Builder) Bytes() int { return Bytes(&b.lines) }

// Bytes is how many bytes the lines of a run take.
func Bytes(l *record.Lines) int { return len(l.Data) + 48*len(l.Rows) }

// Add adds a line whose place in the source has the length span. A text over
// record.MaxValue is cut there, with the mark. extra appends the line's JSON object,
// or nothing, to what it is given; nil means none. Too long an object is left out.
func (b *Builder) Add(text []byte, span uint32, marks record.LineMarks, extra func(dst []byte) []byte) {
	l := &b.lines
	if len(text) > record.MaxValue {
		text, marks = text[:record.CutRune(text, record.MaxValue)], marks|record.LineTruncated
	}
	off := len(l.Data)
	l.Data = append(l.Data, text...)
	if extra != nil {
		at := len(l.Data)
		l.Data = extra(l.Data)
		if n := len(l.Data) - at; n > maxExtra {
			l.Data = fmt.Appendf(l.Data[:at], `{"_error":"fields of %d bytes are over the limit and were left out"}`, n)
			marks |= record.LineTruncated
		}
		if n := len(l.Data) - at; n > 0 {
			l.Extras = append(l.Extras, record.Extra{Row: uint32(len(l.Rows)), Off: uint32(at), Len: uint32(n)})
		}
	}
	l.Rows = append(l.Rows, record.Line{Start: b.At, Span: span, Off: uint32(off), Len: uint32(len(text)), Marks: marks})
	b.At += uint64(span)
}

// Take returns the run and begins the next one where it ends.
func (b *Builder) Take(readTime int64, fields []record.Pair, priority uint8) *record.Lines {
	l := b.lines
	l.Position = record.Position{ID: b.ID, From: b.from, To: b.At}
	l.ReadTime, l.Fields, l.Priority = readTime, fields, priority
	b.lines, b.from = record.Lines{}, b.At
	return &l
}

// Restart gives the source another identity, which begins at this position. It is
// for builders without lines.
func (b *Builder) Restart(id record.SourceID, at uint64) { b.ID, b.At, b.from = id, at, at }
