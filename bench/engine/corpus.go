package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// set is one log, cut into bulk bodies.
type set struct {
	Name string `json:"name"`
	JSON bool   `json:"json"` // else lines of text, in message
	Rows int64  `json:"rows"`
	Raw  int64  `json:"raw_bytes"` // of the lines, their ends included

	bodies []string  // files
	last   time.Time // of the last row; the first is at epoch
}

// corpus is what is loaded.
type corpus struct {
	sets []*set
}

// epoch is the time of every set's first row.
var epoch = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// aliases are the names that the questions use, of files whose own name is
// another. A file whose short name is taken by another keeps its kind in its name.
var aliases = map[string]string{
	"apache_vhost":    "nginx",
	"rootly_ssh_http": "ssh",
	"jvm_gc":          "jvm",
	"windows":         "otrf",
}

// openCorpus finds the bodies of the corpus, or makes them below work.
func openCorpus(ctx context.Context, o options, work string) (*corpus, error) {
	metas, err := filepath.Glob(filepath.Join(o.corpus, "*.meta"))
	if err != nil {
		return nil, err
	}
	c := &corpus{}
	if len(metas) > 0 {
		err = c.openBodies(o, metas)
	} else {
		err = c.makeBodies(ctx, o, filepath.Join(work, "bodies"))
	}
	if err != nil {
		return nil, err
	}
	if len(c.sets) == 0 {
		return nil, fmt.Errorf("%s: no logs; want .log, .json (also .zst, .gz) or .bulk with .meta", o.corpus)
	}
	slices.SortFunc(c.sets, func(a, b *set) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

// meta is what stands in a .meta file.
type meta struct {
	Lines int64  `json:"lines"`
	Raw   int64  `json:"raw"`
	Parts int    `json:"parts"`
	Kind  string `json:"kind,omitempty"`
}

// openBodies takes bodies as they lie in a folder.
func (c *corpus) openBodies(o options, metas []string) error {
	known := map[string]bool{}
	for _, file := range metas {
		name := strings.TrimSuffix(filepath.Base(file), ".meta")
		known[name] = true
		if len(o.sets) > 0 && !slices.Contains(o.sets, name) {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var m meta
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		s := &set{Name: name, Rows: m.Lines, Raw: m.Raw}
		if s.bodies, err = filepath.Glob(filepath.Join(o.corpus, name+".*.bulk")); err != nil {
			return err
		}
		slices.Sort(s.bodies)
		if m.Parts != 0 && m.Parts != len(s.bodies) {
			return fmt.Errorf("%s: %d bodies lie there, the meta file says %d", file, len(s.bodies), m.Parts)
		}
		if err := s.inspect(); err != nil {
			return err
		}
		c.sets = append(c.sets, s)
	}
	for _, name := range o.sets {
		if !known[name] {
			return fmt.Errorf("-sets %s: there is no %s.meta in %s", name, name, o.corpus)
		}
	}
	return nil
}

// inspect finds the set's kind and its end in its bodies.
func (s *set) inspect() error {
	if len(s.bodies) == 0 {
		return fmt.Errorf("set %s has no bodies", s.Name)
	}
	for i, file := range []string{s.bodies[0], s.bodies[len(s.bodies)-1]} {
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimRight(string(body), "\n"), "\n")
		row := lines[len(lines)-1]
		if i == 0 {
			row = lines[min(1, len(lines)-1)]
		}
		var fields struct {
			Time    time.Time `json:"@timestamp"`
			Message *string   `json:"message"`
		}
		if err := json.Unmarshal([]byte(row), &fields); err != nil {
			return fmt.Errorf("%s: a row is no JSON object with an @timestamp: %w", file, err)
		}
		if i == 0 {
			s.JSON = fields.Message == nil
		}
		s.last = fields.Time
	}
	return nil
}

// source is a log file and the set that it becomes.
type source struct {
	name, file string
	json       bool
}

// logFile takes a file name apart: its stem and whether it holds JSON lines.
func logFile(file string) (stem string, json, ok bool) {
	name := filepath.Base(file)
	for _, packed := range []string{".zst", ".gz"} {
		name = strings.TrimSuffix(name, packed)
	}
	if stem, ok = strings.CutSuffix(name, ".json"); ok {
		return stem, true, stem != ""
	}
	stem, ok = strings.CutSuffix(name, ".log")
	return stem, false, ok && stem != ""
}

// findSources names the log files of a folder.
func findSources(o options) ([]source, error) {
	entries, err := os.ReadDir(o.corpus)
	if err != nil {
		return nil, err
	}
	var all []source
	for _, e := range entries {
		if stem, json, ok := logFile(e.Name()); ok && !e.IsDir() {
			all = append(all, source{name: stem, file: filepath.Join(o.corpus, e.Name()), json: json})
		}
	}
	named := nameSources(slices.Clone(all))
	if len(o.sets) == 0 {
		return named, nil
	}
	var chosen []source
	for _, want := range o.sets {
		list, key := named, want
		if name, stem, ok := strings.Cut(want, "="); ok {
			list, key, want = all, strings.TrimSuffix(strings.TrimSuffix(stem, ".json"), ".log"), name
		}
		i := slices.IndexFunc(list, func(s source) bool { return s.name == key })
		if i < 0 {
			return nil, fmt.Errorf("-sets: there is no log %s in %s", key, o.corpus)
		}
		s := list[i]
		s.name = want
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// nameSources gives the files their sets' names: the short ones first, then what
// is left of the files' own, with _json or _log where that is taken.
func nameSources(list []source) []source {
	taken := map[string]bool{}
	for i := range list {
		if short, ok := aliases[list[i].name]; ok && !taken[short] {
			list[i].name = short
			taken[short] = true
		}
	}
	for i := range list {
		s := &list[i]
		if stem, _, _ := logFile(s.file); s.name != stem {
			continue // has its short name
		}
		for n := 1; taken[s.name]; n++ {
			stem, json, _ := logFile(s.file)
			s.name = stem + "_log"
			if json {
				s.name = stem + "_json"
			}
			if n > 1 {
				s.name += fmt.Sprint(n)
			}
		}
		taken[s.name] = true
	}
	return list
}

// makeBodies turns log files into bodies.
func (c *corpus) makeBodies(ctx context.Context, o options, dir string) error {
	sources, err := findSources(o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, src := range sources {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := makeSet(dir, src)
		if errors.Is(err, errNoRows) {
			o.say("%s has no lines that can be sent: left out", src.file)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", src.file, err)
		}
		o.say("made %-14s %9d rows %7.1f MB in %d bodies", s.Name, s.Rows, mega(s.Raw), len(s.bodies))
		c.sets = append(c.sets, s)
	}
	return nil
}

// of returns the sets of one kind.
func (c *corpus) of(json bool) (list []*set) {
	for _, s := range c.sets {
		if s.JSON == json {
			list = append(list, s)
		}
	}
	return list
}

func (c *corpus) has(name string) bool {
	return slices.ContainsFunc(c.sets, func(s *set) bool { return s.Name == name })
}

// span is what shifts a copy of the corpus behind the one before.
func (c *corpus) span() time.Duration {
	var last time.Time
	for _, s := range c.sets {
		if s.last.After(last) {
			last = s.last
		}
	}
	return last.Sub(epoch).Truncate(time.Hour) + time.Hour
}

func total(sets []*set) (rows, raw int64) {
	for _, s := range sets {
		rows, raw = rows+s.Rows, raw+s.Raw
	}
	return rows, raw
}

func mega(n int64) float64 { return float64(n) / 1e6 }
