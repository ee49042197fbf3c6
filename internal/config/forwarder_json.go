package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// forwarderFile is what one file of a configuration says.
type forwarderFile struct {
	servers []string
	values  map[string]string // "ssl certificate", "ssl key", "ssl ca"
	timeout time.Duration
	files   []FileGroup
	// at says where the single values stand.
	at map[string]Problem

	warnings, problems Problems
}

var (
	topKeys     = []string{"network", "files"}
	networkKeys = []string{"servers", "ssl certificate", "ssl key", "ssl ca", "timeout"}
	fileKeys    = []string{"paths", "fields", "dead time"}
)

// parseForwarder reads one file's text. Keys match without regard to case, as
// encoding/json matched them for logstash-forwarder; a second one of the same name
// replaces the first.
func parseForwarder(name string, text []byte, lookup func(string) (string, bool)) *forwarderFile {
	f := &forwarderFile{values: map[string]string{}, at: map[string]Problem{}}
	w := walker{file: name, out: f}
	w.prepare(text, lookup)
	var syntax *json.SyntaxError
	if err := json.Unmarshal(w.text, new(json.RawMessage)); errors.As(err, &syntax) {
		offset := max(0, int(syntax.Offset)-1)
		msg := "JSON: " + syntax.Error()
		if strings.HasPrefix(syntax.Error(), "unexpected end") {
			msg = "JSON: the file ends too early: a bracket, brace or quote is not closed"
		}
		w.failAt(offset, "", msg)
		return f
	}
	w.dec = json.NewDecoder(bytes.NewReader(w.text))
	w.object("", topKeys, func(key string) {
		switch key {
		case "network":
			w.object(key, networkKeys, w.network)
		case "files":
			f.files = nil
			w.array(key, func() { w.fileGroup() })
		}
	})
	return f
}

// prepare blanks the comment lines and replaces environment variables, line by
// line so that the numbers of the lines stay right.
func (w *walker) prepare(text []byte, lookup func(string) (string, bool)) {
	var out bytes.Buffer
	lines := bytes.SplitAfter(text, []byte("\n"))
	w.expanded = make([]bool, len(lines))
	for i, line := range lines {
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t\r\v\f"), []byte("#")) {
			if bytes.HasSuffix(line, []byte("\n")) {
				out.WriteByte('\n')
			}
			continue
		}
		if !bytes.Contains(line, []byte("$")) {
			out.Write(line)
			continue
		}
		w.expanded[i] = true
		out.WriteString(os.Expand(string(line), func(name string) string {
			value, ok := lookup(name)
			if !ok {
				w.out.warnings = append(w.out.warnings, Problem{
					File: w.file, Line: i + 1,
					Msg: fmt.Sprintf("the environment variable %q is not set and becomes empty (a dollar sign cannot stand for itself here)", name),
				})
			}
			// A line break would only move the numbers of the lines: no JSON string
			// may hold one.
			return strings.ReplaceAll(value, "\n", " ")
		}))
	}
	w.text = out.Bytes()
}

// network reads the value of one of network's keys.
func (w *walker) network(key string) {
	path := "network." + key
	at := w.here(path)
	switch key {
	case "servers":
		w.out.servers = nil
		w.array(path, func() {
			at := w.here(path)
			if s, ok := w.str(path); ok {
				if at.Msg = checkServer(s); at.Msg != "" {
					w.fail(at)
				}
				w.out.servers = append(w.out.servers, s)
			}
		})
	case "timeout":
		if n, ok := w.integer(path); ok {
			if n < 0 || n > int64(day/time.Second) {
				at.Msg = "must be a number of seconds, at most a day's"
				w.fail(at)
			}
			w.out.timeout, w.out.at[key] = time.Duration(n)*time.Second, at
		}
	default:
		if s, ok := w.str(path); ok {
			w.out.values[key], w.out.at[key] = s, at
		}
	}
}

// fileGroup reads one element of files.
func (w *walker) fileGroup() {
	g := FileGroup{DeadTime: DefaultDeadTime, File: w.file, Line: w.here("").Line}
	at := w.here("files.paths")
	ok := w.object("files", fileKeys, func(key string) {
		path := "files." + key
		switch key {
		case "paths":
			g.Paths = nil
			w.array(path, func() {
				if s, ok := w.str(path); ok {
					g.Paths = append(g.Paths, s)
				}
			})
		case "fields":
			w.object(path, nil, func(name string) {
				if s, ok := w.str(path + "." + name); ok {
					i := slices.IndexFunc(g.Fields, func(f Field) bool { return f.Name == name })
					if i < 0 {
						g.Fields = append(g.Fields, Field{Name: name, Value: s})
					} else {
						g.Fields[i].Value = s
					}
				}
			})
		case "dead time":
			at := w.here(path)
			s, ok := w.str(path)
			if !ok || s == "" {
				return
			}
			d, err := time.ParseDuration(s)
			if err != nil || d < 0 {
				if d, err = ParseDuration(s); err != nil {
					at.Msg = err.Error()
					w.fail(at)
					return
				}
			}
			g.DeadTime = d
		}
	})
	if ok && len(g.Paths) == 0 {
		at.Msg = "no path is named: this element does nothing"
		w.out.warnings = append(w.out.warnings, at)
	}
	w.out.files = append(w.out.files, g)
}
