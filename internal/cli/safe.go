package cli

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// A log line is hostile input: an escape sequence in it can rewrite the
// terminal's title, hide text or answer for the user; a bidirectional override
// shows another text than the one that is there. Safe makes such characters
// visible instead of letting them act.

// Safe returns s as one line that a terminal shows as it is: control characters,
// line ends, bidirectional controls, invisible characters and bytes that are not
// UTF-8 become \n, \x1b, \u202e and the like. Tabs stay.
func Safe(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c >= 0x7f {
			return string(AppendSafe(nil, s, false))
		}
	}
	return s
}

// AppendSafe appends s like Safe; with lines it leaves line ends as they are.
func AppendSafe[T string | []byte](dst []byte, s T, lines bool) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c >= ' ' && c != 0x7f, c == '\t', c == '\n' && lines:
				dst = append(dst, c)
			case c == '\n':
				dst = append(dst, `\n`...)
			case c == '\r':
				dst = append(dst, `\r`...)
			default:
				dst = fmt.Appendf(dst, `\x%02x`, c)
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		switch {
		case r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, `\x%02x`, c)
		case unprintable(r):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return dst
}

// unprintable tells that a character changes how others are shown, or cannot be
// seen itself. Joiners stay: emoji and several scripts need them.
func unprintable(r rune) bool {
	switch {
	case r == '\u200c', r == '\u200d':
		return false
	case r == '\u2028', r == '\u2029':
		return true
	}
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r)
}

// SafeWriter passes text on to a terminal with everything made visible that could
// act on it; line ends and tabs pass. Several calls may split a character. Used by
// one goroutine.
type SafeWriter struct {
	w    io.Writer
	rest []byte // an incomplete character at the end of what came
	buf  []byte
}

// NewSafeWriter wraps a terminal.
func NewSafeWriter(w io.Writer) *SafeWriter { return &SafeWriter{w: w} }

// Write writes p safely. An incomplete character at its end waits for the next
// call or for Flush.
func (s *SafeWriter) Write(p []byte) (int, error) {
	data := p
	if len(s.rest) > 0 {
		data = append(s.rest, p...)
	}
	cut := len(data)
	for i := 1; i <= min(utf8.UTFMax-1, len(data)); i++ {
		if c := data[len(data)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(data[len(data)-i:]) {
				cut = len(data) - i
			}
			break
		}
	}
	s.buf = AppendSafe(s.buf[:0], data[:cut], true)
	s.rest = append([]byte(nil), data[cut:]...)
	if _, err := s.w.Write(s.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what waits for its other half, which will not come.
func (s *SafeWriter) Flush() error {
	if len(s.rest) == 0 {
		return nil
	}
	_, err := s.w.Write(AppendSafe(nil, s.rest, true))
	s.rest = nil
	return err
}
