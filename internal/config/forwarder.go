package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Forwarder is a logstash-forwarder configuration.
type Forwarder struct {
	Servers []string // "host:port"
	// SSLCert and SSLKey are the files of the client's certificate, SSLCA that of
	// the authorities to trust; "" when not given.
	SSLCert, SSLKey, SSLCA string
	Timeout                time.Duration
	Files                  []FileGroup
	// Warnings are what does not hinder a start: unknown keys and the like.
	Warnings Problems
}

// FileGroup is one element of "files".
type FileGroup struct {
	Paths []string
	// Fields are in the order of the file.
	Fields   []Field
	DeadTime time.Duration
	// File and Line say where the group stands.
	File string
	Line int
}

// Field is a name and a value that every line of a group gets.
type Field struct{ Name, Value string }

// The defaults of logstash-forwarder 0.4.0.
const (
	DefaultTimeout  = 15 * time.Second
	DefaultDeadTime = 24 * time.Hour
	maxForwarder    = 10 << 20 // a larger file is ignored
)

// LoadForwarder reads a configuration file or all files of a directory, in the
// order of their names. lookup returns an environment variable; nil is
// os.LookupEnv. The error is a Problems when the content is wrong; the Forwarder
// is then what could be understood.
func LoadForwarder(path string, lookup func(string) (string, bool)) (*Forwarder, error) {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	names, skipped, err := forwarderFiles(path)
	if err != nil {
		return nil, err
	}
	m := merger{lookup: lookup, out: &Forwarder{Warnings: skipped}, set: map[string]Problem{}}
	for _, name := range names {
		if err := m.load(name); err != nil {
			return nil, err
		}
	}
	m.finish(path)
	return m.out, m.problems.asError()
}

// forwarderFiles lists the files of a configuration.
func forwarderFiles(path string) (names []string, skipped Problems, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		// Links are followed, as to a file made available and enabled.
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("configuration: %w", err)
		case info.Mode().IsRegular():
			names = append(names, name)
		default:
			skipped = append(skipped, Problem{File: name, Msg: "is no regular file; it is not read"})
		}
	}
	return names, skipped, nil
}

// merger joins the files of a configuration.
type merger struct {
	lookup   func(string) (string, bool)
	out      *Forwarder
	problems Problems
	set      map[string]Problem // where the single values were set
}

func (m *merger) load(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "read configuration", Path: name, Err: errors.New("it is no regular file")}
	}
	switch size := info.Size(); {
	case size > maxForwarder:
		m.warn(Problem{File: name, Msg: fmt.Sprintf("has %d bytes, more than %d: it is ignored", size, maxForwarder)})
		return nil
	case size == 0:
		m.warn(Problem{File: name, Msg: "is empty: it is skipped"})
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	m.add(name, text)
	return nil
}

func (m *merger) warn(p Problem) { m.out.Warnings = append(m.out.Warnings, p) }
func (m *merger) fail(p Problem) { m.problems = append(m.problems, p) }

// add reads one file's text and merges it.
func (m *merger) add(name string, text []byte) {
	f := parseForwarder(name, text, m.lookup)
	m.out.Warnings = append(m.out.Warnings, f.warnings...)
	m.problems = append(m.problems, f.problems...)
	m.out.Servers = append(m.out.Servers, f.servers...)
	m.out.Files = append(m.out.Files, f.files...)
	for _, v := range []struct {
		key string
		to  *string
	}{{"ssl certificate", &m.out.SSLCert}, {"ssl key", &m.out.SSLKey}, {"ssl ca", &m.out.SSLCA}} {
		if at, ok := f.at[v.key]; ok && f.values[v.key] != "" && m.first(v.key, at) {
			*v.to = f.values[v.key]
		}
	}
	if at, ok := f.at["timeout"]; ok && f.timeout != 0 && m.first("timeout", at) {
		m.out.Timeout = f.timeout
	}
}

// first notes where a value is set; a second place is a mistake.
func (m *merger) first(key string, at Problem) bool {
	before, again := m.set[key]
	if again {
		at.Msg = fmt.Sprintf("is already set in %s:%d", before.File, before.Line)
		m.fail(at)
		return false
	}
	m.set[key] = at
	return true
}

// finish fills in the defaults and checks what concerns all files together.
func (m *merger) finish(path string) {
	if m.out.Timeout == 0 {
		m.out.Timeout = DefaultTimeout
	}
	if (m.out.SSLCert == "") != (m.out.SSLKey == "") {
		m.warn(Problem{File: path, Key: "network", Msg: `"ssl certificate" and "ssl key" work only together: no client certificate is used`})
	}
	if len(m.problems) > 0 {
		return // what is missing may be where the mistake is
	}
	if len(m.out.Servers) == 0 {
		m.fail(Problem{File: path, Key: "network.servers", Msg: `no server is named: "servers": ["logs.example.com:5043"]`})
	}
	if len(m.out.Files) == 0 {
		m.fail(Problem{File: path, Key: "files", Msg: `no files are named: "files": [{"paths": ["/var/log/*.log"]}]`})
	}
}

// checkServer says what is wrong with a server's address, "" when nothing is.
func checkServer(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return fmt.Sprintf("%q is no address: write host:port, such as logs.example.com:5043", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("%q: the port must be a number from 1 to 65535", addr)
	}
	return ""
}
