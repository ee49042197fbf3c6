package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Forwarder is scribe's configuration: logstash-forwarder's JSON sets Servers,
// SSLCert, SSLKey, SSLCA, Timeout and Files, scribe.yml everything.
type Forwarder struct {
	Servers []string // "host:port"
	// SSLCert and SSLKey are the files of the client's certificate, SSLCA that of
	// the authorities to trust; "" when not given.
	SSLCert, SSLKey, SSLCA string
	Timeout                time.Duration
	Files                  []FileGroup

	// Host stands in the field host; "" is the machine's name. Fields are added to
	// every line, HostFacts are what is told of the machine.
	Host       string
	Fields     []Field
	HostFacts  []string
	Output     Output
	Limits     Limits
	Stdin      *FileGroup // the standard input, nil when it is not read
	Journal    *Journal
	Syslog     []SyslogListener
	Docker     string // the address of Docker's socket, "" when it is not asked
	Kubernetes *Kubernetes
	Spool      Spool
	Rotate     []string // logrotate's configuration files
	// MetricsListen is host:port of this machine or unix:///path, "" for none.
	MetricsListen string

	// Warnings are what does not hinder a start: unknown keys and the like.
	Warnings Problems
}

// Output says how the servers are used. Zero values leave it to internal/ship.
type Output struct {
	Mode     string // failover, balance or random; "" is random with logstash-forwarder's configuration
	Protocol string // auto, v2 or v1
	// ServerName is the name that the servers' certificates must have; "" is that in
	// the address.
	ServerName          string
	Progress, Rebalance time.Duration
}

// Limits are what scribe may use; 0 is each one's default.
type Limits struct {
	Memory, Bandwidth, Queue int64
	OpenFiles                int
}

// Common is what all kinds of sources have.
type Common struct {
	// Fields are in the order of the file.
	Fields   []Field
	Rules    []Rule
	Priority int
}

// FileGroup is one element of "files".
type FileGroup struct {
	Common
	Paths, Exclude []string
	// DeadTime is ignore_older: files not written for so long when they are found
	// are read from their end on.
	DeadTime time.Duration
	Start    Start
	// CloseInactive, HoldTime and HoldBytes are 0 where the defaults count.
	CloseInactive, HoldTime time.Duration
	HoldBytes               int64
	// SkipCompressed leaves rotated files alone that are compressed.
	SkipCompressed bool
	Encoding       string
	MaxLine        int64
	Truncate       bool // lines that are too long, instead of splitting them
	Multiline      *Multiline
	Format         string // "", docker, cri, container, json or logfmt
	// File and Line say where the group stands.
	File string
	Line int
}

// Start is where new files are begun: at their beginning, at their end, or, those
// that were written before Since, at their end.
type Start struct {
	End   bool
	Since time.Time
}

// Multiline joins lines to one event: by ready-made kinds, or by a pattern.
type Multiline struct {
	Kinds      []string
	Pattern    string
	Negate     bool
	What       string // previous or next
	FlushAfter time.Duration
	MaxLines   int
	MaxBytes   int64
}

// Rule is one step that lines go through. One of its parts is set; If limits all
// but Drop and Keep to the lines that match.
type Rule struct {
	Drop, Keep string
	Sample     float64 // the share that is kept, 0 when it is no sample
	Mask       []Mask
	Add        []Field
	Remove     []string
	Rename     []Field // Name becomes Value
	If         string
	File       string
	Line       int
}

// Mask hides what a ready-made Kind or a Pattern finds behind With.
type Mask struct{ Kind, Pattern, With string }

// Journal is systemd's.
type Journal struct {
	Common
	Units, Matches []string
	Since          string
	// All keeps the fields that have no name of scribe's, below "journal".
	All bool
}

// SyslogListener takes syslog messages at unix:///path, unix-stream:///path,
// udp://host:port or tcp://host:port.
type SyslogListener struct {
	Common
	Listen string
	// Remote allows an address that other machines reach.
	Remote bool
}

// Kubernetes is where pods are asked for.
type Kubernetes struct{ URL, TokenFile, CA, Node string }

