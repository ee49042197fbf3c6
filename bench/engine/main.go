// Command engine compares journalist with another log store, VictoriaLogs, on
// real logs: the same bulk bodies, the same questions, one after the other on one
// machine. It measures bytes on disk, CPU of loading, memory, the time until rows
// can be read and the time of questions, checks that both give the same answers,
// prints the ratios beside what must be reached and writes everything as JSON.
// Without a rival it measures journalist alone.
//
// It stands beside the way: it starts the real cmd/journalist through
// internal/testkit/proc, loads through internal/ingest/elastic and asks
// internal/api. bench/way measures the way of a line through scribe.
//
// The files in the order of a run: options, corpus and bulk (files become bodies),
// store (what is measured, and its two kinds ours and rival), load, questions, made,
// run (one store's whole measurement), growth, compare and report.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

// bench makes the bodies, measures the stores and reports.
func bench(ctx context.Context, o options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	work, err := os.MkdirTemp(o.dir, "engine-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	c, err := openCorpus(ctx, o, work)
	if err != nil {
		return err
	}
	b := &bencher{options: o, corpus: c, work: work}
	r := newReport(o, c)
	if o.growth {
		r.Growth, err = b.measureGrowth(ctx)
	} else {
		r.Journalist, r.Rival, err = b.measure(ctx)
	}
	if err != nil {
		return err
	}
	r.compare()
	if err := r.write(o.stdout, o.out); err != nil {
		return err
	}
	return r.verdict(o.strict)
}
