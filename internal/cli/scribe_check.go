package cli

import (
	"fmt"
	"io"
)

// ScribeCheck is what `scribe check` found.
type ScribeCheck struct {
	// Config are the mistakes and warnings of the configuration.
	Config []string
	Paths  []ScribePath
	Steps  []ScribeStep
}

// ScribePath is one pattern of the configuration.
type ScribePath struct {
	Pattern string
	Files   int
	// Problems are what cannot be read, each naming its file.
	Problems []string
	// Note is what is worth knowing without being wrong.
	Note string
}

// ScribeStep is one step on the way to a server.
type ScribeStep struct {
	Server, Name   string
	OK             bool
	Detail, Remedy string
}

// Problems counts what is wrong.
func (c *ScribeCheck) Problems() int {
	n := len(c.Config)
	for _, p := range c.Paths {
		n += len(p.Problems)
	}
	for _, s := range c.Steps {
		if !s.OK {
			n++
		}
	}
	return n
}

// WriteScribeCheck shows what was found.
func WriteScribeCheck(w io.Writer, c *ScribeCheck) error {
	t := scribeTable{}
	for _, text := range c.Config {
		t.add("WRONG", "config", text)
	}
	if len(c.Config) == 0 {
		t.add("ok", "config", "no mistake found")
	}
	for _, p := range c.Paths {
		found := fmt.Sprintf("%s: %d files", p.Pattern, p.Files)
		if p.Files == 1 {
			found = p.Pattern + ": 1 file"
		}
		if p.Note != "" {
			found += ", " + p.Note
		}
		if len(p.Problems) == 0 || p.Files > 0 {
			t.add("ok", "files", found)
		}
		for _, problem := range p.Problems {
			t.add("WRONG", "files", p.Pattern+": "+problem)
		}
	}
	for _, s := range c.Steps {
		mark, detail := "ok", s.Detail
		if !s.OK {
			mark = "WRONG"
			if s.Remedy != "" {
				detail += ": " + s.Remedy
			}
		}
		t.add(mark, s.Name, s.Server+": "+detail)
	}
	if err := t.write(w); err != nil {
		return err
	}
	summary := "all is well"
	if n := c.Problems(); n == 1 {
		summary = "1 problem"
	} else if n > 1 {
		summary = fmt.Sprintf("%d problems", n)
	}
	_, err := fmt.Fprintln(w, summary)
	return err
}
