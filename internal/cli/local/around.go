package local

import (
	"bytes"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// around puts the lines before and after it around each hit, as they stand in the
// file. The chunks come one after the other; it is used by one goroutine at a time.
type around struct {
	before, after int

	name    string     // of the file
	tail    []nearLine // the last lines before the chunk that were not shown
	left    int        // lines that are wanted yet behind the last hit
	rows    rows
	builder builder
}

// nearLine is a line and how far it is from the nearest hit.
type nearLine struct {
	text     []byte
	offset   int64
	distance int
	piece    bool
}

// lineSpan is a line of a chunk without its end.
type lineSpan struct{ start, end int }

// contextName is the field that says how far a line is from a hit.
var contextName = record.MakeName(lang.ContextColumn)

// expand returns the lines to show of a chunk with these hits, in their order.
func (a *around) expand(c *chunk, hits []lineSpan) []nearLine {
	if c.in.name != a.name {
		a.name, a.tail, a.left = c.in.name, nil, 0
	}
	var out []nearLine
	pos := 0 // of the first line that is not shown
	follow := func(until int) {
		for ; a.left > 0 && pos < until; a.left-- {
			var l nearLine
			l, pos = lineAt(c, pos)
			l.distance = a.after - a.left + 1
			out = append(out, l)
		}
	}
	for _, h := range hits {
		follow(h.start)
		out = append(out, a.leading(c, pos, h.start, out)...)
		var l nearLine
		l, pos = lineAt(c, h.start)
		out = append(out, l)
		a.left = a.after
	}
	follow(len(c.data))
	a.keep(c, pos, len(out) > 0)
	return out
}

// leading returns the lines before a hit that are not shown; those that are shown
// behind another one, and are nearer to this one, are told so.
func (a *around) leading(c *chunk, pos, hit int, shown []nearLine) []nearLine {
	var starts []int
	for at := hit; len(starts) < a.before && at > pos; {
		at = bytes.LastIndexByte(c.data[:at-1], '\n') + 1
		starts = append(starts, at)
	}
	var lines []nearLine
	if lack := a.before - len(starts); lack > 0 && pos == 0 {
		lines = append(lines, a.tail[max(0, len(a.tail)-lack):]...)
	}
	for i := len(starts) - 1; i >= 0; i-- {
		l, _ := lineAt(c, starts[i])
		lines = append(lines, l)
	}
	for i := range lines {
		lines[i].distance = i - len(lines)
	}
	if gap := len(starts) > 0 && starts[len(starts)-1] > pos; !gap {
		for i, d := len(shown)-1, len(lines)+1; i >= 0 && d <= a.before && shown[i].distance >= d; i, d = i-1, d+1 {
			shown[i].distance = -d
		}
	}
	return lines
}

// keep keeps the last lines that were not shown, for a hit in the next chunk.
func (a *around) keep(c *chunk, pos int, shown bool) {
	var kept []nearLine
	for at := len(c.data); len(kept) < a.before && at > pos; {
		at = bytes.LastIndexByte(c.data[:at-1], '\n') + 1
		l, _ := lineAt(c, max(at, pos))
		l.text = bytes.Clone(l.text) // the chunk's memory is used again
		kept = append(kept, l)
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	if !shown && len(kept) < a.before {
		kept = append(append([]nearLine(nil), a.tail[max(0, len(a.tail)-(a.before-len(kept))):]...), kept...)
	}
	a.tail = kept
}

// lineAt is the line of a chunk that begins at a place, and where the next begins.
func lineAt(c *chunk, start int) (l nearLine, next int) {
	end, next := len(c.data), len(c.data)
	if i := bytes.IndexByte(c.data[start:], '\n'); i >= 0 {
		end, next = start+i, start+i+1
	}
	piece := c.head && start == 0 || c.tail && next == len(c.data)
	if end > start && c.data[end-1] == '\r' && !(c.tail && next == len(c.data)) {
		end--
	}
	return nearLine{text: c.data[start:end], offset: c.offset + int64(start), piece: piece}, next
}

// block makes a block of lines.
func (a *around) block(s *Source, q *scan.Request, in *input, lines []nearLine) *scan.Block {
	a.rows.s = s
	a.rows.begin(in)
	var distances []int
	for _, l := range lines {
		if a.rows.add(l.text, l.offset, l.piece); a.rows.batch.Len() > len(distances) {
			distances = append(distances, l.distance)
		}
	}
	s.o.Stamp(&a.rows.batch)
	a.builder.reset(q)
	for i, d := range distances {
		a.builder.addFrom(&a.rows, i, fieldValue{contextName, record.IntValue(int64(d))})
	}
	return a.builder.end()
}
