package syslog

import (
	"bytes"

	"journalist/internal/record"
)

var severities = [8]string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

var facilities = [24]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// Level names a severity, "" for what is none.
func Level(severity int) string {
	if severity < 0 || severity >= len(severities) {
		return ""
	}
	return severities[severity]
}

// FacilityName names a facility, "" for what is none.
func FacilityName(facility int) string {
	if facility < 0 || facility >= len(facilities) {
		return ""
	}
	return facilities[facility]
}

// AppendFields appends the members of a JSON object, without the braces, that say
// what the message says besides its text: @timestamp, host, level, facility, app,
// procid, msgid and sd with the structured data.
func (m *Message) AppendFields(dst []byte) []byte {
	start := len(dst)
	key := func(name string) {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(record.AppendJSONString(dst, name), ':')
	}
	text := func(name string, value []byte) {
		if len(value) > 0 {
			key(name)
			dst = record.AppendJSONString(dst, value)
		}
	}
	if m.Timed {
		key(record.FieldTime)
		dst = append(record.AppendTime(append(dst, '"'), m.Time), '"')
	}
	text(record.FieldHost, m.Host)
	key(record.FieldLevel)
	dst = record.AppendJSONString(dst, Level(m.Severity))
	key("facility")
	dst = record.AppendJSONString(dst, FacilityName(m.Facility))
	text("app", m.App)
	text("procid", m.ProcID)
	text("msgid", m.MsgID)
	if len(m.Data) > 0 {
		key("sd")
		dst = appendData(dst, m.Data)
	}
	return dst
}

// maxParams is how many parameters an element may have to become fields.
const maxParams = 256

type param struct{ name, value []byte }

// dataLen returns how long the structured data at the beginning of b is.
func dataLen(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, ErrHeader
	}
	if b[0] == '-' {
		return 1, nil
	}
	n := 0
	for n < len(b) && b[n] == '[' {
		_, _, k, ok := element(b[n:], nil)
		if !ok {
			return 0, ErrData
		}
		n += k
	}
	if n == 0 {
		return 0, ErrData
	}
	return n, nil
}

// element reads [id name="value" …] at the beginning of b and appends its
// parameters to params, if there is room for them; n is its length.
func element(b []byte, params []param) (id []byte, _ []param, n int, ok bool) {
	i := 1
	for i < len(b) && b[i] != ' ' && b[i] != ']' && b[i] != '=' && b[i] != '"' {
		i++
	}
	if id = b[1:i]; i == 1 || i >= len(b) || i > maxTag {
		return nil, nil, 0, false
	}
	for {
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i < len(b) && b[i] == ']' {
			return id, params, i + 1, true
		}
		from := i
		for i < len(b) && b[i] != '=' && b[i] != ' ' && b[i] != ']' && b[i] != '"' {
			i++
		}
		if i == from || i-from > maxTag || i+1 >= len(b) || b[i] != '=' || b[i+1] != '"' {
			return nil, nil, 0, false
		}
		p := param{name: b[from:i]}
		i += 2
		from = i
		for i < len(b) && b[i] != '"' {
			if b[i] == '\\' {
				i++
			}
			i++
		}
		if i >= len(b) {
			return nil, nil, 0, false
		}
		p.value = b[from:i]
		i++
		if len(params) < cap(params) {
			params = append(params, p)
		}
	}
}

// appendData appends structured data as a JSON object of objects. A parameter that
// comes several times becomes an array.
func appendData(dst, b []byte) []byte {
	var room [maxParams]param
	dst = append(dst, '{')
	for first := true; len(b) > 0; first = false {
		id, params, n, ok := element(b, room[:0])
		if !ok {
			break
		}
		b = b[n:]
		if !first {
			dst = append(dst, ',')
		}
		dst = append(record.AppendJSONString(dst, id), ":{"...)
		comma := false
		for i, p := range params {
			if p.name == nil {
				continue // it stands in an array already
			}
			if comma {
				dst = append(dst, ',')
			}
			comma = true
			dst = append(record.AppendJSONString(dst, p.name), ':')
			at, several := len(dst), false
			dst = append(dst, '[')
			dst = appendValue(dst, p.value)
			for j := i + 1; j < len(params); j++ {
				if params[j].name != nil && bytes.Equal(params[j].name, p.name) {
					dst = appendValue(append(dst, ','), params[j].value)
					params[j].name, several = nil, true
				}
			}
			if several {
				dst = append(dst, ']')
			} else {
				dst = append(dst[:at], dst[at+1:]...)
			}
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// appendValue appends a parameter's value, whose quotes, backslashes and brackets
// are escaped.
func appendValue(dst, v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return record.AppendJSONString(dst, v)
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) && (v[i+1] == '"' || v[i+1] == '\\' || v[i+1] == ']') {
			i++
		}
		out = append(out, v[i])
	}
	return record.AppendJSONString(dst, out)
}
