package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader turns the nodes of a YAML document into a configuration, by a table of
// keys. The same table makes the JSON Schema that editors read.
type reader struct {
	file     string
	problems Problems
	warnings Problems
	// lax has unknown keys warn instead of being mistakes.
	lax bool
	// lookup returns an environment variable for ${NAME}; nil leaves texts alone.
	lookup func(string) (string, bool)
	// set says where single values were set, in this file or one before; nil when
	// there is only one file.
	set *settings
	// deep counts the list elements around: what stands in them is not single.
	deep int
}

// key is a known key, what it is for, and its value.
type key struct {
	name, doc string
	value
}

// value is how a value is read and how an editor is told of it.
type value struct {
	read   func(n *yaml.Node, path string)
	schema schema
	// single: it stands for the whole configuration, so that only one file may
	// name it.
	single bool
}

// settings are the places of values of which there is one.
type settings map[string]Problem

// first notes where a value is set; a second place is a mistake, which is returned.
func (s settings) first(key string, at Problem) (again *Problem) {
	before, set := s[key]
	if set {
		at.Msg = fmt.Sprintf("is already set in %s:%d", before.File, before.Line)
		return &at
	}
	s[key] = at
	return nil
}

// document reads a text whose top is a mapping of these keys. It returns false when
// its syntax is wrong.
func (r *reader) document(text []byte, keys []key) bool {
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		if blank(text) {
			return true
		}
		r.problems = append(r.problems, r.syntax(err))
		return false
	}
	if len(root.Content) > 0 {
		r.mapping(root.Content[0], "", keys)
	}
	return true
}

// blank tells that a text has nothing but comments and document markers.
func blank(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line != "---" {
			return false
		}
	}
	return true
}

func (r *reader) syntax(err error) Problem {
	p := Problem{File: r.file, Msg: "YAML: " + err.Error()}
	var load *yaml.LoadError
	if errors.As(err, &load) {
		p.Line, p.Column, p.Msg = load.Mark.Line, load.Mark.Column, "YAML: "+load.Message
	}
	if strings.Contains(p.Msg, "expected single document") {
		p.Msg = "YAML: the file holds several documents; only one is read"
	}
	return p
}

func (r *reader) at(n *yaml.Node, path, msg string) Problem {
	return Problem{File: r.file, Line: n.Line, Column: n.Column, Key: path, Msg: msg}
}

func (r *reader) fail(n *yaml.Node, path, format string, args ...any) {
	r.problems = append(r.problems, r.at(n, path, fmt.Sprintf(format, args...)))
}

// section is a mapping whose keys are known.
func (r *reader) section(keys ...key) value {
	return value{
		read:   func(n *yaml.Node, path string) { r.mapping(n, path, keys) },
		schema: objectSchema(keys),
	}
}

// mapping reads a mapping whose keys are known.
func (r *reader) mapping(n *yaml.Node, path string, keys []key) {
	r.pairs(n, path, func(k, v *yaml.Node, path string) {
		i := slices.IndexFunc(keys, func(known key) bool { return known.name == k.Value })
		if i < 0 {
			r.unknown(k, path, keys)
			return
		}
		if keys[i].single && r.deep == 0 && r.set != nil && !isNull(target(v)) {
			if again := r.set.first(path, r.at(k, path, "")); again != nil {
				r.problems = append(r.problems, *again)
				return
			}
		}
		keys[i].read(v, path)
	})
}

// unknown complains of a key that is not in the table.
func (r *reader) unknown(k *yaml.Node, path string, keys []key) {
	names := make([]string, len(keys))
	for i, known := range keys {
		names[i] = known.name
	}
	p := r.at(k, path, "is no known key")
	p.Nearest = nearest(k.Value, names)
	if r.lax {
		p.Msg += " and is ignored"
		r.warnings = append(r.warnings, p)
		return
	}
	r.problems = append(r.problems, p)
}

