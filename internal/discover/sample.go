package discover

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
)

// sampleSize is how much of a file's end is looked at.
const sampleSize = 32 << 10

// end reads the end of a file.
func (s *searcher) end(name string, size int64) ([]byte, error) {
	f, err := s.o.Root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	if r, ok := f.(io.ReaderAt); ok && size > sampleSize {
		b := make([]byte, sampleSize)
		n, err := r.ReadAt(b, size-sampleSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		// The head says the encoding, the end is what is written today.
		head := make([]byte, 2)
		if k, _ := r.ReadAt(head, 0); k == 2 && (head[0] == 0xff && head[1] == 0xfe || head[0] == 0xfe && head[1] == 0xff) {
			return append(head, b[:n]...), nil
		}
		return b[:n], nil
	}
	return io.ReadAll(io.LimitReader(f, sampleSize))
}

var (
	javaFrame  = regexp.MustCompile(`^\s+at [\w$.<>/]+\(.*\)`)
	phpFrame   = regexp.MustCompile(`^#\d+ .*\(\d+\): |^PHP Stack trace:`)
	rubyFrame  = regexp.MustCompile(`^\s+from .+:\d+:in `)
	netFrame   = regexp.MustCompile(`^\s+at .+\) in .+:line \d+`)
	pythonHead = []byte("Traceback (most recent call last):")
	goHead     = regexp.MustCompile(`^goroutine \d+ \[`)
	logfmtLine = regexp.MustCompile(`^(?:[\w.@-]+=(?:"(?:[^"\\]|\\.)*"|\S*)(?:\s+|$)){3,}$`)
)

// looksLike fills in what a sample shows, where the group does not know it.
func looksLike(g *Group, sample []byte) {
	if len(sample) > 2 && g.Encoding == "" {
		switch {
		case sample[0] == 0xff && sample[1] == 0xfe:
			g.Encoding = "utf-16le"
			return
		case sample[0] == 0xfe && sample[1] == 0xff:
			g.Encoding = "utf-16be"
			return
		}
	}
	if g.Format == "docker" || g.Format == "container" {
		return
	}
	lines := bytes.Split(sample, []byte("\n"))
	if len(lines) > 1 {
		lines = lines[:len(lines)-1] // the last one may be half
		if len(sample) >= sampleSize {
			lines = lines[1:]
		}
	}
	var objects, pairs, full int
	trace := ""
	for _, line := range lines {
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			continue
		}
		full++
		switch {
		case line[0] == '{' && json.Valid(line):
			objects++
		case logfmtLine.Match(line):
			pairs++
		case netFrame.Match(line):
			trace = "dotnet"
		case javaFrame.Match(line) && trace == "":
			trace = "java"
		case bytes.HasPrefix(line, pythonHead):
			trace = "python"
		case goHead.Match(line):
			trace = "go"
		case phpFrame.Match(line):
			trace = "php"
		case rubyFrame.Match(line):
			trace = "ruby"
		}
	}
	switch {
	case full == 0:
	case objects*10 >= full*9:
		g.Format = "json"
	case pairs*10 >= full*9:
		g.Format = "logfmt"
	case g.Format == "json" && objects*2 < full:
		g.Format = "" // an older version of the service
	}
	if trace != "" && g.Multiline == "" && g.Start == "" && g.Format == "" {
		g.Multiline = trace
	}
}
