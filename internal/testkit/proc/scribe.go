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
}

// ScribeConfig is what NewScribe writes as a logstash-forwarder configuration.
type ScribeConfig struct {
	Servers []string
	Certs   string // folder of Journalist.IssueCert
	Name    string // the certificate's name
	Paths   []string
	Fields  map[string]string
	Timeout int // seconds; 0 leaves it out
}

// NewScribe writes the configuration into dir.
func NewScribe(bin Binaries, dir string, c ScribeConfig) (*Scribe, error) {
	network := map[string]any{
		"servers":         c.Servers,
		"ssl certificate": filepath.Join(c.Certs, c.Name+".crt"),
		"ssl key":         filepath.Join(c.Certs, c.Name+".key"),
		"ssl ca":          filepath.Join(c.Certs, "ca.crt"),
	}
	if c.Timeout > 0 {
		network["timeout"] = c.Timeout
	}
	text, err := json.MarshalIndent(map[string]any{
		"network": network,
		"files":   []any{map[string]any{"paths": c.Paths, "fields": c.Fields}},
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	s := &Scribe{Binary: bin.Scribe, Dir: dir, Config: filepath.Join(dir, "scribe.conf")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.Config, append(text, '\n'), 0o600)
}

// Start starts the forwarder; it does not wait for anything.
func (s *Scribe) Start() error {
	args := append([]string{"run", "--config", s.Config, "--state-dir", filepath.Join(s.Dir, "state")}, s.Args...)
	p, err := Start(s.Dir, nil, s.Binary, args...)
	if err != nil {
		return fmt.Errorf("scribe: %w", err)
	}
	s.Process = p
	return nil
}
