// Package config reads what people write to say how the programs shall work:
// scribe.yml, and logstash-forwarder's JSON configuration and flags, for scribe, a
// YAML file for journalist. Every mistake is told with file, line and key, and with
// the key that was probably meant. The table of keys that a YAML file is read by also
// makes the JSON Schema that editors read.
//
// It stands beside the way and knows nothing of the other packages: cmd/scribe and
// cmd/journalist, up the way, read a configuration and turn it into the Options of
// the components down the way.
package config

import (
	"fmt"
	"strings"
)

// Problem is one mistake in a configuration, or one thing worth a warning.
type Problem struct {
	File string
	// Line and Column count from 1; 0 is unknown.
	Line, Column int
	// Key is the key the problem is about, with those around it: "network.timeout".
	Key string
	Msg string
	// Nearest is the known key that was probably meant; "" when none is near.
	Nearest string
}

// Error returns "file:line:column: key: message (did you mean …?)".
func (p Problem) Error() string {
	var s strings.Builder
	s.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&s, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&s, ":%d", p.Column)
		}
	}
	if s.Len() > 0 {
		s.WriteString(": ")
	}
	if p.Key != "" {
		s.WriteString(p.Key + ": ")
	}
	s.WriteString(p.Msg)
	if p.Nearest != "" {
		fmt.Fprintf(&s, " (did you mean %q?)", p.Nearest)
	}
	return s.String()
}

// Problems are all mistakes of a configuration; as an error they stand one a line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// asError keeps an empty list from becoming an error.
func (p Problems) asError() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// nearest returns the known key that is most like key, "" when none is like it.
func nearest(key string, known []string) string {
	if len(key) > 64 {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(key)/3)
	for _, k := range known {
		if d := editDistance(squash(key), squash(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// squash makes keys alike that differ only in case and in how their words are
// joined: "ssl_ca" and "SSL CA".
func squash(key string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '_', '-', '.':
			return -1
		}
		return r
	}, strings.ToLower(key))
}

// editDistance counts the letters to insert, remove, replace or swap with their
// neighbour to turn a into b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
