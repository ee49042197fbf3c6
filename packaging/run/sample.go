package main

import (
	"bytes"
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// files are a handful of log files of an invented web shop: a web server, a Java
// service with stack traces, sshd and a database. Their times are filled in when
// they are written, because recent lines are what one wants to look at first.
//
//go:embed sample/*.log
var files embed.FS

// sampleSpan is how far back the lines reach.
const sampleSpan = 50 * time.Minute

// sampleMarks stand in the files where a line has its time.
var sampleMarks = []struct{ mark, layout string }{
	{"@clf@", "02/Jan/2006:15:04:05 -0700"},
	{"@iso@", "2006-01-02T15:04:05.000Z07:00"},
	{"@syslog@", time.Stamp},
	{"@pg@", "2006-01-02 15:04:05.000"},
}

// writeSample writes the files into dir, with times from 50 minutes before now until
// now. Times that name no zone are local ones, but for the database's, which says
// UTC.
func writeSample(dir string, now time.Time) error {
	names, err := fs.Glob(files, "sample/*.log")
	if err != nil {
		return err
	}
	// Whole or not at all: a later run takes the folder for complete.
	tmp := dir + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, filepath.Base(name)), fill(text, now), 0o600); err != nil {
			return err
		}
	}
	return os.Rename(tmp, dir)
}

// fill spreads the times of a file's lines evenly.
func fill(text []byte, now time.Time) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	var out bytes.Buffer
	for i, line := range lines {
		t := now.Add(-sampleSpan + sampleSpan*time.Duration(i)/time.Duration(len(lines)))
		for _, m := range sampleMarks {
			if m.mark == "@pg@" {
				t = t.UTC()
			}
			line = bytes.Replace(line, []byte(m.mark), []byte(t.Format(m.layout)), 1)
		}
		out.Write(line)
	}
	return out.Bytes()
}
