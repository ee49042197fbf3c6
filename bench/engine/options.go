package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	corpus string
	sets   []string // names, or name=file; empty means all
	bin    string   // journalist's binary
	rival  string   // VictoriaLogs' binary, or ""
	dir    string   // where temporary data goes
	out    string   // JSON report
	conns  int
	runs   int
	probes int
	settle time.Duration // how long a store must be idle to count as settled
	alone  bool
	groups bool
	growth bool
	steps  []int // copies of the corpus in growth
	strict bool
	made   int64 // rows of the made set, 0 for none

	stdout, progress io.Writer
}

func parseOptions(args []string) (options, error) {
	o := options{stdout: os.Stdout, progress: os.Stderr}
	fl := flag.NewFlagSet("engine", flag.ContinueOnError)
	bin := fl.String("bin", "bin", "folder of the journalist binary")
	sets := fl.String("sets", "", "only these `sets`, by comma; name=file gives a file another name (default all)")
	steps := fl.String("steps", "1,4,16", "copies of the corpus with -growth")
	fl.StringVar(&o.corpus, "corpus", "", "`folder` of log files (.log text, .json one object a line; also .zst and .gz) or of bulk bodies (.bulk, .meta)")
	fl.StringVar(&o.rival, "rival", "", "VictoriaLogs' binary to compare with")
	fl.StringVar(&o.dir, "dir", "", "where temporary data goes (default the system's); both stores use it")
	fl.StringVar(&o.out, "out", "", "write the report as JSON to this `file`")
	fl.IntVar(&o.conns, "conns", 2, "connections that load")
	fl.IntVar(&o.runs, "runs", 5, "times each question is asked")
	fl.IntVar(&o.probes, "probes", 10, "rows whose way from ack to answer is timed")
	fl.DurationVar(&o.settle, "settle", 8*time.Second, "after a load, wait until a store did nothing for about this long")
	fl.BoolVar(&o.alone, "alone", false, "load each set into a store of its own too")
	fl.BoolVar(&o.groups, "groups", true, "load the text sets and the JSON sets into stores of their own too")
	fl.BoolVar(&o.growth, "growth", false, "instead, load 1, 4 and 16 times the corpus and show the cost of a row and of a question")
	fl.Int64Var(&o.made, "made", 3_000_000, "rows of a made set, for further questions to the corpus and to it; 0 leaves them out")
	fl.BoolVar(&o.strict, "strict", false, "fail when a figure that must be reached is not")
	if err := fl.Parse(args); err != nil {
		return o, err
	}
	o.bin = filepath.Join(*bin, "journalist")
	o.sets = splitList(*sets)
	for _, s := range splitList(*steps) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			err := fmt.Errorf("-steps %q: want counts by comma, 1,4,16", *steps)
			fmt.Fprintln(os.Stderr, err)
			return o, err
		}
		o.steps = append(o.steps, n)
	}
	return o, nil
}

func splitList(s string) (list []string) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// check completes the options; what it refuses names the flag.
func (o *options) check() error {
	if o.corpus == "" {
		return errors.New("-corpus is missing: a folder of .log and .json files, or of .bulk bodies")
	}
	if o.conns < 1 || o.runs < 1 || o.settle <= 0 || o.probes < 0 || o.made < 0 {
		return errors.New("-conns, -runs and -settle must be positive, -probes and -made not negative")
	}
	if o.growth && len(o.steps) == 0 {
		return errors.New("-steps is empty")
	}
	for _, program := range []*string{&o.bin, &o.rival} {
		if *program == "" {
			continue
		}
		// The stores are started in folders of their own.
		abs, err := filepath.Abs(*program)
		if err != nil {
			return err
		}
		if _, err := os.Stat(abs); err != nil {
			return fmt.Errorf("no binary: %w", err)
		}
		*program = abs
	}
	return nil
}

// say reports progress.
func (o *options) say(format string, args ...any) {
	fmt.Fprintf(o.progress, format+"\n", args...)
}
