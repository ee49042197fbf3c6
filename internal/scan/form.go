package scan

import (
	"bytes"
	"net/netip"
	"strings"
)

// A form is what a text has in common with others of its kind: its words as they
// are, a slot in the place of each value. It is a string in which a slot is a zero
// byte and the byte of its class. FormText shows it to people.
//
// Values are what internal/store/template takes for such in sentences: times, what
// stands between quotation marks if it has a digit or is long, paths, and words with
// a digit. Several spaces count as one, and of several lines only the first.

// Slot is the class of a form's slot.
type Slot byte

// The classes of slots.
const (
	SlotAny  Slot = '_'
	SlotNum  Slot = 'n'
	SlotIP   Slot = 'i'
	SlotTime Slot = 't'
	SlotHex  Slot = 'x'
	SlotUUID Slot = 'u'
)

// String is how the slot is shown.
func (s Slot) String() string {
	switch s {
	case SlotNum:
		return "<num>"
	case SlotIP:
		return "<ip>"
	case SlotTime:
		return "<time>"
	case SlotHex:
		return "<hex>"
	case SlotUUID:
		return "<uuid>"
	}
	return "<_>"
}

const (
	// maxForm is about the longest form; what follows is one slot.
	maxForm = 600
	// maxFormText is how much of a text is looked at.
	maxFormText = 4 << 10
	// longQuote is the length from which a quotation is a value in any case.
	longQuote = 24
)

// AppendSlot appends a slot to a form.
func AppendSlot(dst []byte, s Slot) []byte { return append(dst, 0, byte(s)) }

