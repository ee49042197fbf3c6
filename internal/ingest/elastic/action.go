package elastic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// verb is what a bulk action wants.
type verb uint8

const (
	verbIndex verb = iota
	verbCreate
	verbUpdate
	verbDelete
)

var verbNames = [...]string{"index", "create", "update", "delete"}

func (v verb) String() string { return verbNames[v] }

// hasSource tells whether the action's line is followed by a document.
func (v verb) hasSource() bool { return v != verbDelete }

// action is a parsed action line. Index and ID are ranges of the line or, where
// they had escapes, texts of their own.
type action struct {
	verb     verb
	index    []byte
	hasIndex bool
	id       []byte
	pipeline bool
}

// parseAction reads {"verb":{"_index":"…","_id":"…",…}}. Other keys are ignored,
// as their values have no meaning here: routing, version, require_alias. What is
// written in an unusual but valid way goes through encoding/json.
func parseAction(line []byte) (action, error) {
	if a, ok := quickAction(line); ok {
		return a, nil
	}
	var m map[string]map[string]any
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		return action{}, fmt.Errorf("it is no JSON object of the form {\"create\":{…}}: %w", err)
	}
	if dec.More() {
		return action{}, errors.New("more than one object stands on its line")
	}
	if len(m) != 1 {
		return action{}, fmt.Errorf("it has %d actions, one is expected", len(m))
	}
	var a action
	for name, meta := range m {
		v, ok := verbOf([]byte(name))
		if !ok {
			return action{}, fmt.Errorf("unknown action %q: there are index, create, update and delete", name)
		}
		a.verb = v
		for key, value := range meta {
			if err := a.set(key, value); err != nil {
				return action{}, err
			}
		}
	}
	return a, nil
}

func (a *action) set(key string, value any) error {
	var text []byte
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		text = []byte(v)
	case json.Number:
		text = []byte(v.String())
	case bool:
		return nil
	default:
		return fmt.Errorf("its %q is no text", key)
	}
	switch key {
	case "_index":
		a.index, a.hasIndex = text, true
	case "_id":
		a.id = text
	case "pipeline":
		a.pipeline = true
	}
	return nil
}

func verbOf(name []byte) (verb, bool) {
	switch string(name) {
	case "index":
		return verbIndex, true
	case "create":
		return verbCreate, true
	case "update":
		return verbUpdate, true
	case "delete":
		return verbDelete, true
	}
	return 0, false
}

// quickAction reads the usual form: strings without escapes, numbers, booleans
// and null as values. It says no to everything else, valid or not.
func quickAction(line []byte) (a action, ok bool) {
	t := tokens{line}
	if !t.byte('{') {
		return a, false
	}
	name, ok := t.text()
	if !ok {
		return a, false
	}
	if a.verb, ok = verbOf(name); !ok || !t.byte(':') || !t.byte('{') {
		return a, false
	}
	for first := true; !t.byte('}'); first = false {
		if !first && !t.byte(',') {
			return a, false
		}
		key, ok := t.text()
		if !ok || !t.byte(':') {
			return a, false
		}
		value, isText, ok := t.scalar()
		if !ok {
			return a, false
		}
		switch string(key) {
		case "_index":
			if !isText {
				return a, false
			}
			a.index, a.hasIndex = value, true
		case "_id":
			if !isText {
				return a, false
			}
			a.id = value
		case "pipeline":
			a.pipeline = isText
		}
	}
	return a, t.byte('}') && t.atEnd()
}

// tokens takes tokens off the front of a line.
type tokens struct{ rest []byte }

func (t *tokens) space() {
	i := 0
	for i < len(t.rest) && (t.rest[i] == ' ' || t.rest[i] == '\t' || t.rest[i] == '\r') {
		i++
	}
	t.rest = t.rest[i:]
}

func (t *tokens) atEnd() bool { t.space(); return len(t.rest) == 0 }

func (t *tokens) byte(c byte) bool {
	t.space()
	if len(t.rest) == 0 || t.rest[0] != c {
		return false
	}
	t.rest = t.rest[1:]
	return true
}

// text takes a string without escapes and control characters.
func (t *tokens) text() ([]byte, bool) {
	if !t.byte('"') {
		return nil, false
	}
	for i, c := range t.rest {
		if c == '"' {
			s := t.rest[:i:i]
			t.rest = t.rest[i+1:]
			return s, true
		}
		if c == '\\' || c < 0x20 || c >= 0x80 {
			return nil, false
		}
	}
	return nil, false
}

func (t *tokens) scalar() (value []byte, isText, ok bool) {
	t.space()
	if len(t.rest) == 0 {
		return nil, false, false
	}
	if t.rest[0] == '"' {
		value, ok = t.text()
		return value, true, ok
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(t.rest, []byte(word)) {
			t.rest = t.rest[len(word):]
			return nil, false, true
		}
	}
	i := 0
	for i < len(t.rest) && '0' <= t.rest[i] && t.rest[i] <= '9' {
		i++
	}
	if i == 0 || i > 1 && t.rest[0] == '0' {
		return nil, false, false
	}
	t.rest = t.rest[i:]
	return nil, false, true
}
