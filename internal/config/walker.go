package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// walker goes through the tokens of a JSON text whose syntax is right and knows
// where it is. A value of the wrong type is noted and skipped, null is as if the
// key were not there.
type walker struct {
	file string
	text []byte
	// expanded tells of which lines an environment variable moved the columns.
	expanded []bool
	dec      *json.Decoder
	out      *forwarderFile
}

// next returns where the next token begins.
func (w *walker) next() int {
	i := int(w.dec.InputOffset())
	for i < len(w.text) && strings.IndexByte(" \t\r\n,:", w.text[i]) >= 0 {
		i++
	}
	return i
}

// here is a Problem, yet without message, at the next token.
func (w *walker) here(key string) Problem { return w.place(w.next(), key) }

func (w *walker) place(offset int, key string) Problem {
	offset = min(offset, len(w.text))
	p := Problem{File: w.file, Key: key, Line: 1 + bytes.Count(w.text[:offset], []byte("\n"))}
	if p.Line <= len(w.expanded) && !w.expanded[p.Line-1] {
		p.Column = offset - bytes.LastIndexByte(w.text[:offset], '\n')
	}
	return p
}

func (w *walker) fail(p Problem) { w.out.problems = append(w.out.problems, p) }

func (w *walker) failAt(offset int, key, msg string) {
	p := w.place(offset, key)
	p.Msg = msg
	w.fail(p)
}

// decode reads the next value into v. It cannot fail for syntax.
func (w *walker) decode(v any) bool { return w.dec.Decode(v) == nil }

func (w *walker) skip() { w.decode(new(json.RawMessage)) }

// expect looks at the next value: true when it begins with one of first. Null is
// skipped silently, anything else with a Problem.
func (w *walker) expect(key, first, want string) bool {
	i := w.next()
	if i >= len(w.text) {
		return false
	}
	c := w.text[i]
	if strings.IndexByte(first, c) >= 0 {
		return true
	}
	if c != 'n' {
		w.failAt(i, key, "must be "+want)
	}
	w.skip()
	return false
}

// object reads an object and calls f for each key, which must read the value. With
// known keys, f gets the known spelling, and unknown ones are skipped with a
// warning. It returns false when there is no object.
func (w *walker) object(path string, known []string, f func(key string)) bool {
	if !w.expect(path, "{", `an object: { … }`) {
		return false
	}
	if _, err := w.dec.Token(); err != nil {
		return false
	}
	seen := map[string]bool{}
	for w.dec.More() {
		at := w.here(path)
		token, err := w.dec.Token()
		if err != nil {
			return false
		}
		key, _ := token.(string)
		if known != nil {
			i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, key) })
			if i < 0 {
				at.Key = join(path, key)
				at.Msg, at.Nearest = "is no known key and is ignored", nearest(key, known)
				w.out.warnings = append(w.out.warnings, at)
				w.skip()
				continue
			}
			key = known[i]
		}
		if seen[key] {
			at.Key, at.Msg = join(path, key), "stands here a second time; this one counts"
			w.out.warnings = append(w.out.warnings, at)
		}
		seen[key] = true
		f(key)
	}
	_, err := w.dec.Token()
	return err == nil
}

// array reads an array and calls f for each element, which must read it.
func (w *walker) array(path string, f func()) {
	if !w.expect(path, "[", "a list: [ … ]") {
		return
	}
	if _, err := w.dec.Token(); err != nil {
		return
	}
	for w.dec.More() {
		f()
	}
	_, _ = w.dec.Token() // the closing bracket
}

// str reads a string.
func (w *walker) str(path string) (s string, ok bool) {
	if !w.expect(path, `"`, `text in quotes: "…"`) {
		return "", false
	}
	ok = w.decode(&s)
	return s, ok
}

// integer reads a whole number.
func (w *walker) integer(path string) (n int64, ok bool) {
	if !w.expect(path, "-0123456789", "a number without quotes") {
		return 0, false
	}
	at := w.here(path)
	var number json.Number
	if !w.decode(&number) {
		return 0, false
	}
	n, err := number.Int64()
	if err != nil {
		at.Msg = fmt.Sprintf("%s is no whole number", number)
		w.fail(at)
		return 0, false
	}
	return n, true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
