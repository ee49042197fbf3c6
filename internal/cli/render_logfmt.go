package cli

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// logfmtRenderer shows rows as key=value pairs on one line.
type logfmtRenderer struct {
	w   io.Writer
	buf []byte
}

func (r *logfmtRenderer) Row(row *Row) error {
	r.buf = r.buf[:0]
	for i, f := range row.Fields {
		if i > 0 {
			r.buf = append(r.buf, ' ')
		}
		r.buf = appendLogfmt(r.buf, f)
	}
	r.buf = append(r.buf, '\n')
	_, err := r.w.Write(r.buf)
	return err
}

func (r *logfmtRenderer) Flush() error { return flush(r.w) }

func appendLogfmt(dst []byte, f RowField) []byte {
	if f.Name == "" {
		dst = append(dst, '_')
	}
	for _, c := range f.Name {
		if c <= ' ' || c == '=' || c == '"' || c == 0x7f || unprintable(c) {
			c = '_'
		}
		dst = utf8.AppendRune(dst, c)
	}
	dst = append(dst, '=')
	if string(f.Value) == "null" {
		return append(dst, "null"...)
	}
	text := f.Text()
	if !needsQuotes(text) && (text != "null" || len(f.Value) == 4) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', byte(c))
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ' || unprintable(c):
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = utf8.AppendRune(dst, c)
		}
	}
	return append(dst, '"')
}

func needsQuotes(s string) bool {
	if s == "" {
		return true
	}
	for _, c := range s {
		if c <= ' ' || c == '"' || c == '=' || c == '\\' || unprintable(c) {
			return true
		}
	}
	return false
}
