// Package conf reads logrotate's configuration files: what to rotate, when, and
// into which names.
//
// It is a leaf of internal/rotate, which plans and carries out what the files
// say; cmd/scribe hands it their names.
package conf

import (
	"fmt"
	"time"
)

// Period says when a log is due.
type Period int

// The periods. BySize is logrotate's default, with a threshold of 1 MiB.
const (
	BySize Period = iota
	Hourly
	Daily
	Weekly
	Monthly
	Yearly
)

// String is the directive that stands for p.
func (p Period) String() string {
	return [...]string{"size", "hourly", "daily", "weekly", "monthly", "yearly"}[p]
}

// Owner is a user and a group; -1 means not given.
type Owner struct{ UID, GID int }

// Create says what a new file or folder is like; a Mode of -1 means not given.
type Create struct {
	Mode int
	Owner
}

// Compressor is the program that compresses, and what it appends to names.
type Compressor struct {
	Command string   `json:"command"`
	Options []string `json:"options,omitempty"`
	Ext     string   `json:"ext"`
}

// Set is one block: log files and what is to be done with them. Its fields are
// named after logrotate's directives.
type Set struct {
	File string // the configuration file
	Line int
	// Pattern is the text before the block's brace as it is written, which shared
	// scripts are called with. Globs are the patterns in it, Logs the files that
	// they gave, or a pattern itself when it gave none.
	Pattern string
	Globs   []string
	Logs    []string

	Period    Period
	Weekday   int // 0 is Sunday, 7 is every seven days
	Threshold int64
	MinSize   int64
	MaxSize   int64
	Rotate    int // -1 keeps all
	MinAge    int // days
	MaxAge    int
	Start     int

	IfEmpty, MissingOK, IgnoreDuplicates bool
	Compress, DelayCompress              bool
	Compressor                           Compressor
	Copy, CopyTruncate, RenameCopy       bool
	Create                               *Create
	DateExt, DateYesterday, DateHourAgo  bool
	DateFormat                           string
	Extension, AddExtension              string
	OldDir                               string
	CreateOldDir                         *Create
	SharedScripts                        bool
	First, Pre, Post, PreRemove, Last    string
	Su                                   *Owner
	Shred                                bool
	ShredCycles                          int
	AllowHardlink                        bool
}

// defaults are what logrotate assumes before it has read anything.
func defaults() *Set {
	return &Set{
		Threshold: 1 << 20, Start: 1, IfEmpty: true,
		Compressor: Compressor{Command: "/bin/gzip", Ext: ".gz"},
	}
}

// DateSuffix returns what a rotation at the time t appends to the names of logs.
func (s *Set) DateSuffix(t time.Time) string {
	if s.DateYesterday {
		t = time.Date(t.Year(), t.Month(), t.Day()-1, 12, t.Minute(), t.Second(), 0, t.Location())
	}
	if s.DateHourAgo {
		t = t.Add(-time.Hour)
	}
	return s.format().at(t)
}

// DateLayout returns how such a suffix is recognised and ordered.
func (s *Set) DateLayout() Layout { return s.format() }

func (s *Set) format() Layout {
	switch {
	case s.DateFormat != "":
		return parseLayout(s.DateFormat, true)
	case s.Period == Hourly:
		return parseLayout("-%Y%m%d%H", false)
	}
	return parseLayout("-%Y%m%d", false)
}

// Problem is something wrong in a configuration file.
type Problem struct {
	File string
	Line int
	Text string
	// Warning: what is meant is clear, and done.
	Warning bool
}

// Error says where and what.
func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// Config is what the files say.
type Config struct {
	Sets     []*Set
	Problems []Problem
}
