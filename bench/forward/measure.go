package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"journalist/internal/testkit/loggen"
	"journalist/internal/testkit/proc"
)

// patience is how long one measurement may take.
const patience = 10 * time.Minute

// one ships a single large file.
func (b *bench) one(ctx context.Context, p program) (result, error) {
	name := filepath.Join(b.o.dir, "one.log")
	size, err := makeOnce(name, b.o.lines)
	if err != nil {
		return result{}, err
	}
	r := result{Files: 1, Lines: int64(b.o.lines), Bytes: size}
	return r, b.ship(ctx, p, &r, name, nil)
}

// makeOnce makes a file of so many lines unless it is there.
func makeOnce(name string, lines int) (size int64, err error) {
	if info, err := os.Stat(name); err == nil {
		return info.Size(), nil
	}
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	start := time.Now().Add(-time.Hour)
	size, err = loggen.New(1, "forward", start, time.Hour/time.Duration(lines+1)).Write(f, lines)
	return size, errors.Join(err, f.Sync(), f.Close()) // the file's own way to the disk is not what is measured
}

// many ships as many lines, spread over files that are all there at the start.
func (b *bench) many(ctx context.Context, p program) (result, error) {
	dir := filepath.Join(b.o.dir, "many")
	each := max(b.o.lines/b.o.files, 1)
	r := result{Files: b.o.files, Lines: int64(each * b.o.files)}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return r, err
	}
	for i := range b.o.files {
		size, err := makeOnce(filepath.Join(dir, fmt.Sprintf("many-%05d.log", i)), each)
		if err != nil {
			return r, err
		}
		r.Bytes += size
	}
	return r, b.ship(ctx, p, &r, filepath.Join(dir, "*.log"), nil)
}

// busy ships as many lines, a tenth at a time into each of many files while they
// are read.
func (b *bench) busy(ctx context.Context, p program) (result, error) {
	dir, err := b.folder("busy")
	if err != nil {
		return result{}, err
	}
	each := max(b.o.lines/b.o.files, 1)
	r := result{Files: b.o.files, Lines: int64(each * b.o.files)}
	return r, b.ship(ctx, p, &r, filepath.Join(dir, "*.log"), func() error {
		var err error
		r.Bytes, err = writeBusy(dir, b.o.files, each)
		return err
	})
}

// writeBusy appends to all files in turn.
func writeBusy(dir string, files, each int) (size int64, err error) {
	gen := loggen.New(2, "busy", time.Now().Add(-time.Hour), time.Millisecond)
	const parts = 10
	for part := range parts {
		n := each/parts + min(1, max(0, each%parts-part))
		for i := range files {
			f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("busy-%05d.log", i)), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			if err != nil {
				return size, err
			}
			k, err := gen.Write(f, n)
			size += k
			if err := errors.Join(err, f.Close()); err != nil {
				return size, err
			}
		}
	}
	return size, nil
}

// ship starts the program on a pattern and waits until all lines came; then it
// reads what that cost. while, if not nil, works beside it.
func (b *bench) ship(ctx context.Context, p program, r *result, pattern string, while func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b.sink.reset()
	start := time.Now()
	run, err := p.start(pattern)
	if err != nil {
		return err
	}
	defer run.Kill()
	if while != nil {
		if err := while(); err != nil {
			return err
		}
	}
	if err := b.sink.await(ctx, r.Lines); err != nil {
		return fmt.Errorf("%w; it said:\n%s", err, run.Output())
	}
	r.Wall = time.Since(start).Seconds()
	return r.cost(run)
}

// cost fills in what the process took.
func (r *result) cost(run *proc.Process) error {
	u, err := run.Usage()
	if err != nil {
		return err
	}
	r.CPU, r.PeakRSS = u.CPU.Seconds(), float64(u.PeakRSS)/1e6
	if r.CPU > 0 {
		r.LinesPerCPU = float64(r.Lines) / r.CPU
	}
	return nil
}

// quiet watches many files in which nothing happens, once their only line came.
func (b *bench) quiet(ctx context.Context, p program) (result, error) {
	dir := filepath.Join(b.o.dir, "quiet")
	r := result{Files: b.o.quiet, Lines: int64(b.o.quiet)}
	for i := range b.o.quiet {
		sub := filepath.Join(dir, fmt.Sprintf("%03d", i/1000))
		name := filepath.Join(sub, fmt.Sprintf("quiet-%05d.log", i))
		if i%1000 == 0 {
			if err := os.MkdirAll(sub, 0o700); err != nil {
				return r, err
			}
		}
		if _, err := os.Stat(name); err == nil {
			continue // made by an earlier run
		}
		if err := os.WriteFile(name, fmt.Appendf(nil, "%s the only line of file %d\n", time.Now().UTC().Format(time.RFC3339), i), 0o600); err != nil {
			return r, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience+b.o.idle)
	defer cancel()
	b.sink.reset()
	run, err := p.start(filepath.Join(dir, "*", "*.log"))
	if err != nil {
		return r, err
	}
	defer run.Kill()
	if err := b.sink.await(ctx, r.Lines); err != nil {
		return r, fmt.Errorf("%w; it said:\n%s", err, run.Output())
	}
	// What follows the first reading, as the writing of positions, is not idleness.
	if err := pause(ctx, min(b.o.idle/4, 15*time.Second)); err != nil {
		return r, err
	}
	before, err := run.Usage()
	if err != nil {
		return r, err
	}
	if err := pause(ctx, b.o.idle); err != nil {
		return r, err
	}
	if err := r.cost(run); err != nil {
		return r, err
	}
	r.Wall, r.LinesPerCPU, r.Lines = b.o.idle.Seconds(), 0, 0
	r.CPU -= before.CPU.Seconds()
	r.CorePercent = 100 * r.CPU / r.Wall
	return r, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
