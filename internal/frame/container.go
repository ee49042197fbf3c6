package frame

import (
	"bytes"
	"encoding/json"
	"time"

	"journalist/internal/record"
)

// content is a line of a container without its wrapping.
type content struct {
	stream int
	off, n int  // text, in Data
	more   bool // the line goes on in the stream's next one
	meta   meta
}

// unwrap takes a line of a container engine's file apart; ok is false when it is
// none.
func (w *work) unwrap(p *physical) (c content, ok bool) {
	b := w.data[p.off : p.off+p.n]
	switch w.f.format {
	case FormatDocker:
		return w.docker(b, p.off)
	case FormatCRI:
		return cri(b, p.off)
	}
	if len(b) > 0 && b[0] == '{' {
		return w.docker(b, p.off)
	}
	return cri(b, p.off)
}

func streamOf(name []byte) int {
	switch string(name) {
	case "stdout":
		return 0
	case "stderr":
		return 1
	}
	return 2
}

// cri reads a line of the container runtime interface:
//
//	2016-10-06T00:17:09.669794202Z stdout P text
//
// P means that the line goes on, F that it ends; further tags follow a colon.
func cri(b []byte, at int) (c content, ok bool) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return c, false
	}
	nanos, ok := parseTime(b[:i])
	if !ok {
		return c, false
	}
	c.meta.nanos, c.meta.time = nanos, span{at, i}
	j := bytes.IndexByte(b[i+1:], ' ')
	if j < 0 {
		return c, false
	}
	c.stream = streamOf(b[i+1 : i+1+j])
	c.meta.stream = span{at + i + 1, j}
	k := i + 1 + j + 1
	rest := b[k:]
	end := bytes.IndexByte(rest, ' ')
	text := end + 1
	if end < 0 {
		end, text = len(rest), len(rest)
	}
	tag, _, _ := bytes.Cut(rest[:end], []byte(":"))
	if c.stream == 2 || (string(tag) != "P" && string(tag) != "F") {
		return c, false
	}
	c.more = tag[0] == 'P'
	c.off, c.n = at+k+text, len(rest)-text
	return c, true
}

// docker reads a line of Docker's json-file driver:
//
//	{"log":"text\n","stream":"stdout","attrs":{"tag":"x"},"time":"2016-10-06T00:17:09.669794202Z"}
//
// A text without line feed at its end goes on in the next line.
func (w *work) docker(b []byte, at int) (c content, ok bool) {
	s := scanner{b: b}
	if !s.byte('{') {
		return c, false
	}
	var log span
	found := false
	for more := true; more; more = s.byte(',') {
		key, ok := s.string()
		if !ok || !s.byte(':') {
			return c, false
		}
		var v span
		name := string(s.b[key.off : key.off+key.n]) // does not escape: compared only
		switch name {
		case "log", "stream", "time":
			if v, ok = s.string(); !ok {
				return c, false
			}
		case "attrs":
			if v, ok = s.value(); !ok || !json.Valid(b[v.off:v.off+v.n]) {
				return c, false
			}
		default:
			return c, false // kept raw rather than in part
		}
		switch name {
		case "log":
			log, found = v, true
		case "stream":
			if v.n > 0 {
				c.stream = streamOf(b[v.off : v.off+v.n])
				c.meta.stream, c.meta.quoted = span{at + v.off - 1, v.n + 2}, true
				if c.stream == 2 && !json.Valid(b[v.off-1:v.off+v.n+1]) {
					return c, false
				}
			}
		case "time":
			if c.meta.nanos, ok = parseTime(b[v.off : v.off+v.n]); !ok {
				return c, false
			}
			c.meta.time = span{at + v.off, v.n}
		case "attrs":
			c.meta.attrs = span{at + v.off, v.n}
		}
	}
	if !s.byte('}') || !s.end() || !found {
		return c, false
	}
	raw := b[log.off : log.off+log.n]
	switch i := bytes.IndexByte(raw, '\\'); {
	case i < 0:
		c.off, c.n, c.more = at+log.off, len(raw), true
	case i == len(raw)-2 && raw[i+1] == 'n':
		c.off, c.n = at+log.off, i
	default:
		off := len(w.l.Data)
		d, ok := record.AppendUnescaped(w.l.Data, raw)
		if !ok {
			return c, false
		}
		c.off, c.n, c.more = off, len(d)-off, true
		if c.n > 0 && d[len(d)-1] == '\n' {
			c.n, c.more = c.n-1, false
		}
		w.l.Data = d
	}
	return c, true
}

// scanner reads JSON as far as docker needs it.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t') {
		s.i++
	}
}

func (s *scanner) byte(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *scanner) end() bool {
	s.space()
	return s.i == len(s.b)
}

// string returns what lies between the quotes of a string.
func (s *scanner) string() (span, bool) {
	if !s.byte('"') {
		return span{}, false
	}
	off := s.i
	for {
		j := bytes.IndexByte(s.b[s.i:], '"')
		if j < 0 {
			return span{}, false
		}
		j += s.i
		s.i = j + 1
		k := j
		for k > off && s.b[k-1] == '\\' {
			k--
		}
		if (j-k)%2 == 0 {
			return span{off, j - off}, true
		}
	}
}

// value returns any value; whether it is valid is not looked at.
func (s *scanner) value() (span, bool) {
	s.space()
	off, depth := s.i, 0
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case '"':
			if _, ok := s.string(); !ok {
				return span{}, false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return span{off, s.i - off}, s.i > off
			}
			if c != ',' {
				depth--
			}
		}
		s.i++
	}
	return span{}, false
}

// parseTime reads a time of RFC 3339.
func parseTime(b []byte) (nanos int64, ok bool) {
	if len(b) < 20 || len(b) > 40 || b[13] != ':' {
		return 0, false
	}
	var t time.Time
	if t.UnmarshalText(b) != nil {
		return 0, false
	}
	return t.UnixNano(), true
}
