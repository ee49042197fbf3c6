package proc

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Scribe is a forwarder with its configuration and state folder. Kill and start
// it as often as the test needs.
type Scribe struct {
	*Process
	Binary string
	Dir    string // working directory; state lies in Dir/state
	Config string // file
	Args   []string
	Under  []string // the program that starts it, with its arguments; nil = none
}

// ScribeConfig is what NewScribe writes: a logstash-forwarder configuration, or,
// with Mode, a scribe.yml.
type ScribeConfig struct {
	Servers []string
	Mode    string // how several servers are used
	Certs   string // folder of Journalist.IssueCert
	Name    string // the certificate's name
	Paths   []string
	Fields  map[string]string
	Timeout int // seconds; 0 leaves it out
}

// NewScribe writes the configuration into dir.
func NewScribe(bin Binaries, dir string, c ScribeConfig) (*Scribe, error) {
	s := &Scribe{Binary: bin.Scribe, Dir: dir, Config: filepath.Join(dir, "scribe.conf")}
	text, err := c.legacy()
	if c.Mode != "" {
		s.Config = filepath.Join(dir, "scribe.yml")
		text, err = c.yaml()
	}
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.Config, append(text, '\n'), 0o600)
}

// legacy is logstash-forwarder's form.
func (c *ScribeConfig) legacy() ([]byte, error) {
	network := map[string]any{
		"servers":         c.Servers,
		"ssl certificate": filepath.Join(c.Certs, c.Name+".crt"),
		"ssl key":         filepath.Join(c.Certs, c.Name+".key"),
		"ssl ca":          filepath.Join(c.Certs, "ca.crt"),
	}
	if c.Timeout > 0 {
		network["timeout"] = c.Timeout
	}
	return json.MarshalIndent(map[string]any{
		"network": network,
		"files":   []any{map[string]any{"paths": c.Paths, "fields": c.Fields}},
	}, "", "  ")
}

// yaml is scribe.yml's form, of which JSON is a part.
func (c *ScribeConfig) yaml() ([]byte, error) {
	output := map[string]any{
		"servers": c.Servers,
		"mode":    c.Mode,
		"tls": map[string]any{
			"ca":          filepath.Join(c.Certs, "ca.crt"),
			"certificate": filepath.Join(c.Certs, c.Name+".crt"),
			"key":         filepath.Join(c.Certs, c.Name+".key"),
		},
	}
	if c.Timeout > 0 {
		output["timeout"] = fmt.Sprintf("%ds", c.Timeout)
	}
	group := map[string]any{"paths": c.Paths}
	if len(c.Fields) > 0 {
		group["fields"] = c.Fields
	}
	return json.MarshalIndent(map[string]any{"output": output, "files": []any{group}}, "", "  ")
}

// Start starts the forwarder; it does not wait for anything.
func (s *Scribe) Start() error {
	args := append([]string{"run", "--config", s.Config, "--state-dir", filepath.Join(s.Dir, "state")}, s.Args...)
	p, err := startUnder(s.Under, s.Dir, nil, s.Binary, args...)
	if err != nil {
		return fmt.Errorf("scribe: %w", err)
	}
	s.Process = p
	return nil
}
