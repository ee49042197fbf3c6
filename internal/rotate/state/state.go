// Package state remembers when which log was rotated, and what a rotation that
// has begun has still to do, so that one that is cut off is completed and none is
// done twice.
//
// It is a leaf beside internal/vfs, which it writes through; internal/rotate
// notes every step in it.
//
// The file is text: a first line that names the format, then one record a line,
// each a CRC-32C in hexadecimal and a JSON object. Records are only appended and
// each is synced; when the file is opened it is written anew with what still
// counts. A last line that a crash cut off is dropped.
package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"journalist/internal/vfs"
)

const (
	firstLine = "scribe rotate state -- version 1\n"
	foreign   = "logrotate state -- version "
	// maxFile bounds what is read; a state has some hundred bytes for each log.
	maxFile = 256 << 20
	// forget is how long a log that is no more is remembered.
	forget = 366 * 24 * time.Hour
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Log is what is known of one log file.
type Log struct {
	Rotated time.Time `json:"rotated"`
	// Fill is how many bytes at the start of the file with the inode Ino stand for
	// what was cut off, and belong to no rotation.
	Fill uint64 `json:"fill,omitempty"`
	Ino  uint64 `json:"ino,omitempty"`
	// Since is since when its rotation waits for acknowledgements, and Until the
	// offset up to which.
	Since time.Time `json:"since,omitzero"`
	Until uint64    `json:"until,omitempty"`
}

// Unit is a rotation that has begun: its plan, as its owner wrote it, and how
// far it is.
type Unit struct {
	ID   uint64
	Plan json.RawMessage
	// Done are the steps that have ended, by number; Notes what the step that is under
	// way has noted of itself.
	Done  map[int]Outcome
	Notes map[int]json.RawMessage
}

// Outcome is how a step ended.
type Outcome string

// The outcomes.
const (
	OK     Outcome = "ok"
	Failed Outcome = "failed"
)

// entry is one record of the file.
type entry struct {
	Log     string          `json:"log,omitempty"`
	State   *Log            `json:"state,omitempty"`
	Unit    uint64          `json:"unit,omitempty"`
	Plan    json.RawMessage `json:"plan,omitempty"`
	Step    *int            `json:"step,omitempty"`
	Outcome Outcome         `json:"outcome,omitempty"`
	Note    json.RawMessage `json:"note,omitempty"`
	End     bool            `json:"end,omitempty"`
}

// State is an open state file. All methods may be called from several goroutines.
type State struct {
	fs     vfs.FS
	name   string
	unlock func() error

	mu       sync.Mutex
	f        vfs.File
	logs     map[string]Log
	units    map[uint64]*Unit
	last     uint64
	warnings []string
	broken   error
}

// Take reads the state, which it makes where there is none, and takes it for this
// process; it waits up to patience for another one that has it. A state of
// logrotate's is converted; what was there stays beside it, with .logrotate added
// to its name.
func Take(fsys vfs.FS, name string, now time.Time, patience time.Duration) (*State, error) {
	unlock, err := vfs.Lock(fsys, name+".lock", patience)
	if err != nil {
		return nil, err
	}
	s := &State{fs: fsys, name: name, unlock: unlock, logs: make(map[string]Log), units: make(map[uint64]*Unit)}
	if err := s.open(now); err != nil {
		_ = unlock() // the first error is the one to tell
		return nil, fmt.Errorf("state of rotations %s: %w", name, err)
	}
	return s, nil
}

// Read reads the state without taking it, for a look at what would be done: what
// is noted in it is not written.
func Read(fsys vfs.FS, name string) (*State, error) {
	s := &State{fs: fsys, name: name, logs: make(map[string]Log), units: make(map[uint64]*Unit)}
	if _, err := s.load(); err != nil {
		return nil, fmt.Errorf("state of rotations %s: %w", name, err)
	}
	return s, nil
}

func (s *State) open(now time.Time) error {
	data, err := s.load()
	if err != nil {
		return err
	}
	if bytes.HasPrefix(data, []byte(foreign)) {
		if err := vfs.WriteFile(s.fs, s.name+".logrotate", data); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	b.WriteString(firstLine)
	for _, path := range slices.Sorted(maps.Keys(s.logs)) {
		l := s.logs[path]
		if now.Sub(l.Rotated) > forget {
			if _, err := s.fs.Stat(path); vfs.IsNotExist(err) {
				delete(s.logs, path)
				continue
			}
		}
		b.Write(encode(entry{Log: path, State: &l}))
	}
	for _, u := range s.Open() {
		b.Write(encode(entry{Unit: u.ID, Plan: u.Plan}))
		for _, i := range slices.Sorted(maps.Keys(u.Done)) {
			b.Write(encode(entry{Unit: u.ID, Step: &i, Outcome: u.Done[i]}))
		}
		for _, i := range slices.Sorted(maps.Keys(u.Notes)) {
			b.Write(encode(entry{Unit: u.ID, Step: &i, Note: u.Notes[i]}))
		}
	}
	if !bytes.Equal(b.Bytes(), data) {
		if err := vfs.WriteFile(s.fs, s.name, b.Bytes()); err != nil {
			return err
		}
	}
	if s.f, err = s.fs.Append(s.name); err != nil {
		return err
	}
	return s.fs.SyncDir(filepath.Dir(s.name))
}

// load reads the file into s and returns its bytes.
func (s *State) load() ([]byte, error) {
	fi, err := s.fs.Stat(s.name)
	if vfs.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if fi.Size() > maxFile {
		return nil, fmt.Errorf("%d bytes are too many for a state", fi.Size())
	}
	data, err := vfs.ReadFile(s.fs, s.name)
	switch {
	case err != nil || len(data) == 0:
		return data, err
	case bytes.HasPrefix(data, []byte(foreign)):
		return data, s.convert(data)
	case !bytes.HasPrefix(data, []byte(firstLine)):
		return nil, errors.New("is neither scribe's nor logrotate's: name another file with --state")
	}
	rest := data[len(firstLine):]
	for n := 2; len(rest) > 0; n++ {
		line, more, whole := bytes.Cut(rest, []byte{'\n'})
		rest = more
		e, err := decode(line)
		if err != nil {
			if !whole && len(more) == 0 {
				break // a crash cut it off before anybody relied on it
			}
			s.warnings = append(s.warnings, fmt.Sprintf("%s:%d: %v, left out", s.name, n, err))
			continue
		}
		s.apply(e)
	}
	return data, nil
}

func encode(e entry) []byte {
	text, err := json.Marshal(e)
	if err != nil { // of strings, numbers and JSON: cannot be
		text = []byte("{}")
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli), text)
}

func decode(line []byte) (e entry, err error) {
	sum, text, ok := bytes.Cut(line, []byte{' '})
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !ok || err != nil || crc32.Checksum(text, castagnoli) != uint32(want) {
		return e, errors.New("damaged line")
	}
	return e, json.Unmarshal(text, &e)
}

func (s *State) apply(e entry) {
	if e.State != nil {
		s.logs[e.Log] = *e.State
	}
	if e.Unit == 0 {
		return
	}
	s.last = max(s.last, e.Unit)
	if e.Plan != nil {
		s.units[e.Unit] = &Unit{ID: e.Unit, Plan: e.Plan, Done: make(map[int]Outcome), Notes: make(map[int]json.RawMessage)}
	}
	u := s.units[e.Unit]
	switch {
	case u == nil:
	case e.End:
		delete(s.units, e.Unit)
	case e.Step != nil && e.Outcome != "":
		u.Done[*e.Step] = e.Outcome
		delete(u.Notes, *e.Step)
	case e.Step != nil:
		u.Notes[*e.Step] = e.Note
	}
}

// write appends records and syncs them. After a failure nothing is written any
// more: what the file then ends with is not known.
func (s *State) write(entries ...entry) error {
	if s.broken != nil {
		return s.broken
	}
	if s.unlock == nil { // only read: nobody else will see it
		for _, e := range entries {
			s.apply(e)
		}
		return nil
	}
	var b []byte
	for _, e := range entries {
		b = append(b, encode(e)...)
	}
	_, err := s.f.Write(b)
	if err == nil {
		err = s.f.Sync()
	}
	if err != nil {
		s.broken = fmt.Errorf("state of rotations %s: %w", s.name, err)
		return s.broken
	}
	for _, e := range entries {
		s.apply(e)
	}
	return nil
}

// Warnings tell what of the file could not be read.
func (s *State) Warnings() []string { return s.warnings }

// Log returns what is known of a log.
func (s *State) Log(path string) (l Log, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok = s.logs[path]
	return l, ok
}

// SetLog notes what is known of a log.
func (s *State) SetLog(path string, l Log) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(entry{Log: path, State: &l})
}