// pairs calls f for each key and value of a mapping, with the key's path. Nothing
// at all ("http:") is an empty mapping.
func (r *reader) pairs(n *yaml.Node, path string, f func(k, v *yaml.Node, path string)) {
	n = target(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, path, "must be a mapping of keys to values")
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		at := join(path, k.Value)
		if k.Kind != yaml.ScalarNode {
			r.fail(k, path, "a key must be plain text")
			continue
		}
		if line, again := lines[k.Value]; again {
			r.fail(k, at, "stands in line %d already", line)
			continue
		}
		lines[k.Value] = k.Line
		f(k, v, at)
	}
}

// elements calls f for each element of a list. Null is an empty one; with oneToo, a
// value that is no list is a list of it.
func (r *reader) elements(n *yaml.Node, path string, oneToo bool, f func(n *yaml.Node)) {
	n = target(n)
	if isNull(n) {
		return
	}
	r.deep++
	defer func() { r.deep-- }()
	if n.Kind != yaml.SequenceNode {
		if oneToo {
			f(n)
			return
		}
		r.fail(n, path, "must be a list: [a, b]")
		return
	}
	for _, one := range n.Content {
		f(one)
	}
}

// target follows an alias. One never leads to another.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// isBool tells that a node is true or false and not a text.
func isBool(n *yaml.Node) (b, ok bool) {
	n = target(n)
	ok = n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool"
	return ok && strings.EqualFold(n.Value, "true"), ok
}

// scalar returns the text of a single value; ok is false for null and for
// anything else, of which it complains.
func (r *reader) scalar(n *yaml.Node, path string) (text string, ok bool) {
	n = target(n)
	if isNull(n) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		r.fail(n, path, "must be a single value")
		return "", false
	}
	if r.lookup == nil {
		return n.Value, true
	}
	text, err := expand(n.Value, r.lookup)
	if err != nil {
		r.fail(n, path, "%v", err)
		return "", false
	}
	return text, true
}

// text reads a single value as it is.
func (r *reader) text(to *string) value {
	return value{single: true, schema: schema{"type": "string"}, read: func(n *yaml.Node, path string) {
		if s, ok := r.scalar(n, path); ok {
			*to = s
		}
	}}
}

// texts reads a list of single values and adds it to what is there.
func (r *reader) texts(to *[]string) value {
	return value{schema: schema{"type": "array", "items": schema{"type": "string"}}, read: func(n *yaml.Node, path string) {
		r.elements(n, path, false, func(one *yaml.Node) {
			if s, ok := r.scalar(one, path); ok {
				*to = append(*to, s)
			}
		})
	}}
}

// parsed reads a single value with a function.
func parsed[T any](r *reader, to *T, s schema, parse func(string) (T, error)) value {
	return value{single: true, schema: s, read: func(n *yaml.Node, path string) {
		text, ok := r.scalar(n, path)
		if !ok {
			return
		}
		v, err := parse(text)
		if err != nil {
			r.fail(n, path, "%v", err)
			return
		}
		*to = v
	}}
}

// flag reads true or false.
func (r *reader) flag(to *bool) value {
	return parsed(r, to, schema{"type": "boolean"}, parseFlag)
}

func parseFlag(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q: write true or false", s)
}

// choice reads one of some words.
func (r *reader) choice(to *string, words ...string) value {
	return parsed(r, to, schema{"enum": words}, func(s string) (string, error) {
		if slices.Contains(words, s) {
			return s, nil
		}
		msg := fmt.Sprintf("%q: write one of %s", s, strings.Join(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" }), ", "))
		if near := nearest(s, words); near != "" {
			msg += fmt.Sprintf(" (did you mean %q?)", near)
		}
		return "", errors.New(msg)
	})
}

// listOf reads a list of mappings and adds it to what is there. start makes an
// element, keys are those that may stand in it.
func listOf[T any](r *reader, to *[]T, start func(n *yaml.Node) T, keys func(*T) []key) value {
	var none T
	return value{schema: schema{"type": "array", "items": objectSchema(keys(&none))}, read: func(n *yaml.Node, path string) {
		r.elements(n, path, false, func(one *yaml.Node) {
			v := start(one)
			r.mapping(one, path, keys(&v))
			*to = append(*to, v)
		})
	}}
}
