// Command way measures a log line's whole way on this machine: one file from disk
// through scribe, TLS and journalist to the fsync, until a count query answers the
// full number; then how long a line takes from its writing to the live tail.
// It prints one JSON object.
//
// It starts the real cmd/journalist and cmd/scribe through
// internal/testkit/proc; internal/testkit/loggen makes the file unless one is
// given.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"journalist/internal/testkit/loggen"
	"journalist/internal/testkit/proc"
)

type result struct {
	Lines         int     `json:"lines"`
	Bytes         int64   `json:"bytes"`
	Wall          float64 `json:"wall_s"`
	CPU           float64 `json:"cpu_s"`
	CPUScribe     float64 `json:"cpu_scribe_s"`
	CPUJournalist float64 `json:"cpu_journalist_s"`
	LinesPerCPU   float64 `json:"lines_per_cpu_s"`
	RSSScribe     float64 `json:"peak_rss_scribe_mb"`
	RSSJournalist float64 `json:"peak_rss_journalist_mb"`
	Disk          float64 `json:"disk_mb"`
	TailMedian    float64 `json:"tail_median_ms"`
	TailWorst     float64 `json:"tail_worst_ms"`
}

type options struct {
	bin   string
	dir   string
	lines int
	file  string
	tails int
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "folder of the two binaries")
	flag.StringVar(&o.dir, "dir", "", "folder for the data (default: a temporary one, removed afterwards)")
	flag.IntVar(&o.lines, "lines", 1_600_000, "lines of the made file")
	flag.StringVar(&o.file, "file", "", "measure with this log file instead of a made one")
	flag.IntVar(&o.tails, "tails", 50, "lines whose way to the live tail is timed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "way:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "way"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	bin := proc.Binaries{Journalist: filepath.Join(o.bin, "journalist"), Scribe: filepath.Join(o.bin, "scribe")}
	log := filepath.Join(o.dir, "way.log")
	var r result
	if r.Lines, r.Bytes, err = makeFile(log, o); err != nil {
		return err
	}
	j, err := proc.NewJournalist(bin, o.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := j.Start(ctx); err != nil {
		return err
	}
	defer j.Kill()
	certs, err := j.IssueCert(ctx, "bench-01")
	if err != nil {
		return err
	}
	s, err := proc.NewScribe(bin, filepath.Join(o.dir, "scribe"), proc.ScribeConfig{
		Servers: []string{j.Lumberjack}, Certs: certs, Name: "bench-01",
		Paths: []string{log}, Fields: map[string]string{"type": "bench"},
	})
	if err != nil {
		return err
	}
	if err := measureWay(ctx, &r, j, s); err != nil {
		return err
	}
	defer s.Kill()
	if err := measureTail(ctx, &r, j, log, o.tails); err != nil {
		return err
	}
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s\n", out)
	return err
}

// makeFile makes or copies the log file and counts its lines.
func makeFile(name string, o options) (lines int, size int64, err error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if o.file == "" {
		start := time.Now().Add(-time.Hour)
		if size, err = loggen.New(1, "way", start, time.Hour/time.Duration(o.lines+1)).Write(f, o.lines); err != nil {
			return 0, 0, err
		}
		return o.lines, size, f.Sync() // the file's own way to the disk is not what is measured
	}
	src, err := os.Open(o.file)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = src.Close() }()
	in := bufio.NewReaderSize(src, 1<<20)
	out := bufio.NewWriterSize(f, 1<<20)
	for {
		line, err := in.ReadSlice('\n')
		size += int64(len(line))
		if _, werr := out.Write(line); werr != nil {
			return 0, 0, werr
		}
		switch {
		case err == nil:
			lines++
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			if len(line) > 0 { // an unterminated last line would never be shipped
				lines, size = lines+1, size+1
				if err := out.WriteByte('\n'); err != nil {
					return 0, 0, err
				}
			}
			return lines, size, errors.Join(out.Flush(), f.Sync())
		default:
			return 0, 0, err
		}
	}
}

// measureWay ships the file and fills in times and sizes.
func measureWay(ctx context.Context, r *result, j *proc.Journalist, s *proc.Scribe) error {
	before, err := j.Usage()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := s.Start(); err != nil {
		return err
	}
	n, err := j.WaitCount(ctx, "type=bench", int64(r.Lines))
	if err != nil {
		s.Kill()
		return fmt.Errorf("%w; scribe said:\n%s", err, s.Output())
	}
	if n != int64(r.Lines) {
		return fmt.Errorf("%d lines arrived of %d", n, r.Lines)
	}
	r.Wall = time.Since(start).Seconds()
	us, err := s.Usage()
	if err != nil {
		return err
	}
	uj, err := j.Usage()
	if err != nil {
		return err
	}
	r.CPUScribe = us.CPU.Seconds()
	r.CPUJournalist = (uj.CPU - before.CPU).Seconds()
	r.CPU = r.CPUScribe + r.CPUJournalist
	r.LinesPerCPU = float64(r.Lines) / r.CPU
	r.RSSScribe = float64(us.PeakRSS) / 1e6
	r.RSSJournalist = float64(uj.PeakRSS) / 1e6
	disk, err := proc.DiskUse(j.Data)
	r.Disk = float64(disk) / 1e6
	return err
}

// measureTail appends lines one by one and times their arrival at the live tail.
func measureTail(ctx context.Context, r *result, j *proc.Journalist, log string, count int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.URL()+"/api/v1/tail?query="+url.QueryEscape("tailprobe"), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+j.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("tail: %s", resp.Status)
	}
	events := bufio.NewScanner(resp.Body)
	events.Buffer(nil, 8<<20)
	if err := awaitLine(events, "event: ready"); err != nil {
		return err
	}
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var took []float64
	for i := range count {
		mark := fmt.Sprintf("tailprobe number%d", i)
		start := time.Now()
		if _, err := fmt.Fprintf(f, "%s %s\n", start.UTC().Format(time.RFC3339Nano), mark); err != nil {
			return err
		}
		if err := awaitLine(events, mark); err != nil {
			return err
		}
		took = append(took, float64(time.Since(start).Microseconds())/1e3)
		time.Sleep(20 * time.Millisecond) // a new line each time, not a burst
	}
	slices.Sort(took)
	if len(took) > 0 {
		r.TailMedian, r.TailWorst = took[len(took)/2], took[len(took)-1]
	}
	return nil
}

func awaitLine(events *bufio.Scanner, part string) error {
	for events.Scan() {
		if strings.Contains(events.Text(), part) {
			return nil
		}
	}
	return fmt.Errorf("the tail ended before %q: %w", part, errors.Join(events.Err(), io.EOF))
}
