// Package local answers queries from files and standard input, without a server: it
// is a source for internal/query/exec that reads lines, makes records of them as
// internal/cli's import does, and hands them out in blocks.
//
// Up the way is internal/query/exec, which asks as it asks internal/store; down the
// way are only files. cmd/journalist joins the two and gives it the stage of
// internal/pipeline that finds the times of lines.
//
// Text is searched before it becomes records: where every match must contain a
// literal, the lines without it are passed over in whole chunks (internal/match's
// EachLine), by all processors.
package local

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// Options say what is read and how. The zero value of a field means its default.
type Options struct {
	// Files are the paths to read, in their order; "-" is Stdin.
	Files []string
	Stdin io.Reader
	// Format is auto, text or json; auto (the default) looks at the first line of
	// each file.
	Format string
	// Host is the field host of lines of text.
	Host string
	// Stamp gives the rows of a batch their own times, where they say one; nil: none
	// do. It is called from several goroutines, each with a batch of its own.
	Stamp func(*record.Batch)
	// Sorted: an order is kept. Else rows come in the order of the files, as they are
	// read, whichever order by time is asked for.
	Sorted bool
	// Before and After are how many lines are shown around each one that matches, as
	// they stand in its file, with the field _context for their distance; then Hits is
	// how many that match are shown, 0 for all, and a request's own limit counts for
	// all lines. Not with Sorted.
	Before, After, Hits int
	// Texts says that of lines of text only the message is wanted.
	Texts bool
	// Parallel is how many goroutines search; default GOMAXPROCS.
	Parallel int
	// MaxBytes bounds the rows that are held to sort them; default 1 GiB.
	MaxBytes int64
	// Clock is time.Now unless a test sets it.
	Clock func() time.Time
}

// Source reads files for queries. Scans may run concurrently; standard input can be
// read by one scan only.
type Source struct {
	o     Options
	chunk int   // chunkSize, or less in tests
	total int64 // bytes of all files, 0 when not known
	done  atomic.Int64
	stdin atomic.Bool // was read
}

// New checks the options. A file that does not exist is an error now; one that turns
// out to be damaged makes a partial answer.
func New(o Options) (*Source, error) {
	if o.Format == "" {
		o.Format = "auto"
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Stamp == nil {
		o.Stamp = func(*record.Batch) {}
	}
	s := &Source{o: o, chunk: chunkSize}
	known := true
	for _, name := range o.Files {
		if name == "-" {
			if o.Stdin == nil {
				return nil, errors.New("there is no standard input")
			}
			known = false
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			return nil, &os.PathError{Op: "read", Path: name, Err: errors.New("is a directory: name its files")}
		}
		known = known && info.Mode().IsRegular()
		s.total += info.Size()
	}
	if !known {
		s.total = 0
	}
	return s, nil
}

// Progress says how many bytes of the files were read, as they lie on disk, and how
// many there are; total is 0 when nobody knows.
func (s *Source) Progress() (done, total int64) { return s.done.Load(), s.total }

// Aggregate leaves aggregations to the executor.
func (s *Source) Aggregate(context.Context, *scan.Aggregation) ([]scan.Group, scan.Stats, bool, error) {
	return nil, scan.Stats{}, false, nil
}

// ErrTail is what Tail answers.
var ErrTail = errors.New("files cannot be followed: pipe tail -F into --stdin")

// Tail is not possible: what follows a file must know about its rotation.
func (s *Source) Tail(context.Context, *scan.Request, func(*scan.Block) error) (int64, error) {
	return 0, ErrTail
}

// absolute is a path as the field file has it.
func absolute(name string) string {
	if path, err := filepath.Abs(name); err == nil {
		return path
	}
	return name
}
