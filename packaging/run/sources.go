package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// system are the logs that a machine usually has.
var system = []string{"/var/log/*.log", "/var/log/**/*.log", "/var/log/syslog", "/var/log/messages"}

// choosePaths decides what is shipped: what the flags name, this machine's logs,
// or the bundled sample where none of them can be read.
func (d *demo) choosePaths(now time.Time) error {
	if len(d.paths) > 0 {
		for i, p := range d.paths {
			abs, err := filepath.Abs(p)
			if err != nil {
				return err
			}
			d.paths[i] = abs
		}
		return nil
	}
	if somethingToRead("/var/log") {
		d.paths = system
		return nil
	}
	dir := d.path("sample")
	d.paths = []string{filepath.Join(dir, "*.log")}
	if _, err := os.Stat(dir); err == nil {
		return nil // from an earlier run
	}
	return writeSample(dir, now)
}

// somethingToRead tells whether a folder holds a log that is not empty and can be
// read.
func somethingToRead(root string) bool {
	found := false
	_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // folders of others
		}
		name := e.Name()
		if !e.Type().IsRegular() || !(strings.HasSuffix(name, ".log") || path == root+"/syslog" || path == root+"/messages") {
			return nil
		}
		if info, err := e.Info(); err != nil || info.Size() == 0 {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return nil
		}
		found = true
		_ = f.Close() // only opened
		return fs.SkipAll
	})
	return found
}

// writeConfig writes scribe's configuration in logstash-forwarder's form.
func (d *demo) writeConfig() error {
	type files struct {
		Paths    []string          `json:"paths"`
		Fields   map[string]string `json:"fields,omitempty"`
		DeadTime string            `json:"dead time"`
	}
	conf := struct {
		Network map[string]any `json:"network"`
		Files   []files        `json:"files"`
	}{
		Network: map[string]any{
			"servers":         []string{d.lumberjack},
			"ssl certificate": d.path("local.crt"),
			"ssl key":         d.path("local.key"),
			"ssl ca":          d.path("ca.crt"),
			"timeout":         15,
		},
		// Also files that nobody wrote to for a year: one wants to see something.
		Files: []files{{Paths: d.paths, Fields: map[string]string{"type": "local"}, DeadTime: "8760h"}},
	}
	text, err := json.MarshalIndent(conf, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(d.path("scribe.conf"), append(text, '\n'), 0o600)
}
