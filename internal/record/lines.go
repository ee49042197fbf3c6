package record

import (
	"cmp"
	"slices"
)

// Lines is a run of consecutive lines of one source, on its way from
// internal/tail through internal/ship to a server. Whoever made it must not
// change it until it was acknowledged, because it may be sent again.
type Lines struct {
	// Position covers the bytes of all the lines and of whatever was skipped
	// between and after them: From is the To of the source's run before.
	Position Position
	// ReadTime is when the lines were read, nanoseconds since the epoch.
	ReadTime int64
	// Fields are the same for all lines: host, file, type and what the
	// configuration adds. They may be shared between runs and never change.
	Fields []Pair
	Rows   []Line
	// Extras are the fields that single rows have besides, in the order of the
	// rows; most runs have none.
	Extras []Extra
	// Data holds the text of the lines and of the extras.
	Data []byte
	// Priority orders what waits to be sent: runs of a higher one leave first.
	// Runs of one source all have the same.
	Priority uint8
}

// Extra is a JSON object whose fields belong to one row: Data[Off:Off+Len]. It
// wins over the run's fields of the same names; an @timestamp in it is the time of
// the row, and a message in it stands for the row's text. A row with an extra and
// with an empty text has no message but that of the extra.
type Extra struct {
	Row      uint32 // index into Rows
	Off, Len uint32
}

// Pair is a field that a forwarder's configuration adds.
type Pair struct{ Name, Value string }

// Line is one line of a Lines.
type Line struct {
	// Start is where the line begins in the source, Span how many bytes it takes
	// there with its line end.
	Start uint64
	Span  uint32
	// The text is Data[Off:Off+Len], without line end.
	Off, Len uint32
	Marks    LineMarks
}

// LineMarks are the facts about a line that become tags of its record.
type LineMarks uint8

// The marks. Their numbers are part of the wire format: append only.
const (
	// LineSplit: the line was longer than the limit; this is one piece of it and
	// the next row goes on where it ends.
	LineSplit LineMarks = 1 << iota
	// LineUnterminated: the file ended for good without a line end.
	LineUnterminated
	// LineTruncated: bytes of the line were dropped at the limit.
	LineTruncated
)

// Tags returns the tags that the marks stand for.
func (m LineMarks) Tags() []string {
	var tags []string
	for i, t := range [...]string{"_split", "_unterminated", "_truncated"} {
		if m&(1<<i) != 0 {
			tags = append(tags, t)
		}
	}
	return tags
}

// ExtraOf returns the JSON object of row i, nil where it has none.
func (l *Lines) ExtraOf(i int) []byte {
	if len(l.Extras) == 0 {
		return nil
	}
	k, ok := slices.BinarySearchFunc(l.Extras, uint32(i), func(e Extra, row uint32) int { return cmp.Compare(e.Row, row) })
	if !ok {
		return nil
	}
	e := l.Extras[k]
	return l.Data[e.Off : e.Off+e.Len : e.Off+e.Len]
}

// Text returns the text of line i.
func (l *Lines) Text(i int) []byte {
	r := &l.Rows[i]
	return l.Data[r.Off : r.Off+r.Len : r.Off+r.Len]
}
