package cli

import (
	"io"
	"strings"

	"journalist/internal/query/lang"
)

// prettyRenderer shows a record on one line for people: local time, host, level,
// message with what the query looks for marked, then the other fields dimmed, wrapped
// to a terminal's width. The further lines of a message with
// several (a stack trace) are indented. Rows that are no records, such as those of
// stats, become a table.
type prettyRenderer struct {
	w     io.Writer
	o     RenderOptions
	table *tableRenderer
	seen  bool
	buf   []byte
	line  []styled
}

// The colours of the parts of a line. A level is a word as well, so that colour is
// never the only sign.
const (
	dim    = "\x1b[2m"
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	mark   = "\x1b[30;43m"
	reset  = "\x1b[0m"
)

func (r *prettyRenderer) Row(row *Row) error {
	if !r.seen {
		r.seen = true
		_, message := row.Field("message")
		_, at := row.Field("@timestamp")
		_, dataset := row.Field("dataset")
		if !message && (!at || !dataset) {
			r.table = &tableRenderer{w: r.w, o: r.o}
		}
	}
	if r.table != nil {
		return r.table.Row(row)
	}
	r.buf = r.appendRecord(r.buf[:0], row)
	_, err := r.w.Write(r.buf)
	return err
}

func (r *prettyRenderer) Flush() error {
	if r.table != nil {
		return r.table.Flush()
	}
	return nil
}

func (r *prettyRenderer) appendRecord(dst []byte, row *Row) []byte {
	line := r.line[:0]
	part := func(pieces ...styled) {
		if len(pieces) == 0 || len(pieces) == 1 && pieces[0].text == "" {
			return
		}
		if len(line) > 0 {
			line = append(line, styled{text: " "})
		}
		line = append(line, pieces...)
	}
	if t, ok := row.Field("@timestamp"); ok {
		part(styled{dim, shownTime(t.Text(), r.o.Zone)})
	}
	part(styled{text: Safe(row.Text("host"))})
	level := Safe(row.Text("level"))
	part(styled{levelColour(level), strings.ToUpper(level)})
	first, more, several := strings.Cut(strings.TrimRight(row.Text("message"), "\n"), "\n")
	// The lines around a hit stand back behind it.
	if d := row.Text(lang.ContextColumn); d != "" && d != "0" {
		part(styled{dim, Safe(strings.TrimSuffix(first, "\r"))})
	} else {
		part(r.marked(strings.TrimSuffix(first, "\r"))...)
	}
	var rest []byte
	for _, f := range row.Fields {
		if prettyHides(f) {
			continue
		}
		if len(rest) > 0 {
			rest = append(rest, ' ')
		}
		rest = appendLogfmt(rest, f)
	}
	part(styled{dim, string(rest)})
	dst = append(r.appendLine(dst, line), '\n')
	if several {
		for l := range strings.SplitSeq(more, "\n") {
			line = append(append(line[:0], styled{text: "    "}), r.marked(strings.TrimSuffix(l, "\r"))...)
			dst = append(r.appendLine(dst, line), '\n')
		}
	}
	r.line = line
	return dst
}

// appendLine appends a line, wrapped where a person looks at it.
func (r *prettyRenderer) appendLine(dst []byte, line []styled) []byte {
	if r.o.Terminal && r.o.Width > 0 {
		return appendWrapped(dst, line, r.o.Width, r.o.Colour)
	}
	return appendStyled(dst, line, r.o.Colour)
}

// marked is a text in pieces, with what the query looks for apart.
func (r *prettyRenderer) marked(text string) []styled {
	if !r.o.Colour {
		return []styled{{text: Safe(text)}}
	}
	var pieces []styled
	at := 0
	for _, s := range r.o.Marks.spans(text) {
		if at < s.from {
			pieces = append(pieces, styled{text: Safe(text[at:s.from])})
		}
		pieces = append(pieces, styled{mark, Safe(text[s.from:s.to])})
		at = s.to
	}
	if at < len(text) {
		pieces = append(pieces, styled{text: Safe(text[at:])})
	}
	return pieces
}

// prettyHides tells that a field stands elsewhere on the line or says nothing
// there: the offset is of use to programs, and the default dataset to nobody.
func prettyHides(f RowField) bool {
	switch f.Name {
	case "@timestamp", "host", "level", "message", "offset", "_source", lang.ContextColumn:
		return true
	case "dataset":
		return string(f.Value) == `"logs"`
	}
	return false
}

func levelColour(level string) string {
	switch strings.ToLower(level) {
	case "error", "err", "fatal", "critical", "crit", "alert", "emerg", "emergency", "panic", "severe":
		return red
	case "warn", "warning":
		return yellow
	case "info", "notice", "information":
		return green
	case "debug", "trace", "verbose", "fine", "finer", "finest":
		return dim
	}
	return bold
}
