package cli

import (
	"io"
	"strings"
)

// prettyRenderer shows a record on one line for people: local time, host, level,
// message, then the other fields dimmed. The further lines of a message with
// several (a stack trace) are indented. Rows that are no records, such as those of
// stats, become a table.
type prettyRenderer struct {
	w     io.Writer
	o     RenderOptions
	table *tableRenderer
	seen  bool
	buf   []byte
}

// The colours of the parts of a line. A level is a word as well, so that colour is
// never the only sign.
const (
	dim    = "\x1b[2m"
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
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
	begin := len(dst)
	part := func(style, text string) {
		if text == "" {
			return
		}
		if len(dst) > begin {
			dst = append(dst, ' ')
		}
		if r.o.Colour && style != "" {
			dst = append(append(append(dst, style...), text...), reset...)
			return
		}
		dst = append(dst, text...)
	}
	if t, ok := row.Field("@timestamp"); ok {
		part(dim, shownTime(t.Text(), r.o.Zone))
	}
	part("", Safe(row.Text("host")))
	level := Safe(row.Text("level"))
	part(levelColour(level), strings.ToUpper(level))
	message := row.Text("message")
	lines := strings.Split(strings.TrimRight(message, "\n"), "\n")
	part("", Safe(strings.TrimSuffix(lines[0], "\r")))
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
	part(dim, string(rest))
	dst = append(dst, '\n')
	for _, l := range lines[1:] {
		dst = append(dst, "    "...)
		dst = append(dst, Safe(strings.TrimSuffix(l, "\r"))...)
		dst = append(dst, '\n')
	}
	return dst
}

// prettyHides tells that a field stands elsewhere on the line or says nothing
// there: the offset is of use to programs, and the default dataset to nobody.
func prettyHides(f RowField) bool {
	switch f.Name {
	case "@timestamp", "host", "level", "message", "offset", "_source":
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
