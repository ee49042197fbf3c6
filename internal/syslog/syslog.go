// Package syslog reads syslog messages: RFC 5424, RFC 3164 and what daemons and
// devices really send.
//
// It is a leaf beside internal/record: internal/source/syslog at scribe takes
// messages from sockets and reads them with it, internal/source/journal shares its
// names of severities. It knows messages only; how they are told apart on a stream
// is the listener's.
package syslog

import (
	"bytes"
	"errors"
	"time"

	"journalist/internal/record"
)

// The errors of Parse. What cannot be read is kept as it came.
var (
	ErrPriority = errors.New("syslog: no priority at the beginning")
	ErrHeader   = errors.New("syslog: the header of RFC 5424 is not whole")
	ErrData     = errors.New("syslog: the structured data is malformed")
)

// Message is what a message says. All slices are parts of what was parsed.
type Message struct {
	// Facility and Severity are the two halves of the priority.
	Facility, Severity int
	// Time is in nanoseconds since the epoch; Timed tells whether there is one.
	Time  int64
	Timed bool
	// Host, App, ProcID and MsgID are empty when they are not given.
	Host, App, ProcID, MsgID []byte
	// Data is the structured data, from the first bracket to the last.
	Data []byte
	// Text is the message itself.
	Text []byte
}

// Options say what a message leaves open.
type Options struct {
	// Now is when the message came, for times without a year, and in the zone of
	// times without one.
	Now time.Time
	// Local says that the message comes from this machine by a local socket: the C
	// library writes no host then.
	Local bool
}

// Parse reads one message. It keeps parts of b and does not allocate.
func Parse(b []byte, o Options) (m Message, err error) {
	b = bytes.TrimRight(b, "\x00\r\n")
	pri, b, ok := priority(b)
	if !ok {
		return m, ErrPriority
	}
	m.Facility, m.Severity = pri>>3, pri&7
	if len(b) >= 2 && b[0] == '1' && b[1] == ' ' {
		return m, m.modern(b[2:])
	}
	m.classic(b, o)
	return m, nil
}

// priority reads <N>.
func priority(b []byte) (pri int, rest []byte, ok bool) {
	if len(b) < 3 || b[0] != '<' {
		return 0, b, false
	}
	i := 1
	for ; i < len(b) && i < 4 && b[i]-'0' <= 9; i++ {
		pri = pri*10 + int(b[i]-'0')
	}
	if i == 1 || i == len(b) || b[i] != '>' || pri > 191 {
		return 0, b, false
	}
	return pri, b[i+1:], true
}

// modern reads what follows the version of RFC 5424.
func (m *Message) modern(b []byte) error {
	var stamp []byte
	for _, field := range []*[]byte{&stamp, &m.Host, &m.App, &m.ProcID, &m.MsgID} {
		i := bytes.IndexByte(b, ' ')
		if i <= 0 {
			return ErrHeader
		}
		if *field = b[:i]; i == 1 && b[0] == '-' {
			*field = nil
		}
		b = b[i+1:]
	}
	if stamp != nil {
		if m.Time, m.Timed = record.ParseTime(stamp); !m.Timed {
			return ErrHeader
		}
	}
	n, err := dataLen(b)
	if err != nil {
		return err
	}
	if b[0] == '[' {
		m.Data = b[:n]
	}
	b = b[n:]
	if len(b) > 0 && b[0] != ' ' {
		return ErrData
	}
	b = bytes.TrimPrefix(bytes.TrimPrefix(b, []byte{' '}), []byte("\xef\xbb\xbf"))
	// rsyslog passes on the space that stood behind an RFC 3164 tag.
	m.Text = bytes.TrimPrefix(b, []byte{' '})
	return nil
}

// classic reads what follows the priority of RFC 3164 and its relatives, which
// leave out whatever they like.
func (m *Message) classic(b []byte, o Options) {
	rest := b
	if i := counter(rest); i > 0 { // Cisco counts its messages
		rest = rest[i:]
	}
	rest = bytes.TrimLeft(rest, "*.") // Cisco: the clock is not set
	at, n := stamp(rest, o.Now)
	if n == 0 {
		m.tag(b)
		return
	}
	m.Time, m.Timed = at, true
	rest = rest[n:]
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	rest = bytes.TrimLeft(rest, " ")
	if tagLen(rest) == 0 {
		if i := bytes.IndexByte(rest, ' '); i > 0 && isHost(rest[:i]) && (!o.Local || tagLen(rest[i+1:]) > 0) {
			m.Host, rest = rest[:i], bytes.TrimPrefix(rest[i+1:], []byte(": ")) // Cisco ASA: "host : %ASA-…"
		}
	}
	m.tag(rest)
}

// counter returns the length of "123: ".
func counter(b []byte) int {
	i := 0
	for i < len(b) && i < 20 && b[i]-'0' <= 9 {
		i++
	}
	if i == 0 || i+1 >= len(b) || b[i] != ':' || b[i+1] != ' ' {
		return 0
	}
	return i + 2
}

// isHost tells whether this may be a host's name or address.
func isHost(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == '[' || c == ']' || c == '=' || c == '"' || c == '(' || c == ')' || c == 0x7f {
			return false
		}
	}
	return len(b) <= 255
}

// maxTag is the longest program name that is believed to be one.
const maxTag = 128

// tagLen returns the length of a tag with its colon, 0 when there is none:
// "app:", "app[1]:" or "app[1] ".
func tagLen(b []byte) int {
	for i, c := range b[:min(len(b), maxTag)] {
		switch {
		case c == '[' && i > 0:
			end := bytes.IndexByte(b[i:min(len(b), i+maxTag)], ']')
			if end < 2 || bytes.IndexByte(b[i:i+end], ' ') >= 0 {
				return 0
			}
			i += end + 1
			if i < len(b) && b[i] == ':' {
				return i + 1
			}
			if i == len(b) || b[i] == ' ' {
				return i
			}
			return 0
		case c == ':':
			// An address or a time inside the text is no tag.
			if i > 0 && (i+1 == len(b) || b[i+1] == ' ' || b[i+1] == '\t') {
				return i + 1
			}
			if i == 0 || i+1 < len(b) && b[i+1] == ':' {
				return 0
			}
		case c <= ' ' || c == '"' || c == ']':
			return 0
		}
	}
	return 0
}

// tag takes the program's name and process off the text.
func (m *Message) tag(b []byte) {
	n := tagLen(b)
	m.Text = b
	if n == 0 {
		return
	}
	tag := bytes.TrimSuffix(b[:n], []byte{':'})
	if i := bytes.IndexByte(tag, '['); i > 0 && tag[len(tag)-1] == ']' {
		m.App, m.ProcID = tag[:i], tag[i+1:len(tag)-1]
	} else {
		m.App = tag
	}
	m.Text = bytes.TrimPrefix(b[n:], []byte{' '})
}