// Spool is the disk queue of sources that cannot wait; without Dir there is none.
type Spool struct {
	Dir   string
	Bytes int64
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
// order of their names: those that end in .yml or .yaml as scribe's YAML, the
// others as logstash-forwarder's JSON. lookup returns an environment variable; nil
// is os.LookupEnv. The error is a Problems when the content is wrong; the Forwarder
// is then what could be understood.
func LoadForwarder(path string, lookup func(string) (string, bool)) (*Forwarder, error) {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	names, skipped, err := forwarderFiles(path)
	if err != nil {
		return nil, err
	}
	m := merger{lookup: lookup, out: &Forwarder{Warnings: skipped}, set: settings{}}
	for _, name := range names {
		if err := m.load(name); err != nil {
			return nil, err
		}
	}
	m.finish(path)
	return m.out, m.problems.asError()
}

// beside are the ends of names of what lies beside a configuration in its folder
// and is never one: certificates and keys.
var beside = []string{".crt", ".cer", ".pem", ".key", ".csr"}

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
		if slices.Contains(beside, strings.ToLower(filepath.Ext(name))) {
			continue
		}
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
	set      settings
	yaml     bool // a file of scribe's own was read
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
	if isYAML(name) {
		m.addYAML(name, text)
	} else {
		m.add(name, text)
	}
	return nil
}

func isYAML(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".yml" || ext == ".yaml"
}

func (m *merger) warn(p Problem) { m.out.Warnings = append(m.out.Warnings, p) }
func (m *merger) fail(p Problem) { m.problems = append(m.problems, p) }

// add reads the text of a file of logstash-forwarder's and merges it.
func (m *merger) add(name string, text []byte) {
	f := parseForwarder(name, text, m.lookup)
	m.out.Warnings = append(m.out.Warnings, f.warnings...)
	m.problems = append(m.problems, f.problems...)
	m.out.Servers = append(m.out.Servers, f.servers...)
	m.out.Files = append(m.out.Files, f.files...)
	for _, v := range []struct {
		key, same string
		to        *string
	}{
		{"ssl certificate", "output.tls.certificate", &m.out.SSLCert},
		{"ssl key", "output.tls.key", &m.out.SSLKey},
		{"ssl ca", "output.tls.ca", &m.out.SSLCA},
	} {
		if at, ok := f.at[v.key]; ok && f.values[v.key] != "" && m.first(v.same, at) {
			*v.to = f.values[v.key]
		}
	}
	if at, ok := f.at["timeout"]; ok && f.timeout != 0 && m.first("output.timeout", at) {
		m.out.Timeout = f.timeout
	}
}

// first notes where a value is set; a second place is a mistake.
func (m *merger) first(key string, at Problem) bool {
	again := m.set.first(key, at)
	if again != nil {
		m.fail(*again)
	}
	return again == nil
}

// finish fills in the defaults and checks what concerns all files together.
func (m *merger) finish(path string) {
	out := m.out
	if out.Timeout == 0 {
		out.Timeout = DefaultTimeout
	}
	if (out.SSLCert == "") != (out.SSLKey == "") {
		p := Problem{File: path, Key: "network", Msg: `"ssl certificate" and "ssl key" work only together: no client certificate is used`}
		if m.yaml {
			p.Key, p.Msg = "output.tls", "certificate and key are needed together"
			m.fail(p)
		} else {
			m.warn(p)
		}
	}
	if out.Output.Mode == "" && m.yaml {
		out.Output.Mode = "failover"
	}
	if len(m.problems) > 0 {
		return // what is missing may be where the mistake is
	}
	servers, files := Problem{File: path, Key: "network.servers", Msg: `no server is named: "servers": ["logs.example.com:5043"]`},
		Problem{File: path, Key: "files", Msg: `no files are named: "files": [{"paths": ["/var/log/*.log"]}]`}
	if m.yaml {
		servers.Key, servers.Msg = "output.servers", "no server is named: output: {servers: [logs.example.com:5043]}"
		files.Msg = `nothing is to be read: name files ("files: [{paths: [/var/log/*.log]}]") or another source`
	}
	if len(out.Servers) == 0 {
		m.fail(servers)
	}
	if len(out.Files) == 0 && out.Stdin == nil && out.Journal == nil && len(out.Syslog) == 0 {
		m.fail(files)
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