// AppendStatic appends text that is no value to a form.
func AppendStatic(dst, text []byte) []byte {
	for _, c := range text {
		if c == 0 {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// FormText shows a form: slots as <num>, <ip>, <time>, <hex>, <uuid> or <_>.
func FormText(form string) string {
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] == 0 && i+1 < len(form) {
			i++
			b.WriteString(Slot(form[i]).String())
			continue
		}
		b.WriteByte(form[i])
	}
	return strings.ToValidUTF8(b.String(), "\ufffd")
}

// tokenByte tells which bytes words consist of.
var tokenByte = func() (t [256]bool) {
	for c := range 256 {
		b := byte(c)
		t[c] = isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'z' || b >= 0x80 || strings.IndexByte("_.@%+-", b) >= 0
	}
	return t
}()

func isDigit(c byte) bool { return c-'0' <= 9 }

// AppendForm appends the form of a text.
func AppendForm(dst, text []byte) []byte {
	text = text[:min(len(text), maxFormText)]
	start := len(dst)
	i, quotes := 0, 0
	if n := syslogStamp(text); n > 0 {
		dst, i = AppendSlot(dst, SlotTime), tokenEnd(text, n)
	}
	for i < len(text) {
		if len(dst)-start > maxForm {
			return AppendSlot(dst, SlotAny)
		}
		c := text[i]
		switch {
		case tokenByte[c]:
			if n := stamp(text, i); n > 0 {
				dst, i = AppendSlot(dst, SlotTime), tokenEnd(text, i+n)
				continue
			}
			end := tokenEnd(text, i)
			dst = appendToken(dst, text[i:end])
			i = end
			continue
		case c == '"' && i >= quotes:
			end, value := quotation(text, i)
			quotes = end + 1
			if value {
				dst = append(AppendSlot(append(dst, '"'), SlotAny), '"')
				i = end + 1
				continue
			}
		case c == '/' && (i == 0 || beforePath(text[i-1])):
			if end := pathEnd(text, i); end > i+1 {
				dst, i = AppendSlot(dst, SlotAny), end
				continue
			}
		case c == '\n':
			return appendLines(dst, text[i:])
		}
		dst = appendSeparator(dst, start, c)
		i++
	}
	return dst
}

// appendSeparator appends what is neither word nor value; of spaces one suffices.
func appendSeparator(dst []byte, start int, c byte) []byte {
	if c == 0 {
		c = ' '
	}
	if c == ' ' && len(dst) > start && dst[len(dst)-1] == ' ' {
		return dst
	}
	return append(dst, c)
}

// appendLines ends a form before the second line.
func appendLines(dst, rest []byte) []byte {
	dst = bytes.TrimRight(dst, " \t\r")
	if len(bytes.TrimSpace(rest)) == 0 {
		return dst
	}
	return AppendSlot(append(dst, '\n'), SlotAny)
}

func appendToken(dst, token []byte) []byte {
	for _, c := range token {
		if isDigit(c) {
			return AppendSlot(dst, SlotOf(token))
		}
	}
	return append(dst, token...)
}

// SlotOf is the class of a value.
func SlotOf(token []byte) Slot {
	digits, hexes, dots, dashes, others := 0, 0, 0, 0, 0
	for i, c := range token {
		switch {
		case isDigit(c):
			digits++
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			hexes++
		case c == '.':
			dots++
		case c == '-' && i > 0:
			dashes++
		case (c == '-' || c == '+') && len(token) > 1:
		default:
			others++
		}
	}
	signed := len(token) > 0 && (token[0] == '-' || token[0] == '+')
	switch {
	case others > 0 || digits == 0:
		return SlotAny
	case hexes == 0 && dashes == 0 && dots <= 1:
		return SlotNum
	case signed:
		return SlotAny
	case hexes == 0 && dashes == 0 && dots == 3:
		if _, err := netip.ParseAddr(string(token)); err == nil {
			return SlotIP
		}
	case hexes == 0 && dots == 0 && dashes == 2 && len(token) == 10 && token[4] == '-' && token[7] == '-':
		return SlotTime
	case dots == 0 && dashes == 4 && len(token) == 36 && token[8] == '-' && token[13] == '-' && token[18] == '-' && token[23] == '-':
		return SlotUUID
	case dots == 0 && dashes == 0 && len(token) >= 6:
		return SlotHex
	}
	return SlotAny
}

// CleanForm makes the form that AppendForm would make of one that was put together
// of static text and slots: words that a slot is part of become the slot, and what
// is behind the first line one slot. The result shares memory with dst only.
func CleanForm(dst, form []byte) []byte {
	start := len(dst)
	for i := 0; i < len(form); {
		if len(dst)-start > maxForm {
			return AppendSlot(dst, SlotAny)
		}
		c := form[i]
		switch {
		case c == '\n':
			return appendLines(dst, form[i:])
		case c != 0 && !tokenByte[c]:
			dst = appendSeparator(dst, start, c)
			i++
			continue
		}
		end, slots, words, class := i, 0, 0, SlotAny
		for end < len(form) {
			if form[end] == 0 && end+1 < len(form) {
				class = Slot(form[end+1])
				slots++
				end += 2
			} else if tokenByte[form[end]] {
				words++
				end++
			} else {
				break
			}
		}
		switch {
		case slots == 0:
			dst = append(dst, form[i:end]...)
		case slots == 1 && words == 0:
			dst = AppendSlot(dst, class)
		default:
			dst = AppendSlot(dst, SlotAny)
		}
		i = max(end, i+1)
	}
	return dst
}

func tokenEnd(text []byte, i int) int {
	for i < len(text) && tokenByte[text[i]] {
		i++
	}
	return i
}

func beforePath(c byte) bool { return strings.IndexByte(" \t\"'=([<,:`", c) >= 0 }

func pathEnd(text []byte, i int) int {
	for i < len(text) && text[i] > ' ' && strings.IndexByte(`"')]>,;`, text[i]) < 0 {
		i++
	}
	return i
}

// quotation returns where the quotation that begins at text[i] ends, and whether
// what is in it is a value. One that does not end is none.
func quotation(text []byte, i int) (end int, value bool) {
	digits := false
	for j := i + 1; j < len(text); j++ {
		switch c := text[j]; {
		case c == '\\':
			j++
		case c == '"':
			return j, (digits || j-i > longQuote) && !httpRequest(text[i+1:j])
		case isDigit(c):
			digits = true
		}
	}
	return len(text), false
}

// httpRequest tells whether b begins like "GET /".
func httpRequest(b []byte) bool {
	i := 0
	for i < len(b) && i < 8 && b[i] >= 'A' && b[i] <= 'Z' {
		i++
	}
	return i >= 3 && i+1 < len(b) && b[i] == ' ' && b[i+1] == '/'
}

// stamp returns the length of the time that begins at text[i], or 0: by its shape,
// YYYY-MM-DD or YYYY/MM/DD, a space or T and hh:mm:ss; DD/Mon/YYYY:hh:mm:ss; or
// hh:mm:ss alone, which must not be the end of an address with colons.
func stamp(text []byte, i int) int {
	b := text[i:]
	if len(b) < 8 || !isDigit(b[0]) {
		return 0
	}
	switch {
	case b[2] == ':':
		if i >= 2 && text[i-1] == ':' && isDigit(text[i-2]) || !clock(b) {
			return 0
		}
		n := fraction(b, 8)
		if n < len(b) && b[n] == ':' {
			return 0
		}
		return n
	case len(b) < 19:
		return 0
	case b[4] == '-' || b[4] == '/':
		if b[7] != b[4] || b[10] != ' ' && b[10] != 'T' || !digits(b, 0, 4) || !digits(b, 5, 7) || !digits(b, 8, 10) || !clock(b[11:]) {
			return 0
		}
		return fraction(b, 19)
	case len(b) < 20 || b[2] != '/' || b[6] != '/' || b[11] != ':':
		return 0
	case digits(b, 0, 2) && monthName(b[3:6]) && digits(b, 7, 11) && clock(b[12:]):
		return 20
	}
	return 0
}

// syslogStamp is the length of "Mon _d hh:mm:ss" at the beginning of a text.
func syslogStamp(b []byte) int {
	if len(b) < 15 || b[3] != ' ' || b[6] != ' ' || !isDigit(b[5]) || b[4] != ' ' && !isDigit(b[4]) || !monthName(b[:3]) || !clock(b[7:]) {
		return 0
	}
	return fraction(b, 15)
}

func digits(b []byte, from, to int) bool {
	for _, c := range b[from:to] {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// clock tells whether b, of at least eight bytes, begins with hh:mm:ss.
func clock(b []byte) bool {
	return b[2] == ':' && b[5] == ':' && digits(b, 0, 2) && digits(b, 3, 5) && digits(b, 6, 8)
}

// fraction returns where the fraction of a second that may stand at b[i:] ends.
func fraction(b []byte, i int) int {
	if i+1 >= len(b) || b[i] != '.' && b[i] != ',' || !isDigit(b[i+1]) {
		return i
	}
	for i++; i < len(b) && isDigit(b[i]); {
		i++
	}
	return i
}

func monthName(b []byte) bool {
	switch string(b[:3]) {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}
