// Command forward measures what a forwarder costs: scribe's processor time and
// memory for files shipped over TLS to a server that throws the lines away and
// acknowledges them at once, and for files that are quiet. Beside it, in the same
// run, logstash-forwarder and Fluent Bit where their binaries are named. It prints
// one JSON object for each measurement.
//
// It starts the real cmd/scribe through internal/testkit/proc against
// internal/ingest/lumberjack; internal/testkit/loggen makes the lines.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

type options struct {
	bin       string // folder of scribe
	dir       string
	lines     int
	files     int
	quiet     int
	idle      time.Duration
	runs      int
	only      string
	lsf       string
	fluentBit string
	flags     string // further ones of scribe run
}

// result is one measurement.
type result struct {
	Program     string  `json:"program"`
	What        string  `json:"what"`
	Files       int     `json:"files"`
	Lines       int64   `json:"lines,omitempty"`
	Bytes       int64   `json:"bytes,omitempty"`
	Wall        float64 `json:"wall_s"`
	CPU         float64 `json:"cpu_s"`
	LinesPerCPU float64 `json:"lines_per_cpu_s,omitempty"`
	PeakRSS     float64 `json:"peak_rss_mb"`
	CorePercent float64 `json:"core_percent,omitempty"`
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "folder of scribe's binary")
	flag.StringVar(&o.dir, "dir", "", "folder for the files (default: a temporary one, removed afterwards)")
	flag.IntVar(&o.lines, "lines", 1_600_000, "lines in all")
	flag.IntVar(&o.files, "files", 1000, "files of the measurements with many")
	flag.IntVar(&o.quiet, "quiet", 50_000, "files of the measurement of quiet ones")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long quiet files are watched")
	flag.IntVar(&o.runs, "runs", 3, "how often each is measured")
	flag.StringVar(&o.only, "only", "", "the measurements to make, with commas: one, many, busy, quiet (default all)")
	flag.StringVar(&o.lsf, "logstash-forwarder", "", "measure this binary too")
	flag.StringVar(&o.fluentBit, "fluent-bit", "", "measure this binary too")
	flag.StringVar(&o.flags, "scribe-flags", "", "further flags for scribe run, with spaces")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "forward:", err)
		os.Exit(1)
	}
}

// measurement is one of those that can be asked for.
type measurement struct {
	name string
	what string
	make func(*bench, context.Context, program) (result, error)
}

var measurements = []measurement{
	{"one", "one file", (*bench).one},
	{"many", "many files at once", (*bench).many},
	{"busy", "many files that are written", (*bench).busy},
	{"quiet", "quiet files", (*bench).quiet},
}

func run(ctx context.Context, o options) (err error) {
	if o.lines < 1 || o.files < 1 || o.quiet < 1 || o.runs < 1 || o.idle <= 0 {
		return errors.New("-lines, -files, -quiet, -runs and -idle must be positive")
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "forward"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	wanted := strings.Split(o.only, ",")
	for _, w := range wanted {
		if w != "" && !slices.ContainsFunc(measurements, func(m measurement) bool { return m.name == w }) {
			return fmt.Errorf("-only %s: there are one, many, busy, quiet", w)
		}
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	programs := []program{{name: "scribe", start: b.startScribe}}
	if o.lsf != "" {
		programs = append(programs, program{name: "logstash-forwarder", start: b.startLSF})
	}
	if o.fluentBit != "" {
		programs = append(programs, program{name: "fluent-bit", start: b.startFluentBit})
	}
	out := json.NewEncoder(os.Stdout)
	for _, m := range measurements {
		if o.only != "" && !slices.Contains(wanted, m.name) {
			continue
		}
		for range o.runs {
			for _, p := range programs { // side by side: the machine's mood changes
				r, err := m.make(b, ctx, p)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", p.name, m.what, err)
				}
				r.Program, r.What = p.name, m.what
				if err := out.Encode(r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
