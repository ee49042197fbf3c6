package frame

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	xencoding "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"
)

// encoding is how a source's bytes become UTF-8; a nil one leaves them as they are.
type encoding struct {
	name   string
	wide   bool // two-byte units
	big    bool // of which the high byte comes first
	either bool // unless a byte order mark says otherwise
	ascii  bool // bytes below 128 stand for themselves, always
	// table has the characters of an encoding of single bytes.
	table *[256]char
	other xencoding.Encoding
}

// char is a character in UTF-8.
type char struct {
	n uint8
	b [3]byte
}

// lookup finds an encoding by its WHATWG name.
func lookup(name string) (*encoding, error) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "utf-8", "utf8", "unicode-1-1-utf-8":
		return nil, nil
	case "utf-16":
		return &encoding{name: "utf-16le", wide: true, either: true}, nil
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil, fmt.Errorf("frame: encoding %q is not known; names are those of the WHATWG's list, as utf-8, utf-16le, latin1, windows-1252, shift_jis, gbk", name)
	}
	if canon, err := htmlindex.Name(e); err == nil {
		name = canon
	}
	enc := &encoding{name: name, ascii: name != "iso-2022-jp", other: e}
	switch name {
	case "utf-8":
		return nil, nil
	case "utf-16le", "utf-16be":
		return &encoding{name: name, wide: true, big: name == "utf-16be"}, nil
	case "replacement":
		return nil, fmt.Errorf("frame: encoding %q cannot be read, it exists only to be refused", name)
	}
	if cm, ok := e.(*charmap.Charmap); ok {
		enc.table = new([256]char)
		for i := range enc.table {
			c := &enc.table[i]
			c.n = uint8(copy(c.b[:], string(cm.DecodeByte(byte(i)))))
		}
	}
	return enc, nil
}

// unit is the first code unit of b.
func (e *encoding) unit(b []byte) uint16 {
	if e.big {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return uint16(b[1])<<8 | uint16(b[0])
}

// decode makes UTF-8 of data[off:off+n], at most maxLine bytes of it, at the end of
// the Lines' Data or, where it is UTF-8 already, in place. took is how many bytes of
// the source it stands for, bad how many characters are not of the encoding.
func (w *work) decode(off, n int) (at, size, took, bad int) {
	e, src := w.f.enc, w.data[off:off+n]
	if e.ascii && isASCII(src) {
		return off, n, n, 0
	}
	dst := w.l.Data
	at = len(dst)
	limit := at + w.f.maxLine
	switch {
	case e.wide:
		dst, took = e.wideText(dst, src, limit)
	case e.table != nil:
		for ; took < len(src); took++ {
			c := &e.table[src[took]]
			if len(dst)+int(c.n) > limit {
				break
			}
			dst = append(dst, c.b[:c.n]...)
		}
	default:
		dst, took = w.transform(dst, src)
	}
	size = len(dst) - at
	bad = bytes.Count(dst[at:], []byte("\uFFFD"))
	w.l.Data = append(dst, '\n') // so that lines that are joined lie as they are to be
	return at, size, took, bad
}

// wideText appends the text of code units, up to limit bytes of dst.
func (e *encoding) wideText(dst, src []byte, limit int) (_ []byte, took int) {
	for took < len(src) {
		r, k := rune(utf8.RuneError), len(src)-took
		if k >= 2 {
			r, k = rune(e.unit(src[took:])), 2
		}
		switch {
		case r >= 0xDC00 && r < 0xE000:
			r = utf8.RuneError
		case r >= 0xD800 && r < 0xDC00:
			hi := r
			r = utf8.RuneError
			if len(src)-took >= 4 {
				if lo := rune(e.unit(src[took+2:])); lo >= 0xDC00 && lo < 0xE000 {
					r, k = (hi-0xD800)<<10|(lo-0xDC00)+0x10000, 4
				}
			}
		}
		if len(dst)+utf8.RuneLen(r) > limit {
			break
		}
		dst = utf8.AppendRune(dst, r)
		took += k
	}
	return dst, took
}

// transform decodes by x/text's decoder, at most maxLine bytes.
func (w *work) transform(dst, src []byte) (_ []byte, took int) {
	if w.decoder == nil {
		w.decoder = w.f.enc.other.NewDecoder()
	}
	w.decoder.Reset()
	at, limit := len(dst), w.f.maxLine
	room := min(2*len(src)+16, limit)
	for {
		if cap(dst)-at < room {
			dst = append(make([]byte, 0, at+room+at/4), dst...)
		}
		n, k, err := w.decoder.Transform(dst[at:at+room], src, true)
		if errors.Is(err, transform.ErrShortDst) && room < limit {
			room = min(2*room, limit)
			w.decoder.Reset()
			continue
		}
		if k == 0 && n == 0 && len(src) > 0 {
			// No decoder does that, but a line must not stop its source.
			return append(dst[:at], "\uFFFD"...), len(src)
		}
		if err != nil && !errors.Is(err, transform.ErrShortDst) {
			k = len(src) // likewise
		}
		return dst[:at+n], k
	}
}
