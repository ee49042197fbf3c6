package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// ParseServer is LoadServer for a text; name stands in the errors.
func ParseServer(name string, text []byte) (*Server, error) {
	r := reader{file: name, out: DefaultServer()}
	if len(text) > maxServer {
		return nil, Problems{{File: name, Msg: "is too large"}}
	}
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		if blank(text) {
			return r.out, nil
		}
		return nil, Problems{r.syntax(err)}
	}
	if len(root.Content) > 0 {
		r.mapping(root.Content[0], "", r.top())
	}
	r.finish()
	if err := r.problems.asError(); err != nil {
		return nil, err
	}
	return r.out, nil
}

// blank tells that a text has nothing but comments and document markers.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && string(line) != "---" {
			return false
		}
	}
	return true
}

// reader turns the nodes of a YAML document into a Server.
type reader struct {
	file     string
	out      *Server
	problems Problems
}

// key is a known key and what reads its value.
type key struct {
	name string
	read func(n *yaml.Node, path string)
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

func (r *reader) fail(n *yaml.Node, path, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: n.Line, Column: n.Column, Key: path, Msg: fmt.Sprintf(format, args...)})
}

func (r *reader) top() []key {
	c := r.out
	return []key{
		{"data", r.text(&c.Data)},
		{"http", r.section(
			key{"addr", r.addr(&c.HTTP.Addr, false)},
			key{"tls", r.section(key{"cert", r.text(&c.HTTP.TLS.Cert)}, key{"key", r.text(&c.HTTP.TLS.Key)})},
			key{"names", r.texts(&c.HTTP.Names)})},
		{"lumberjack", r.section(
			key{"addr", r.addr(&c.Lumberjack.Addr, true)},
			key{"client_ca", r.text(&c.Lumberjack.ClientCA)})},
		{"retention", r.section(
			key{"default", r.retention(&c.Retention.Default)},
			key{"datasets", r.datasets})},
		{"disk_floor", parsed(r, &c.DiskFloor, ParseFloor)},
		{"timezone", parsed(r, &c.Zone, loadZone)},
		{"log", r.section(key{"level", parsed(r, &c.Log.Level, parseLevel)})},
	}
}

func (r *reader) section(keys ...key) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) { r.mapping(n, path, keys) }
}

// mapping reads a mapping whose keys are known.
func (r *reader) mapping(n *yaml.Node, path string, keys []key) {
	r.pairs(n, path, func(k, v *yaml.Node, path string) {
		names := make([]string, len(keys))
		for i, known := range keys {
			if known.name == k.Value {
				known.read(v, path)
				return
			}
			names[i] = known.name
		}
		r.fail(k, path, "is no known key")
		r.problems[len(r.problems)-1].Nearest = nearest(k.Value, names)
	})
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

// target follows an alias. One never leads to another.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

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
	return n.Value, true
}

func (r *reader) text(to *string) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		if s, ok := r.scalar(n, path); ok {
			*to = s
		}
	}
}

func (r *reader) texts(to *[]string) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		n = target(n)
		if isNull(n) {
			return
		}
		if n.Kind != yaml.SequenceNode {
			r.fail(n, path, "must be a list: [a, b]")
			return
		}
		*to = nil
		for _, one := range n.Content {
			if s, ok := r.scalar(one, path); ok {
				*to = append(*to, s)
			}
		}
	}
}

func (r *reader) addr(to *string, mayBeOff bool) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		s, ok := r.scalar(n, path)
		if !ok {
			return
		}
		// YAML 1.1 would read off as false; the text is what counts here.
		if _, _, err := net.SplitHostPort(s); err != nil && (!mayBeOff || s != "off") {
			r.fail(n, path, "%q is no address: write host:port or :port", s)
			return
		}
		*to = s
	}
}

// parsed reads a single value with a function.
func parsed[T any](r *reader, to *T, parse func(string) (T, error)) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		s, ok := r.scalar(n, path)
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			r.fail(n, path, "%v", err)
			return
		}
		*to = v
	}
}

func (r *reader) retention(to *Retention) func(*yaml.Node, string) {
	return r.section(key{"age", parsed(r, &to.Age, ParseDuration)}, key{"bytes", parsed(r, &to.Bytes, ParseSize)})
}

func (r *reader) datasets(n *yaml.Node, path string) {
	r.pairs(n, path, func(k, v *yaml.Node, path string) {
		if k.Value == "" {
			r.fail(k, path, "a dataset has a name")
			return
		}
		var rule Retention
		r.retention(&rule)(v, path)
		r.out.Retention.Datasets[k.Value] = rule
	})
}

// finish checks what concerns several keys.
func (r *reader) finish() {
	if tls := r.out.HTTP.TLS; (tls.Cert == "") != (tls.Key == "") {
		r.problems = append(r.problems, Problem{File: r.file, Key: "http.tls", Msg: "cert and key are needed together"})
	}
}

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the time zone %q is not known: write a name such as Europe/Berlin, UTC or Local", name)
	}
	return zone, nil
}

func parseLevel(text string) (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("%q is no level: write debug, info, warn or error", text)
	}
	return level, nil
}