// Begin notes a unit before its first step, and with it that its logs are rotated.
func (s *State) Begin(plan any, at time.Time, logs ...string) (*Unit, error) {
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.last + 1
	entries := []entry{{Unit: id, Plan: text}}
	for _, path := range logs {
		l := s.logs[path]
		l.Rotated, l.Since, l.Until = at, time.Time{}, 0
		entries = append(entries, entry{Log: path, State: &l})
	}
	if err := s.write(entries...); err != nil {
		return nil, err
	}
	return s.units[id], nil
}

// Done notes that a step has ended.
func (s *State) Done(u *Unit, step int, o Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(entry{Unit: u.ID, Step: &step, Outcome: o})
}

// Note keeps what a step must know of itself if it is cut off.
func (s *State) Note(u *Unit, step int, note any) error {
	text, err := json.Marshal(note)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(entry{Unit: u.ID, Step: &step, Note: text})
}

// End notes that a unit has nothing left to do.
func (s *State) End(u *Unit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(entry{Unit: u.ID, End: true})
}

// Open returns the units that have begun and not ended, in their order.
func (s *State) Open() []*Unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Unit
	for _, id := range slices.Sorted(maps.Keys(s.units)) {
		out = append(out, s.units[id])
	}
	return out
}

// Close gives the file free.
func (s *State) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.f != nil {
		err = s.f.Close()
		s.f = nil
	}
	s.broken = errors.New("state of rotations is closed")
	if s.unlock != nil {
		_ = s.unlock() // ends with the process anyway
		s.unlock = nil
	}
	return err
}

