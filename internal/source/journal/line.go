package journal

import (
	"bytes"
	"strconv"

	"journalist/internal/record"
	"journalist/internal/syslog"
)

// ours are the fields that have names of ours; of several with one name the first
// that is there counts.
var ours = []struct {
	name string
	from []string
}{
	{record.FieldHost, []string{"_HOSTNAME"}},
	{"unit", []string{"_SYSTEMD_USER_UNIT", "_SYSTEMD_UNIT"}},
	{"identifier", []string{"SYSLOG_IDENTIFIER", "_COMM"}},
	{"pid", []string{"_PID", "SYSLOG_PID"}},
}

// more are fields that lines have by other names.
var more = map[string]bool{"MESSAGE": true, "PRIORITY": true, "SYSLOG_FACILITY": true, "_SOURCE_REALTIME_TIMESTAMP": true}

// appendExtra appends the JSON object of an entry: @timestamp, host, level,
// facility, unit, identifier, pid, and with all every other field below "journal".
func (e *entry) appendExtra(dst []byte, all bool) []byte {
	start := len(dst)
	key := func(name string) {
		if dst = append(dst, ','); len(dst) == start+1 {
			dst[start] = '{'
		}
		dst = append(record.AppendJSONString(dst, name), ':')
	}
	text := func(name, value string) {
		if value != "" {
			key(name)
			dst = record.AppendJSONString(dst, value)
		}
	}
	if ns, ok := e.time(); ok {
		key(record.FieldTime)
		dst = append(record.AppendTime(append(dst, '"'), ns), '"')
	}
	if n, err := strconv.Atoi(string(e.get("PRIORITY"))); err == nil {
		text(record.FieldLevel, syslog.Level(n))
	}
	if n, err := strconv.Atoi(string(e.get("SYSLOG_FACILITY"))); err == nil {
		text("facility", syslog.FacilityName(n))
	}
	for _, o := range ours {
		for _, from := range o.from {
			v := e.get(from)
			// What systemd itself says of a unit is the unit's. Others may claim it.
			if u := e.get("UNIT"); from == "_SYSTEMD_UNIT" && len(u) > 0 && string(e.get("_PID")) == "1" {
				v = u
			}
			if len(v) > 0 {
				key(o.name)
				dst = record.AppendJSONString(dst, v)
				break
			}
		}
	}
	if all {
		mark := len(dst)
		key("journal")
		at := len(dst)
		if dst = e.appendOthers(dst); len(dst) == at {
			dst = dst[:mark]
		}
	}
	if len(dst) > start {
		dst = append(dst, '}')
	}
	return dst
}

// time is when the entry was made, in nanoseconds since the epoch: as its sender
// says, else as journald does.
func (e *entry) time() (int64, bool) {
	for _, name := range []string{"_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"} {
		if us, err := strconv.ParseInt(string(e.get(name)), 10, 64); err == nil && us > 0 && us < 9e15 {
			return us * 1000, true
		}
	}
	return 0, false
}

// appendOthers appends the fields that have no name of ours as an object; nothing
// when there is none. A field that comes several times becomes an array.
func (e *entry) appendOthers(dst []byte) []byte {
	start := len(dst)
	for i := range e.fields {
		f := &e.fields[i]
		if !isOther(f.name) || e.before(i) {
			continue
		}
		if dst = append(dst, ','); len(dst) == start+1 {
			dst[start] = '{'
		}
		dst = append(record.AppendJSONString(dst, f.name), ':')
		at, several := len(dst), false
		dst = record.AppendJSONString(append(dst, '['), f.value)
		for j := i + 1; j < len(e.fields); j++ {
			if bytes.Equal(e.fields[j].name, f.name) {
				dst, several = record.AppendJSONString(append(dst, ','), e.fields[j].value), true
			}
		}
		if several {
			dst = append(dst, ']')
		} else {
			dst = append(dst[:at], dst[at+1:]...)
		}
		if len(dst)-start > record.MaxRecord/4 {
			break // what follows would not fit into a record
		}
	}
	if len(dst) > start {
		dst = append(dst, '}')
	}
	return dst
}

// before tells whether a field of the same name stands before the i-th.
func (e *entry) before(i int) bool {
	for j := range i {
		if bytes.Equal(e.fields[j].name, e.fields[i].name) {
			return true
		}
	}
	return false
}

func isOther(name []byte) bool {
	if bytes.HasPrefix(name, []byte("__")) || more[string(name)] {
		return false
	}
	for _, o := range ours {
		for _, from := range o.from {
			if string(name) == from {
				return false
			}
		}
	}
	return true
}