// convert reads logrotate's own state.
func (s *State) convert(data []byte) error {
	for i, line := range strings.Split(string(data), "\n") {
		if i == 0 || line == "" {
			continue
		}
		path, when, ok := foreignLine(line)
		if !ok {
			s.warnings = append(s.warnings, fmt.Sprintf("%s:%d: not a line of logrotate's state, left out", s.name, i+1))
			continue
		}
		s.logs[path] = Log{Rotated: when}
	}
	return nil
}

// foreignLine reads "PATH" YEAR-MONTH-DAY-HOUR:MINUTE:SECOND; the time of day may
// be missing.
func foreignLine(line string) (path string, when time.Time, ok bool) {
	var b strings.Builder
	rest := line
	if strings.HasPrefix(line, `"`) {
		i := 1
		for ; i < len(line) && line[i] != '"'; i++ {
			c := line[i]
			if c == '\\' && i+1 < len(line) {
				i++
				if c = line[i]; c == 'n' {
					c = '\n'
				}
			}
			b.WriteByte(c)
		}
		if i >= len(line) {
			return "", when, false
		}
		rest = line[i+1:]
	} else {
		first, after, _ := strings.Cut(line, " ")
		b.WriteString(first)
		rest = after
	}
	v := [6]int{}
	n, _ := fmt.Sscanf(strings.TrimSpace(rest), "%d-%d-%d-%d:%d:%d", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]) // n tells
	if n < 3 || v[0] < 1900 || v[0] > 2100 || v[1] < 1 || v[1] > 12 || v[2] < 0 || v[2] > 31 || b.Len() == 0 {
		return "", when, false
	}
	return b.String(), time.Date(v[0], time.Month(v[1]), v[2], v[3], v[4], v[5], 0, time.Local), true
}
